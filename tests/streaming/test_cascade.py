"""Gate, looks and second stage of a spotter whose network says what the sound tells it to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.features.fbank import Fbank, FbankConfig
from earlet.features.mel_energies import MelEnergies, MelWork
from earlet.results import Detection, Rejection
from earlet.streaming.cascade import SecondStage, Spotter, TraceRow, Work
from earlet.streaming.gate import EnergyGate
from earlet.streaming.spotter import ConfirmWindow, PosteriorStream, SpotterConfig
from tests.streaming.scripted import Scripted

RATE, HOP = 16_000, 640
HOP_S = HOP / RATE
LABELS = ("go", "stop", "none")
FBANK = Fbank(FbankConfig(n_mels=20, win_length=480, hop_length=320, f_max=7600.0, window="hann"))
CONFIG = SpotterConfig(
    window_frames=9,  # 4.5 hops
    hop_ms=40,
    smoothing=2,
    refractory_ms=1000,
    event_ms=400,
    thresholds={"go": 0.6, "stop": 0.6},
)
WEIGHTS = np.random.default_rng(3).normal(size=(len(LABELS), CONFIG.window_frames, 20))
WINDOW = ConfirmWindow(threshold=0.6, score=-5.0, before_ms=300, after_ms=90)
AFTER_HOPS = 3  # that have all of its sound afterwards

Event = Detection | Rejection


def swinging(window: FloatArray) -> FloatArray:
    """A stand-in whose answer depends on every value of its window, and swings widely."""
    return np.asarray((WEIGHTS * window).sum(axis=(1, 2)) / 8, dtype=np.float32)


def sounds(seconds: float) -> FloatArray:
    """Noise that comes and goes, over a quiet room."""
    generator = np.random.default_rng(5)
    n = round(seconds * RATE)
    level = np.repeat(generator.uniform(0, 0.5, n // 12_000 + 1) ** 2, 12_000)[:n]
    level[np.repeat(generator.uniform(size=n // 24_000 + 1) < 0.6, 24_000)[:n]] = 1e-3
    return (generator.normal(size=n) * level).astype(np.float32)


def said(*words: tuple[str, range]) -> dict[int, tuple[str, float]]:
    """Words, and the hops from 1 on in which their posterior is 0.9."""
    return {hop: (word, 0.9) for word, hops in words for hop in hops}


def spotter_of(
    words: dict[int, tuple[str, float]],
    score: Callable[[str, FloatArray], float] | None = None,
    window: ConfirmWindow = WINDOW,
    **options: object,
) -> Spotter:
    second = None if score is None else SecondStage(window, score)
    return Spotter(CONFIG, LABELS, Scripted(LABELS, words), second=second, **options)  # type: ignore[arg-type]


def events(spotter: Spotter, n_hops: int) -> list[tuple[int, Event]]:
    """What is told in so many hops of silence, each event with the hop at which it is."""
    silence = np.zeros(HOP, dtype=np.float32)
    return [(hop, event) for hop in range(1, n_hops + 1) for event in spotter.push(silence)]


def heard(told: Sequence[tuple[int, Event]]) -> list[tuple[str, float]]:
    return [(event.label, event.end_s) for _, event in told if isinstance(event, Detection)]


@settings(max_examples=30)
@given(st.sets(st.integers(1, 75)))
def test_a_look_sees_the_same_whatever_was_looked_at_before(looks: set[int]) -> None:
    waveform = sounds(3.0)
    every = PosteriorStream(CONFIG, FBANK, swinging).push(waveform)
    some = PosteriorStream(CONFIG, FBANK, swinging)
    for i, hop in enumerate(waveform.reshape(-1, HOP), start=1):
        some.hear(hop)
        if i in looks:
            np.testing.assert_array_equal(some.look(), every[i - 1])


def test_features_are_made_only_of_what_a_look_sees() -> None:
    pushed: list[int] = []

    class Counting(Fbank):
        def features(self, clip: FloatArray, mel_energies: MelEnergies | MelWork) -> FloatArray:
            pushed.append(len(clip))
            return super().features(clip, mel_energies)

    stream = PosteriorStream(CONFIG, Counting(FBANK.config), swinging)
    pushed.clear()
    for hop in sounds(60.0).reshape(-1, HOP):
        stream.hear(hop)
    assert not pushed
    stream.look()
    assert len(pushed) == 1 + 5  # what lies before, and the hops of a window


def gated(waveform: FloatArray, cuts: Sequence[int]) -> tuple[list[Event], Work]:
    work = Work()
    posteriors = PosteriorStream(CONFIG, FBANK, swinging)
    spotter = Spotter(CONFIG, LABELS, posteriors, gate=EnergyGate(HOP, RATE), work=work)
    told = [event for part in np.split(waveform, cuts) for event in spotter.push(part)]
    return told, work


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, 20 * RATE), max_size=20).map(sorted))
def test_behind_a_gate_any_chunking_gives_the_same_events_to_the_bit(cuts: list[int]) -> None:
    waveform = sounds(20.0)
    whole, work = gated(waveform, [])
    assert len(whole) > 3
    assert 0.3 < work.looks / work.hops < 0.9
    assert gated(waveform, cuts)[0] == whole


def rows(spotter: Spotter, waveform: FloatArray) -> list[TraceRow]:
    told: list[TraceRow] = []
    spotter.trace = told.append
    spotter.push(waveform)
    return told


def test_a_woken_spotter_sees_what_one_sees_that_never_slept() -> None:
    waveform = sounds(20.0)

    def fresh() -> PosteriorStream:
        return PosteriorStream(CONFIG, FBANK, swinging)

    ungated = rows(Spotter(CONFIG, LABELS, fresh()), waveform)
    woken = rows(Spotter(CONFIG, LABELS, fresh(), gate=EnergyGate(HOP, RATE)), waveform)
    assert [row.at for row in woken] == [HOP * i for i in range(1, 501)]
    n_woken = 0
    for before, row, truth in zip([None, *woken], woken, ungated, strict=False):
        if not row.is_open:
            assert np.isnan(row.posteriors).all()
            continue
        np.testing.assert_array_equal(row.posteriors, truth.posteriors)
        if before is not None and before.is_open:
            np.testing.assert_array_equal(row.smoothed, truth.smoothed)
        else:  # two posteriors are averaged, and there is one
            n_woken += 1
            assert np.isnan(row.smoothed).all()
    assert n_woken > 2


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_who_looks_less_often_works_less_and_keeps_time(stride: int) -> None:
    spotter = spotter_of(said(("go", range(20, 32)), ("stop", range(40, 58))))
    spotter.stride = stride
    told = events(spotter, 80)
    assert spotter.work.looks == pytest.approx(80 / stride, abs=1)
    (go, at), (stop, after) = heard(told)
    assert (go, stop) == ("go", "stop")
    assert 20 * HOP_S <= at <= 32 * HOP_S
    assert at + CONFIG.refractory_ms / 1000 < after  # seconds, not looks


def test_posteriors_are_averaged_over_a_time_however_many_looks_it_has() -> None:
    brief = said(("go", range(20, 22)))  # 80 ms, and two posteriors are averaged
    every, every_second = spotter_of(brief), spotter_of(brief)
    every_second.stride = 2
    assert [label for label, _ in heard(events(every, 40))] == ["go"]
    assert [label for label, _ in heard(events(every_second, 40))] == ["go"]
    assert not heard(events(spotter_of(said(("go", range(20, 21)))), 40))


def test_a_fire_is_confirmed_by_the_sound_around_it_once_that_is_there() -> None:
    asked: list[tuple[str, FloatArray]] = []

    def score(label: str, sound: FloatArray) -> float:
        asked.append((label, sound))
        return -4.5

    spotter = spotter_of(said(("go", range(50, 54))), score)
    waveform = np.arange(4 * RATE, dtype=np.float32)
    told = [
        (i, event)
        for i, hop in enumerate(waveform.reshape(-1, HOP), start=1)
        for event in spotter.push(hop)
    ]
    ((at, event),) = told
    assert event == Detection("go", event.score, 1.64, 2.04, confirmation=-4.5)
    assert event.score == pytest.approx(0.9)
    assert at == 51 + 3  # the fire, and hops until there are 90 ms
    ((label, sound),) = asked
    fired = 51 * HOP
    np.testing.assert_array_equal(sound, waveform[fired - 4800 : fired + 1440])
    assert label == "go"
    assert spotter.work.confirmations == 1


@pytest.mark.parametrize("before_ms", [0, 10, 300])
def test_a_second_stage_that_waits_for_no_sound_is_given_what_was_before(before_ms: int) -> None:
    asked: list[FloatArray] = []

    def score(_: str, sound: FloatArray) -> float:
        asked.append(sound)
        return -1.0

    window = replace(WINDOW, before_ms=before_ms, after_ms=0)
    spotter = spotter_of(said(("go", range(50, 54))), score, window)
    waveform = np.arange(4 * RATE, dtype=np.float32)
    for part in np.split(waveform, 100):
        spotter.push(part)
    (sound,) = asked
    fired = 51 * HOP
    np.testing.assert_array_equal(sound, waveform[fired - 16 * before_ms : fired])


def test_what_is_not_confirmed_is_rejected_and_leaves_nobody_deaf() -> None:
    words = said(("go", range(20, 26)), ("stop", range(26, 30)))

    def score(label: str, _: FloatArray) -> float:
        return {"go": -9.0, "stop": -1.0}[label]

    told = [event for _, event in events(spotter_of(words, score), 60)]
    assert [(e.label, e.confirmation) for e in told] == [("go", -9.0), ("stop", -1.0)]
    assert isinstance(told[0], Rejection)
    assert told[0].reason == "not confirmed"
    assert isinstance(told[1], Detection)


def test_a_word_that_was_not_confirmed_is_asked_about_again_when_it_is_said_again() -> None:
    scores = iter([-9.0, -1.0])
    words = said(("go", range(20, 30)), ("go", range(33, 36)))
    told = [event for _, event in events(spotter_of(words, lambda *_: next(scores)), 60)]
    assert [type(event) for event in told] == [Rejection, Detection]


def test_a_word_that_was_not_confirmed_is_not_asked_about_at_every_hop() -> None:
    spotter = spotter_of(said(("go", range(20, 120))), lambda *_: -9.0)
    told = events(spotter, 140)
    assert [event.end_s for _, event in told] == [
        pytest.approx(21 * HOP_S + i * (1.0 + HOP_S)) for i in range(4)
    ]


def test_when_one_of_two_is_confirmed_the_other_falls_in_its_refractory_time() -> None:
    words = said(("go", range(20, 22)), ("stop", range(22, 24)), ("go", range(60, 62)))
    told = events(spotter_of(words, lambda *_: -1.0), 80)
    assert heard(told) == [("go", 21 * HOP_S), ("go", pytest.approx(61 * HOP_S))]
    (late,) = [event for _, event in told if isinstance(event, Rejection)]
    assert (late.label, late.reason) == ("stop", "refractory")


def test_the_end_of_the_stream_decides_with_the_sound_that_there_is() -> None:
    lengths: list[int] = []

    def score(_: str, sound: FloatArray) -> float:
        lengths.append(len(sound))
        return -1.0

    spotter = spotter_of(said(("go", range(20, 24))), score)
    assert not events(spotter, 22)
    (event,) = spotter.flush()
    assert isinstance(event, Detection)
    assert lengths == [4800 + HOP]


def test_a_label_has_a_refractory_time_of_its_own() -> None:
    words = said(("go", range(10, 12)), ("stop", range(20, 22)), ("go", range(30, 32)))
    told = events(spotter_of(words, refractory_ms={"go": 200}), 60)
    assert [label for label, _ in heard(told)] == ["go", "stop"]  # stop is followed by 1 s


def test_something_is_heard_from_the_first_sign_of_a_word_to_its_last() -> None:
    spotter = spotter_of(said(("go", range(20, 30))))
    silence = np.zeros(HOP, dtype=np.float32)
    hearing = [hop for hop in range(1, 50) if spotter.push(silence) or spotter.is_hearing]
    assert hearing == [1, *range(20, 31)]  # before the first average nothing is known


def test_something_is_heard_while_the_second_stage_is_waited_for() -> None:
    spotter = spotter_of(said(("go", range(20, 22))), lambda *_: 0.0)
    ((told_at, _),) = events(spotter, 21 + AFTER_HOPS)
    assert told_at == 21 + AFTER_HOPS
    assert not spotter.is_hearing
    spotter.reset()
    events(spotter, told_at - 1)
    assert spotter.is_hearing


def test_behind_a_gate_that_is_shut_nothing_is_heard() -> None:
    spotter = spotter_of(said(("go", range(1, 200))), gate=EnergyGate(HOP, RATE))
    events(spotter, 20)
    assert spotter.is_hearing
    events(spotter, 20)
    assert not spotter.is_hearing


def test_who_is_told_not_to_look_hears_nothing_and_goes_on_after_it() -> None:
    spotter = spotter_of(said(("go", range(10, 20)), ("stop", range(30, 34))))
    silence = np.zeros(HOP, dtype=np.float32)
    told = [e for i in range(60) for e in spotter.hear(silence, look=not 5 <= i < 25)]
    assert [event.label for event in told] == ["stop"]


def cut(waveform: FloatArray, at: Sequence[int]) -> Iterator[FloatArray]:
    for start, end in pairwise([0, *at, len(waveform)]):
        yield waveform[start:end]


@settings(max_examples=10)
@given(st.lists(st.integers(0, 20 * RATE), min_size=1, max_size=8).map(sorted))
def test_a_fresh_spotter_goes_on_from_a_snapshot_to_the_bit(cuts: list[int]) -> None:
    waveform = sounds(20.0)

    def fresh() -> Spotter:
        return Spotter(
            CONFIG,
            LABELS,
            PosteriorStream(CONFIG, FBANK, swinging),
            gate=EnergyGate(HOP, RATE),
            second=SecondStage(WINDOW, lambda _, sound: float(-9 + 1e4 * sound.mean())),
        )

    whole = fresh()
    expected = whole.push(waveform) + whole.flush()
    assert {type(event) for event in expected} == {Detection, Rejection}
    told: list[Event] = []
    spotter = fresh()
    for part in cut(waveform, cuts):
        snapshot, spotter = spotter.snapshot(), fresh()
        spotter.push(sounds(1.0))  # whatever it heard before
        spotter.restore(snapshot)
        told += spotter.push(part)
    assert told + spotter.flush() == expected


@pytest.mark.parametrize("at", range(15, 60, 5))
def test_a_snapshot_knows_who_is_deaf_and_who_waits(at: int) -> None:
    words = said(("go", range(20, 24)), ("stop", range(30, 34)), ("stop", range(50, 54)))
    whole = spotter_of(words, lambda *_: -1.0)
    expected = [event for _, event in events(whole, 80)]
    assert [event.label for event in expected] == ["go", "stop", "stop"]
    first, second = (spotter_of(words, lambda *_: -1.0) for _ in range(2))
    told = [event for _, event in events(first, at)]
    second.restore(first.snapshot())
    assert told + [event for _, event in events(second, 80 - at)] == expected
