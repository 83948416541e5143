"""Which heads of the decoder's cross-attention follow the sound, so that words are timed by them.

    python models/recipes/moonshine-tiny-en/heads.py --whisper models/whisper-tiny-en
    python models/recipes/moonshine-tiny-en/heads.py --base ENCODER DECODER ...

Every head alone, and every two of a layer, which cost a step one small copy, are held to words of
which it is known where they begin; the share of words that begin more than 0.1 s off is printed:

    commands   clips of Speech Commands' train split, one after the other: known to the sample
    speech     the calibration set, by a bundle of Whisper, whose heads are published

`quantize/earlet_quantize/networks/moonshine.py` has the best two of both together.
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import soundfile
from make import BOS
from published import FLOAT, fetch_tokenizer

import earlet
from earlet import tokenizers
from earlet.arrays import FloatArray
from earlet.backends import open_session
from earlet.decoding import alignment
from earlet.decoding.generation.decoder import Decoder, DecoderGraph
from earlet.tokenizers.tokenizer import Tokenizer
from earlet_quantize.networks import moonshine
from earlet_quantize.networks.encoder_decoder import Head
from earlet_quantize.networks.moonshine_weights import from_onnx

SAMPLE_RATE = 16_000  # Hz
OFF_S = 0.1  # a word that begins farther from where it should is counted
N_COMMANDS, N_RECORDINGS = 6, 60  # in a recording, and of these
BEST = 15  # printed
HOP = 160  # samples, 10 ms
SPOKEN_DB, QUIET_DB = -30.0, -38.0  # of a clip's loudest 10 ms: the word; what is around it
LEVEL = 0.3  # of each clip's largest sample


class Recording(NamedTuple):
    """What is said, and when each of its words begins, in seconds."""

    waveform: FloatArray
    text: str
    starts: list[float]


def main() -> None:
    """Print the best heads, and pairs of heads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--whisper", default="whisper-tiny-en", help="a bundle's name or path")
    parser.add_argument("--base", nargs=2, type=Path, help="Moonshine base as it is published")
    arguments = parser.parse_args()
    paths: Sequence[Path] | None = arguments.base
    config = moonshine.BASE if paths else moonshine.TINY
    networks = [path.read_bytes() for path in paths] if paths else FLOAT.fetch(arguments.cache)
    heads = [Head(i, j) for i in range(config.decoder_layers) for j in range(config.n_heads)]
    tokenizer = tokenizers.from_json(fetch_tokenizer(arguments.cache)[0].decode(), "tokenizer.json")
    listener = Listener(config, networks, heads, tokenizer)
    sets = [
        [listener.listen(recording) for recording in recordings]
        for recordings in (
            islice(commands(arguments.data / "commands" / "gsc-subset"), N_RECORDINGS),
            speech(arguments.data / "speech" / "calibration", arguments.whisper),
        )
    ]
    pairs = [(a, b) for a, b in combinations(heads, 2) if a.layer == b.layer]
    shares = {}
    for chosen in (*((head,) for head in heads), *pairs):
        at = [heads.index(head) for head in chosen]
        shares[chosen] = [float(np.mean(np.concatenate([h.off(at) for h in s]))) for s in sets]
    print(" off: commands   speech   layer.head")
    for chosen in sorted(shares, key=lambda chosen: sum(shares[chosen]))[:BEST]:
        names = " ".join(f"{head.layer}.{head.head}" for head in chosen)
        print("".join(f"{share:13.1%}" for share in shares[chosen]), f"  {names}")


class Heard(NamedTuple):
    """A recording and what all heads attended to when its text was written."""

    recording: Recording
    tokens: list[int]
    attention: FloatArray  # (n_heads, n_tokens + 1, n_frames)
    tokenizer: Tokenizer

    def off(self, heads: Sequence[int]) -> list[bool]:
        """Of each word, whether some of the heads let it begin more than OFF_S off."""
        waveform = self.recording.waveform
        words = alignment.words(
            self.tokens,
            self.attention[heads],
            self.tokenizer.decode,
            waveform=waveform,
            sample_rate=SAMPLE_RATE,
            seconds_per_frame=len(waveform) / SAMPLE_RATE / self.attention.shape[2],
        )
        pairs = zip(words, self.recording.starts, strict=True)
        return [abs(word.start_s - start_s) > OFF_S for word, start_s in pairs]


class Listener:
    """A network that is told the text."""

    def __init__(
        self,
        config: moonshine.MoonshineConfig,
        networks: Sequence[bytes],
        heads: Sequence[Head],
        tokenizer: Tokenizer,
    ) -> None:
        weights = from_onnx(config, *map(onnx.load_model_from_string, networks))
        halves = moonshine.encoder(config, weights), moonshine.decoder(config, weights, heads)
        self._encoder, decoder = (
            open_session(half.SerializeToString(), half.graph.name, "onnxruntime")
            for half in halves
        )
        self._cross = [spec.name for spec in self._encoder.outputs]
        self._graph = DecoderGraph(decoder, self._cross)
        self._tokenizer = tokenizer

    def listen(self, recording: Recording) -> Heard:
        """What all heads attend to."""
        encoded = self._encoder.run({"waveform": recording.waveform[None]})
        decoder = Decoder(self._graph, dict(zip(self._cross, encoded, strict=True)), 1)
        tokens = self._tokenizer.ids(recording.text)
        return Heard(recording, tokens, decoder.attention([BOS, *tokens]), self._tokenizer)


def speech(folder: Path, whisper: str) -> Iterator[Recording]:
    """Recordings of sentences, as a bundle of Whisper hears them."""
    recognise = earlet.pipeline("automatic-speech-recognition", whisper)
    for path in sorted(folder.glob("*.flac")):
        chunks = recognise(path, return_timestamps="word").chunks or ()
        waveform, _ = soundfile.read(path, dtype="float32")
        text = " ".join(chunk.text for chunk in chunks)
        yield Recording(waveform, text, [chunk.timestamp[0] for chunk in chunks])


def commands(folder: Path) -> Iterator[Recording]:
    """Recordings of single words with up to half a second between the clips, in any order."""
    rng = np.random.default_rng(0)
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    rng.shuffle(rows)
    clips = ((row["word"], clip) for row in rows if (clip := _clip(folder / row["path"])))
    while several := list(islice(clips, N_COMMANDS)):
        parts: list[FloatArray] = []
        starts = []
        for _, (waveform, start) in several:
            noise = rng.normal(size=rng.integers(SAMPLE_RATE // 2)) * 1e-4
            starts.append((sum(map(len, parts)) + len(noise) + start) / SAMPLE_RATE)
            parts += [noise.astype(np.float32), waveform]
        text = " ".join(word for word, _ in several).capitalize()
        yield Recording(np.concatenate(parts), f"{text}.", starts)


def _clip(path: Path) -> tuple[FloatArray, int] | None:
    """A clip and the sample where its word begins; None where noise hides that."""
    waveform, _ = soundfile.read(path, dtype="float32")
    power = np.square(waveform[: len(waveform) // HOP * HOP]).reshape(-1, HOP).mean(axis=1)
    level = 10 * np.log10(power / power.max() + 1e-12)
    spoken = np.flatnonzero(level > SPOKEN_DB)
    around = np.concatenate([level[: max(spoken[0] - 3, 0)], level[spoken[-1] + 4 :]])
    if len(around) < 10 or np.percentile(around, 90) > QUIET_DB:
        return None
    return waveform / np.abs(waveform).max() * LEVEL, int(spoken[0]) * HOP


if __name__ == "__main__":
    main()
