"""Hold the int8 networks against the published ones: words, CPU time, memory; and step by step.

    python models/recipes/moonshine-tiny-en/compare.py --bundle models/moonshine-tiny-en

One thread, greedy, the same loop around all networks.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml

from earlet import tokenizers
from earlet.arrays import FloatArray
from earlet.backends import open_session
from earlet_quantize.measure.recognisers import (
    Recognise,
    Recogniser,
    compare,
    rates_with_noise,
    table,
)
from earlet_quantize.measure.words import read_transcripts
from earlet_quantize.networks.stepwise import Merged, Rebuilt, greedy

# Heavy modules are imported where they are used: the processes whose memory is measured import this
# file, too.
FLOAT_NAME, BASELINE, BUNDLE = "published, float32", "published, int8", "the bundle"
SAMPLE_RATE = 16_000  # Hz
MANIFEST = Path(__file__).with_name("manifest.yaml")


def main() -> None:
    """Print a table with a row for each pair of networks."""
    from make import read_clips

    arguments = parse_arguments()
    folder = arguments.data / "speech" / "librispeech-test-other"
    references = read_transcripts(folder / "transcripts.tsv")
    clips = {path.removesuffix(".flac"): clip for path, clip in read_clips(folder).items()}
    audio_s = sum(map(len, clips.values())) / SAMPLE_RATE
    with TemporaryDirectory() as scratch:
        recognisers = dict(pairs(Path(scratch), arguments))
        print(f"{len(clips)} utterances, {audio_s:.0f} s")
        outcomes = list(compare(recognisers, clips, references, baseline=BASELINE))
        print(table(outcomes, audio_s))
        if arguments.noise:
            print_spreads(rates_with_noise(recognisers, clips, references, arguments.noise))


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=Path("models/moonshine-tiny-en"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--noise", type=int, default=0, help="also so many times with noise")
    others = parser.add_mutually_exclusive_group()
    others.add_argument("--steps", action="store_true", help="every step on the way, too")
    others.add_argument(
        "--published",
        nargs=2,
        type=Path,
        metavar=("ENCODER", "DECODER"),
        help="int8 networks to hold the bundle of another Moonshine against",
    )
    return parser.parse_args()


def pairs(scratch: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, Recogniser]]:
    """The networks to compare, by name; those that are no files yet are written into `scratch`."""
    tokenizer = arguments.bundle / "tokenizer.json"
    if arguments.published:
        yield BASELINE, pair(Merged, arguments.published, tokenizer)
    else:
        yield from write_published(scratch, arguments)
    ours = [arguments.bundle / f"{half}.int8.onnx" for half in ("encoder", "decoder")]
    yield BUNDLE, pair(Rebuilt, ours, tokenizer)


def write_published(
    scratch: Path, arguments: argparse.Namespace
) -> Iterator[tuple[str, Recogniser]]:
    """The published networks, float and int8, and where asked for every step of ours."""
    from published import FLOAT, INT8, fetch_tokenizer

    tokenizer = scratch / "tokenizer.json"
    tokenizer.write_bytes(fetch_tokenizer(arguments.cache)[0])
    for name, networks in ((FLOAT_NAME, FLOAT), (BASELINE, INT8)):
        paths = [scratch / f"{half}.{name}.onnx" for half in ("encoder", "decoder")]
        for path, content in zip(paths, networks.fetch(arguments.cache), strict=True):
            path.write_bytes(content)
        yield name, pair(Merged, paths, tokenizer)
    if arguments.steps:
        from steps import write_steps

        calibration = arguments.data / "speech" / "calibration"
        for name, paths in write_steps(scratch, FLOAT.fetch(arguments.cache), calibration):
            yield name, pair(Rebuilt, paths, tokenizer)


def pair(
    kind: type[Merged] | type[Rebuilt], networks: Sequence[Path], tokenizer: Path
) -> Recogniser:
    """An encoder and a decoder as a recogniser."""
    return Recogniser(partial(load, kind, networks, tokenizer), networks)


def load(
    kind: type[Merged] | type[Rebuilt], networks: Sequence[Path], tokenizer: Path
) -> Recognise:
    """The networks, ready, with the limits that the bundle has."""
    network = kind(*(open_session(p.read_bytes(), p.name, "onnxruntime") for p in networks))
    words = tokenizers.detokenizer_from_json(tokenizer.read_text("utf-8"), str(tokenizer))
    ids = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["decoding"]

    def recognise(clip: FloatArray) -> str:
        limit = int(len(clip) / SAMPLE_RATE * ids["max_tokens_per_second"]) + ids["extra_tokens"]
        return words.decode(greedy(network, clip, bos=ids["bos"], eos=ids["eos"], max_tokens=limit))

    return recognise


def print_spreads(rates: Mapping[str, list[float]]) -> None:
    """How far the word error rates move."""
    for name, found in rates.items():
        low, mean, high = min(found), float(np.mean(found)), max(found)
        print(f"{name:24} WER with noise: mean {mean:.2f}, {low:.2f} to {high:.2f}")


if __name__ == "__main__":
    main()
