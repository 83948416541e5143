"""Hold the int8 networks against the published ones: words, CPU time, memory; and step by step.

    python models/recipes/moonshine-tiny-en/compare.py --bundle models/moonshine-tiny-en

One thread. Every utterance is transcribed by all networks, one after the other and each of them
first in turn, so that the machine's other work falls on all alike. CPU time is of the process and
without the loading of networks and files; memory is the peak of a fresh process.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import onnx
from make import BOS, EOS, read_clips, rebuild
from memory import open_file
from published import FLOAT, INT8, fetch_tokenizer
from tokenizers import Tokenizer

from earlet.arrays import FloatArray
from earlet_quantize.graph import save
from earlet_quantize.measure.words import read_transcripts, word_error_rate
from earlet_quantize.networks.moonshine_int8 import (
    FLOAT_CONVOLUTIONS,
    INT8_CONVOLUTIONS,
    nodes_with,
    quantize_encoder,
)
from earlet_quantize.networks.stepwise import Merged, Network, Rebuilt, greedy
from earlet_quantize.passes.im2col import convolutions_as_products
from earlet_quantize.passes.row_scale import scale_rows
from earlet_quantize.schemes.dynamic import quantize_matmuls

FLOAT_NAME, BASELINE, BUNDLE = "published, float32", "published, int8", "the bundle"
SAMPLE_RATE = 16_000  # Hz
MAX_TOKENS_PER_SECOND, EXTRA_TOKENS = 6.5, 8  # as in manifest.yaml
MEMORY_CLIPS = 10
NOISE = np.float32(1e-7)  # of full scale: a bit or two of float32
MEMORY = Path(__file__).with_name("memory.py")


class Pair(NamedTuple):
    """Two networks as files, as a device would load them."""

    kind: type[Merged] | type[Rebuilt]
    encoder: Path
    decoder: Path
    tokenizer: Tokenizer

    def open(self) -> Network:
        """The networks, ready."""
        return self.kind(open_file(self.encoder), open_file(self.decoder))

    def megabytes(self) -> float:
        """The size of both files."""
        return (self.encoder.stat().st_size + self.decoder.stat().st_size) / 1e6

    def peak_memory_mb(self, clips: list[Path]) -> float:
        """The peak resident set of a fresh process that transcribes some clips."""
        command = [sys.executable, MEMORY, self.kind.__name__, self.encoder, self.decoder, *clips]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print a table with a row for each pair of networks."""
    arguments = parse_arguments()
    speech = arguments.data / "speech"
    folder = speech / "librispeech-test-other"
    references = read_transcripts(folder / "transcripts.tsv")
    clips = {path.removesuffix(".flac"): clip for path, clip in read_clips(folder).items()}
    memory_clips = [folder / f"{utterance}.flac" for utterance in list(clips)[:MEMORY_CLIPS]]
    tokenizer = Tokenizer.from_file(str(arguments.bundle / "tokenizer.json"))
    with TemporaryDirectory() as scratch:
        if arguments.published:
            pairs = {BASELINE: Pair(Merged, *arguments.published, tokenizer)}
        else:
            pairs = write_published(Path(scratch), arguments.cache)
        if arguments.steps and not arguments.published:
            calibration = list(read_clips(speech / "calibration").values())
            pairs |= write_steps(Path(scratch), pairs[FLOAT_NAME], calibration)
        pairs[BUNDLE] = Pair(
            Rebuilt,
            arguments.bundle / "encoder.int8.onnx",
            arguments.bundle / "decoder.int8.onnx",
            tokenizer,
        )
        texts, cpu_s = transcribe_all(pairs, clips)
        audio_s = sum(map(len, clips.values())) / SAMPLE_RATE
        print(f"{len(clips)} utterances, {audio_s:.0f} s")
        print(
            f"{'networks':24} {'WER':>6} {'same':>5} {'CPU s/s':>8} {'ratio (95 %)':>20}", end=" "
        )
        print(f"{'RSS MB':>7} {'MB':>6}")
        first = texts[next(iter(pairs))]
        for name, pair in pairs.items():
            rate = word_error_rate(references, texts[name])
            same = sum(texts[name][utterance] == first[utterance] for utterance in clips)
            print(f"{name:24} {rate:6.2f} {same:5} {cpu_s[name].sum() / audio_s:8.4f}", end=" ")
            print(f"{ratio_with_interval(cpu_s[name], cpu_s[BASELINE]):>20}", end=" ")
            print(f"{pair.peak_memory_mb(memory_clips):7.0f} {pair.megabytes():6.1f}")
        print_rates_with_noise(pairs, clips, references, arguments.noise)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=Path("models/moonshine-tiny-en"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--steps", action="store_true", help="every step on the way, too")
    parser.add_argument("--noise", type=int, default=0, help="also so many times with noise")
    parser.add_argument(
        "--published",
        nargs=2,
        type=Path,
        metavar=("ENCODER", "DECODER"),
        help="int8 networks to hold the bundle of another Moonshine against",
    )
    return parser.parse_args()


def write_published(scratch: Path, cache: Path) -> dict[str, Pair]:
    """The published networks, float and int8."""
    tokenizer = Tokenizer.from_str(fetch_tokenizer(cache)[0].decode())
    pairs = {}
    for name, networks in ((FLOAT_NAME, FLOAT), (BASELINE, INT8)):
        paths = [scratch / f"{half}.{name}.onnx" for half in ("encoder", "decoder")]
        for path, content in zip(paths, networks.fetch(cache), strict=True):
            path.write_bytes(content)
        pairs[name] = Pair(Merged, *paths, tokenizer)
    return pairs


def write_steps(scratch: Path, published: Pair, calibration: list[FloatArray]) -> dict[str, Pair]:
    """What each pass makes of the networks, one after the other."""
    models = rebuild(published.encoder.read_bytes(), published.decoder.read_bytes())
    pairs = {}
    for name, encoder_pass, decoder_pass in (
        ("rebuilt, float32", _nothing, _nothing),
        ("+ products in int8", quantize_matmuls, quantize_matmuls),
        ("+ convolutions in int8", _with_convolutions, quantize_matmuls),
        ("+ rows of one size", _with_rows, quantize_matmuls),
        ("+ smoothing", lambda m: quantize_encoder(m, calibration), quantize_matmuls),
    ):
        paths = [scratch / f"{half}.{name}.onnx" for half in ("encoder", "decoder")]
        for path, model, change in zip(paths, models, (encoder_pass, decoder_pass), strict=True):
            changed = onnx.ModelProto()
            changed.CopyFrom(model)
            change(changed)
            save(changed, path)
        pairs[name] = Pair(Rebuilt, *paths, published.tokenizer)
    return pairs


def _nothing(_: onnx.ModelProto) -> None:
    pass


def _with_convolutions(encoder: onnx.ModelProto) -> None:
    convolutions_as_products(encoder)
    quantize_matmuls(encoder, exclude=nodes_with(encoder, *FLOAT_CONVOLUTIONS))


def _with_rows(encoder: onnx.ModelProto) -> None:
    convolutions_as_products(encoder)
    scale_rows(encoder, nodes_with(encoder, *INT8_CONVOLUTIONS))
    quantize_matmuls(encoder, exclude=nodes_with(encoder, *FLOAT_CONVOLUTIONS))


def transcribe_all(
    pairs: dict[str, Pair], clips: dict[str, FloatArray]
) -> tuple[dict[str, dict[str, str]], dict[str, FloatArray]]:
    """The text of every utterance, and CPU seconds (n_utterances,), by the networks' name."""
    networks = {name: pair.open() for name, pair in pairs.items()}
    names = list(networks)
    texts: dict[str, dict[str, str]] = {name: {} for name in names}
    cpu_s = {name: np.zeros(len(clips), dtype=np.float32) for name in names}
    for i, (utterance, waveform) in enumerate(clips.items()):
        limit = int(len(waveform) / SAMPLE_RATE * MAX_TOKENS_PER_SECOND) + EXTRA_TOKENS
        for name in names[i % len(names) :] + names[: i % len(names)]:
            start = time.process_time()
            tokens = greedy(networks[name], waveform, bos=BOS, eos=EOS, max_tokens=limit)
            cpu_s[name][i] = time.process_time() - start
            texts[name][utterance] = pairs[name].tokenizer.decode(tokens)
    return texts, cpu_s


def print_rates_with_noise(
    pairs: dict[str, Pair], clips: dict[str, FloatArray], references: dict[str, str], runs: int
) -> None:
    """How far the word error rates move when the sound changes by less than can be heard."""
    rng = np.random.default_rng(0)
    rates: dict[str, list[float]] = {name: [] for name in pairs}
    for _ in range(runs):
        noisy = {u: x + NOISE * rng.standard_normal(len(x), np.float32) for u, x in clips.items()}
        texts, _ = transcribe_all(pairs, noisy)
        for name, found in rates.items():
            found.append(word_error_rate(references, texts[name]))
    for name, found in rates.items():
        if found:
            low, mean, high = min(found), float(np.mean(found)), max(found)
            print(f"{name:24} WER with noise: mean {mean:.2f}, {low:.2f} to {high:.2f}")


def ratio_with_interval(times: FloatArray, baseline: FloatArray) -> str:
    """Of two total times, with a 95 % interval over utterances drawn with replacement."""
    draws = np.random.default_rng(0).integers(len(times), size=(10_000, len(times)))
    ratios = times[draws].sum(axis=1) / baseline[draws].sum(axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return f"{times.sum() / baseline.sum():.3f} ({low:.3f}-{high:.3f})"


if __name__ == "__main__":
    main()
