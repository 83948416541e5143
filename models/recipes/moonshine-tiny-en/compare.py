"""Hold the int8 networks against the float ones: word error rate, CPU time, memory.

    python models/recipes/moonshine-tiny-en/compare.py --bundle models/moonshine-tiny-en

One thread. Every utterance is transcribed by all networks, one after the other and each of them
first in turn, so that the machine's other work falls on all alike. CPU time is of the process and
without the loading of networks and files; memory is the peak of a fresh process.
"""

import argparse
import multiprocessing
import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from decoding import SAMPLE_RATE, FloatArray, Network, Published, Rebuilt, greedy, read_clip
from evaluate import read_transcripts, word_error_rate
from network import decoder, encoder
from published import fetch_networks, read_weights
from tokenizers import Tokenizer

from earlet_quantize.graph import save

Files = tuple[type[Published] | type[Rebuilt], Path, Path]

BASELINE = "published float32"
MEMORY_CLIPS = 10


def main() -> None:
    """Print a table with a row for each pair of networks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=Path("models/moonshine-tiny-en"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    folder = arguments.data / "speech" / "librispeech-test-other"
    references = read_transcripts(folder / "transcripts.tsv")
    clips = {utterance: read_clip(folder / f"{utterance}.flac") for utterance in references}
    tokenizer = Tokenizer.from_file(str(arguments.bundle / "tokenizer.json"))
    with TemporaryDirectory() as scratch:
        variants = write_variants(Path(scratch), arguments.cache, arguments.bundle)
        ids, cpu_s = transcribe_all(variants, clips)
        memory = {name: peak_memory_mb(files, clips) for name, files in variants.items()}

    audio_s = sum(map(len, clips.values())) / SAMPLE_RATE
    print(f"{len(clips)} utterances, {audio_s:.0f} s")
    print(f"{'networks':20} {'WER':>6} {'CPU s/s':>8} {'ratio (95 %)':>20} {'same':>5} {'MB':>5}")
    for name in variants:
        rate = word_error_rate(
            references, {u: tokenizer.decode(tokens) for u, tokens in ids[name].items()}
        )
        same = sum(ids[name][u] == ids[BASELINE][u] for u in clips)
        total_s = cpu_s[name].sum()
        low, high = bootstrap_ratio(cpu_s[name], cpu_s[BASELINE])
        ratio = f"{total_s / cpu_s[BASELINE].sum():.3f} ({low:.3f}-{high:.3f})"
        print(f"{name:20} {rate:6.2f} {total_s / audio_s:8.4f} {ratio:>20} {same:5}", end=" ")
        print(f"{memory[name]:5.0f}")


def write_variants(scratch: Path, cache: Path, bundle: Path) -> dict[str, Files]:
    """All networks as files, as a device would load them."""
    published = fetch_networks(cache)
    weights = read_weights(*published)
    for name, content in zip(("encoder", "decoder"), published, strict=True):
        (scratch / f"{name}.published.onnx").write_bytes(content)
    save(encoder(weights), scratch / "encoder.float.onnx")
    save(decoder(weights), scratch / "decoder.float.onnx")

    def pair(folder: Path, suffix: str) -> tuple[Path, Path]:
        return folder / f"encoder.{suffix}.onnx", folder / f"decoder.{suffix}.onnx"

    return {
        BASELINE: (Published, *pair(scratch, "published")),
        "rebuilt float32": (Rebuilt, *pair(scratch, "float")),
        "rebuilt int8": (Rebuilt, *pair(bundle, "int8")),
    }


def transcribe_all(
    variants: dict[str, Files], clips: dict[str, FloatArray]
) -> tuple[dict[str, dict[str, list[int]]], dict[str, FloatArray]]:
    """Tokens of every utterance, and CPU seconds (n_utterances,), by the networks' name."""
    networks: dict[str, Network] = {name: kind(*files) for name, (kind, *files) in variants.items()}
    names = list(networks)
    ids: dict[str, dict[str, list[int]]] = {name: {} for name in names}
    cpu_s = {name: np.zeros(len(clips), dtype=np.float32) for name in names}
    for i, (utterance, waveform) in enumerate(clips.items()):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            start = time.process_time()
            ids[name][utterance] = greedy(networks[name], waveform)
            cpu_s[name][i] = time.process_time() - start
    return ids, cpu_s


def bootstrap_ratio(times: FloatArray, baseline: FloatArray) -> tuple[float, float]:
    """A 95 % interval for the ratio of two total times, over utterances drawn with replacement."""
    draws = np.random.default_rng(0).integers(len(times), size=(10_000, len(times)))
    ratios = times[draws].sum(axis=1) / baseline[draws].sum(axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)


def peak_memory_mb(files: Files, clips: dict[str, FloatArray]) -> float:
    """The peak resident set of a fresh process that transcribes some clips (Linux)."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_transcribe_and_weigh, (files, list(clips.values())[:MEMORY_CLIPS]))


def _transcribe_and_weigh(files: Files, clips: list[FloatArray]) -> float:
    kind, *paths = files
    network = kind(*paths)
    for clip in clips:
        greedy(network, clip)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    if peak is None:
        raise RuntimeError("/proc/self/status has no VmHWM: peak memory is measured on Linux only")
    return int(peak[1]) / 1024


if __name__ == "__main__":
    main()
