"""The spotter's state machines: events that do not depend on how the stream was cut."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.features.fbank import Fbank, FbankConfig
from earlet.results import Detection, Rejection
from earlet.streaming.cascade import Spotter
from earlet.streaming.spotter import PosteriorStream, SpotterConfig, Trigger

LABELS = ("go", "stop", "none")
FBANK = Fbank(FbankConfig(n_mels=20, win_length=480, hop_length=320, f_max=7600.0, window="hann"))
CONFIG = SpotterConfig(
    window_frames=8,
    hop_ms=40,
    smoothing=2,
    refractory_ms=200,
    event_ms=500,
    thresholds={"go": 0.6, "stop": 0.6},
)


def network(window: FloatArray) -> FloatArray:
    """A stand-in whose answer depends on every value of its window, and swings widely."""
    weights = np.random.default_rng(3).normal(size=(len(LABELS), *window.shape))
    return np.asarray((weights * window).sum(axis=(1, 2)) / 8, dtype=np.float32)


def noise(seconds: float) -> FloatArray:
    generator = np.random.default_rng(5)
    level = np.repeat(generator.uniform(0, 0.5, int(seconds * 20) + 1), 800)[: int(seconds * 16000)]
    return (generator.normal(size=len(level)) * level).astype(np.float32)


def run(waveform: FloatArray, cuts: Sequence[int]) -> list[Detection | Rejection]:
    spotter = Spotter(CONFIG, LABELS, PosteriorStream(CONFIG, FBANK, network))
    return [event for part in np.split(waveform, cuts) for event in spotter.push(part)]


@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, 32_000), max_size=30).map(sorted))
def test_any_chunking_gives_the_same_events_to_the_bit(cuts: list[int]) -> None:
    waveform = noise(2.0)
    whole = run(waveform, [])
    assert len(whole) > 1
    assert run(waveform, cuts) == whole


@pytest.mark.parametrize("chunk", [1, 7, 640, 641])
def test_fixed_chunks_give_the_same_events_to_the_bit(chunk: int) -> None:
    waveform = noise(0.5)
    assert run(waveform, range(chunk, len(waveform), chunk)) == run(waveform, [])


def test_a_reset_spotter_hears_as_a_fresh_one() -> None:
    waveform = noise(2.0)
    spotter = Spotter(CONFIG, LABELS, PosteriorStream(CONFIG, FBANK, network))
    first = spotter.push(waveform)
    spotter.reset()
    assert spotter.push(waveform) == first == run(waveform, [])


def test_the_stream_sees_the_frames_of_the_clip_with_silence_before_it() -> None:
    seen: list[FloatArray] = []

    def remember(window: FloatArray) -> FloatArray:
        seen.append(window.copy())
        return np.zeros(len(LABELS), dtype=np.float32)

    waveform = noise(1.0)
    PosteriorStream(CONFIG, FBANK, remember).push(waveform)
    lead = 7 * 320 + 480
    frames = FBANK(np.concatenate([np.zeros(lead, dtype=np.float32), waveform]))
    assert len(seen) == 25  # hops of 40 ms in a second
    for hop, window in enumerate(seen, start=1):
        # 2 frames a hop; BLAS adds in another order for another number of rows
        np.testing.assert_allclose(window, frames[2 * hop : 2 * hop + 8], atol=1e-5)


def posterior(go: float, stop: float) -> FloatArray:
    return np.array([go, stop, 1 - go - stop], dtype=np.float32)


def events(rows: list[FloatArray], config: SpotterConfig = CONFIG) -> list[tuple[int, Detection]]:
    trigger = Trigger(config, LABELS, hop_s=0.04)
    pushed = [(i, trigger.push(row)) for i, row in enumerate(rows)]
    return [(i, event) for i, event in pushed if event is not None]


def test_an_event_has_the_smoothed_score_and_the_times_of_its_hop() -> None:
    quiet = [posterior(0.1, 0.1)] * 20
    ((at, event),) = events([*quiet, posterior(0.9, 0.0), posterior(0.7, 0.0)])
    assert at == 21
    assert event.label == "go"
    assert event.score == pytest.approx(0.8)
    assert event.end_s == pytest.approx(22 * 0.04)
    assert event.start_s == pytest.approx(22 * 0.04 - 0.5)


def test_nothing_is_known_until_there_are_enough_posteriors_again() -> None:
    trigger = Trigger(replace(CONFIG, smoothing=4), LABELS, hop_s=0.04)
    trigger.stride = 4  # one posterior in the time that is smoothed over
    assert trigger.push(posterior(0.9, 0.0), 4) is not None
    trigger.stride = 1  # four
    for _ in range(2):
        assert trigger.push(posterior(0.9, 0.0)) is None
        assert np.isnan(trigger.smoothed).all()
    trigger.push(posterior(0.9, 0.0))
    np.testing.assert_allclose(trigger.smoothed, [0.9, 0.0], rtol=1e-6)


def test_one_loud_hop_alone_is_not_enough() -> None:
    assert not events([posterior(0.1, 0), posterior(0.9, 0), posterior(0.1, 0)])


def test_the_refractory_time_lets_nothing_through_and_then_everything() -> None:
    loud = [posterior(0.9, 0.0)] * 20
    assert [at for at, _ in events(loud)] == [1, 7, 13, 19]  # every 1 + 200 ms / 40 ms hops


def test_the_label_furthest_over_its_own_threshold_wins() -> None:
    config = SpotterConfig(**{**vars(CONFIG), "thresholds": {"go": 0.5, "stop": 0.05}})
    rows = [posterior(0.6, 0.3)] * 2  # logits over: go 0.41, stop 2.1
    assert [event.label for _, event in events(rows, config)] == ["stop"]


def test_a_threshold_of_one_silences_a_label() -> None:
    config = SpotterConfig(**{**vars(CONFIG), "thresholds": {"go": 1.0, "stop": 0.6}})
    assert not events([posterior(1.0, 0.0)] * 5, config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": {"go": 0.0}}, "thresholds.go"),
        ({"thresholds": {"go": 1.5}}, "thresholds.go"),
        ({"smoothing": 0}, "smoothing"),
        ({"refractory_ms": -1}, "refractory_ms"),
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SpotterConfig(**{**vars(CONFIG), **change})


def test_a_threshold_for_an_unknown_label_is_refused() -> None:
    config = SpotterConfig(**{**vars(CONFIG), "thresholds": {"start": 0.5}})
    with pytest.raises(InputError, match="'start' is not a label"):
        Trigger(config, LABELS, hop_s=0.04)


@pytest.mark.parametrize("hop_ms", [30, 1000])
def test_a_hop_that_is_no_whole_number_of_frames_in_the_window_is_refused(hop_ms: int) -> None:
    config = SpotterConfig(**{**vars(CONFIG), "hop_ms": hop_ms})
    with pytest.raises(InputError, match="hop_ms"):
        PosteriorStream(config, FBANK, network)
