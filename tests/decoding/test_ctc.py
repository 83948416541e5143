"""CTC paths: what they spell and when, held to transformers and to all paths there are."""

import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from transformers import Wav2Vec2CTCTokenizer

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import TensorSpec
from earlet.decoding.ctc import Ctc, CtcConfig, align, spell
from earlet.errors import BundleError, InputError
from earlet.features.waveform import Waveform, WaveformConfig

FEATURES = Waveform(WaveformConfig(sample_rate=1_000))


class Network:
    """One output a ten samples; the sample tells which token is best."""

    inputs = (TensorSpec("waveform", (1, None)),)
    outputs = (TensorSpec("logits", (1, None, 4)),)

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        best = feeds["waveform"][0, ::10].astype(int)
        return [np.eye(4, dtype=np.float32)[best][None]]

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        raise AssertionError(f"a CTC network runs once: {inputs} {outputs}")


def random_logprobs(seed: int, n_outputs: int, n_vocab: int) -> FloatArray:
    probabilities = np.random.default_rng(seed).dirichlet(np.full(n_vocab, 0.5), n_outputs)
    return np.log(np.maximum(probabilities, 1e-12)).astype(np.float32)


@pytest.mark.parametrize(
    ("path", "tokens"),
    [
        ([], []),
        ([0, 0], []),
        ([1, 1, 0, 1, 2, 2], [1, 1, 2]),  # Graves et al., section 3.1: B(aa-abb) = aab
        ([0, 3, 3, 3, 0], [3]),
        ([2, 1, 2], [2, 1, 2]),
    ],
)
def test_repeats_are_merged_and_then_blanks_left_out(path: list[int], tokens: list[int]) -> None:
    assert [token for token, _, _ in spell(path, blank=0)] == tokens


@pytest.mark.parametrize("seed", range(20))
def test_tokens_stand_where_transformers_sees_them(seed: int, tmp_path: Path) -> None:
    pieces = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCD"]
    (tmp_path / "vocab.json").write_text(json.dumps({p: i for i, p in enumerate(pieces)}))
    theirs = Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"))
    path = np.random.default_rng(seed).choice([0, 4, 5, 6, 7, 8], 60).tolist()
    offsets = theirs.decode(path, output_char_offsets=True)["char_offsets"]
    assert [(pieces[token].replace("|", " "), *times) for token, *times in spell(path, 0)] == [
        (offset["char"], offset["start_offset"], offset["end_offset"]) for offset in offsets
    ]


@pytest.mark.parametrize("seed", range(3))
def test_no_path_that_spells_the_text_is_likelier_than_the_aligned_one(seed: int) -> None:
    logprobs = random_logprobs(seed, n_outputs=6, n_vocab=4)

    def score(path: tuple[int, ...]) -> float:
        return float(logprobs[np.arange(len(path)), path].sum())

    best: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(4), repeat=len(logprobs)):
        text = tuple(token for token, _, _ in spell(path, blank=2))
        best[text] = max(best.get(text, -np.inf), score(path))
    assert len(best) > 300
    for text, expected in best.items():
        aligned = align(logprobs, text, blank=2)
        assert tuple(token for token, _, _ in spell(aligned, blank=2)) == text
        assert score(tuple(aligned)) == pytest.approx(expected, abs=1e-5)


def test_nothing_is_aligned_with_nothing() -> None:
    assert align(np.empty((0, 4), dtype=np.float32), [], blank=0) == []


def test_a_waveform_becomes_the_log_probabilities_of_its_outputs() -> None:
    ctc = Ctc(CtcConfig(blank=0, min_samples=10), FEATURES, Network())
    waveform = np.repeat(np.array([1, 3], dtype=np.float32), 10)
    best, other = 1 - np.log(np.e + 3), -np.log(np.e + 3)
    expected = [[other, best, other, other], [other, other, other, best]]
    np.testing.assert_allclose(ctc.logprobs(waveform), expected, atol=1e-6)
    assert ctc.logprobs(waveform[:9]).shape == (0, 4)


def test_a_blank_beyond_the_vocabulary_is_refused() -> None:
    with pytest.raises(BundleError, match="expected more than 4 tokens, got 4"):
        Ctc(CtcConfig(blank=4, min_samples=10), FEATURES, Network())
    with pytest.raises(InputError, match="blank"):
        CtcConfig(blank=-1, min_samples=10)
