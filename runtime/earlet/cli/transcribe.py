"""`earlet transcribe`: sound files to text, JSON or subtitles; a few, or folders full of them."""

import argparse
import hashlib
import sys
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, fields
from typing import Any

from earlet.cli.program import DONE, FAILED
from earlet.cli.progress import Progress, clock
from earlet.errors import InputError, printable
from earlet.files import read_plain
from earlet.jobs.output import claimed
from earlet.jobs.plan import Item, Settings, plan
from earlet.jobs.worker import Outcome
from earlet.tasks import load

MAX_JOBS = 256  # as many as threads
MAX_LIST = 1_000_000  # bytes; ten thousand words take some hundreds of thousands
SUBTITLES = ("srt", "vtt")  # which have times, and of which several in a row are none
DEFAULTS = Settings()


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "transcribe",
        help="sound files to text",
        description="Transcribe sound files of any length, format and sample rate.",
    )
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        help="sound files, and folders for all sound files in them and below",
    )
    _add_recognition(parser)
    _add_output(parser)
    _add_work(parser)
    parser.set_defaults(run=run)


def _add_recognition(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("recognition").add_argument
    add(
        "--bundle",
        metavar="B",
        default=DEFAULTS.bundle,
        help=f"a name or a path (default: {DEFAULTS.bundle})",
    )
    add("--language", metavar="L", help='what is spoken, "en"; default: the network finds out')
    add(
        "--task",
        choices=("transcribe", "translate"),
        default=DEFAULTS.task,
        help="translate is into English (default: transcribe)",
    )
    add("--initial-prompt", metavar="TEXT", help="text that is taken to have been said before")
    add(
        "--hotwords",
        metavar="FILE",
        help="words and phrases that are likely to be said, one a line",
    )
    add(
        "--long-form",
        choices=("vad", "sequential"),
        default=DEFAULTS.long_form,
        help="what cuts long sound: its pauses, or the times that Whisper writes (default: vad)",
    )
    add("--num-beams", metavar="N", type=int, help="texts that are followed at once (default: 1)")
    add(
        "--temperature",
        metavar="T",
        type=float,
        help="draw at random, but always the same",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("output").add_argument
    add("--format", choices=("txt", "json", "srt", "vtt"), default=DEFAULTS.format)
    add(
        "--timestamps",
        choices=("none", "segment", "word"),
        help="of what the times are written; by word, subtitles are cut to a readable length "
        "(default: none; segment in subtitles)",
    )
    add("--out", metavar="DIR", help="write one file for each input there; folders keep their tree")
    add("--resume", action="store_true", help="leave out what an earlier run has finished in --out")


def _add_work(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("work").add_argument
    add(
        "--jobs",
        metavar="N",
        type=int,
        help="processes, each with a bundle of its own in memory, 120 MB with the default one "
        "(default: 1; with --ray, what the cluster has cores for)",
    )
    add(
        "--threads",
        metavar="N",
        type=int,
        default=DEFAULTS.threads,
        help="utterances of a file that each process works on at once (default: 1)",
    )
    add("--ray", metavar="ADDRESS|local", help="have a Ray cluster do it, or one made for it here")


def run(arguments: argparse.Namespace) -> int:
    """Transcribe every file; those that cannot be are named on stderr, the others done."""
    settings = _settings(arguments)
    items, failures = plan(arguments.paths, arguments.out, settings.format)
    if len(items) > 1 and arguments.out is None and settings.format in SUBTITLES:
        raise InputError(
            f"{settings.format} of {len(items)} files needs --out DIR, a file for each"
        )
    n_inputs = len(items) + len(failures)
    for failure in failures:
        _tell(failure)
    with (
        _claimed(arguments, items, settings) as todo,
        Progress(len(todo)) as progress,
        closing(_outcomes(arguments, todo, settings, progress)) as outcomes,
    ):
        n_before = n_done = len(items) - len(todo)
        for outcome in outcomes:
            progress.wipe()
            if outcome.error is None:
                n_done += 1
                print(_shown(outcome, settings, len(items)), end="", flush=True)
            else:
                _tell(outcome.error)
                failures.append(outcome.error)
            progress.finished(outcome)
            if outcome.disk_full:
                progress.wipe()
                _tell(f"{n_done} of {len(items)} files are done; make room and --resume")
                return FAILED
    if n_inputs > 1:
        _tell(_summary(len(items), n_before, progress, failures))
    return FAILED if failures else DONE


def _settings(arguments: argparse.Namespace) -> Settings:
    if arguments.format in SUBTITLES and arguments.timestamps == "none":
        raise InputError(f"{arguments.format} cannot be written with --timestamps none")
    if arguments.out == "":  # as of a variable that is not set
        raise InputError("--out: expected the name of a folder, got an empty one")
    if arguments.resume and arguments.out is None:
        raise InputError("--resume goes on with what is in --out DIR, and there is no --out")
    if arguments.jobs is not None and not 1 <= arguments.jobs <= MAX_JOBS:
        raise InputError(f"--jobs: expected 1 to {MAX_JOBS}, got {arguments.jobs}")
    asked = {field.name: getattr(arguments, field.name) for field in fields(Settings)}
    if arguments.hotwords is not None:
        asked["hotwords"] = _lines(arguments.hotwords)
    if arguments.timestamps is None:
        asked["timestamps"] = "segment" if arguments.format in SUBTITLES else "none"
    return Settings(**asked)


def _lines(path: str) -> tuple[str, ...]:
    """A list, to be sent to all processes: the file itself may be on this machine only."""
    data = read_plain(path, MAX_LIST + 1, "a list of words", InputError)
    if len(data) > MAX_LIST:
        raise InputError(f"{path}: expected a list of words of at most {MAX_LIST} bytes, got more")
    try:
        return tuple(data.decode("utf-8").split("\n"))
    except UnicodeDecodeError as problem:
        raise InputError(f"{path}: not UTF-8 at byte {problem.start}") from None


def _claimed(
    arguments: argparse.Namespace, items: list[Item], settings: Settings
) -> AbstractContextManager[list[Item]]:
    """What is to be done, and --out for this run alone."""
    if arguments.out is None:
        return nullcontext(items)
    # By its version, for another one may write other texts.
    manifest = load(settings.bundle).manifest
    options = asdict(settings) | {"bundle": f"{manifest.name} {manifest.version}"}
    if settings.hotwords is not None:
        options["hotwords"] = hashlib.sha256("\n".join(settings.hotwords).encode()).hexdigest()
    del options["threads"]  # which change nothing but the time that it takes
    return claimed(arguments.out, items, options, resume=arguments.resume)


def _outcomes(
    arguments: argparse.Namespace, items: list[Item], settings: Settings, progress: Progress
) -> Generator[Outcome, None, None]:
    if not items:
        return
    # Imported here, for `earlet listen` has no use for what they bring with them.
    if arguments.ray is None:
        from earlet.jobs import local

        outcomes = local.run(items, settings, n_workers=arguments.jobs or 1, heard=progress.heard)
    else:
        from earlet.jobs import cluster

        outcomes = cluster.run(items, settings, address=arguments.ray, n_workers=arguments.jobs)
    yield from outcomes if arguments.out is not None else _in_order(items, outcomes)


def _in_order(items: list[Item], outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """The outcomes in the order of the items; those that come too early are kept back."""
    early: defaultdict[Item, list[Outcome]] = defaultdict(list)  # an item may be there twice
    for item in items:
        while not early[item]:
            outcome = next(outcomes)
            early[outcome.item].append(outcome)
        yield early[item].pop()


def _shown(outcome: Outcome, settings: Settings, n_files: int) -> str:
    """What goes to stdout: the text, under its file's name where there are several."""
    if outcome.text is None:
        return ""
    if n_files == 1 or settings.format != "txt":
        return outcome.text
    end = ": " if settings.timestamps == "none" else "\n"
    return f"{printable(outcome.item.source)}{end}{outcome.text}"


def _summary(n_files: int, n_before: int, progress: Progress, failures: list[str]) -> str:
    parts = [f"{n_files} files"]
    if progress.audio_s:
        rate = progress.audio_s / progress.elapsed_s
        parts.append(
            f"{clock(progress.audio_s)} of audio in {clock(progress.elapsed_s)} ({rate:.1f}x)"
        )
    if n_before:
        parts.append(f"{n_before} done before")
    if failures:
        parts.append(f"{len(failures)} failed:")
    return "\n  ".join([", ".join(parts), *failures])


def _tell(message: str) -> None:
    print(f"earlet: {message}", file=sys.stderr)
