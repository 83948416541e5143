"""A process that measures, and has not done anything before: its start is a cold start.

    stdin    a JSON object: `Question`
    stdout   a JSON object: `Single`, `Taken`, or {"error": class, "message": text}

Nothing is imported before it is needed, so that a start takes what it takes without measuring.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, NamedTuple, TypeVar

from earlet import schema, tasks
from earlet.bench import timing, work
from earlet.bench.figures import Single, Start, Turn
from earlet.bench.timing import MS, Clock
from earlet.errors import EarletError, InputError

T = TypeVar("T")
MAX_OPENING_S = 30.0  # of all contenders; what is left then, is left out


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A bundle by its path, and how many threads it may use."""

    bundle: str
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a process is asked for."""

    contenders: tuple[Contender, ...]  # the first one's example is what all are given
    content: str | None  # another example: a path, or a text
    seconds: float  # of each measurement
    is_live: bool  # a stream in real time, too, where it takes one
    in_turns: bool  # all contenders; or the first one by itself
    asked_at_s: float  # on the monotonic clock, before the process was started


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The turns of all contenders that could take one."""

    turns: tuple[Turn, ...]


def main() -> None:
    """Answer the one question on stdin."""
    imported_at_s = time.monotonic()
    answer: Any
    try:
        question = schema.read(Question, json.load(sys.stdin), "the question", InputError)
        imports_s = imported_at_s - question.asked_at_s
        clock = Clock()
        answer = asdict(
            in_turns(question, clock) if question.in_turns else alone(question, imports_s, clock)
        )
    except EarletError as problem:
        answer = {"error": type(problem).__name__, "message": str(problem)}
    sys.stdout.write(json.dumps(answer))


def alone(question: Question, imports_s: float, clock: Clock) -> Single:
    """The start, the latency, the live stream and the memory of the first contender.

    Raises:
        EarletError: the bundle or the example cannot be used.
    """
    task, loading_s = _timed(lambda: _open(question.contenders[0]), clock)
    given = _example(task, question)
    prepared = work.prepare(task, given)
    _, first_answer_s = _timed(prepared.step, clock)
    times = timing.again_and_again(prepared.step, question.seconds, clock)
    from earlet.bench import device  # late: it is no part of a start

    under_load = device.under_load()
    latency = timing.latency(times)
    live = None
    # By its own time: that it has to wait for a core says nothing of the bundle.
    keeps_up = prepared.unit_s is not None and latency.cpu_ms < prepared.unit_s * MS
    if question.is_live and prepared.stream is not None and keeps_up:
        chunks = work.live_sound(task, given, question.seconds)
        live = timing.in_real_time(prepared.stream, chunks, task.sample_rate, clock)
    return Single(
        unit=prepared.unit,
        unit_s=prepared.unit_s,
        n_tokens=work.n_tokens(task, given),
        start=Start(
            imports_s=imports_s,
            loading_s=loading_s,
            first_answer_s=first_answer_s,
            total_s=imports_s + loading_s + first_answer_s,
        ),
        latency=latency,
        live=live,
        memory_peak_mb=device.peak_memory_mb(),
        under_load=under_load,
    )


def in_turns(question: Question, clock: Clock) -> Taken:
    """The first contender's example, by all of them in turns.

    One that cannot be used, or for which there is no time, is left out.

    Raises:
        EarletError: the first one or the example cannot be used.
    """
    until = clock.wall() + MAX_OPENING_S
    first, *others = question.contenders
    task = _open(first)
    given = _example(task, question)
    ready = [_ready(task, first, given)]
    for other in others:
        if clock.wall() > until:
            break
        try:
            ready.append(_ready(_open(other), other, given))
        except EarletError:  # it is not what this is about; `earlet bench` alone names it
            continue
    times = timing.in_turns([contender.call for contender in ready], question.seconds, clock)
    return Taken(
        turns=tuple(
            Turn(
                bundle=contender.bundle,
                threads=contender.threads,
                wall_ms=median(taken.wall) * MS,
                cpu_ms=median(taken.cpu) * MS,
            )
            for contender, taken in zip(ready, times, strict=True)
        )
    )


class _Ready(NamedTuple):
    """A contender that has done its work once."""

    bundle: str  # name
    threads: int
    call: timing.Call


def _open(contender: Contender) -> Any:
    return tasks.open_bundle(tasks.load(contender.bundle), contender.threads)


def _example(task: Any, question: Question) -> Any:
    return work.example(task.bundle, getattr(task, "sample_rate", None), question.content)


def _ready(task: Any, contender: Contender, given: Any) -> _Ready:
    call = work.in_turns(task, given)
    call()
    return _Ready(task.bundle.manifest.name, contender.threads, call)


def _timed(do: Callable[[], T], clock: Clock) -> tuple[T, float]:
    """What it gives, and the seconds that it took."""
    began = clock.wall()
    return do(), clock.wall() - began


if __name__ == "__main__":
    main()
