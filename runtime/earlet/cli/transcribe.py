"""`earlet transcribe`: sound files to text, JSON or subtitles."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earlet import subtitles
from earlet.arrays import FloatArray
from earlet.audio.file import AudioFile
from earlet.cli.listen import line
from earlet.cli.progress import Progress
from earlet.errors import EarletError, InputError, printable
from earlet.results import Chunk, Transcript
from earlet.tasks import pipeline

if TYPE_CHECKING:
    from earlet.tasks.speech_recognition import SpeechRecognition


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "transcribe",
        help="sound files to text",
        description="Transcribe sound files of any length, format and sample rate.",
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help="sound files")
    parser.add_argument(
        "--bundle", metavar="B", help="a name or a path (default: moonshine-tiny-en)"
    )
    parser.add_argument("--format", choices=("txt", "json", "srt", "vtt"), default="txt")
    parser.add_argument(
        "--timestamps",
        choices=("none", "segment"),
        help="with txt and json: where each utterance lies (default: none)",
    )
    parser.add_argument("--out", metavar="DIR", help="write one file for each input there")
    parser.add_argument("--threads", metavar="N", type=int, default=1, help="default: 1")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Transcribe every file; those that cannot be read are named on stderr, the others done."""
    if arguments.format in ("srt", "vtt") and arguments.timestamps == "none":
        raise InputError(f"{arguments.format} cannot be written with --timestamps none")
    outputs = _outputs(arguments)
    recogniser = pipeline(
        "automatic-speech-recognition", arguments.bundle, threads=arguments.threads
    )
    failed = 0
    for path in arguments.paths:
        try:
            text = _format(path, list(_transcribe(recogniser, path)), arguments)
            if path in outputs:
                _write(outputs[path], text)
        except EarletError as problem:
            print(f"earlet: {problem}", file=sys.stderr)
            failed += 1
            continue
        if path not in outputs:
            print(text, end="", flush=True)
    return 1 if failed else 0


def _transcribe(recogniser: "SpeechRecognition", path: str) -> Iterator[Chunk]:
    with AudioFile(path, recogniser.sample_rate) as file, Progress(path, file.duration_s) as bar:

        def heard() -> Iterator[FloatArray]:
            for chunk in file:
                yield chunk
                bar.advance(len(chunk) / recogniser.sample_rate)

        yield from recogniser.listen(heard())


def _format(path: str, chunks: list[Chunk], arguments: argparse.Namespace) -> str:
    if arguments.format == "srt":
        return subtitles.srt(chunks)
    if arguments.format == "vtt":
        return subtitles.vtt(chunks)
    timed = arguments.timestamps == "segment"
    text = " ".join(chunk.text for chunk in chunks)
    if arguments.format == "json":
        result = Transcript(text, tuple(chunks) if timed else None)
        return json.dumps({"path": path, **result.to_json()}) + "\n"
    named = len(arguments.paths) > 1 and arguments.out is None
    if timed:
        lines = [f"{line(chunk)}\n" for chunk in chunks]
        return "".join([f"{printable(path)}\n", *lines] if named else lines)
    return f"{printable(path)}: {text}\n" if named else f"{text}\n"


def _outputs(arguments: argparse.Namespace) -> dict[str, Path]:
    """Where each input's text is to go; empty for stdout."""
    if arguments.out is None:
        return {}
    folder = Path(arguments.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"--out {folder}: cannot be made a folder: {problem.strerror}") from None
    outputs: dict[str, Path] = {}
    for path in arguments.paths:
        output = folder / f"{Path(path).stem}.{arguments.format}"
        if output in outputs.values():
            raise InputError(f"--out: two of the inputs would be written to {output}")
        outputs[path] = output
    return outputs


def _write(path: Path, text: str) -> None:
    # Written beside and renamed: a reader never sees half of it.
    partial = path.with_name(f".earlet-{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as problem:
        raise InputError(f"{path}: cannot be written: {problem.strerror}") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
