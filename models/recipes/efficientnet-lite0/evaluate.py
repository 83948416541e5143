"""How often the bundle is right beside its float network, and how long both take.

    python models/recipes/efficientnet-lite0/evaluate.py --bundle models/efficientnet-lite0

After `make.py`, which leaves the float bundle in the build folder. CPU time is that of one thread,
measured in turns. The bare loop is Pillow, NumPy and an onnxruntime session, with the same network.
"""

import argparse
import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

import earlet
from earlet.arrays import FloatArray
from earlet_quantize.measure.accuracy import answers
from earlet_quantize.measure.data import Example
from earlet_quantize.measure.results import Latency
from earlet_quantize.measure.speed import in_turns

TIMED = 8  # pictures in one turn
SIDE, PADDED = 224, 256  # pixels: of a shorter side of 256, the middle 224


@dataclass(frozen=True)
class Evaluation:
    """What a float and an int8 bundle say to the same pictures."""

    n: int  # pictures with labels
    right: dict[str, int]  # of these, in float and in int8
    agree: int  # of these: both say the same, right or wrong
    photographs: dict[str, dict[str, str]]  # the labels in float and in int8, and what is expected


def main() -> None:
    """Print what the model card says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=Path("models/efficientnet-lite0"))
    parser.add_argument("--float", type=Path, default=Path("build/efficientnet-lite0/float"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    folder = arguments.data / "image"
    found = evaluate({"float": arguments.float, "int8": arguments.bundle}, folder)
    print(f"right, of {found.n}: {found.right}; the same label: {found.agree}")
    for name, labels in found.photographs.items():
        print(f"  {name}: {labels}")
    pictures = [p.read_bytes() for p in sorted((folder / "caltech101/val").glob("*.jpg"))[:TIMED]]
    for name, latency in latencies(arguments.float, arguments.bundle, pictures).items():
        print(f"{name}: {latency.ratio:.2f} ({latency.low:.2f}-{latency.high:.2f})")


def evaluate(bundles: dict[str, Path], folder: Path) -> Evaluation:
    """Run both bundles over the labelled pictures and the photographs of a data folder."""
    names = earlet.load(bundles["int8"]).read_text("labels.txt").splitlines()
    examples, indices = labelled(folder / "caltech101")
    given = {kind: answers(bundle, examples) for kind, bundle in bundles.items()}
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    pictures = [Example(name, str(folder / name), "") for name in expected]
    seen = {kind: answers(bundle, pictures) for kind, bundle in bundles.items()}
    seen["expected"] = [scores["pillow_bilinear"][0][1] for scores in expected.values()]
    return Evaluation(
        n=len(examples),
        right={
            kind: sum(a in {names[i] for i in ok} for a, ok in zip(labels, indices, strict=True))
            for kind, labels in given.items()
        },
        agree=sum(a == b for a, b in zip(given["float"], given["int8"], strict=True)),
        photographs={
            picture.name: {kind: labels[i] for kind, labels in seen.items()}
            for i, picture in enumerate(pictures)
        },
    )


def labelled(folder: Path) -> tuple[list[Example], list[list[int]]]:
    """Pictures, and the numbers of the labels that are right for each."""
    with (folder / "labels.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    examples = [Example(row["file"], str(folder / row["file"]), "") for row in rows]
    return examples, [[int(i) for i in row["imagenet_indices"].split(",")] for row in rows]


def latencies(
    float_bundle: Path, int8_bundle: Path, pictures: Sequence[bytes]
) -> dict[str, Latency]:
    """CPU times as ratios, by what is compared."""
    pipelines = {
        path: earlet.pipeline("image-classification", path) for path in (float_bundle, int8_bundle)
    }
    features = [bare_features(picture) for picture in pictures]
    sessions = {path: bare_session(path) for path in (float_bundle, int8_bundle)}

    def network(bundle: Path) -> None:
        for feature in features:
            sessions[bundle].run(None, {"features": feature})

    def whole(bundle: Path) -> None:
        pipelines[bundle](list(pictures))

    def bare() -> None:
        for picture in pictures:
            logits = sessions[int8_bundle].run(None, {"features": bare_features(picture)})[0][0]
            np.argsort(-np.exp(logits) / np.exp(logits).sum())[:5]

    def compare(work: Callable[[Path], None]) -> Latency:
        return in_turns(partial(work, float_bundle), partial(work, int8_bundle))

    return {
        "network, int8 to float": compare(network),
        "file to labels, int8 to float": compare(whole),
        "file to labels, earlet to the bare loop": in_turns(bare, partial(whole, int8_bundle)),
    }


def bare_session(bundle: Path) -> onnxruntime.InferenceSession:
    """The network of a bundle on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    (network,) = bundle.glob("*.onnx")
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def bare_features(picture: bytes) -> FloatArray:
    """The bytes of a file as the network's input, (1, 3, 224, 224), with Pillow and NumPy."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    width, height = image.size
    side = int(SIDE / PADDED * min(width, height))
    left, top = (width - side + 1) // 2, (height - side + 1) // 2
    square = image.crop((left, top, left + side, top + side))
    pixels = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
    return np.ascontiguousarray(((pixels - 127) / 128).transpose(2, 0, 1)[None])


if __name__ == "__main__":
    main()
