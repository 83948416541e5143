"""The greedy loop over the graphs' contract, with networks that can be followed by hand."""

from collections.abc import Mapping

import numpy as np
import pytest

from earlet.arrays import AnyArray
from earlet.backends import TensorSpec
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.errors import BundleError, InputError

CONFIG = Seq2SeqConfig(bos=1, eos=2, max_tokens_per_second=4.0, extra_tokens=2, min_samples=10)
RATE = 100
SCRIPT = [5, 3, 3, 2, 4]  # what the decoder says, step by step; 2 ends


class Encoder:
    inputs = (TensorSpec("waveform", (1, None)),)
    outputs = (TensorSpec("cross.0.key", (1, 2, None, 3)),)

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        n_samples = feeds["waveform"].shape[1]
        return [np.full((1, 2, n_samples // 10, 3), 7, dtype=np.float32)]


class Decoder:
    """Says SCRIPT, and checks that it is fed as the contract says."""

    inputs = (
        TensorSpec("token", (1, None)),
        TensorSpec("past.0.key", (1, 2, None, 3)),
        TensorSpec("cross.0.key", (1, 2, None, 3)),
    )
    outputs = (TensorSpec("present.0.key", (1, 2, None, 3)), TensorSpec("logits", (1, None, 6)))

    def __init__(self) -> None:
        self.fed: list[int] = []

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        past, token = feeds["past.0.key"], feeds["token"]
        assert token.shape == (1, 1)
        assert past.shape == (1, 2, len(self.fed), 3)
        assert (feeds["cross.0.key"] == 7).all()
        # The cache is what this very decoder gave in the steps before.
        assert past[0, 0, :, 0].tolist() == self.fed
        self.fed.append(int(token[0, 0]))
        new = np.full((1, 2, 1, 3), self.fed[-1], dtype=np.float32)
        logits = np.zeros((1, 1, 6), dtype=np.float32)
        logits[0, 0, SCRIPT[(len(self.fed) - 1) % len(SCRIPT)]] = 1
        return [np.concatenate([past, new], axis=2), logits]


def test_tokens_are_fed_back_until_the_end_token() -> None:
    decoder = Decoder()
    ids = Seq2Seq(Encoder(), decoder, CONFIG, RATE).generate(np.zeros(200, dtype=np.float32))
    assert ids == [5, 3, 3]
    assert decoder.fed == [1, 5, 3, 3]


def test_a_decoder_that_does_not_end_is_ended() -> None:
    seq2seq = Seq2Seq(Encoder(), Decoder(), CONFIG, RATE)
    assert seq2seq.generate(np.zeros(10, dtype=np.float32)) == [5, 3]  # 0.1 s * 4 + 2


def test_audio_without_an_encoder_frame_has_no_tokens() -> None:
    seq2seq = Seq2Seq(Encoder(), Decoder(), CONFIG, RATE)
    assert seq2seq.generate(np.zeros(9, dtype=np.float32)) == []
    assert seq2seq.generate(np.zeros(0, dtype=np.float32)) == []


def test_the_width_of_the_logits_is_told() -> None:
    assert Seq2Seq(Encoder(), Decoder(), CONFIG, RATE).n_vocab == 6


def test_graphs_that_do_not_fit_are_refused() -> None:
    encoder = Encoder()
    encoder.outputs = (TensorSpec("cross.1.key", (1, 2, None, 3)),)
    with pytest.raises(BundleError, match=r"cross\.0\.key, cross\.1\.key"):
        Seq2Seq(encoder, Decoder(), CONFIG, RATE)


def test_a_decoder_without_logits_is_refused() -> None:
    class Silent(Decoder):
        outputs = Decoder.outputs[:1]  # type: ignore[assignment]

    with pytest.raises(BundleError, match="logits"):
        Seq2Seq(Encoder(), Silent(), CONFIG, RATE)


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(InputError, match="max_tokens_per_second"):
        Seq2SeqConfig(bos=1, eos=2, max_tokens_per_second=0.0, extra_tokens=2, min_samples=10)
