"""Make the bundle `yamnet` from its published .tflite.

    python models/recipes/yamnet/make.py --out models/yamnet

The network is read from the folder of public data sets, translated (`network.py`), and held to the
published one, run by LiteRT, on speech and on noises (`evaluate.py`).
"""

import argparse
import io
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import soundfile
import yaml
from evaluate import (
    HERE,
    PUBLISHED_SHA256,
    SOUNDS,
    Comparison,
    compare,
    litert,
    ours,
    read_published,
)
from network import to_float, to_onnx

from earlet_quantize.graph import save
from earlet_quantize.pack import pack

LABELS = "yamnet_label_list.txt"  # in the zip with which the .tflite ends
CHECKED = ("noises", "read speech")
MOST_DIFFERENCE = 0.02  # between scores of a clip; the published one rounds its own to 0.004
LEAST_AGREEMENT = 0.95  # of the windows: the best label is the float network's
GOLDEN, GOLDEN_SAMPLES = "commands/gsc-subset/noise/running_tap.flac", 46_800  # three windows
# Of logits, which reach from -32 to 5. Another processor may round a value between two steps to the
# other side: without onnxruntime's fused operators, 0.7 was seen.
NETWORK_TOLERANCE = 1.0


def main() -> None:
    """Run the whole recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models/yamnet"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    data = arguments.data

    published = read_published(data)
    network = to_onnx(published)
    int8, tflite, float32 = ours(network), litert(published), ours(to_float(published))
    paths = [path for kind in CHECKED for path in sorted(data.glob(SOUNDS[kind]))]
    manifest = yaml.safe_load((HERE / "manifest.yaml").read_text(encoding="utf-8"))
    manifest["quantization"]["published_sha256"] = PUBLISHED_SHA256
    manifest["evaluation"] = measured(compare(int8, tflite, paths), compare(int8, float32, paths))
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch)
        save(network, files / "network.int8.onnx")
        with zipfile.ZipFile(io.BytesIO(published)) as appended:
            (files / "labels.txt").write_bytes(appended.read(LABELS))
        shutil.copyfile(data / "LICENSE-APACHE-2.0", files / "LICENSE")
        shutil.copyfile(HERE / "card.md", files / "README.md")
        waveform, _ = soundfile.read(data / GOLDEN, dtype="float32", frames=GOLDEN_SAMPLES)
        pack(files, arguments.out, manifest, waveform, network_tolerance=NETWORK_TOLERANCE)


def measured(to_published: Comparison, to_float: Comparison) -> list[dict[str, Any]]:
    """What bundle.yaml says of it; ends the recipe where the networks are not the same."""
    agreement = to_float.same_windows / to_float.n_windows
    if to_published.clip_difference > MOST_DIFFERENCE or agreement < LEAST_AGREEMENT:
        raise SystemExit(f"not the same network: {to_published} {to_float}")
    dataset = "six noises of Speech Commands and 40 utterances of LibriSpeech test-other"
    return [
        {
            "dataset": dataset,
            "n": to_published.n_clips,
            "metric": "largest difference of a clip's score to the published network's",
            "int8": round(to_published.clip_difference, 4),
        },
        {
            "dataset": dataset,
            "n": to_float.n_windows,
            "metric": "windows whose best label is that of the weights in float",
            "float": 1.0,
            "int8": round(agreement, 4),
        },
    ]


if __name__ == "__main__":
    main()
