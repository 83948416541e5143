"""Every scheme of int8 against the float network: size, CPU time in turns, accuracy.

    python models/recipes/commands-en/compare.py [--scheme dynamic] [--report FOLDER]

After `make.py`, which leaves the float network in the build folder. Clips of speakers that training
never saw are classified one by one; `make.py` measures the same networks in streams.
"""

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from data import COMMANDS, read_rows

from earlet import load
from earlet.verify import read_golden
from earlet_quantize import report
from earlet_quantize.errors import GateError
from earlet_quantize.measure.results import Limits, Quantization
from earlet_quantize.pack import pack
from earlet_quantize.quantize import Choice, quantize
from earlet_quantize.report import table

CALIBRATION = 240  # clips
LIMITS = Limits(max_drop=0.5, no_slower=True)


def main() -> int:
    """Print the table; 1 where no scheme passes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--bundle", type=Path, default=Path("models/commands-en"))
    parser.add_argument("--build", type=Path, default=Path("build/commands-en"))
    parser.add_argument("--scheme", choices=get_args(Choice), default="auto")
    parser.add_argument("--report", type=Path, help="where to write report.html and report.json")
    arguments = parser.parse_args()

    def show(record: Quantization) -> None:
        print(*table.lines(record), sep="\n")
        if arguments.report is not None:
            arguments.report.mkdir(parents=True, exist_ok=True)
            report.write(record, arguments.report)

    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        float_bundle = folder / arguments.bundle.name
        pack_float(arguments.bundle, arguments.build / "network.onnx", float_bundle)
        training, validation = folder / "training", folder / "validation"
        copy_clips(arguments.data, "train", training, lambda n: n // CALIBRATION)
        copy_clips(arguments.data, "val", validation, lambda _: 1)
        try:
            quantize(
                float_bundle,
                folder / "int8" / arguments.bundle.name,
                scheme=arguments.scheme,
                calibration=training,
                evaluation=validation,
                limits=LIMITS,
                tell=lambda line: print(line, file=sys.stderr),
                show=show,
            )
        except GateError as problem:
            print(problem, file=sys.stderr)
            return 1
    return 0


def pack_float(bundle: Path, network: Path, out: Path) -> None:
    """The bundle once more, with its float network."""
    int8 = load(bundle)
    document: dict[str, Any] = {**int8.document}
    model = {**document["model"], "network": network.name}
    kept = {k: v for k, v in document.items() if k not in ("files", "golden", "quantization")}
    with TemporaryDirectory() as scratch:
        shutil.copyfile(network, Path(scratch) / network.name)
        labels = document["output"]["labels"]
        (Path(scratch) / labels).write_bytes(int8.read_bytes(labels))
        pack(Path(scratch), out, {**kept, "model": model}, read_golden(int8).example)


def copy_clips(data: Path, split: str, out: Path, step: Callable[[int], int]) -> None:
    """Clips of one part of the data, `out`/LABEL/clip; of n clips each step(n)-th."""
    root = data / "commands" / "gsc-subset"
    rows = [row for row in read_rows(root / "manifest.csv") if row["split"] == split]
    for row in rows[:: max(step(len(rows)), 1)]:
        folder = out / (row["word"] if row["word"] in COMMANDS else "none")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / row["path"], folder / row["path"].replace("/", "-"))


if __name__ == "__main__":
    sys.exit(main())
