"""`earlet classify`: the labels of sounds, pictures and texts; a few, or folders full of them.

On a terminal a table is drawn. Where the output goes on to a program there is a line for each
label, `input <tab> label <tab> score`; with --json, an object for each input.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from earlet.bundle import Bundle
from earlet.cli.inputs import SUFFIXES, TEXT, Input, expanded, plan
from earlet.cli.program import DONE, FAILED
from earlet.cli.table import Table, chart
from earlet.errors import EarletError, InputError, printable
from earlet.manifest import Task
from earlet.results import Classification
from earlet.tasks import load, open_bundle, pipeline

TOP_K = 5  # labels, where nobody says how many
# What a recording sounds like; the task's own bundle knows a few commands.
DEFAULTS: dict[Task, str] = {"audio-classification": "yamnet"}
MAX_SHOWN = 60  # characters of a text that a message quotes
EPILOG = """\
examples:
  earlet classify cat.jpg                        what is in a picture
  earlet classify "What a lovely day!" --json    a text, for a program
  earlet classify recordings/ --top-k 1          all sounds, pictures and .txt files in a folder

A file that is there is read, whatever it is called; a text that could be taken for one comes
through a pipe: echo and/or | earlet classify -
"""


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "classify",
        help="the labels of sounds, pictures and texts",
        description="Say what sounds, pictures and texts are, each by the bundle of its task.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "inputs",
        metavar="PATH|TEXT",
        nargs="+",
        help="files, folders for all files in them and below, texts; - reads a text a line",
    )
    parser.add_argument("--task", choices=tuple(SUFFIXES), help="default: that of each input")
    parser.add_argument(
        "--bundle",
        metavar="B",
        help="a name or a path (default: yamnet for sounds, otherwise the one of the task)",
    )
    parser.add_argument(
        "--top-k",
        metavar="N",
        type=int,
        default=TOP_K,
        help=f"labels of each input, at most (default: {TOP_K})",
    )
    parser.add_argument(
        "--function-to-apply",
        choices=("softmax", "sigmoid", "none"),
        help="what makes scores of the network's outputs (default: what the bundle says)",
    )
    parser.add_argument("--text-pair", metavar="TEXT", help="the second text, of each of the texts")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Classify every input; those that cannot be are named on stderr, the others done."""
    if arguments.top_k < 1:
        raise InputError(f"--top-k: expected 1 or more, got {arguments.top_k}")
    bundle = None if arguments.bundle is None else load(arguments.bundle)
    inputs, problems = plan(arguments.inputs, _task(arguments, bundle))
    if arguments.text_pair is not None and any(item.task != TEXT for item in inputs):
        raise InputError("--text-pair belongs to texts, and some inputs are none")
    classifiers = _opened(inputs, bundle)
    n_failed = len(problems)
    for problem in problems:
        _tell(problem)
    show = _shown(inputs, classifiers, as_json=arguments.json)
    for item in expanded(inputs):
        try:
            labels = _labels(classifiers[item.task], item, arguments)
        except EarletError as problem:
            _tell(_named(item, str(problem)))
            n_failed += 1
        else:
            print(show(item, labels), flush=True)
    return FAILED if n_failed else DONE


def _task(arguments: argparse.Namespace, bundle: Bundle | None) -> Task | None:
    """The one task of all inputs, where the arguments say which."""
    asked: Task | None = arguments.task
    if bundle is None:
        return asked
    own = bundle.manifest.task
    if asked not in (None, own):
        raise InputError(f"{arguments.bundle}: is for {own}, not for {asked}")
    if own not in SUFFIXES:
        raise InputError(f"{arguments.bundle}: is for {own}; expected one for {_tasks()}")
    return own


def _tasks() -> str:
    *others, last = SUFFIXES
    return f"{', '.join(others)} or {last}"


def _opened(inputs: Sequence[Input], bundle: Bundle | None) -> dict[Task, Any]:
    """The pipeline of each task that there are inputs for; all before the first is used."""
    if bundle is not None:
        return {bundle.manifest.task: open_bundle(bundle)}
    tasks: dict[Task, Any] = dict.fromkeys(item.task for item in inputs)
    return {task: pipeline(task, DEFAULTS.get(task)) for task in tasks}


def _labels(classify: Any, item: Input, arguments: argparse.Namespace) -> list[Classification]:
    content: Any = item.content()
    if arguments.text_pair is not None:
        content = {"text": content, "text_pair": arguments.text_pair}
    labels: list[Classification] = classify(
        content, top_k=arguments.top_k, function_to_apply=arguments.function_to_apply
    )
    return labels


def _shown(
    inputs: Sequence[Input], classifiers: Mapping[Task, Any], *, as_json: bool
) -> Callable[[Input, list[Classification]], str]:
    """What makes the line or lines of an input."""
    if as_json:
        return _json
    if not sys.stdout.isatty():
        return _rows
    n_cells = shutil.get_terminal_size().columns
    if len(inputs) == 1 and inputs[0].source != "pipe":
        return lambda _, labels: chart(labels, n_cells)
    names = [name for classify in classifiers.values() for name in classify.labels]
    # https://no-color.org: where it is set and not empty
    return Table(inputs, names, n_cells, dim=not os.environ.get("NO_COLOR")).line


def _json(item: Input, labels: list[Classification]) -> str:
    found = [label.to_json() for label in labels]
    return json.dumps({"input": item.name, "task": item.task, "labels": found})


def _rows(item: Input, labels: list[Classification]) -> str:
    name = printable(item.name)
    return "\n".join(f"{name}\t{printable(label.label)}\t{label.score:.6g}" for label in labels)


def _named(item: Input, message: str) -> str:
    """A message that says of which input it is."""
    name = printable(item.name)
    if message.startswith(name):
        return message
    return f"{name if len(name) <= MAX_SHOWN else name[: MAX_SHOWN - 1] + '…'}: {message}"


def _tell(message: str) -> None:
    print(f"earlet: {message}", file=sys.stderr)
