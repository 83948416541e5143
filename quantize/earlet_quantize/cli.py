"""The command line of what makes bundles. A command imports what it needs when it runs.

Exit codes are those of `earlet`: 0 done, 1 refused by the gate, 2 anything else that is wrong,
130 interrupted.
"""

import argparse
import hashlib
import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from earlet import bundle as bundles
from earlet.bundle import Bundle
from earlet.cli import program
from earlet.errors import printable
from earlet_quantize.errors import GateError, QuantizeError
from earlet_quantize.measure.results import Limits, Quantization

PROGRAM = "earlet-quantize"
EXTRA = ("onnx", "matplotlib")  # of pyproject.toml's `quantize`


def main(argv: Sequence[str] | None = None) -> int:
    """Run `earlet-quantize` with these arguments (the process's own by default)."""
    _end_tidily()
    return program.run(PROGRAM, _parser, argv, failures=(GateError,))


def _parser() -> argparse.ArgumentParser:
    from earlet import __version__

    parser = program.Parser(
        prog=PROGRAM, description="Make model bundles for earlet, on a workstation, offline."
    )
    parser.add_argument("--version", action="version", version=f"earlet {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_import, _add_quantize, _add_report, _add_pack, _add_unpack):
        add(commands)
    return parser


def _end_tidily() -> None:
    """What ends the process from outside is as Ctrl-C: what is half made is removed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores the latter
            signal.signal(number, signal.default_int_handler)


def _add_import(commands: Any) -> None:
    parser = commands.add_parser(
        "import",
        help="a Hugging Face model folder as a bundle",
        description="Make a bundle of a local folder with config.json and ONNX files. Every fact "
        "is taken from its files; what none of them says must be given here.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="the model folder")
    parser.add_argument("--out", metavar="BUNDLE", type=Path, required=True, help="a new folder")
    parser.add_argument("--name", metavar="NAME", help="of the bundle (default: that of --out)")
    parser.add_argument("--version", metavar="V", default="1.0.0", help="default: 1.0.0")
    parser.add_argument(
        "--variant",
        choices=("float", "quantized"),
        default="float",
        help="of the networks that lie in the folder (default: float)",
    )
    parser.add_argument("--license", metavar="TEXT", help="where the folder does not say it")
    parser.add_argument("--attribution", metavar="TEXT", help="where the folder does not say it")
    parser.add_argument("--source", metavar="TEXT", help="where the folder is from")
    parser.add_argument(
        "--example",
        metavar="FILE|TEXT",
        help="what the bundle is to prove itself with (default: one of its own)",
    )
    _add_force(parser)
    parser.set_defaults(run=_run_import)


def _run_import(arguments: argparse.Namespace) -> int:
    _check_extra()
    from earlet_quantize import huggingface
    from earlet_quantize.staging import check_place

    out: Path = arguments.out
    check_place(out, replace=arguments.force)
    _progress(f"reading {arguments.folder}")
    imported = huggingface.import_folder(
        arguments.folder,
        name=out.name if arguments.name is None else arguments.name,
        version=arguments.version,
        variant=arguments.variant,
        license=arguments.license,
        attribution=arguments.attribution,
        source=arguments.source,
        example=arguments.example,
    )
    for note in imported.notes:
        print(f"{PROGRAM}: note: {printable(note)}", file=sys.stderr)
    _progress(f"running and verifying {out}")
    huggingface.write(imported, out)
    _print_bundle(out)
    return program.DONE


def _add_quantize(commands: Any) -> None:
    parser = commands.add_parser(
        "quantize",
        help="a float bundle as an int8 one, measured and held against limits",
        description="Make the int8 version of a float bundle, measure its size, speed and accuracy "
        "on this machine, and write it with a report, or refuse it.",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a name or a path, of a float bundle")
    parser.add_argument("--out", metavar="BUNDLE", type=Path, required=True, help="a new folder")
    parser.add_argument(
        "--scheme",
        choices=("auto", "static", "dynamic", "smooth", "weight-only", "mixed"),
        default="auto",
        help="auto (the default) tries them and keeps the fastest that passes",
    )
    parser.add_argument(
        "--calibration",
        metavar="FOLDER",
        type=Path,
        help="sounds, pictures or texts as the network will meet them, for static and smooth",
    )
    parser.add_argument(
        "--calibration-method",
        choices=("minmax", "entropy", "percentile"),
        default="minmax",
        help="how static sets the ranges of activations (default: minmax)",
    )
    parser.add_argument(
        "--evaluation",
        metavar="FOLDER",
        type=Path,
        help="examples with right answers: LABEL/FILE, transcripts.tsv or labels.tsv",
    )
    parser.add_argument(
        "--max-drop",
        metavar="PP",
        default="0.5pp",
        help="percentage points of accuracy that may be lost (default: 0.5pp)",
    )
    parser.add_argument("--no-slower", action="store_true", help="refuse what is slower than float")
    _add_force(parser)
    parser.set_defaults(run=_run_quantize)


def _run_quantize(arguments: argparse.Namespace) -> int:
    _check_extra()
    from earlet_quantize.gate import parse_max_drop
    from earlet_quantize.quantize import quantize
    from earlet_quantize.schemes.static import StaticConfig
    from earlet_quantize.staging import check_place

    limits = Limits(max_drop=parse_max_drop(arguments.max_drop), no_slower=arguments.no_slower)
    check_place(arguments.out, replace=arguments.force)
    bundle = bundles.find(arguments.bundle)
    if arguments.out.resolve() == bundle.resolve():
        raise QuantizeError(f"{bundle}: is the float bundle; choose another --out, and keep it")
    records: list[Quantization] = []
    try:
        quantize(
            bundle,
            arguments.out,
            scheme=arguments.scheme,
            calibration=arguments.calibration,
            evaluation=arguments.evaluation,
            limits=limits,
            config=StaticConfig(calibration=arguments.calibration_method),
            tell=_progress,
            show=records.append,
        )
    finally:  # also when it is refused; and a closed stdout does not keep the bundle from its place
        for record in records:
            _print_record(record)
    _print_bundle(arguments.out)
    return program.DONE


def _add_report(commands: Any) -> None:
    parser = commands.add_parser(
        "report",
        help="what a bundle's quantization was measured to be",
        description="Print a bundle's report.json as a table; report.html has the pictures.",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a name or a path")
    parser.set_defaults(run=_run_report)


def _run_report(arguments: argparse.Namespace) -> int:
    from earlet_quantize import report

    bundle = Bundle(bundles.find(arguments.bundle))
    if report.JSON not in bundle.manifest.files:
        raise QuantizeError(
            f"{bundle.path}: has no {report.JSON}; `{PROGRAM} quantize` makes bundles that have one"
        )
    _print_record(report.read(bundle.read_text(report.JSON), f"{bundle.path}/{report.JSON}"))
    return program.DONE


def _add_pack(commands: Any) -> None:
    parser = commands.add_parser(
        "pack",
        help="a bundle as one .zip",
        description="Write a bundle as one .zip: the same bytes from the same bundle, always.",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a name or a path")
    parser.add_argument("--out", metavar="ZIP", type=Path, help="default: BUNDLE.zip")
    _add_force(parser)
    parser.set_defaults(run=_run_pack)


def _run_pack(arguments: argparse.Namespace) -> int:
    from earlet_quantize import archive

    bundle = Bundle(bundles.find(arguments.bundle))
    out = arguments.out or Path(f"{_stem(bundle)}.zip")
    archive.to_zip(bundle, out, replace=arguments.force)
    with out.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    print(f"{printable(str(out))}  {out.stat().st_size / 1e6:.1f} MB  sha256 {digest}")
    return program.DONE


def _add_unpack(commands: Any) -> None:
    parser = commands.add_parser(
        "unpack",
        help="a bundle as a folder",
        description="Write the bundle in a .zip as a folder. What is not sound is refused.",
    )
    parser.add_argument("bundle", metavar="ZIP", help="a name or a path")
    parser.add_argument("--out", metavar="FOLDER", type=Path, help="default: that of ZIP")
    _add_force(parser)
    parser.set_defaults(run=_run_unpack)


def _run_unpack(arguments: argparse.Namespace) -> int:
    from earlet_quantize import archive

    bundle = Bundle(bundles.find(arguments.bundle))
    out = arguments.out or Path(_stem(bundle))
    archive.to_folder(bundle, out, replace=arguments.force)
    _print_bundle(out)
    return program.DONE


def _add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace the bundle that is there")


def _check_extra() -> None:
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise QuantizeError(f"needs {', '.join(missing)}: pip install 'earlet[quantize]'")


def _stem(bundle: Bundle) -> str:
    """What the bundle's file is called. The name in its manifest may be any text, also a path."""
    return bundle.path.resolve().name.removesuffix(".zip")


def _progress(text: str) -> None:
    """What it is about to do, for who sits in front of it."""
    if sys.stderr.isatty():
        print(f"{PROGRAM}: {printable(text)} ...", file=sys.stderr)


def _print_record(record: Quantization) -> None:
    from earlet_quantize.report import table

    for line in table.lines(record):
        print(printable(line))


def _print_bundle(path: Path) -> None:
    manifest = Bundle(path).manifest
    size = sum(entry.bytes for entry in manifest.files.values())
    print(f"{printable(str(path))}  {size / 1e6:.1f} MB  {manifest.task}")
