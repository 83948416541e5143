"""What a process finds out; here without one, and on a clock that ticks when it is looked at."""

from pathlib import Path

import pytest

from earlet.bench.child import Contender, Question, alone, in_turns
from earlet.bench.timing import Clock
from earlet.errors import BundleNotFoundError

MODELS = Path(__file__).parents[2] / "models"
QUICK_S, SLOW_S = 2**-12, 2.0  # powers of two, so that sums are exact


def ticking(tick_s: float) -> Clock:
    """Each look takes a tick, and the processor works for half of all time."""
    now_s = 0.0

    def pass_by(seconds: float = tick_s) -> float:
        nonlocal now_s
        now_s += seconds
        return now_s

    return Clock(pass_by, lambda: pass_by() / 2, pass_by)


def question(*names: str, seconds: float = 0.0, is_live: bool = False) -> Question:
    return Question(
        contenders=tuple(Contender(bundle=str(MODELS / name)) for name in names),
        content=None,
        seconds=seconds,
        is_live=is_live,
        in_turns=False,
        asked_at_s=0.0,
    )


def test_a_start_is_importing_loading_and_the_first_answer() -> None:
    start = alone(question("vad"), 0.25, ticking(SLOW_S)).start
    assert (start.imports_s, start.loading_s, start.first_answer_s) == (0.25, SLOW_S, SLOW_S)
    assert start.total_s == 0.25 + 2 * SLOW_S


def test_the_latency_is_that_of_the_calls() -> None:
    latency = alone(question("vad", seconds=7 * SLOW_S), 0.0, ticking(SLOW_S)).latency
    assert latency.n_calls == 2  # each with five looks at the clock, one of them at the end
    assert latency.p50_ms == latency.max_ms == latency.mean_ms == 1000 * 3 * SLOW_S
    assert latency.cpu_ms == 1000 * SLOW_S / 2


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("commands-en", True),
        ("vad", True),
        ("moonshine-tiny-en", True),
        ("yamnet", False),
        ("sentiment-en", False),
    ],
)
def test_what_takes_streams_is_given_live_sound(name: str, takes: bool) -> None:
    found = alone(question(name, is_live=True), 0.0, ticking(QUICK_S))
    assert (found.live is not None) == takes
    assert found.memory_peak_mb > 20  # NumPy alone


def test_live_sound_takes_its_time() -> None:
    asked = question("commands-en", seconds=4.0, is_live=True)
    live = alone(asked, 0.0, ticking(QUICK_S)).live
    assert live is not None
    assert live.duration_s == pytest.approx(4.0, abs=0.01)
    assert live.cpu_percent == pytest.approx(50)


def test_live_sound_comes_only_where_it_is_asked_for_and_can_be_followed() -> None:
    assert alone(question("commands-en"), 0.0, ticking(QUICK_S)).live is None
    assert alone(question("commands-en", is_live=True), 0.0, ticking(SLOW_S)).live is None


def test_contenders_are_told_by_their_names_the_first_one_first() -> None:
    asked = question("vad", "vad", seconds=20 * QUICK_S)  # more than one round
    turns = in_turns(asked, ticking(QUICK_S)).turns
    assert [(turn.bundle, turn.threads) for turn in turns] == [("vad", 1), ("vad", 1)]
    assert {turn.wall_ms for turn in turns} == {1000 * 3 * QUICK_S}


def test_a_contender_that_cannot_be_used_is_left_out() -> None:
    turns = in_turns(question("vad", "nowhere", "vad"), ticking(QUICK_S)).turns
    assert len(turns) == 2


def test_where_the_first_one_takes_all_the_time_there_are_no_others() -> None:
    turns = in_turns(question("vad", "vad"), ticking(40.0)).turns
    assert len(turns) == 1


def test_without_the_first_one_there_is_nothing_to_compare() -> None:
    with pytest.raises(BundleNotFoundError):
        in_turns(question("nowhere", "vad"), ticking(QUICK_S))
