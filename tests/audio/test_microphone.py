"""The microphone, with a PortAudio in which time and faults are the test's own."""

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet.audio.live import MAX_DELAY_S, OPEN_S, STALL_S
from earlet.audio.microphone import BLOCK_S, BUFFER_S, MAX_SILENCE_S, SILENCE_S, Microphone
from earlet.audio.waiting import Beside
from earlet.errors import MicrophoneError
from earlet.results import Deaf, Gap
from tests.audio.portaudio import Device, FakeSounddevice, World, numbered

RATE = 16_000
BLOCK = int(RATE * BLOCK_S)

Opened = Callable[..., Microphone]


def hear(mic: Microphone, world: World, seconds: float) -> list[FloatArray | Deaf | Gap]:
    """What it gives in that time, without the empty chunks."""
    until = world.now() + seconds
    items = []
    for item in mic.heard():
        if not isinstance(item, np.ndarray) or len(item):
            items.append(item)
        if world.now() >= until:
            return items
    raise AssertionError("it ended")


def sound(items: list[FloatArray | Deaf | Gap]) -> FloatArray:
    return np.concatenate([item for item in items if isinstance(item, np.ndarray)])


def told(items: list[FloatArray | Deaf | Gap]) -> list[Deaf | Gap]:
    return [item for item in items if not isinstance(item, np.ndarray)]


def ticks(start: int, stop: int) -> FloatArray:
    return numbered(np.arange(start, stop))


def test_what_the_device_hears_comes_bit_for_bit(microphone: Opened, world: World) -> None:
    items = hear(microphone(), world, 2)
    assert all(isinstance(item, np.ndarray) and item.dtype == np.float32 for item in items)
    np.testing.assert_array_equal(sound(items), ticks(0, 2 * RATE))


def test_iterated_it_gives_nothing_but_sound(microphone: Opened, world: World, usb: Device) -> None:
    world.after(1, lambda: usb.stall(2))
    world.after(5, usb.unplug)
    world.after(20, usb.plug)
    chunks = []
    for chunk in microphone():
        chunks.append(chunk)
        if world.now() > 60:
            break
    assert min(map(len, chunks)) > 0
    assert sum(map(len, chunks)) > 20 * RATE


