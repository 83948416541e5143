"""Processes that measure: real ones, and some that go wrong."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from earlet import bundle as bundles
from earlet.bench import measure
from earlet.bench.child import Question, Taken
from earlet.bench.figures import Figures, Single
from earlet.bundle import Bundle
from earlet.errors import BackendError
from tests.bench.example import FIGURES

VAD = Path(__file__).parents[2] / "models" / "vad"
SECONDS = 0.01
SINGLE = Single(
    unit="hop",
    unit_s=0.04,
    n_tokens=None,
    start=FIGURES.start,
    latency=FIGURES.latency,
    live=FIGURES.live,
    memory_peak_mb=52.0,
    under_load=FIGURES.under_load,
)


def measured(path: Path, content: str | None = None, *, cores: int = 1) -> Figures:
    machine = replace(FIGURES.device, cores=cores)
    return measure.measure(Bundle(path), content, SECONDS, machine, lambda _: None)


def as_program(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """This in the place of the process that measures."""
    monkeypatch.setattr(measure, "PROGRAM", (sys.executable, "-c", code))


@pytest.fixture
def click(tmp_path: Path) -> str:
    """A sound so short that live it is over in little more than a second."""
    path = tmp_path / "click.wav"
    soundfile.write(path, np.zeros(1_600), 16_000)
    return str(path)


def test_all_figures_of_a_bundle_go_together(
    click: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(VAD, tmp_path / "other")
    manifest = tmp_path / "other" / "bundle.yaml"
    manifest.write_text(manifest.read_text().replace("name: vad", "name: other"))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "bundle.yaml").write_text("no bundle")
    monkeypatch.setattr(bundles, "search_path", lambda: [tmp_path, VAD.parent])
    found = measured(VAD, click, cores=2)
    assert (found.bundle, found.task, found.input) == ("vad", "voice-activity-detection", "given")
    start, latency, live = found.start, found.latency, found.live
    assert start.total_s == start.imports_s + start.loading_s + start.first_answer_s
    assert 0 < start.imports_s < measure.LIMIT_S  # after which it would have been ended
    assert 0 < latency.p50_ms <= latency.p95_ms <= latency.p99_ms <= latency.max_ms
    assert found.unit_s == 512 / 16_000
    assert found.real_time_factor == latency.mean_ms / 1000 / found.unit_s
    assert found.per_s is found.tokens_per_s is None
    assert live is not None
    assert live.duration_s > 1  # in real time
    turns = [(turn.bundle, turn.threads) for turn in found.turns]
    assert turns == [("vad", 1), ("vad", 2), ("other", 1)]
    assert 20 < found.memory_peak_mb < 200
    assert found.versions.engine.startswith("onnxruntime ")


def test_the_start_that_is_told_is_the_middle_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    totals = iter([9.0, 1.0, 2.0])

    def ask(_: Question, answer: type[Any]) -> Any:
        if answer is Taken:
            return Taken(turns=())
        return replace(SINGLE, start=replace(SINGLE.start, total_s=next(totals)))

    monkeypatch.setattr(measure, "_ask", ask)
    assert measured(VAD).start.total_s == 2.0


def test_of_many_other_bundles_the_smallest_are_compared(
    altered: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, n_bytes in (("a", 3_000), ("b", 1_000), ("c", 2_000)):
        altered(VAD, {"more.txt": bytes(n_bytes)}, name=name).rename(tmp_path / name)
    shutil.copytree(VAD.parent / "sentiment-en", tmp_path / "d")  # for another task
    monkeypatch.setattr(bundles, "search_path", lambda: [tmp_path])
    monkeypatch.setattr(measure, "MAX_OTHERS", 2)
    asked: list[Question] = []

    def ask(question: Question, answer: type[Any]) -> Any:
        asked.append(question)
        return Taken(turns=()) if answer is Taken else SINGLE

    monkeypatch.setattr(measure, "_ask", ask)
    measured(VAD)
    others = [Path(contender.bundle).name for contender in asked[-1].contenders]
    assert others == ["vad", "b", "c"]


def test_of_what_is_no_sound_so_many_a_second_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    text = replace(SINGLE, unit="text", unit_s=None, live=None)
    monkeypatch.setattr(measure, "_ask", lambda *_: text)
    found = measure.glance(Bundle(VAD), SECONDS, FIGURES.device)
    assert (found.per_s, found.real_time_factor) == (1000 / found.latency.mean_ms, None)


def test_of_a_recogniser_the_tokens_of_a_second_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = replace(SINGLE, unit="clip", unit_s=5.0, n_tokens=16)
    clip = replace(clip, latency=replace(clip.latency, mean_ms=2_000.0))
    monkeypatch.setattr(measure, "_ask", lambda *_: clip)
    found = measure.glance(Bundle(VAD), SECONDS, FIGURES.device)
    assert (found.tokens_per_s, found.real_time_factor) == (8.0, 0.4)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9; is there memory for it?"),
        ("raise MemoryError('no room')", "ended with 1: MemoryError: no room"),
        ("import sys; sys.exit(3)", "ended with 3: no reason told"),
    ],
)
def test_a_process_that_ends_is_told_in_one_line(
    code: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_program(monkeypatch, code)
    with pytest.raises(
        BackendError, match=rf"vad: the process that measured it {said}".replace("?", r"\?")
    ):
        measure.glance(Bundle(VAD), SECONDS, FIGURES.device)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """The processes that were started."""
    processes: list[subprocess.Popen[str]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            processes.append(self)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return processes


def test_a_process_that_does_not_answer_is_ended(
    started: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_program(monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(measure, "LIMIT_S", 0.25)
    with pytest.raises(BackendError, match="nothing was measured in 0 s"):
        measure.glance(Bundle(VAD), SECONDS, FIGURES.device)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """A shell's background jobs do not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_ends_the_process_that_measures(
    started: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_program(monkeypatch, "import os, time; os.kill(os.getppid(), 2); time.sleep(60)")
    with pytest.raises(KeyboardInterrupt):
        measure.glance(Bundle(VAD), SECONDS, FIGURES.device)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "PROGRAM", ("/nowhere/python",))
    with pytest.raises(BackendError, match="a process cannot be started: No such file"):
        measure.glance(Bundle(VAD), SECONDS, FIGURES.device)
