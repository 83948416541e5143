"""Mel energies against the plain way: a frame at a time, step after step, in double precision.

The plain way is Kaldi's order of steps and numpy's FFT. What float32 rounds off is in proportion to
the size of a frame's samples, and so is the tolerance.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.arrays import Float64Array, FloatArray
from earlet.features.mel import MelBank, MelPlan
from earlet.features.mel_energies import BLOCK_FRAMES, MelEnergies, MelWork

TOLERANCE = 3e-6  # of what a filter would see if a frame's samples were in all of its bins


def plain(plan: MelPlan, signal: FloatArray) -> tuple[Float64Array, Float64Array]:
    """(n_samples,) -> energies (n_frames, n_mels), and by how much they may be missed."""
    power, filters = 2 if plan.squares else 1, plan.bank.filters.astype(np.float64)
    energies, tolerances = [], []
    for start in range(0, len(signal) - len(plan.window) + 1, plan.hop_length):
        samples = signal[start : start + len(plan.window)].astype(np.float64)
        frame = samples - samples.mean() if plan.remove_dc else samples
        frame = frame - plan.preemphasis * np.concatenate([frame[:1], frame[:-1]])
        spectrum = np.abs(np.fft.rfft(frame * plan.window, plan.n_fft))
        energies.append(spectrum**power @ filters)
        tolerances.append(TOLERANCE * np.linalg.norm(samples) ** power * filters.sum(axis=0))
    shape = len(energies), plan.bank.n_mels
    return np.reshape(energies, shape), np.reshape(tolerances, shape)


def assert_near(energies: FloatArray, expected: Float64Array, tolerance: Float64Array) -> None:
    assert energies.dtype == np.float32
    assert energies.shape == expected.shape
    assert (np.abs(energies - expected) <= tolerance).all()


rows = st.one_of(st.integers(0, 3), st.integers(0, 300))


@st.composite
def plans(draw: st.DrawFn) -> MelPlan:
    win_length = draw(st.integers(2, 60))
    n_fft = draw(st.integers(win_length, 64))
    n_mels = draw(st.integers(1, 12))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    window = random.random(win_length, dtype=np.float32)
    window[0] *= draw(st.booleans())
    # Of triangles, each over some bins, one may see none.
    filters = random.random((n_fft // 2 + 1, n_mels), dtype=np.float32)
    filters *= np.abs(np.linspace(0, 1, len(filters))[:, None] - np.linspace(0, 1, n_mels)) < 0.2
    return MelPlan(
        window=window,
        hop_length=draw(st.integers(1, win_length)),
        n_fft=n_fft,
        bank=MelBank(filters),
        squares=draw(st.booleans()),
        preemphasis=draw(st.sampled_from([0.0, 0.5, 0.97, 1.0])),
        remove_dc=draw(st.booleans()),
    )


def noise(n_samples: int) -> FloatArray:
    random = np.random.default_rng(n_samples)
    return random.standard_normal(n_samples, dtype=np.float32) + np.float32(0.3)


@settings(max_examples=40)
@given(plan=plans(), n_frames=st.integers(0, 60), rest=st.integers(0, 60))
def test_energies_are_those_of_the_plain_way(plan: MelPlan, n_frames: int, rest: int) -> None:
    signal = noise(n_frames * plan.hop_length + rest)
    assert_near(MelEnergies(plan)(signal), *plain(plan, signal))


@pytest.mark.parametrize("n_frames", [1, 23, 24, BLOCK_FRAMES, BLOCK_FRAMES + 1])
@settings(max_examples=10)
@given(plan=plans())
def test_so_they_are_for_any_number_of_blocks(n_frames: int, plan: MelPlan) -> None:
    signal = noise((n_frames - 1) * plan.hop_length + len(plan.window))
    assert_near(MelEnergies(plan)(signal), *plain(plan, signal))


@settings(max_examples=40)
@given(plan=plans(), lengths=st.tuples(*[st.integers(0, 200)] * 3), n_rows=rows)
def test_a_signal_may_come_in_three_parts_and_go_where_it_is_told(
    plan: MelPlan, lengths: tuple[int, int, int], n_rows: int
) -> None:
    parts = [noise(length) for length in lengths]
    expected, tolerance = plain(plan, np.concatenate(parts))
    out = np.full((n_rows, plan.bank.n_mels), -1, dtype=np.float32)
    energies = MelWork(plan)(parts[1], parts[0], parts[2], out)
    n = min(n_rows, len(expected))
    assert_near(energies, expected[:n], tolerance[:n])
    assert_near(out[:n], expected[:n], tolerance[:n])
    assert (out[n:] == -1).all()


@settings(max_examples=20)
@given(plan=plans(), lengths=st.lists(st.integers(0, 200), max_size=6))
def test_arrays_that_are_kept_hold_nothing_of_the_call_before(
    plan: MelPlan, lengths: list[int]
) -> None:
    energies = MelEnergies(plan)
    for length in lengths:
        np.testing.assert_array_equal(energies(noise(length)), MelWork(plan)(noise(length)))


def test_threads_that_call_at_once_do_not_share_arrays() -> None:
    window = np.hanning(400).astype(np.float32)
    bank = MelBank(np.ones((257, 4), dtype=np.float32))
    plan = MelPlan(window=window, hop_length=160, n_fft=512, bank=bank)
    energies = MelEnergies(plan)
    signals = [noise(30_000 + i) * i for i in range(8)]
    expected = [MelWork(plan)(signal) for signal in signals]
    with ThreadPoolExecutor(4) as threads:
        for found in [threads.map(energies, signals) for _ in range(20)]:
            for ours, alone in zip(found, expected, strict=True):
                np.testing.assert_array_equal(ours, alone)