@pytest.mark.parametrize("n_channels", [2, 7])
def test_channels_are_averaged(
    microphone: Opened, world: World, usb: Device, n_channels: int
) -> None:
    frames = np.random.default_rng(0).uniform(-1, 1, (RATE, n_channels)).astype(np.float32)
    usb.channels, usb.signal = n_channels, lambda ticks: frames[ticks.astype(int) % RATE]
    heard = sound(hear(microphone(), world, 1))
    np.testing.assert_allclose(heard, frames.astype(np.float64).mean(axis=1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_channels", [2, 32])
def test_one_channel_can_be_picked(
    microphone: Opened, world: World, usb: Device, n_channels: int
) -> None:
    def signal(ticks: AnyArray) -> AnyArray:
        return numbered(ticks)[:, None] + np.arange(n_channels, dtype=np.float32)

    usb.channels, usb.signal = n_channels, signal
    heard = sound(hear(microphone(channel=1), world, 1))
    np.testing.assert_array_equal(heard, ticks(0, RATE) + np.float32(1))


@pytest.mark.parametrize(
    ("there", "channel", "opened"),
    [(1, None, 1), (2, None, 2), (7, None, 7), (128, None, 1), (2, 0, 2), (128, 4, 5)],
)
def test_all_channels_are_opened_but_not_those_that_a_virtual_device_claims(
    microphone: Opened,
    sounddevice: FakeSounddevice,
    usb: Device,
    there: int,
    channel: int | None,
    opened: int,
) -> None:
    usb.channels = there
    microphone(channel=channel)
    assert [stream.channels for stream in sounddevice.streams] == [opened]


@pytest.mark.parametrize("rate", [44_100, 8_000])
def test_where_16_khz_is_refused_another_rate_is_resampled(
    microphone: Opened, world: World, usb: Device, rate: int
) -> None:
    usb.rates = (rate,)  # 8 kHz is not its default rate
    usb.signal = lambda ticks: 0.5 * np.sin(2 * np.pi * 440 * ticks / RATE)
    heard = sound(hear(microphone(), world, 1))
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    assert RATE * 0.93 < len(heard) <= RATE  # the resampler still holds some
    inside = slice(400, len(heard) - 400)
    np.testing.assert_allclose(heard[inside], expected[inside], rtol=0, atol=2e-4)


def test_resampled_too_what_is_heard_and_what_is_lost_add_up(
    microphone: Opened, world: World, usb: Device
) -> None:
    usb.rates = (44_100,)
    mic = microphone()
    for second in range(20):
        world.after(second + 0.5, lambda: usb.overflow(0.0123))
    items = hear(mic, world, 30)
    gaps = [item for item in items if isinstance(item, Gap)]
    assert len(gaps) == 20
    n_lost = sum(gap.n_samples for gap in gaps)
    assert n_lost == pytest.approx(20 * 0.0123 * RATE, abs=20)  # a sample each
    assert len(sound(items)) + n_lost == pytest.approx(world.tick, abs=BLOCK + 400)


def test_who_stops_to_read_and_goes_on_misses_nothing(
    microphone: Opened, world: World, usb: Device
) -> None:
    usb.rates = (44_100,)  # so that something is left in the resampler before each gap
    mic = microphone()
    for second in range(1, 5):
        world.after(second, lambda: usb.overflow(0.1))
    n_samples = 0
    while world.now() < 6:
        item = next(mic.heard())
        n_samples += item.n_samples if isinstance(item, Gap) else 0
        n_samples += len(item) if isinstance(item, np.ndarray) else 0
    assert n_samples == pytest.approx(world.tick, abs=BLOCK + 400)


def test_an_overflow_is_a_gap_of_what_was_lost(
    microphone: Opened, world: World, usb: Device
) -> None:
    mic = microphone()
    world.after(1, lambda: usb.overflow(0.25))
    items = hear(mic, world, 3)
    (gap,) = told(items)
    assert isinstance(gap, Gap)
    assert (gap.n_samples, gap.sample_rate) == (RATE // 4, RATE)
    at = round(gap.at_s * RATE)
    np.testing.assert_array_equal(sound(items)[:at], ticks(0, at))
    after = sound(items)[at:]
    np.testing.assert_array_equal(after, ticks(at + RATE // 4, at + RATE // 4 + len(after)))
    assert (mic.health.overflows, mic.health.lost_samples) == (1, RATE // 4)
    assert mic.health.state == "listening"


def test_a_patient_reader_is_woken_less_often_and_loses_nothing(
    microphone: Opened, world: World
) -> None:
    mic = microphone()
    mic.patience_s = 2 * BLOCK_S
    items = hear(mic, world, 4)
    np.testing.assert_array_equal(sound(items), ticks(0, 4 * RATE))
    assert len(items) == 4 / (2 * BLOCK_S)
    mic.patience_s = 0
    items = hear(mic, world, 4)
    np.testing.assert_array_equal(sound(items), ticks(4 * RATE, 8 * RATE))
    assert len(items) == 4 / BLOCK_S


def test_a_slow_reader_loses_the_oldest_and_it_is_counted(microphone: Opened, world: World) -> None:
    mic = microphone()
    before = sound(hear(mic, world, 1))
    world.sleep(BUFFER_S + 5)
    assert mic.backlog_s == BUFFER_S
    items = hear(mic, world, 0.001)
    assert items[0] == Gap(len(before) / RATE, 5 * RATE, RATE, "the sound was read too slowly")
    start = len(before) + 5 * RATE
    np.testing.assert_array_equal(items[1], ticks(start, start + RATE))


def test_how_far_the_reader_is_behind_is_told(microphone: Opened, world: World) -> None:
    mic = microphone()
    assert mic.backlog_s == 0
    world.sleep(2.6)
    assert mic.backlog_s == pytest.approx(2.6)
    next(mic.heard())
    assert mic.backlog_s == pytest.approx(1.6)


def test_while_nothing_comes_an_empty_chunk_does_every_second(
    microphone: Opened, world: World, usb: Device
) -> None:
    mic = microphone("USB Audio")
    usb.unplug()
    last = world.now()
    for item in mic.heard():
        assert not isinstance(item, np.ndarray) or not len(item)
        assert world.now() - last <= 1
        last = world.now()
        if last > 300:
            break


def test_unplugged_it_is_deaf_at_once_and_back_within_the_longest_delay(
    microphone: Opened, world: World, usb: Device
) -> None:
    mic = microphone("USB Audio")
    world.after(10.01, usb.unplug)
    world.after(3_600, lambda: usb.plug("USB Audio (hw:3,0)"))
    items = hear(mic, world, 20)
    assert told(items) == [Deaf(10, "the microphone stopped; was it unplugged?")]
    deaf = mic.health
    assert (deaf.state, deaf.deaf_since, deaf.reopened) == ("deaf", 10.01, 0)
    assert 3 <= deaf.failed <= 6  # after 0, 0.5, 1.5, 3.5, 7.5 s
    assert deaf.last_error == "microphone 'USB Audio (hw:1,0)' is not there"
    (gap,) = told(hear(mic, world, 3_580 + MAX_DELAY_S))
    assert isinstance(gap, Gap)
    assert 3_590 * RATE <= gap.n_samples <= (3_590 + MAX_DELAY_S) * RATE
    well = mic.health
    assert (well.state, well.deaf_since, well.reopened) == ("listening", None, 1)
    # The hour before costs nothing now: the back-off has begun anew.
    hear(mic, world, 10)
    usb.unplug()
    usb.plug()
    began = world.now()
    assert isinstance(told(hear(mic, world, 1))[-1], Gap)
    assert world.now() - began <= 1 + BLOCK_S


def test_where_no_thread_can_be_had_it_is_tried_again(
    microphone: Opened, world: World, usb: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(Beside[Any]):
        def __init__(self, *arguments: Any) -> None:
            if world.now() < 20:
                raise RuntimeError("can't start new thread")
            super().__init__(*arguments)

    mic = microphone("USB Audio")
    monkeypatch.setattr("earlet.audio.live.Beside", Refusing)
    world.after(10, usb.unplug)
    world.after(11, usb.plug)
    hear(mic, world, 15)
    assert (mic.health.state, mic.health.last_error) == ("deaf", "can't start new thread")
    assert isinstance(told(hear(mic, world, 20))[-1], Gap)
    assert mic.health.reopened == 1


def test_of_two_of_a_kind_its_own_is_taken_or_the_one_that_is_there(
    microphone: Opened, world: World, sounddevice: FakeSounddevice, usb: Device
) -> None:
    mic = microphone("hw:1")
    sounddevice.devices.insert(0, Device("USB Audio (hw:4,0)"))
    usb.stall(60)
    hear(mic, world, 10)
    assert sounddevice.streams[-1].device is usb
    usb.unplug()
    assert isinstance(told(hear(mic, world, 5))[-1], Gap)
    sounddevice.devices[0].unplug()
    usb.plug("USB Audio (hw:7,0)")
    sounddevice.devices += [Device("USB Audio (hw:8,0)")]
    hear(mic, world, 5)
    assert mic.health.state == "listening"


def test_a_device_that_was_opened_by_its_index_is_found_by_its_name(
    microphone: Opened, world: World, sounddevice: FakeSounddevice, usb: Device
) -> None:
    mic = microphone(1)
    usb.unplug()
    sounddevice.devices = [*sounddevice.devices[::-1]]
    usb.plug()
    hear(mic, world, 5)
    assert sounddevice.streams[-1].device is usb


def test_the_default_device_is_whatever_it_is_now(
    microphone: Opened, world: World, sounddevice: FakeSounddevice, usb: Device
) -> None:
    mic = microphone()
    usb.unplug()
    hear(mic, world, 5)
    assert sounddevice.streams[-1].device.name == "USB Camera (hw:2,0)"


def test_a_stall_is_deaf_after_the_watchdogs_time_and_what_was_kept_is_not_heard(
    microphone: Opened, world: World, usb: Device
) -> None:
    mic = microphone()
    world.after(10.01, lambda: usb.stall(60))
    items = hear(mic, world, 90)
    deaf, gap = told(items)
    assert deaf == Deaf(10, "the microphone gave nothing for 3 s")
    assert isinstance(gap, Gap)
    assert gap.n_samples < (STALL_S + 1) * RATE  # opened anew, it does not stall any more
    after = sound(items)[10 * RATE :]
    start = 10 * RATE + gap.n_samples
    np.testing.assert_array_equal(after, ticks(start, start + len(after)))


@pytest.mark.parametrize("behind_s", [0.0, 12.0])
def test_after_a_minute_of_standing_still_nothing_stale_is_heard(
    microphone: Opened, world: World, behind_s: float
) -> None:
    mic = microphone()
    hear(mic, world, 10)
    world.sleep(behind_s)
    world.stand_still(60)
    resumed = world.tick
    items = hear(mic, world, 5)
    deaf, gap = told(items)
    assert isinstance(deaf, Deaf)
    assert gap == Gap(10, resumed - 10 * RATE, RATE, deaf.reason)
    np.testing.assert_array_equal(sound(items), ticks(resumed, resumed + len(sound(items))))


def test_a_short_stall_of_the_process_loses_nothing(microphone: Opened, world: World) -> None:
    mic = microphone()
    hear(mic, world, 1)
    world.stand_still(STALL_S - 0.5)
    items = hear(mic, world, 5)
    assert told(items) == []
    np.testing.assert_array_equal(sound(items), ticks(RATE, RATE + len(sound(items))))


def test_zeros_for_ever_are_deaf_and_opened_again(
    microphone: Opened, world: World, sounddevice: FakeSounddevice, usb: Device
) -> None:
    mic = microphone()
    world.after(5.01, usb.move)
    items = hear(mic, world, 5 + SILENCE_S + 1)
    deaf, gap = told(items)
    assert deaf == Deaf(5 + SILENCE_S - BLOCK_S, "the microphone gives nothing but zeros")
    assert isinstance(gap, Gap)
    assert gap.n_samples <= BLOCK  # it was the last block that told
    assert len(sounddevice.streams) == 2
    assert mic.health.state == "listening"


def test_a_muted_microphone_stays_deaf_and_hears_the_first_sound(
    microphone: Opened, world: World, sounddevice: FakeSounddevice, usb: Device
) -> None:
    mic = microphone()
    usb.mute_until_s = 400
    world.n_at_once = 25
    items = hear(mic, world, 410)
    deaf, gap = told(items)
    assert isinstance(deaf, Deaf)
    assert isinstance(gap, Gap)
    sounded = round(gap.at_s * RATE) + gap.n_samples  # one chunk may begin in silence
    assert 0 <= 400 * RATE - sounded <= RATE
    assert len(sounddevice.streams) == pytest.approx(400 / MAX_SILENCE_S, abs=3)


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf, 1e30])
def test_a_second_of_garbage_is_one_gap(
    microphone: Opened, world: World, usb: Device, garbage: float
) -> None:
    mic = microphone()
    hear(mic, world, 1)
    usb.garbage, usb.garbage_until_s = garbage, 2
    items = hear(mic, world, 3)
    (gap,) = told(items)
    assert isinstance(gap, Gap)
    assert gap.n_samples == pytest.approx(RATE, abs=BLOCK)
    assert gap.reason == "samples that are no sound came"
    assert np.isfinite(sound(items)).all()


def test_garbage_for_ever_is_deaf(microphone: Opened, world: World, usb: Device) -> None:
    mic = microphone()
    usb.garbage_until_s = math.inf
    (deaf,) = told(hear(mic, world, 100))
    assert deaf == Deaf(0, "the microphone gives nothing but samples that are no sound")


def test_a_sound_system_that_hangs_does_not_hold_up_the_reader(
    microphone: Opened, world: World, sounddevice: FakeSounddevice, usb: Device
) -> None:
    mic = microphone()
    sounddevice.hang_s = 1_000
    usb.unplug()
    usb.plug()
    last, n_empty = world.now(), 0
    for item in mic.heard():
        assert world.now() - last <= 1
        last = world.now()
        n_empty += isinstance(item, np.ndarray) and not len(item)
        assert last < 2_000
        if isinstance(item, Gap):
            break
    assert n_empty >= 1_000
    assert mic.health.reopened == 1


def test_a_sound_system_that_hangs_at_first_is_an_error_in_time(
    world: World, sounddevice: FakeSounddevice
) -> None:
    sounddevice.hang_s = 1_000
    with pytest.raises(MicrophoneError, match=f"has not answered for {OPEN_S:g} s"):
        Microphone(clock=world).__enter__()
    assert world.now() < OPEN_S + 2
    world.sleep(1_000)
    assert all(stream.is_closed for stream in sounddevice.streams)


def test_given_up_while_it_is_being_opened_it_leaves_nothing_open(
    world: World, sounddevice: FakeSounddevice
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    sounddevice.hang_s = 10
    world.after(1, interrupt)
    with pytest.raises(KeyboardInterrupt):
        Microphone(clock=world).__enter__()
    world.sleep(20)
    assert [stream.is_closed for stream in sounddevice.streams] == [True]


def test_closed_while_it_is_being_opened_again_it_leaves_nothing_open(
    world: World, sounddevice: FakeSounddevice, usb: Device
) -> None:
    with Microphone(clock=world) as mic:
        sounddevice.hang_s = 10
        usb.unplug()
        usb.plug()
        hear(mic, world, 5)
    world.sleep(20)
    assert len(sounddevice.streams) == 2
    assert all(stream.is_closed for stream in sounddevice.streams)


def test_a_portaudio_that_did_not_start_again_is_started_by_the_next_microphone(
    world: World, sounddevice: FakeSounddevice, usb: Device
) -> None:
    with Microphone(clock=world) as mic:
        sounddevice.broken_until_s = 100
        usb.unplug()
        hear(mic, world, 10)
    with pytest.raises(MicrophoneError, match="PortAudio cannot be started"):
        Microphone(clock=world).__enter__()
    world.sleep(100)
    with Microphone(clock=world) as mic:
        assert len(sound(hear(mic, world, 1)))


def test_while_another_microphone_is_open_portaudio_is_not_ended(
    microphone: Opened, world: World, sounddevice: FakeSounddevice, usb: Device
) -> None:
    mic, other = microphone("USB Audio"), microphone("Camera")
    usb.unplug()
    hear(mic, world, 5)
    assert sounddevice.n_cut_off == 0
    assert len(sound(hear(other, world, 1))) > 0
    other.__exit__()
    usb.plug()
    hear(mic, world, MAX_DELAY_S)
    assert mic.health.state == "listening"


def test_opened_again_it_hears_nothing_of_the_time_before(
    world: World,
    sounddevice: FakeSounddevice,  # noqa: ARG001
) -> None:
    mic = Microphone(clock=world)
    with mic:
        world.sleep(5)
    with mic:
        start = world.tick
        np.testing.assert_array_equal(sound(hear(mic, world, 1)), ticks(start, start + RATE))
    assert mic.health.lost_samples == 0


@pytest.mark.usefixtures("sounddevice")
def test_outside_of_with_it_says_how_to_open_it(world: World) -> None:
    mic = Microphone(clock=world)
    with pytest.raises(MicrophoneError, match=r"use `with Microphone\(...\) as source`"):
        next(iter(mic))
    with mic:
        pass
    with pytest.raises(MicrophoneError, match="is not open"):
        next(iter(mic))
    assert mic.backlog_s == 0


def test_while_it_hangs_others_can_be_heard(
    microphone: Opened,
    world: World,
    sounddevice: FakeSounddevice,
    usb: Device,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mic = microphone()
    sounddevice.hang_s = 100
    usb.unplug()
    usb.plug()
    hear(mic, world, 50)
    os.write(2, b"the log")
    assert capfd.readouterr().err == "the log"
    hear(mic, world, 100)
    os.write(2, b"the log")
    assert capfd.readouterr().err.endswith("the log")
    assert mic.health.state == "listening"
