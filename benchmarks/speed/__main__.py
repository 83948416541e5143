"""Measure one group in this process: a JSON object a line on standard output.

python -m benchmarks.speed NAME [--quick] [--data FOLDER] [--cache FOLDER]
"""

import argparse
import os
from importlib import import_module
from pathlib import Path

from benchmarks.line import to_json
from benchmarks.setting import CACHE, DATA, Setting
from benchmarks.speed import GROUPS


def main() -> None:
    """Print what is measured as soon as it is."""
    parser = argparse.ArgumentParser(description="Measure one group in this process.")
    parser.add_argument("name", choices=GROUPS)
    parser.add_argument("--quick", action="store_true", help="few rounds, short inputs")
    parser.add_argument("--data", type=Path, default=DATA, help="data sets (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="what has been fetched")
    arguments = parser.parse_args()
    # The lines have what was standard output to themselves: peers print on theirs as they like.
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    setting = Setting(
        quick=arguments.quick,
        data=arguments.data if arguments.data.is_dir() else None,
        cache=arguments.cache,
    )
    for found in import_module(f"benchmarks.speed.{arguments.name}").lines(setting):
        print(to_json(found), file=told, flush=True)


if __name__ == "__main__":
    main()
