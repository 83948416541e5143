"""Measure everything, and write RESULTS.md and its pictures; `make bench` runs this.

    python -m benchmarks [--quick] [--only GROUP ...] [--data ../shared/data]

Each group runs in a process of its own, one after the other. A quick run, or one of some groups,
only prints.
"""

import argparse
import sys
import time
from pathlib import Path

from benchmarks import apart, figures, report
from benchmarks.line import Curve, Line
from benchmarks.setting import CACHE, DATA, ROOT
from benchmarks.speed import GROUPS

LIMIT_S = 900.0  # of a group: then it hangs
QUICK_LIMIT_S = 60.0
RESULTS = ROOT / "benchmarks" / "RESULTS.md"


def main() -> None:
    """Run the groups, one after the other."""
    arguments = parse_arguments()
    start = time.monotonic()
    lines: dict[str, list[Line]] = {}
    curves: list[Curve] = []
    for group in arguments.only or GROUPS:
        print(f"\n{GROUPS[group]}, after {time.monotonic() - start:.0f} s", flush=True)
        lines[group] = []
        limit_s = QUICK_LIMIT_S if arguments.quick else LIMIT_S
        for found in apart.measured(command(group, arguments), group, limit_s):
            if isinstance(found, Curve):
                curves.append(found)
            else:
                lines[group].append(found)
                print(report.printed(found), flush=True)
    took_s = time.monotonic() - start
    print(f"\n{report.summary(lines)} It took {took_s:.0f} s.")
    if not arguments.quick and not arguments.only:
        figures.draw(lines, curves, RESULTS.parent / "figures")
        report.write(RESULTS, lines, curves, took_s)
        print(f"Written: {RESULTS}")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description="Measure earlet beside its peers."
    )
    parser.add_argument("--quick", action="store_true", help="in two minutes; only print")
    parser.add_argument("--only", nargs="+", choices=GROUPS, metavar="GROUP", help="only print")
    parser.add_argument("--data", type=Path, default=DATA, help="data sets (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="what has been fetched")
    return parser.parse_args()


def command(group: str, arguments: argparse.Namespace) -> list[str]:
    """What measures a group."""
    folders = ["--data", str(arguments.data), "--cache", str(arguments.cache)]
    quick = ["--quick"] if arguments.quick else []
    return [sys.executable, "-m", "benchmarks.speed", group, *folders, *quick]


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # what was measured is on the screen
        sys.exit(130)
