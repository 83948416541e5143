"""The best sentence of a grammar, held to scoring every sentence in every spelling."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product

import numpy as np
import pytest

from earlet.arrays import AnyArray, Float64Array
from earlet.backends import TensorSpec
from earlet.decoding.generation.decoder import Decoder, DecoderGraph
from earlet.decoding.phrases import matching
from earlet.decoding.phrases.grammar import Grammar
from earlet.decoding.phrases.matching import Search, prepare
from earlet.decoding.phrases.prior import Prior
from earlet.decoding.phrases.spelling import Speller
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.features.waveform import Waveform, WaveformConfig

BOS, EOS = 1, 2
LETTERS = {char: i for i, char in enumerate("abcdeABCDE.,!?|", start=3)}
N_VOCAB = 3 + len(LETTERS)
TEMPLATES = ["{ab|cd} [d] {ab|d}", "abe d"]


def encode(text: str) -> list[int]:
    """A token a character; a space goes with what follows it, as "|"."""
    return [LETTERS[char] for char in "|" + text.replace(" ", "|")]


def decode(tokens: object) -> str:
    characters = {i: char for char, i in LETTERS.items()}
    return "".join(characters[i] for i in tokens).replace("|", " ")  # type: ignore[attr-defined]


class Network:
    """Logits that depend on the last two tokens, read off the cache."""

    inputs = (
        TensorSpec("token", (1, None)),
        TensorSpec("n_past", (1,)),
        TensorSpec("past.0.key", (1, 1, None, 1)),
    )
    outputs = (
        TensorSpec("logits", (1, None, N_VOCAB)),
        TensorSpec("present.0.key", (1, 1, None, 1)),
    )

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.table = (4 * rng.standard_normal((N_VOCAB, N_VOCAB, N_VOCAB))).astype(np.float32)

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        raise AssertionError(f"a decoder's arrays are bound: {feeds}")

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        cache, n_past = inputs["past.0.key"][0, 0, :, 0], inputs["n_past"]

        def step() -> None:
            at = int(n_past[0])
            cache[at] = inputs["token"][0, 0]
            before = int(cache[at - 1]) if at else 0
            outputs["logits"][0, 0] = self.table[before, int(cache[at])]

        return step

    def logprob(self, tokens: list[int]) -> float:
        """Of a whole text that is not empty, by the definition."""
        total = 0.0
        for before, last, token in zip(
            [0, BOS, *tokens], [BOS, *tokens], [*tokens, EOS], strict=False
        ):
            logits: Float64Array = self.table[before, last].astype(np.float64)
            if last == BOS:
                logits[EOS] = -np.inf
            total += logits[token] - np.log(np.exp(logits).sum())
        return total


def sentences() -> Iterator[str]:
    for first, middle, last in product(["ab", "cd"], ["d", ""], ["ab", "d"]):
        yield " ".join(filter(None, (first, middle, last)))
    yield "abe d"


def spellings(sentence: str) -> Iterator[str]:
    """Every word with a small or a capital letter, and a mark or none."""
    ways = [
        [form + mark for form in (word, word.capitalize()) for mark in ("", ".", ",", "!", "?")]
        for word in sentence.split()
    ]
    yield from map(" ".join, product(*ways))


def search(network: Network) -> Search:
    grammar = Grammar(TEMPLATES, {}, Speller(encode, decode))
    decoder = Decoder(DecoderGraph(network, []), {}, 20)
    return Search(grammar, decoder, eos=EOS, limit=19)


@pytest.mark.parametrize("seed", range(3))
def test_the_best_sentence_is_found_without_scoring_all(seed: int) -> None:
    network = Network(seed)
    scored = [
        (network.logprob(encode(spelling)), sentence, spelling)
        for sentence in sentences()
        for spelling in spellings(sentence)
    ]
    logprob, sentence, spelling = max(scored)
    walk = search(network)
    (heard,) = walk([BOS], [-np.inf])
    assert (heard.sentence.text, decode(heard.tokens).strip()) == (sentence, spelling)
    assert heard.logprob == pytest.approx(logprob, abs=1e-4)
    n_prefixes = len({tuple(encode(s)[:n]) for _, _, s in scored for n in range(1, len(s) + 2)})
    assert walk.n_steps < n_prefixes / 10
    # Just below its log-probability is low enough to find it, just above is not.
    assert walk([BOS], [logprob - 0.001]) == [heard]
    assert walk([BOS], [logprob + 0.001]) == []


@pytest.mark.parametrize("within", [2.0, 8.0])
@pytest.mark.parametrize("seed", range(3))
def test_sentences_about_as_good_as_the_best_are_found_too(seed: int, within: float) -> None:
    network = Network(seed)
    scored = {
        sentence: max(network.logprob(encode(spelling)) for spelling in spellings(sentence))
        for sentence in sentences()
    }
    least = max(scored.values()) - within
    near = {sentence: logprob for sentence, logprob in scored.items() if logprob >= least}
    assert len(near) > 1
    found = search(network)([BOS], [-np.inf], within)
    assert {h.sentence.text: h.logprob for h in found} == pytest.approx(near, abs=1e-4)


def test_a_beginning_that_is_too_improbable_is_given_up() -> None:
    network = Network(0)
    (heard,) = search(network)([BOS], [-np.inf])
    logits = network.table[0, BOS].astype(np.float64)
    logits[EOS] = -np.inf
    first = float(logits[heard.tokens[0]] - np.log(np.exp(logits).sum()))
    assert search(network)([BOS], [0.0, first - 0.001, -np.inf]) == [heard]
    assert search(network)([BOS], [0.0, first + 0.001, -np.inf]) == []


def test_a_walk_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MAX_STEPS", 7)
    walk = search(Network(0))
    walk([BOS], [-np.inf])
    assert walk.n_steps == 7


def test_sentences_that_are_longer_than_the_limit_are_not_found() -> None:
    grammar = Grammar(["ab", "d"], {}, Speller(encode, decode))
    decoder = Decoder(DecoderGraph(Network(0), []), {}, 20)
    (heard,) = Search(grammar, decoder, eos=EOS, limit=2)([BOS], [-np.inf])
    assert heard.sentence.text == "d"  # a space and a letter


class Deaf:
    """An encoder that must not be asked."""

    inputs = (TensorSpec("waveform", (1, None)),)
    outputs: tuple[TensorSpec, ...] = ()

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        raise AssertionError(f"too short: {feeds}")

    def bind(self, *_: object) -> Callable[[], None]:
        raise AssertionError("an encoder runs once")


def test_what_is_too_short_for_the_network_is_no_sentence() -> None:
    padded = 4_000 + 100 + 4_000
    config = Seq2SeqConfig(bos=BOS, eos=EOS, max_tokens=20, min_samples=padded + 1)
    seq2seq = Seq2Seq(config, Waveform(WaveformConfig(sample_rate=16_000)), Deaf(), Network(0))
    grammar = Grammar(["ab"], {}, Speller(encode, decode))
    assert matching.match(seq2seq, np.ones(100, dtype=np.float32), grammar, Prior(seq2seq)) is None


class Noise:
    """An encoder of what decides nothing: `Network` reads its cache alone."""

    inputs = (TensorSpec("waveform", (1, None)),)
    outputs: tuple[TensorSpec, ...] = ()

    def __init__(self) -> None:
        self.n_runs = 0

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        assert feeds["waveform"].shape == (1, 16_000)
        self.n_runs += 1
        return []

    def bind(self, *_: object) -> Callable[[], None]:
        raise AssertionError("an encoder runs once")


def test_how_probable_a_text_is_in_noise_is_found_once() -> None:
    network, noise = Network(0), Noise()
    config = Seq2SeqConfig(bos=BOS, eos=EOS, max_tokens=20)
    seq2seq = Seq2Seq(config, Waveform(WaveformConfig(sample_rate=16_000)), noise, network)
    prior = Prior(seq2seq)
    texts = [encode(spelling) for spelling in spellings("cd ab")]
    for text in texts:
        assert prior([BOS], text) == pytest.approx(network.logprob(text), abs=1e-4)
    known = {tuple(text): prior([BOS], text) for text in texts}
    network.table[:] = 0.0  # from now on it says something else, and nobody asks it
    assert {tuple(text): prior([BOS], text) for text in texts} == known
    assert noise.n_runs == 1


def test_sound_is_made_as_loud_as_it_can_be_with_silence_around_it() -> None:
    rng = np.random.default_rng(0)
    quiet = (0.001 * rng.standard_normal(8_000)).astype(np.float32)
    prepared = prepare(quiet, 16_000)
    assert prepared is not None
    assert prepared.dtype == np.float32
    assert len(prepared) == 4_000 + 8_000 + 4_000
    assert not prepared[:4_000].any()
    assert not prepared[-4_000:].any()
    np.testing.assert_allclose(
        prepared[4_000:-4_000], quiet * (0.95 / np.abs(quiet).max()), rtol=1e-6
    )


def test_no_sound_is_silence() -> None:
    assert prepare(np.zeros(16_000, dtype=np.float32), 16_000) is None
    assert prepare(np.zeros(0, dtype=np.float32), 16_000) is None
