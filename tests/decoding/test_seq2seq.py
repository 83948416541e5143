"""Texts over the graphs' contract, with networks that can be followed by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from earlet.arrays import AnyArray
from earlet.backends import TensorSpec
from earlet.decoding.generation.hypothesis import Hypothesis
from earlet.decoding.generation.options import GREEDY
from earlet.decoding.recogniser import TranscriptionOptions
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.decoding.utterance import Utterance
from earlet.errors import BundleError, InputError
from earlet.features.log_mel import LogMel, LogMelConfig
from earlet.features.waveform import Waveform, WaveformConfig

CONFIG = Seq2SeqConfig(bos=1, eos=2, max_tokens_per_second=4.0, extra_tokens=2, min_samples=10)
FEATURES = Waveform(WaveformConfig(sample_rate=1_000))
SCRIPT = [5, 3, 3, 2, 4]  # what the decoder says, step by step; 2 ends


class Encoder:
    inputs = (TensorSpec("waveform", (1, None)),)
    outputs = (TensorSpec("cross.0.key", (1, 2, None, 3)),)

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        n_samples = feeds["waveform"].shape[1]
        return [np.full((1, 2, n_samples // 10, 3), 7, dtype=np.float32)]

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        raise AssertionError(f"an encoder runs once: {inputs} {outputs}")


class Decoder:
    """Says SCRIPT, and checks that it is fed as the contract says."""

    inputs = (
        TensorSpec("token", (1, None)),
        TensorSpec("n_past", (1,)),
        TensorSpec("past.0.key", (1, 2, None, 3)),
        TensorSpec("cross.0.key", (1, 2, None, 3)),
    )
    outputs = (TensorSpec("present.0.key", (1, 2, None, 3)), TensorSpec("logits", (1, None, 6)))

    def __init__(self) -> None:
        self.fed: list[int] = []

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        raise AssertionError(f"the decoder's arrays are bound: {feeds}")

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        token, n_past, cache = inputs["token"], inputs["n_past"], inputs["past.0.key"]
        assert token.shape == (1, 1)
        assert outputs["present.0.key"] is cache  # it grows in place
        assert (inputs["cross.0.key"] == 7).all()

        def step() -> None:
            assert n_past.tolist() == [len(self.fed)]
            # The cache is what this very decoder wrote in the steps before.
            assert cache[0, 0, : len(self.fed), 0].tolist() == self.fed
            cache[0, :, len(self.fed)] = token[0, 0]
            self.fed.append(int(token[0, 0]))
            outputs["logits"][:] = 0
            outputs["logits"][0, 0, SCRIPT[(len(self.fed) - 1) % len(SCRIPT)]] = 1

        return step


def written(seq2seq: Seq2Seq, n_samples: int = 2_000, language: str | None = None) -> Hypothesis:
    options = TranscriptionOptions(language=language)
    return Utterance(seq2seq, np.zeros(n_samples, dtype=np.float32), options).generate(GREEDY)


def test_tokens_are_fed_back_until_the_end_token() -> None:
    decoder = Decoder()
    found = written(Seq2Seq(CONFIG, FEATURES, Encoder(), decoder))
    assert found.tokens == (5, 3, 3)
    assert found.ended
    assert decoder.fed == [1, 5, 3, 3]


def test_a_decoder_that_does_not_end_is_ended() -> None:
    seq2seq = Seq2Seq(CONFIG, FEATURES, Encoder(), Decoder())
    found = written(seq2seq, n_samples=10)
    assert found.tokens == (5, 3)  # 0.01 s * 4 + 2
    assert not found.ended


def test_an_utterance_that_is_longer_than_the_encoder_takes_is_refused() -> None:
    encoder = Encoder()
    encoder.inputs = (TensorSpec("waveform", (1, 100)),)
    seq2seq = Seq2Seq(CONFIG, FEATURES, encoder, Decoder())
    assert written(seq2seq, n_samples=100).tokens
    with pytest.raises(InputError, match="at most 100 frames, got 101; cut it at a pause"):
        written(seq2seq, n_samples=101)


def test_the_longest_utterance_is_told_in_samples() -> None:
    encoder = Encoder()
    assert Seq2Seq(CONFIG, FEATURES, encoder, Decoder()).max_samples is None
    encoder.inputs = (TensorSpec("features", (1, 3_000)),)
    seq2seq = Seq2Seq(CONFIG, LogMel(LogMelConfig()), encoder, Decoder())
    assert seq2seq.max_samples == 480_000  # frames of 160 samples


def test_the_width_of_the_logits_is_told() -> None:
    assert Seq2Seq(CONFIG, FEATURES, Encoder(), Decoder()).n_vocab == 6


def test_graphs_that_do_not_fit_are_refused() -> None:
    encoder = Encoder()
    encoder.outputs = (TensorSpec("cross.1.key", (1, 2, None, 3)),)
    with pytest.raises(BundleError, match=r"cross\.0\.key, cross\.1\.key"):
        Seq2Seq(CONFIG, FEATURES, encoder, Decoder())


def test_a_decoder_without_logits_is_refused() -> None:
    class Silent(Decoder):
        outputs = Decoder.outputs[:1]  # type: ignore[assignment]

    with pytest.raises(BundleError, match="logits"):
        Seq2Seq(CONFIG, FEATURES, Encoder(), Silent())


def test_attention_of_other_axes_is_refused() -> None:
    class Odd(Decoder):
        outputs = (*Decoder.outputs, TensorSpec("attention", (1, None, None)))  # type: ignore[assignment]

    with pytest.raises(
        BundleError, match=r"attention: expected \(1, n_heads, n_tokens, n_frames\)"
    ):
        Seq2Seq(CONFIG, FEATURES, Encoder(), Odd())


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_tokens_per_second": 0.0}, "max_tokens_per_second > 0"),
        ({"max_tokens_per_second": 4.0, "extra_tokens": -1}, "extra_tokens >= 0"),
        ({"max_tokens_per_second": 4.0, "min_samples": 0}, "min_samples >= 1"),
        ({}, "max_tokens or max_tokens_per_second"),
        ({"max_tokens": 1}, "max_tokens above the prompt's 1 and at most 10000, got 1"),
        ({"max_tokens": 10**12}, "at most 10000, got 1000000000000"),
        ({"max_tokens_per_second": 1e300}, r"need max_tokens_per_second of at most 10000"),
        ({"max_tokens": 9, "brief_logprob": 0.5}, "need brief_logprob of at most 0, got 0.5"),
        ({"max_tokens": 9, "extra_tokens": 10**12}, "need extra_tokens of at most 10000"),
        (
            {"max_tokens": 2, "no_timestamps": 3},
            "max_tokens above the prompt's 2 and at most 10000, got 2",
        ),
        ({"max_tokens": 9, "tasks": {"translate": 3}}, "need 'transcribe' among the tasks"),
    ],
)
def test_limits_and_tasks_that_cannot_be_are_refused(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Seq2SeqConfig(bos=1, eos=2, **limits)


@pytest.mark.parametrize(
    "key", ["bos", "eos", "no_timestamps", "timestamp_begin", "no_speech", "previous"]
)
@pytest.mark.parametrize("token", [-1, 6])
def test_a_token_that_the_network_does_not_have_is_refused(key: str, token: int) -> None:
    config = Seq2SeqConfig(**{"bos": 1, "eos": 2, "max_tokens": 9, key: token})  # type: ignore[arg-type]
    with pytest.raises(BundleError, match=f"{token} is none of the network's 6 tokens"):
        Seq2Seq(config, FEATURES, Encoder(), Decoder())


class Polyglot:
    """A decoder that gives the logits of a table, step by step."""

    inputs = (TensorSpec("token", (1, None)), TensorSpec("n_past", (1,)), Encoder.outputs[0])
    outputs = (TensorSpec("logits", (1, None, 10)),)

    def __init__(self, *likely: Mapping[int, float]) -> None:
        self.likely = likely
        self.fed: list[int] = []

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        raise AssertionError(f"the decoder's arrays are bound: {feeds}")

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        def step() -> None:
            outputs["logits"][:] = 0
            del self.fed[int(inputs["n_past"][0]) :]
            for row, fed in zip(outputs["logits"][0], inputs["token"][0], strict=True):
                for token, logit in self.likely[min(len(self.fed), len(self.likely) - 1)].items():
                    row[token] = logit
                self.fed.append(int(fed))

        return step


END = 9
MULTILINGUAL = Seq2SeqConfig(
    bos=1,
    eos=END,
    languages={"en": 2, "de": 3},
    tasks={"transcribe": 4, "translate": 5},
    no_timestamps=6,
    max_tokens=7,
)
TEXT = ({7: 1.0}, {8: 1.0}, {END: 1.0})  # what follows the prompt


def generate(
    config: Seq2SeqConfig, decoder: Polyglot, language: str | None = None
) -> tuple[list[int], list[int]]:
    """What is written, and what was fed."""
    seq2seq = Seq2Seq(config, FEATURES, Encoder(), decoder)
    found = written(seq2seq, language=language)
    return list(found.tokens), decoder.fed


@pytest.mark.parametrize(("language", "token"), [("en", 2), ("de", 3)])
def test_a_prompt_says_language_task_and_no_timestamps(language: str, token: int) -> None:
    decoder = Polyglot({}, {}, {}, *TEXT)
    assert generate(MULTILINGUAL, decoder, language) == ([7, 8], [1, token, 4, 6, 7, 8])


@pytest.mark.parametrize(("likelier", "token"), [({2: 0.2, 3: 0.1}, 2), ({2: 0.1, 3: 0.2}, 3)])
def test_an_unknown_language_is_the_likeliest_after_the_first_token(
    likelier: dict[int, float], token: int
) -> None:
    decoder = Polyglot({**likelier, 7: 5.0}, {}, {}, *TEXT)  # a word is not a language
    assert generate(MULTILINGUAL, decoder) == ([7, 8], [1, token, 4, 6, 7, 8])


def test_a_language_that_the_network_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="there is no 'dee'; did you mean 'de'"):
        generate(MULTILINGUAL, Polyglot({}), "dee")
    with pytest.raises(InputError, match="there is no 'en'; this network has no choice"):
        generate(Seq2SeqConfig(bos=1, eos=2, max_tokens=9), Polyglot({}), "en")


def test_the_prompt_takes_its_part_of_the_networks_positions() -> None:
    decoder = Polyglot({}, {}, {}, {7: 1.0})  # never ends
    ids, fed = generate(MULTILINGUAL, decoder, "en")
    assert ids == [7, 7, 7]  # 7 positions, 4 of them the prompt's
    assert fed == [1, 2, 4, 6, 7, 7]  # the last token is fed to nobody


def test_the_smaller_of_two_limits_holds() -> None:
    config = Seq2SeqConfig(bos=1, eos=2, max_tokens=7, max_tokens_per_second=1.5)
    ids, _ = generate(config, Polyglot({7: 1.0}))
    assert ids == [7, 7, 7]  # 2 s * 1.5, and 6 are left of 7


def test_suppressed_tokens_and_times_are_never_written() -> None:
    config = Seq2SeqConfig(
        bos=1, eos=2, suppress=(7,), begin_suppress=(2, 6), timestamp_begin=8, max_tokens=5
    )
    likely = {7: 5.0, 8: 4.0, 9: 4.0, 2: 3.0, 6: 2.0, 5: 1.0}
    seq2seq = Seq2Seq(config, FEATURES, Encoder(), Polyglot(likely))
    assert seq2seq.n_vocab == 8
    found = written(seq2seq)
    assert found.tokens == (5,)  # the end is not written first
    # Of the others 0, 1, 3, 4 have a logit of 0, and may be written as well.
    assert found.logprobs[0] == pytest.approx(-np.log1p(4 / np.e))
