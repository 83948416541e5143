"""`earlet bench`: what bundles cost on this device, and what would help.

All that are installed are a line each; one that is named is a screen. With --json, an object for
each, whose keys `bench/figures.py` explains.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from earlet import bundle as bundles
from earlet.bench import advice, device, measure
from earlet.bench.figures import Device, Figures
from earlet.bundle import Bundle
from earlet.cli.cells import cut
from earlet.cli.costs import Costs
from earlet.cli.inputs import Input
from earlet.cli.open_line import OpenLine, n_cells
from earlet.cli.program import DONE, FAILED
from earlet.errors import EarletError, InputError, printable
from earlet.tasks import load

SECONDS = 3.0  # of each measurement, where nobody says how long
MAX_SECONDS = 60.0
HINT = "`earlet bench BUNDLE` tells more of one: live sound, threads, other bundles."
EPILOG = """\
examples:
  earlet bench                          all bundles, a line each
  earlet bench yamnet --input a.flac    one of them, at your own sound
  earlet bench commands-en --json       to report it: no name of yours is in it
"""


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "bench",
        help="what bundles cost on this device, and what would help",
        description="Measure bundles on this device: start, latency, live sound, memory, threads.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("bundle", metavar="BUNDLE", nargs="?", help="a name or a path (default: all, in short)")
    add("--input", metavar="FILE", help="a sound, picture or text (default: the bundle's example)")
    add(
        "--seconds",
        metavar="S",
        type=float,
        default=SECONDS,
        help=f"of each measurement (default: {SECONDS:g}); a bundle has one, or four if named",
    )
    add("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure one bundle, or all; a damaged one of these is named on stderr."""
    seconds = arguments.seconds
    if not 0 < seconds <= MAX_SECONDS:  # false for nan, too
        raise InputError(f"--seconds: expected more than 0, up to {MAX_SECONDS:g}, got {seconds:g}")
    machine = device.look()  # before this program is at work
    with OpenLine(sys.stderr) as open_line:
        if arguments.bundle is not None:
            return _one(arguments, machine, open_line)
        if arguments.input is not None:
            raise InputError("--input is for one BUNDLE, and none is named")
        return _all(arguments, machine, open_line)


def _one(arguments: argparse.Namespace, machine: Device, open_line: OpenLine) -> int:
    """All about a bundle."""
    opened, content = load(arguments.bundle), None
    if arguments.input is not None:
        content = Input(arguments.input, opened.manifest.task, "file").content()
    told = partial(_tell, open_line, opened.manifest.name)
    figures = measure.measure(opened, content, arguments.seconds, machine, told)
    open_line.wipe()
    if arguments.json:
        print(json.dumps(figures.to_json()))
    else:
        costs = _costs()
        print(costs.screen(figures), costs.advice(figures.advice), sep="\n\n")
    return DONE


def _all(arguments: argparse.Namespace, machine: Device, open_line: OpenLine) -> int:
    """A line for each bundle, as soon as it is measured."""
    costs, measured, n_failed = _costs(), list[Figures](), 0
    for path in bundles.installed():
        try:
            opened = Bundle(path)
            _tell(open_line, opened.manifest.name, "latency")
            figures = measure.glance(opened, arguments.seconds, machine)
        except EarletError as problem:
            open_line.wipe()
            print(f"earlet: {problem}", file=sys.stderr)
            n_failed += 1
            continue
        open_line.wipe()
        if arguments.json:
            print(json.dumps(figures.to_json()), flush=True)
            continue
        if not measured:
            print(costs.machine(machine, figures.versions), "", costs.header(), sep="\n")
        print(costs.line(figures), flush=True)
        measured.append(figures)
    if measured:
        print("", costs.advice(_advice(measured)), sep="\n")
        print("", costs.wrapped(HINT), sep="\n")
    return FAILED if n_failed else DONE


def _advice(measured: Sequence[Figures]) -> list[str]:
    """Of the machine once, as it was in the end and at its busiest; then of each bundle."""
    busiest = min((each.latency for each in measured), key=lambda x: x.cpu_ms / x.mean_ms)
    last = measured[-1]
    told = [*advice.of_machine(last.device, last.under_load, busiest)]
    return told + [f"{each.bundle}: {line}" for each in measured for line in advice.of_bundle(each)]


def _costs() -> Costs:
    # https://no-color.org: where it is set and not empty
    dim = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return Costs(shutil.get_terminal_size().columns, dim=dim)


def _tell(open_line: OpenLine, name: str, what: str) -> None:
    """What is being measured, where somebody waits for it."""
    if sys.stderr.isatty():
        open_line.draw(cut(printable(f"{name}: {what} ..."), n_cells()))
