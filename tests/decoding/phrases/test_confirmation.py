"""How well a word fits a sound, held to the definition in float64, over all of its spellings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from earlet.arrays import AnyArray, Float64Array, FloatArray
from earlet.backends import TensorSpec
from earlet.decoding.phrases import confirmation
from earlet.decoding.phrases.grammar import Grammar
from earlet.decoding.phrases.prior import Prior
from earlet.decoding.phrases.spelling import Speller
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.features.waveform import Waveform, WaveformConfig

BOS, EOS = 0, 3
LETTERS = {char: i for i, char in enumerate("abcdeABCDE.,!?|", start=4)}
PADDED = 4_000 + 8_000 + 4_000  # samples: half a second, and what is put around it
SOUND = np.random.default_rng(0).standard_normal(8_000).astype(np.float32)


def encode(text: str) -> list[int]:
    """A token a character; a space goes with what follows it, as "|"."""
    return [LETTERS[char] for char in "|" + text.replace(" ", "|")]


def decode(tokens: Sequence[int]) -> str:
    characters = {i: char for char, i in LETTERS.items()}
    return "".join(characters[i] for i in tokens).replace("|", " ")


class Encoder:
    """One of the toy's sounds for what begins with silence, and another for noise."""

    def __init__(self, sound: FloatArray, noise: FloatArray) -> None:
        self.inputs = (TensorSpec("waveform", (1, None)),)
        self.outputs = (TensorSpec("cross.sound", (1, len(sound))),)
        self._sound = sound
        self._noise = noise
        self.heard: list[FloatArray] = []

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        waveform = np.asarray(feeds["waveform"][0], dtype=np.float32)
        if waveform[0]:
            return [self._noise[None]]
        self.heard.append(waveform)
        return [self._sound[None]]

    def bind(self, *_: object) -> Callable[[], None]:
        raise AssertionError("an encoder runs once")


def logprobs(weights: Mapping[str, FloatArray], sound: int, tokens: Sequence[int]) -> Float64Array:
    """Of what may follow `tokens`, (n_vocab,), by the recipe's definition of the network."""
    w = {name: np.asarray(array, dtype=np.float64) for name, array in weights.items()}
    nothing = len(w["last"]) - 1  # what stands before the first token
    before, earlier = ([nothing, nothing, *tokens][-k] for k in (2, 3))
    hidden = w["last"][tokens[-1]] + w["before"][before] + w["earlier"][earlier]
    hidden = hidden + w["place"][(len(tokens) - 1) % len(w["place"])] + w["sound"][sound]
    logits: Float64Array = hidden @ w["head"]
    return np.asarray(logits - np.log(np.exp(logits).sum()))


def spellings(word: str) -> Iterator[str]:
    for mark in ("", ".", ",", "!", "?"):
        yield from (word + mark, word.capitalize() + mark)


def expected(weights: Mapping[str, FloatArray], sound: int, noise: int, word: str) -> float:
    """Log-probability, less that of the best first token that is no end, less 0.7 of that in noise.

    In noise it counts that the text is not empty, and that it is no less probable than exp(-15).
    """

    def logprob(text: list[int], sound: int) -> float:
        steps = enumerate([*text, EOS])
        return sum(float(logprobs(weights, sound, [BOS, *text[:i]])[t]) for i, t in steps)

    heard = max((encode(way) for way in spellings(word)), key=lambda text: logprob(text, sound))
    first = float(np.delete(logprobs(weights, sound, [BOS]), EOS).max())
    not_empty = float(np.log1p(-np.exp(logprobs(weights, noise, [BOS])[EOS])))
    anyway = max(-15.0, logprob(heard, noise) - not_empty)
    return logprob(heard, sound) - first - 0.7 * anyway


class Network:
    """The toy as a network that hears one sound."""

    def __init__(
        self, toy: Any, sounds: FloatArray, sound: int = 0, noise: int = 1, min_samples: int = 1
    ) -> None:
        self.encoder = Encoder(sounds[sound], sounds[noise])
        config = Seq2SeqConfig(bos=BOS, eos=EOS, max_tokens=41, min_samples=min_samples)
        front_end = Waveform(WaveformConfig(sample_rate=16_000))
        self._seq2seq = Seq2Seq(config, front_end, self.encoder, toy.network)

    def score(self, waveform: FloatArray, word: str) -> float:
        grammar = Grammar([word], {}, Speller(encode, decode))
        return confirmation.score(self._seq2seq, waveform, grammar, Prior(self._seq2seq))


@pytest.mark.parametrize("word", ["ab", "bee", "d", "cab"])
@pytest.mark.parametrize(("sound", "noise"), [(0, 1), (1, 2), (2, 0)])
def test_the_score_is_that_of_the_definition(
    sound: int, noise: int, word: str, toy: Any, toy_weights: Mapping[str, FloatArray]
) -> None:
    score = Network(toy, toy_weights["sound"], sound, noise).score(SOUND, word)
    assert score == pytest.approx(expected(toy_weights, sound, noise, word), abs=1e-4)


def test_the_sound_is_encoded_once_loud_and_with_silence_around_it(
    toy: Any, toy_weights: Mapping[str, FloatArray]
) -> None:
    network = Network(toy, toy_weights["sound"])
    network.score(0.001 * SOUND, "ab")
    (heard,) = network.encoder.heard
    assert len(heard) == PADDED
    assert not heard[:4_000].any()
    assert not heard[-4_000:].any()
    np.testing.assert_allclose(heard[4_000:-4_000], SOUND * (0.95 / np.abs(SOUND).max()), rtol=1e-5)


def test_what_cannot_be_a_word_has_the_least_score(
    toy: Any, toy_weights: Mapping[str, FloatArray]
) -> None:
    network = Network(toy, toy_weights["sound"])
    silence = np.zeros(16_000, dtype=np.float32)
    assert network.score(silence, "ab") == confirmation.LEAST
    assert network.score(silence[:0], "ab") == confirmation.LEAST
    assert not network.encoder.heard
    assert network.score(SOUND, "abcde" * 10) == confirmation.LEAST  # more than can be written
    short = Network(toy, toy_weights["sound"], min_samples=PADDED + 1)
    assert short.score(SOUND, "ab") == confirmation.LEAST
    assert not short.encoder.heard
