"""From the data folder to the bundle, in one command.

    PYTHONPATH=runtime:quantize python models/recipes/commands-en/make.py

It begins with the trained weights beside it, weights.npz. `--train` trains them further, for half
an hour on one core, and leaves what comes of it in the build folder, for `--weights`.
"""

import argparse
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from data import COMMANDS, FRONT_END, LABELS, HeldOutData, load_held_out, load_training
from evaluate import Evaluation, Heard, Listener, Point, SecondStage, Setting, detector, evaluate
from export import to_int8, to_onnx
from report import KITCHEN, alarms, at, noisy, plot, write_card
from streams import Spoken
from train import STEPS, load, train
from words import active_rms, find_word, seconds

import earlet
from earlet.arrays import FloatArray
from earlet.streaming.spotter import ConfirmWindow
from earlet.tasks.confirmation import Confirmer
from earlet_quantize.pack import pack

NAME = "commands-en"
# Where these lie on the measured curves, the card tells.
ALONE = Setting(0.9)  # of every command
CONFIRM = ConfirmWindow(threshold=0.65, score=0.0, before_ms=1_150, after_ms=250)
CONFIRMED = Setting(CONFIRM.threshold, CONFIRM.score)  # where a second stage decides
SECOND_STAGE = "moonshine-tiny-en"
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.8, 0.9, 0.925, 0.95, 0.97, 0.98)
SCORES = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
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
    parser.add_argument("--train", action="store_true", help="go on training from them first")
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
        train(data, build, arguments.steps, arguments.seed, start=weights)
        weights = build / "network.npz"
    float_path, int8_path = build / "network.onnx", files / "network.int8.onnx"
    to_onnx(load(weights), float_path)
    to_int8(float_path, int8_path, load_training(data))

    held_out = load_held_out(data)
    alone = [Setting(threshold) for threshold in THRESHOLDS]
    confirmed = [Setting(threshold, CONFIRM.score) for threshold in THRESHOLDS[:7]]
    confirmed += [Setting(CONFIRM.threshold, score) for score in SCORES if score != CONFIRM.score]
    recogniser = earlet.pipeline("automatic-speech-recognition", SECOND_STAGE)
    second = SecondStage(Confirmer(recogniser), CONFIRM)
    float32 = evaluate(float_path, held_out, alone)
    int8 = evaluate(int8_path, held_out, [*alone, *confirmed], second)
    float32.save(build / "evaluation.float.json")
    int8.save(build / "evaluation.int8.json")
    write_card(files / "README.md", int8, float32, ALONE, CONFIRMED)
    plot(files / "det.png", int8, ALONE, CONFIRMED)
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
        "version": "1.1.0",
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
        "streaming": asdict(detector(ALONE.threshold, CONFIRM)),
        "quantization": {
            "scheme": "static-qdq",
            "per_channel": True,
            "activations": "uint8",
            "weights": "int8; the last layer float",
            "calibration": "240 segments of the training data, 5 s each, with noise",
            "float_sha256": hashlib.sha256(float_path.read_bytes()).hexdigest(),
        },
        "evaluation": _measurements(float32, int8),
    }


def _measurements(float32: Evaluation, int8: Evaluation) -> list[dict[str, object]]:
    hours = sum(int8.hours.values())
    speakers = "Speech Commands, speakers of val"
    rows: list[tuple[str, str, str, Callable[[Point], float]]] = [
        (speakers, f"{int8.n_commands} commands", "missed", lambda p: p.missed["clean"]),
        (
            f"{speakers}, {KITCHEN} at 10 dB",
            f"{int8.n_commands} commands",
            "missed",
            lambda p: p.missed[KITCHEN],
        ),
        (
            f"{speakers}, mean of 6 noises at 10 dB",
            f"{int8.n_commands} commands",
            "missed",
            noisy,
        ),
        (
            ", ".join(int8.hours),
            f"{hours:.2f} hours",
            "false alarms per hour",
            lambda p: alarms(p) / hours,
        ),
    ]
    return [
        {
            "dataset": dataset,
            "n": n,
            "metric": f"{metric} at threshold {ALONE.threshold:g}",
            "float": round(value(at(float32, ALONE)), 4),
            "int8": round(value(at(int8, ALONE)), 4),
        }
        for dataset, n, metric, value in rows
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
        fired = Heard(Spoken(waveform), listen).events(ALONE)
        if [event.label for event in fired] == [GOLDEN_COMMAND] and np.abs(waveform).max() < 1:
            return waveform
    raise ValueError(f"no held-out {GOLDEN_COMMAND!r} fires")


if __name__ == "__main__":
    main()
