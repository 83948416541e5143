"""Blocks of one size, and the last samples of a stream."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet.streaming.blocks import Reblocker, Recent


@given(st.lists(st.integers(0, 40), max_size=20))
def test_blocks_are_the_stream_whatever_the_chunks(lengths: list[int]) -> None:
    waveform = np.arange(sum(lengths), dtype=np.float32)
    blocks = Reblocker(7)
    chunks = np.split(waveform, np.cumsum(lengths)[:-1]) if lengths else []
    found = [block for chunk in chunks for block in blocks.push(chunk)]
    assert {len(block) for block in found} <= {7}
    np.testing.assert_array_equal(np.concatenate([*found, blocks.flush()]), waveform)


@given(st.lists(st.integers(0, 10), max_size=30), st.integers(0, 10))
def test_the_last_samples_are_those_of_the_stream_after_silence(
    lengths: list[int], wanted: int
) -> None:
    waveform = np.arange(1, sum(lengths) + 1, dtype=np.float32)
    recent, restored = Recent(10), Recent(10)
    at = 0
    for length in lengths:
        recent.push(waveform[at : at + length])
        at += length
        heard = np.concatenate([np.zeros(10, dtype=np.float32), waveform[:at]])
        np.testing.assert_array_equal(recent.last(wanted), heard[len(heard) - wanted :])
        restored.restore(recent.snapshot())
        np.testing.assert_array_equal(restored.last(10), heard[-10:])


@pytest.mark.parametrize("n_before", [0, 3, 10, 17])
def test_after_a_reset_silence_has_gone_before(n_before: int) -> None:
    recent = Recent(10)
    for _ in range(n_before):
        recent.push(np.ones(1, dtype=np.float32))
    recent.reset()
    recent.push(np.full(2, 5, dtype=np.float32))
    assert recent.last(10).tolist() == [0] * 8 + [5, 5]
