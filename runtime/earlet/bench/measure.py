"""`earlet bench` of a bundle: processes of their own find out, one after the other.

    alone           start, latency, a stream in real time, memory
    alone, twice    the start once more: the median counts
    in turns        the bundle with more threads, and others for the same work

A process that does not answer in time is ended, and so is one that nobody waits for any more.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TypeVar

from earlet import bundle as bundles
from earlet import errors, schema
from earlet.bench import device
from earlet.bench.advice import advice
from earlet.bench.child import Contender, Question, Taken
from earlet.bench.figures import Device, Figures, Single, Turn
from earlet.bench.timing import MS
from earlet.bench.work import is_spotter
from earlet.bundle import Bundle
from earlet.errors import BackendError, EarletError
from earlet.manifest import Manifest

T = TypeVar("T")
PROGRAM = (sys.executable, "-P", "-m", "earlet.bench.child")
LIMIT_S = 300.0  # for an answer; that of a healthy one comes in about three times `seconds`
N_STARTS = 3  # odd: the median is one of them
THREADS = (1, 2, 4)  # as far as there are cores
MAX_OTHERS = 3  # bundles that are compared: each is loaded beside the others

Told = Callable[[str], None]  # what is being measured


def glance(bundle: Bundle, seconds: float, machine: Device) -> Figures:
    """One start and the latency; the arguments are those of `measure`."""
    single = _ask(_question(bundle, None, seconds), Single)
    return _figures(bundle, None, machine, single, ())


def measure(
    bundle: Bundle, content: str | None, seconds: float, machine: Device, told: Told
) -> Figures:
    """All there is to know about one bundle.

    Args:
        bundle: opened.
        content: the path of a sound or a picture, or a text; None: the bundle's golden example.
        seconds: that each measurement takes, about.
        machine: as it was before anything was measured.
        told: of what is being measured.

    Raises:
        EarletError: bundle or content cannot be used.
    """
    question = _question(bundle, content, seconds)
    told("latency")
    single = _ask(replace(question, is_live=True), Single)
    told("start")
    again = replace(question, seconds=0.0)
    starts = [single.start, *(_ask(again, Single).start for _ in range(1, N_STARTS))]
    start = sorted(starts, key=lambda start: start.total_s)[N_STARTS // 2]
    told("threads, other bundles")
    own = [replace(question.contenders[0], threads=n) for n in THREADS if n <= machine.cores]
    contenders = (*own, *_alike(bundle))
    turns = _ask(replace(question, in_turns=True, contenders=contenders), Taken).turns
    return _figures(bundle, content, machine, replace(single, start=start), turns)


def _question(bundle: Bundle, content: str | None, seconds: float) -> Question:
    return Question(
        contenders=(Contender(bundle=str(bundle.path)),),
        content=content,
        seconds=seconds,
        is_live=False,
        in_turns=False,
        asked_at_s=0.0,
    )


def _alike(bundle: Bundle) -> list[Contender]:
    """Others that are installed for the same kind of work; the smallest, which may be quicker."""
    found = []
    for path in bundles.installed():
        try:
            manifest = Bundle(path).manifest
        except EarletError:  # damaged: `earlet bundles` names it
            continue
        if manifest.name != bundle.manifest.name and _kind(manifest) == _kind(bundle.manifest):
            found.append((sum(entry.bytes for entry in manifest.files.values()), str(path)))
    return [Contender(bundle=path) for _, path in sorted(found)[:MAX_OTHERS]]


def _kind(manifest: Manifest) -> tuple[str, bool]:
    return manifest.task, is_spotter(manifest)


def _figures(
    bundle: Bundle, content: str | None, machine: Device, single: Single, turns: tuple[Turn, ...]
) -> Figures:
    manifest = bundle.manifest
    seconds = single.latency.mean_ms / MS
    figures = Figures(
        bundle=manifest.name,
        bundle_version=manifest.version,
        task=manifest.task,
        input="golden" if content is None else "given",
        unit=single.unit,
        unit_s=single.unit_s,
        start=single.start,
        latency=single.latency,
        real_time_factor=None if single.unit_s is None else seconds / single.unit_s,
        per_s=None if single.unit_s is not None else 1 / seconds,
        tokens_per_s=None if single.n_tokens is None else single.n_tokens / seconds,
        live=single.live,
        memory_peak_mb=single.memory_peak_mb,
        turns=turns,
        under_load=single.under_load,
        device=machine,
        versions=device.versions(manifest.model.backend),
    )
    return replace(figures, advice=advice(figures))


def _ask(question: Question, answer: type[T]) -> T:
    """One process, one question.

    Raises:
        BackendError: it ended, or did not answer in time.
        EarletError: what it says instead of an answer.
    """
    bundle = question.contenders[0].bundle
    question = replace(question, asked_at_s=time.monotonic())
    try:
        code, said, complaint = _run(json.dumps(asdict(question)))
    except subprocess.TimeoutExpired:
        raise BackendError(
            f"{bundle}: nothing was measured in {LIMIT_S:.0f} s; is it too large for this device?"
        ) from None
    except OSError as problem:
        raise BackendError(f"a process cannot be started: {problem.strerror}") from None
    if code:
        how = f"ended with {code}: {complaint}"
        if code < 0:
            how = f"was ended by signal {-code}; is there memory for it?"
        raise BackendError(f"{bundle}: the process that measured it {how}")
    told = json.loads(said)
    if "error" in told:
        kind: type[EarletError] = getattr(errors, told["error"], EarletError)
        raise kind(told["message"])
    return schema.read(answer, told, "what was measured", BackendError)


def _run(question: str) -> tuple[int, str, str]:
    """The exit code of a process, what it says, and the last line of its complaints.

    Whatever ends the wait, a Ctrl-C for one, ends the process.
    """
    with subprocess.Popen(
        PROGRAM,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # a terminal's Ctrl-C is for this process alone
    ) as process:
        try:
            said, complaints = process.communicate(question, LIMIT_S)
        finally:
            process.kill()
            process.wait()
    *_, complaint = ["no reason told", *complaints.splitlines()]
    return process.returncode, said, complaint
