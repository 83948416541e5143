"""From the data folder to the bundle, in one command.

    PYTHONPATH=runtime:quantize python models/recipes/commands-en/make.py

It begins with the trained weights beside it, weights.npz. `--train` trains anew, for 75 minutes on
one core, and leaves its weights in the build folder, from where `--weights` takes them.
"""

import argparse
import hashlib
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
from data import COMMANDS, FRONT_END, LABELS, HeldOutData, load_held_out, load_training
from evaluate import Evaluation, Listener, Stream, detector, evaluate, events
from export import to_int8, to_onnx
from report import KITCHEN, alarms, at, noisy, plot, write_card
from train import STEPS, load, train
from words import active_rms, find_word, seconds

from earlet.arrays import FloatArray
from earlet_quantize.pack import pack

NAME = "commands-en"
THRESHOLD = 0.985  # of every command; where it lies on the measured curve, the card tells
GOLDEN_COMMAND = "zero"
GOLDEN_RMS = 0.08  # -22 dBFS
# Processors may round an activation the other way; a step of it moves a posterior by this much.
NETWORK_TOLERANCE = 0.02

ATTRIBUTION = (
    "Trained on: Speech Commands dataset, Google (Pete Warden), CC BY 4.0, arXiv:1804.03209; "
    "Arabic Speech Commands Dataset, "
    "Abdulkader Ghandoura, Farouk Hjabo, Oumayma Al Dakkak, CC BY 4.0; "
    "LibriSpeech ASR corpus, (c) 2014 Vassil Panayotov, CC BY 4.0; "
    "wake-word-benchmark and speech-to-intent-benchmark, Copyright Picovoice Inc., Apache-2.0. "
    "Selections of all. The golden input is a clip of the Speech Commands dataset. "
    "CC BY 4.0: https://creativecommons.org/licenses/by/4.0/"
)


def main() -> None:
    """Train, export, quantize, measure and pack."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("models") / NAME)
    parser.add_argument("--build", type=Path, default=Path("build") / NAME)
    parser.add_argument("--weights", type=Path, default=Path(__file__).with_name("weights.npz"))
    parser.add_argument("--train", action="store_true", help="do not use them, train anew")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    make(parser.parse_args())


def make(arguments: argparse.Namespace) -> None:
    """Everything; what is no part of the bundle stays in the build folder."""
    data, out, build = arguments.data, arguments.out, arguments.build
    files = build / "bundle"
    files.mkdir(parents=True, exist_ok=True)
    weights = arguments.weights
    if arguments.train:
        train(data, build, arguments.steps, arguments.seed)
        weights = build / "network.npz"
    float_path, int8_path = build / "network.onnx", files / "network.int8.onnx"
    to_onnx(load(weights), float_path)
    to_int8(float_path, int8_path, load_training(data))

    held_out = load_held_out(data)
    float32, int8 = (evaluate(path, held_out) for path in (float_path, int8_path))
    float32.save(build / "evaluation.float.json")
    int8.save(build / "evaluation.int8.json")
    write_card(files / "README.md", int8, float32, THRESHOLD)
    plot(files / "det.png", int8, THRESHOLD)
    (files / "labels.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    shutil.copyfile(data / "LICENSE-APACHE-2.0", files / "LICENSE")
    described = manifest(float_path, float32, int8)
    golden = golden_input(held_out, Listener(int8_path))
    pack(files, out, described, golden, network_tolerance=NETWORK_TOLERANCE)


def manifest(float_path: Path, float32: Evaluation, int8: Evaluation) -> dict[str, object]:
    """What bundle.yaml says."""
    return {
        "format": 1,
        "name": NAME,
        "version": "1.0.0",
        "task": "audio-classification",
        "description": f"English commands in a stream: {', '.join(COMMANDS)}.",
        "license": "Apache-2.0",
        "attribution": ATTRIBUTION,
        "source": "trained for earlet: models/recipes/commands-en",
        "model": {
            "architecture": "classifier",
            "backend": "onnxruntime",
            "network": "network.int8.onnx",
        },
        "input": {"kind": "fbank", **asdict(FRONT_END)},
        "output": {"labels": "labels.txt", "rejection": "none"},
        "streaming": asdict(detector(THRESHOLD)),
        "quantization": {
            "scheme": "static-qdq",
            "per_channel": True,
            "activations": "uint8",
            "weights": "int8, 7 bits used; the last layer float",
            "calibration": "240 segments of the training data, 5 s each, with noise",
            "float_sha256": hashlib.sha256(float_path.read_bytes()).hexdigest(),
        },
        "evaluation": _measurements(float32, int8),
    }


def _measurements(float32: Evaluation, int8: Evaluation) -> list[dict[str, object]]:
    both = [at(evaluation, THRESHOLD) for evaluation in (float32, int8)]
    hours = sum(int8.hours.values())
    speakers = "Speech Commands, speakers of val"
    rows: list[tuple[str, str, str, list[float]]] = [
        (speakers, f"{int8.n_commands} commands", "missed", [p.missed["clean"] for p in both]),
        (
            f"{speakers}, {KITCHEN} at 10 dB",
            f"{int8.n_commands} commands",
            "missed",
            [p.missed[KITCHEN] for p in both],
        ),
        (
            f"{speakers}, mean of 6 noises at 10 dB",
            f"{int8.n_commands} commands",
            "missed",
            [noisy(p) for p in both],
        ),
        (
            ", ".join(int8.hours),
            f"{hours:.2f} hours",
            "false alarms per hour",
            [alarms(p) / hours for p in both],
        ),
    ]
    return [
        {
            "dataset": dataset,
            "n": n,
            "metric": f"{metric} at threshold {THRESHOLD:g}",
            "float": round(values[0], 4),
            "int8": round(values[1], 4),
        }
        for dataset, n, metric, values in rows
    ]


def golden_input(data: HeldOutData, listen: Listener) -> FloatArray:
    """A command by an unseen speaker, in silence, that fires once and as what it is."""
    silence = np.zeros(seconds(0.25), dtype=np.float32)
    for clip in data.commands[COMMANDS.index(GOLDEN_COMMAND)]:
        word = find_word(clip)
        if word is None or len(clip) < seconds(1.0):
            continue
        level = np.float32(GOLDEN_RMS / active_rms(word.spoken))
        waveform = np.concatenate([silence, clip * level, silence])
        fired = events(Stream(listen(waveform)), THRESHOLD)
        if [event.label for event in fired] == [GOLDEN_COMMAND] and np.abs(waveform).max() < 1:
            return waveform
    raise ValueError(f"no held-out {GOLDEN_COMMAND!r} fires")


if __name__ == "__main__":
    main()
