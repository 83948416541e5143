"""`earlet explain`: why something was told, or was not, in a sentence and as a picture."""

import argparse
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earlet.audio.file import AudioFile
from earlet.bundle import find
from earlet.config import ListenConfig, read_config
from earlet.errors import BackendError, BundleNotFoundError, InputError, printable
from earlet.files import write_whole
from earlet.tasks import pipeline

if TYPE_CHECKING:
    from earlet.service.recordings.explanation import Transcribe
    from earlet.service.recordings.file import Recording
    from earlet.tasks.speech_recognition import SpeechRecognition

# What listens and what explains is imported late: other commands need none of it.

MAX_S = 120.0  # seconds of a sound file: what can still be seen in a picture


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "explain",
        help="why was something told, or not?",
        description="Say in a sentence, and draw, why a command was detected or was not: in a "
        "recording of `earlet listen` (`record` in config.yaml) or in any sound file.",
    )
    parser.add_argument("file", metavar="FILE", help="a recording, or a sound file")
    parser.add_argument(
        "--out", metavar="PNG", help="the picture (default: FILE.explained.png, in this folder)"
    )
    parser.add_argument(
        "--config", metavar="FILE", help="the config.yaml with which a sound file is listened to"
    )
    parser.add_argument(
        "--bundle", metavar="B", help="the bundle with which a sound file is listened to"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the sentences, then draw."""
    from earlet.service.recordings.explanation import explain, headline
    from earlet.service.recordings.file import is_recording, read_recording
    from earlet.service.recordings.folder import PRIVATE_FILE
    from earlet.service.recordings.picture import draw

    path = Path(arguments.file)
    if is_recording(path):
        for flag in ("config", "bundle"):
            if getattr(arguments, flag) is not None:
                raise InputError(
                    f"--{flag}: a recording knows what it was listened to with; `earlet replay` "
                    "listens again"
                )
        recording = read_recording(path)
    else:
        recording = _heard(path, _config(arguments))
    explained = explain(recording, _transcriber(recording.facts.config))
    for one in explained:
        print(printable(one.sentence), flush=True)
    try:
        picture = draw(recording, explained, headline(recording, explained).sentence)
    except BackendError as problem:
        if arguments.out is not None:
            raise
        print(f"earlet: {problem}", file=sys.stderr)
        return 0
    out = Path(arguments.out or f"{path.stem}.explained.png")
    try:
        write_whole(out, picture, PRIVATE_FILE)
    except OSError as problem:
        raise InputError(f"{out}: cannot be written: {problem.strerror}") from None
    print(f"earlet: drawn: {printable(str(out))}", file=sys.stderr)
    return 0


def _config(arguments: argparse.Namespace) -> ListenConfig:
    config = ListenConfig() if arguments.config is None else read_config(arguments.config)
    return config if arguments.bundle is None else replace(config, bundle=arguments.bundle)


def _heard(path: Path, config: ListenConfig) -> "Recording":
    """What a sound file would have been recorded as, from its first sample to its last."""
    from earlet.service.recordings.stretch import Stretch, joined
    from earlet.tasks.listening import Listening

    listening = Listening(config)
    stretch = Stretch(listening)
    with AudioFile(path, listening.sample_rate) as file:
        for chunk in file:
            stretch.push(chunk)
            if stretch.end > MAX_S * listening.sample_rate:
                raise InputError(f"{path}: expected at most {MAX_S:g} s of sound; cut out a part")
    stretch.flush()
    return joined([stretch], listening, is_end=True)


def _transcriber(config: ListenConfig) -> "Transcribe | None":
    """What writes down an utterance that was no typed command, if its bundle is there; it is opened
    when somebody asks."""
    try:
        bundle = find(config.recogniser if config.wake else config.bundle or config.recogniser)
    except BundleNotFoundError:
        return None

    @cache
    def recogniser() -> "SpeechRecognition":
        return pipeline("automatic-speech-recognition", bundle)

    return lambda waveform: recogniser().transcribe(waveform)
