"""Parity with transformers: README's table, as Markdown on standard output.

    python -m benchmarks.accuracy.parity [--data ../shared/data] [FOLDER ...]

Needs the `dev` extra, and torch for AST alone, whose extractor uses it. Without FOLDER these are
the folders of tests/golden/huggingface, one a family: tiny networks with random weights. Any other
that `earlet-quantize import` takes may be named, with `--variant quantized` for its int8 network.

features  of real sounds, pictures and texts, against the processor or tokenizer of transformers,
          here and now: the largest difference; of texts how many ids differ
logits    against what PyTorch made of the first four, which the golden file beside the folder
          holds, of recognisers the log-probability of each token; without a golden file against
          what onnxruntime makes of all of them, fed by transformers: the largest difference, and
          of how many the answer is equal
int8      the same network by the schemes of `earlet-quantize`: static where it is one of
          convolutions, else dynamic; how far the logits move from those in float, the median and
          the largest, in standard deviations of a logit over the inputs; and how many answers
          stay. Of half of the inputs, for the others set the steps of static int8
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from benchmarks.accuracy.reference import FAMILIES, Reference, Tensors, reference
from benchmarks.inputs import GOLDEN, real_inputs
from earlet.bundle import Bundle
from earlet.tasks import open_bundle
from earlet.tasks.trace import Example
from earlet_quantize.huggingface import import_folder, write
from earlet_quantize.huggingface.folder import SUFFIXES, Variant
from earlet_quantize.model_file import parse_model
from earlet_quantize.repack import repack
from earlet_quantize.schemes.apply import Scheme, apply, is_convolutional
from earlet_quantize.schemes.static import StaticConfig

HEADING = (
    "family",
    "inputs",
    "features",
    "logits",
    "answers equal",
    "int8",
    "drift; answers equal",
)
ANY_TOLERANCE = 1e9  # of a bundle that is made only to be measured


class Drift(NamedTuple):
    """What int8 does to the logits."""

    scheme: Scheme
    median: float  # in standard deviations of a logit over the inputs
    largest: float
    n_equal: int  # answers that are the same
    n: int

    def __str__(self) -> str:
        return f"{self.median:.2f}, at most {self.largest:.2f}; {self.n_equal} of {self.n}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--data", type=Path, default=GOLDEN.parents[2] / "shared" / "data")
    parser.add_argument("--variant", choices=SUFFIXES, default="float")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.stderr.write(f"{arguments.data}: not there; inputs are those of the golden files\n")
    given = real_inputs(arguments.data)
    folders = arguments.folders or sorted(path.parent for path in FAMILIES.glob("*/config.json"))
    print_row(HEADING)
    print_row(["---"] * len(HEADING))
    for folder in map(Path.resolve, folders):
        with TemporaryDirectory() as scratch:
            print_row(row(folder, given, Path(scratch), arguments.variant))


def print_row(cells: Sequence[str]) -> None:
    """A row of the table."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def row(
    folder: Path, given: Mapping[str, Sequence[Example]], scratch: Path, variant: Variant
) -> Sequence[str]:
    """All that is measured of a family."""
    imported = import_folder(
        folder, name="measured", variant=variant, license="-", attribution="-", source="-"
    )
    write(imported, scratch / "bundle")
    bundle = Bundle(scratch / "bundle")
    theirs = reference(folder, bundle, given, variant)
    cells = [
        folder.name,
        f"{len(theirs.features)} {theirs.kind}",
        feature_difference(bundle, theirs),
        *answers(bundle, theirs),
    ]
    if bundle.manifest.model.architecture == "encoder-decoder" or variant == "quantized":
        return [*cells, "", ""]
    found = drift(bundle, theirs.examples, scratch)
    return [*cells, found.scheme, str(found)]


def feature_difference(bundle: Bundle, theirs: Reference) -> str:
    """The largest, or of ids how many there are and how many differ."""
    task: Any = open_bundle(bundle)
    kind = bundle.manifest.input["kind"]
    largest, n_ids, n_wrong = 0.0, 0, 0
    for example, features in zip(theirs.examples, theirs.features, strict=False):
        found = task.trace(example).features
        if kind == "text":
            same = len(found) == len(features)
            n_ids += len(features)
            n_wrong += int((found != features).sum()) if same else len(features)
        else:  # time goes down the rows of a log-mel spectrogram here
            difference = found - (features.T if kind == "log-mel" else features)
            largest = max(largest, float(np.abs(difference).max()))
    return f"{n_wrong} of {n_ids} ids" if kind == "text" else short(largest)


def answers(bundle: Bundle, theirs: Reference) -> tuple[str, str]:
    """The largest difference of logits, and how many answers are equal."""
    task: Any = open_bundle(bundle)
    largest, n_equal, n = 0.0, 0, len(theirs.answers)
    for example, network, answer in zip(
        theirs.examples[:n], theirs.networks, theirs.answers, strict=True
    ):
        found = task.trace(example)
        n_equal += found.result == answer
        fits = found.network.shape == network.shape  # else a text has other tokens
        largest = max(largest, float(np.abs(found.network - network).max()) if fits else np.inf)
    return short(largest), f"{n_equal} of {n}"


def short(difference: float) -> str:
    """As a table has it."""
    return f"{difference:.1e}" if difference else "0"


def drift(bundle: Bundle, examples: Sequence[Example], scratch: Path) -> Drift:
    """Every other example sets the steps of activations, the rest are measured."""
    (name,) = bundle.manifest.model.networks.values()
    model = parse_model(bundle.read_bytes(name), name)
    task: Any = open_bundle(bundle)
    feeds: list[Tensors] = []
    if bundle.manifest.input["kind"] == "image" and is_convolutional(model):
        feeds = [{"features": task.trace(example).features[None]} for example in examples[::2]]
    scheme: Scheme = "static" if feeds else "dynamic"
    data = apply(scheme, model, feeds, StaticConfig()).model.SerializeToString()
    repack(bundle, scratch / "int8", {"network": data}, network_tolerance=ANY_TOLERANCE)
    int8: Any = open_bundle(Bundle(scratch / "int8"))
    before = [task.trace(example) for example in examples[1::2]]
    after = [int8.trace(example) for example in examples[1::2]]
    logits = [trace.network for trace in before]
    moved = [np.abs(b.network - a) for a, b in zip(logits, after, strict=True)]
    if bundle.manifest.model.architecture == "classifier":
        spread = np.std(logits, axis=0)  # of each label
    else:
        spread = np.std(np.concatenate(logits))
    moved = [difference / spread for difference in moved]
    return Drift(
        scheme,
        median=float(np.median(np.concatenate(moved))),
        largest=float(np.concatenate(moved).max()),
        n_equal=sum(a.result == b.result for a, b in zip(before, after, strict=True)),
        n=len(before),
    )


if __name__ == "__main__":
    main()
