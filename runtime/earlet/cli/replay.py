"""`earlet replay`: a recording heard again, to the bit, or with other settings."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from operator import eq
from typing import TYPE_CHECKING, Any

from earlet.cli.program import DONE, FAILED
from earlet.config import ListenConfig
from earlet.errors import AudioFileError, BundleError, InputError, printable

if TYPE_CHECKING:
    from earlet.service.recordings.file import Recording
    from earlet.service.recordings.replay import Comparison
    from earlet.tasks.listening import Listening

# What listens and what compares is imported late: other commands need none of it.

EPILOG = """\
examples:
  earlet replay earlet-000042-20261120T172031Z-go.wav            is it the same here, bit for bit?
  earlet replay --set threshold.go=0.6 earlet-*.wav              what would have been otherwise
  earlet replay --set confirm=off --set smoothing=3 earlet-*.wav
"""


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "replay",
        help="hear recordings again, as they were or with other settings",
        description="Listen to recordings of `earlet listen` again (`record` in config.yaml), and "
        "compare what comes of them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="recordings")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="another value: threshold.LABEL, refractory_ms.LABEL, or a key of config.yaml",
    )
    parser.add_argument("--bundle", metavar="B", help="listen with another, by name or path")
    parser.add_argument("--json", action="store_true", help="one JSON object a recording")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay every recording; those that cannot be are named on stderr, the others done."""
    from earlet.service.recordings.file import read_recording
    from earlet.service.recordings.replay import compare

    code = DONE
    listening: Listening | None = None
    for path in arguments.files:
        try:
            recording = read_recording(path)
            config = _config(recording.facts.config, arguments)
            if listening is None or listening.config != config:
                listening = _listening(path, recording, config)
            again = _replayed(path, recording, listening, arguments)
        except AudioFileError as problem:
            print(f"earlet: {problem}", file=sys.stderr)
            code = FAILED
            continue
        is_changed = config != recording.facts.config
        comparison = compare(recording, again)
        if not (is_changed or comparison.same_events):
            code = FAILED
        if arguments.json:
            print(json.dumps(_object(path, recording, again, comparison)), flush=True)
        else:
            for line in _lines(path, recording, again, comparison, is_changed=is_changed):
                print(printable(line), flush=True)
    return code


def _config(config: ListenConfig, arguments: argparse.Namespace) -> ListenConfig:
    from earlet.service.recordings.replay import changed

    config = changed(config, arguments.set)
    return config if arguments.bundle is None else replace(config, bundle=arguments.bundle)


def _listening(path: str, recording: "Recording", config: ListenConfig) -> "Listening":
    """Raises AudioFileError: the recording was heard with a bundle that is not here."""
    from earlet.tasks.listening import Listening

    try:
        return Listening(config)
    except BundleError as problem:
        if config.bundle != recording.facts.config.bundle:  # one that was asked for
            raise
        raise AudioFileError(f"{path}: {problem}") from None


def _replayed(
    path: str, recording: "Recording", listening: "Listening", arguments: argparse.Namespace
) -> "Recording":
    """Raises AudioFileError: the recording cannot be heard here as it was."""
    from earlet.service.recordings.replay import other_bundles, replay

    others = other_bundles(recording.facts, listening)
    if others and arguments.bundle is None:
        raise AudioFileError(
            f"{path}: was heard with another {others[0]} than is here; --bundle takes one anyway"
        )
    try:
        return replay(recording, listening)
    except InputError as problem:
        raise AudioFileError(f"{path}: {problem}") from None


def _lines(
    path: str, old: "Recording", new: "Recording", comparison: "Comparison", *, is_changed: bool
) -> Iterator[str]:
    """What came of a recording, for people to read."""
    n_events = f"{len(old.events)} event{'s' * (len(old.events) != 1)}"
    gone = _only_in(old, new, old, is_changed)
    come = _only_in(new, old, old, is_changed)
    if comparison.is_same and not is_changed:
        yield f"{path}: the same, bit for bit: {n_events}, scores of {len(old.scores.at)} hops"
    elif not (gone or come):
        verdict = "it would have decided the same" if is_changed else "the same"
        yield f"{path}: {verdict}, {n_events}{_difference(old, comparison, is_changed)}"
    elif is_changed:
        yield f"{path}: it would have been otherwise:"
    else:
        yield f"{path}: not the same{_difference(old, comparison, is_changed)}:"
    yield from (f"  - {sentence}" for sentence in gone)
    yield from (f"  + {sentence}" for sentence in come)


def _difference(old: "Recording", comparison: "Comparison", is_changed: bool) -> str:
    """How far scores are from those that were recorded, and where these come from."""
    if is_changed or comparison.same_scores:
        return ""
    facts = old.facts
    made = f"recorded by earlet {facts.earlet} with {facts.engine} on {facts.machine}"
    if comparison.difference is None:
        return f", and other scores ({made})"
    return f", and scores that differ by {comparison.difference:.2g} at most ({made})"


def _only_in(one: "Recording", other: "Recording", old: "Recording", is_changed: bool) -> list[str]:
    """The sentences of events of one that the other has not.

    With other settings, listening may have begun anew, and begins to know what is said after a
    second or two: events before those that the recording is kept for are in another, too.
    """
    from earlet.service.recordings.explanation import explain
    from earlet.service.recordings.file import start_s
    from earlet.service.recordings.replay import SAME_S, same_decision

    same = same_decision if is_changed else eq
    since_s = start_s(old.events[old.facts.about]) if is_changed and old.events else 0.0
    return [
        explained.sentence
        for explained in explain(one)
        if (event := explained.event)
        and start_s(event) >= since_s - SAME_S
        and not any(same(event, found) for found in other.events)
    ]


def _object(
    path: str, old: "Recording", new: "Recording", comparison: "Comparison"
) -> dict[str, object]:
    return {
        "path": path,
        "same_events": comparison.same_events,
        "same_scores": comparison.same_scores,
        "difference": comparison.difference,
        "recorded": [event.to_json() for event in old.events],
        "replayed": [event.to_json() for event in new.events],
    }
