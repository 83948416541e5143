"""Prefix beam search, held to the sum over all paths there are."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from earlet.arrays import FloatArray
from earlet.decoding.ctc_beam import beam_search
from earlet.errors import InputError

BLANK = 1
WIDE = 5_000  # more hypotheses than there are texts
N_OUTPUTS, N_VOCAB = 6, 4
Text = tuple[int, ...]


def random_logprobs(seed: int, n_outputs: int, n_vocab: int) -> FloatArray:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(n_vocab), n_outputs)
    return np.log(np.maximum(probabilities, 1e-12)).astype(np.float32)


def spelled(path: Sequence[int]) -> Text:
    return tuple(token for token, _ in itertools.groupby(path) if token != BLANK)


def all_texts(logprobs: FloatArray) -> dict[Text, float]:
    """Every text with the probability of all paths that spell it."""
    texts: dict[Text, float] = {}
    probabilities = np.exp(logprobs.astype(np.float64))
    for path in itertools.product(range(logprobs.shape[1]), repeat=len(logprobs)):
        product = float(np.prod(probabilities[np.arange(len(path)), path]))
        texts[spelled(path)] = texts.get(spelled(path), 0.0) + product
    return texts


def prefixes() -> Iterator[Text]:
    for length in range(4):
        yield from itertools.product([0, 2, 3], repeat=length)


def test_the_likeliest_text_need_not_be_that_of_the_likeliest_path() -> None:
    # "a" is spelled by (a, blank), (blank, a) and (a, a): 0.64, against 0.36 for no text.
    logprobs = np.log(np.array([[0.4, 0.6], [0.4, 0.6]], dtype=np.float32))
    text, logprob = beam_search(logprobs, BLANK, num_beams=2)
    assert text == (0,)
    assert logprob == pytest.approx(np.log(0.64), abs=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_a_wide_beam_finds_the_likeliest_of_all_texts(seed: int) -> None:
    logprobs = random_logprobs(seed, N_OUTPUTS, N_VOCAB)
    texts = all_texts(logprobs)
    best = max(texts, key=texts.__getitem__)
    text, logprob = beam_search(logprobs, BLANK, WIDE)
    assert text == best
    assert logprob == pytest.approx(np.log(texts[best]), abs=1e-5)


@pytest.mark.parametrize("seed", range(2))
def test_a_prefix_leaves_the_likeliest_of_the_texts_that_begin_with_it(seed: int) -> None:
    logprobs = random_logprobs(seed, N_OUTPUTS, N_VOCAB)
    texts = all_texts(logprobs)
    for prefix in prefixes():
        fitting = {text: p for text, p in texts.items() if text[: len(prefix)] == prefix}
        best = max(fitting, key=fitting.__getitem__)
        text, logprob = beam_search(logprobs, BLANK, WIDE, prefix)
        assert text == best
        assert logprob == pytest.approx(np.log(fitting[best]), abs=1e-5)


@pytest.mark.parametrize("seed", range(30))
def test_a_narrow_beam_never_contradicts_the_prefix(seed: int) -> None:
    logprobs = random_logprobs(seed, n_outputs=20, n_vocab=6)
    prefix = tuple(np.random.default_rng(seed).choice([0, 2, 3, 4, 5], seed % 10))
    text, _ = beam_search(logprobs, BLANK, num_beams=1 + seed % 2, prefix=prefix)
    assert text[: len(prefix)] == prefix


def word_of_two(logits: FloatArray, written: Sequence[int]) -> None:
    """A bonus for 2 and for a 3 after it; where none follows the first is taken back."""
    if written and written[-1] == 2:
        logits -= 1.5
        logits[3] += 3
    logits[2] += 1.5


@pytest.mark.parametrize("seed", range(5))
def test_a_rule_changes_each_token_once_however_long_it_lasts_and_the_end(seed: int) -> None:
    def change(text: Text) -> float:
        """By the rule alone; the end is the blank."""
        total = 0.0
        for i, token in enumerate((*text, BLANK)):
            logits = np.zeros(N_VOCAB, dtype=np.float32)
            word_of_two(logits, text[:i])
            total += float(logits[token])
        return total

    logprobs = random_logprobs(seed, N_OUTPUTS, N_VOCAB)
    texts = {text: np.log(p) + change(text) for text, p in all_texts(logprobs).items()}
    best = max(texts, key=texts.__getitem__)
    text, logprob = beam_search(logprobs, BLANK, WIDE, rules=[word_of_two])
    assert text == best
    assert logprob == pytest.approx(texts[best], abs=1e-5)


def test_a_beam_of_one_follows_a_network_that_is_sure() -> None:
    path = [1, 0, 0, 1, 0, 2, 2, 3, 1]
    logprobs = np.log(np.where(np.eye(4, dtype=np.float32)[path] == 1, 0.97, 0.01))
    text, _ = beam_search(logprobs.astype(np.float32), BLANK, num_beams=1)
    assert text == spelled(path)


def test_a_prefix_that_cannot_be_spelled_in_time_is_refused() -> None:
    logprobs = random_logprobs(0, n_outputs=3, n_vocab=4)
    assert beam_search(logprobs, BLANK, 1, prefix=(2, 2))[0] == (2, 2)  # with a blank between
    with pytest.raises(InputError, match="3 outputs of the network are too few"):
        beam_search(logprobs, BLANK, 1, prefix=(2, 2, 2))
