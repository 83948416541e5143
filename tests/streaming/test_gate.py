"""When a spotter is woken: sounds whose level is known."""

from collections.abc import Iterable

import numpy as np
import pytest

from earlet.arrays import FloatArray
from earlet.streaming.gate import EnergyGate, SpeechGate
from earlet.streaming.vad import VadConfig

RATE, HOP = 16_000, 640
HOP_S = HOP / RATE
VAD = VadConfig(
    window_samples=512,
    context_samples=64,
    state_shape=(1,),
    threshold=0.5,
    neg_threshold=0.35,
    min_speech_ms=64,
    min_silence_ms=100,
    speech_pad_ms=30,
)


def noise(seconds: float, dbfs: float, seed: int = 0) -> FloatArray:
    """White, of this level."""
    samples = np.random.default_rng(seed).normal(size=round(seconds * RATE))
    return (samples * 10 ** (dbfs / 20)).astype(np.float32)


def opened(gate: EnergyGate | SpeechGate, *parts: FloatArray) -> list[bool]:
    """Whether it is open, hop by hop."""
    return [gate.push(hop) for hop in hops(np.concatenate(parts))]


def hops(waveform: FloatArray) -> Iterable[FloatArray]:
    return waveform[: len(waveform) // HOP * HOP].reshape(-1, HOP)


def test_it_is_open_until_the_room_is_known_and_then_sleeps_through_it() -> None:
    is_open = opened(EnergyGate(HOP, RATE), noise(300, -50))
    assert all(is_open[:10])
    assert not any(is_open[50:])  # five minutes but 2 s


@pytest.mark.parametrize("room_dbfs", [-120, -70, -40])
def test_a_sound_that_doubles_the_level_opens_it_at_once(room_dbfs: float) -> None:
    room = noise(20, room_dbfs)
    sound = noise(HOP_S, max(-75, room_dbfs + 6), seed=1)
    is_open = opened(EnergyGate(HOP, RATE), room, sound, noise(3, room_dbfs))
    at = len(room) // HOP
    assert not any(is_open[at - 100 : at])
    assert is_open[at]


def test_it_stays_open_until_a_word_is_answered() -> None:
    room = noise(20, -60)
    is_open = opened(EnergyGate(HOP, RATE), room, noise(0.4, -30), noise(5, -60))
    after = is_open[round(20.4 / HOP_S) :]
    assert all(after[: round(0.75 / HOP_S)])  # commands-en answers as late as that
    assert not any(after[round(1.3 / HOP_S) :])


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_what_does_not_swing_is_no_sound(offset: float) -> None:
    silence = np.full(10 * RATE, offset, dtype=np.float32)
    assert not any(opened(EnergyGate(HOP, RATE), silence)[50:])
    word = noise(0.4, -40) + np.float32(offset)  # of a device whose zero is elsewhere
    assert opened(EnergyGate(HOP, RATE), silence, word)[round(10 / HOP_S)]


def test_the_last_bit_of_a_silent_device_is_no_sound() -> None:
    silence, bit = np.zeros(10 * RATE, dtype=np.float32), np.float32(2**-15)
    flicker = bit * np.random.default_rng(2).integers(-1, 2, 5 * RATE).astype(np.float32)
    assert not any(opened(EnergyGate(HOP, RATE), silence, flicker)[50:])


@pytest.mark.parametrize("hop_s", [1.0, 3.0])
def test_it_is_open_for_a_hop_where_hops_are_as_long_as_what_it_remembers(hop_s: float) -> None:
    gate = EnergyGate(round(hop_s * RATE), RATE)
    room, sound = noise(hop_s, -60), noise(hop_s, -30, seed=1)
    told = [gate.push(hop) for hop in [*[room] * 5, sound, *[room] * 3]]
    assert told[3:] == [False, False, True, False, False, False]


def test_a_room_that_gets_louder_is_the_room_after_some_seconds() -> None:
    is_open = opened(EnergyGate(HOP, RATE), noise(20, -60), noise(30, -40))
    louder = is_open[round(20 / HOP_S) :]
    assert all(louder[: round(6 / HOP_S)])
    assert not any(louder[round(10.5 / HOP_S) :])


def test_a_room_that_gets_quieter_is_the_room_at_once() -> None:
    parts = noise(20, -40), noise(2, -60), noise(HOP_S, -50, seed=1)
    assert opened(EnergyGate(HOP, RATE), *parts)[-1]


def test_pauses_in_speech_keep_the_floor_down() -> None:
    # Half a minute of syllables and pauses, 30 dB apart: the last ones open it as the first did.
    speech = np.concatenate([noise(0.3, -25), noise(0.1, -55)] * 75)
    is_open = opened(EnergyGate(HOP, RATE), noise(20, -60), speech)
    assert all(is_open[round(20.1 / HOP_S) :])


def loud_is_speech(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A stand-in that takes what is above -25 dBFS for speech, once it has heard 5 windows."""
    is_loud = np.square(waveform[:, 64:]).mean(axis=1) > 10 ** (-25 / 10)
    is_used_to_it = state[0] + np.arange(len(waveform)) >= 4
    return (is_loud & is_used_to_it).astype(np.float32), state + len(waveform)


def test_a_noise_that_is_no_voice_does_not_open_the_gate_of_voices() -> None:
    gate = SpeechGate(VAD, loud_is_speech, EnergyGate(HOP, RATE), HOP, RATE)
    parts = noise(10, -60), noise(1, -35), noise(10, -60), noise(1, -20), noise(5, -60)
    is_open = opened(gate, *parts)
    assert not any(is_open[: round(20.9 / HOP_S)])
    # Half a second of what it slept through is heard by then: the voice itself opens it.
    assert all(is_open[round(21.1 / HOP_S) : round(22.7 / HOP_S)])
    assert not any(is_open[-50:])


def test_voice_activity_sleeps_while_the_room_is_quiet() -> None:
    asked: list[FloatArray] = []

    def network(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        asked.extend(waveform)
        return np.zeros(len(waveform), dtype=np.float32), state

    gate = SpeechGate(VAD, network, EnergyGate(HOP, RATE), HOP, RATE)
    opened(gate, noise(60, -60))
    assert len(asked) <= 2 * RATE / VAD.window_samples  # in the first second alone


def test_woken_voice_activity_begins_anew_with_what_it_slept_through() -> None:
    asked: list[tuple[float, FloatArray]] = []

    def network(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        asked.extend((float(state[0]) + i, window[64:]) for i, window in enumerate(waveform))
        return np.zeros(len(waveform), dtype=np.float32), state + len(waveform)

    gate = SpeechGate(VAD, network, EnergyGate(HOP, RATE), HOP, RATE)
    waveform = np.concatenate([noise(20, -60), noise(0.2, -30), noise(5, -60)])
    for hop in hops(waveform[: 20 * RATE]):
        gate.push(hop)
    asked.clear()
    gate.push(waveform[20 * RATE :][:HOP])
    # 12 hops of 40 ms that it slept through, and the one that is loud, in windows of 32 ms.
    assert [state for state, _ in asked] == list(range(16))
    heard = np.concatenate([window for _, window in asked])
    start = 20 * RATE - 12 * HOP
    np.testing.assert_array_equal(heard, waveform[start : start + len(heard)])


def test_without_the_gate_of_energy_voice_activity_hears_all() -> None:
    gate = SpeechGate(VAD, loud_is_speech, None, HOP, RATE)
    is_open = opened(gate, noise(11, -60), noise(1, -20), noise(5, -60))
    assert is_open.index(True) == round(11 / HOP_S)  # the first hop that is loud
