"""How near each shipped bundle comes to what the machine can do.

    networks, an example  -> multiply-adds and bytes, node by node          work.py
    this machine          -> multiply-adds and bytes a second               machine.py
    bound = sum over the nodes of the longer of: multiply-adds / rate, bytes / rate of reading

The bound knows nothing but products: no norm, no softmax, no features, no Python. Bytes are read
as quickly as the machine reads so many over and over, from the cache they fit in. The rates of the
machine are measured anew in every round.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.inputs import SAMPLE_RATE, every, read
from benchmarks.line import Line, Ratio
from benchmarks.setting import ROOT, Setting
from benchmarks.speed.machine import ROWS, Machine
from benchmarks.speed.work import Counted, TimedBundle, count
from earlet import tasks

RECORDINGS = ROOT / "tests" / "recordings"
PICTURE = ROOT / "tests" / "pictures" / "cat.jpg"  # 384 x 256
TEXT = "The plot is thin, but the actors are so good that you hardly notice, and the music is fine."
N_UTTERANCES = 10
SECOND = "s of sound"
MOONSHINE = "moonshine-tiny-en"
UTTERANCES_AIM, FILES_AIM = 1.8, 2.5  # times the bound

ROUNDS = 15
KB = 1 << 10
READ_KB = (512, 8 << 10, 64 << 10)  # of each kind of memory: second cache, third, none
LEAST_SHARE = 0.01  # of a bound, to be told

WHOLE = "whole"  # the pipeline; its parts are the networks, by their roles
# What profiles of the nodes say of what is beyond the bound, by the line it is of.
WHY = {
    "commands-en, a stream: network": "Eleven convolutions of 4 µs each, every 40 ms: a call of a "
    "node costs as much; additions, slices and transposes are nearly half.",
    "commands-en, a stream": "Features and some forty calls of NumPy for each 40 ms, with caches "
    "that have gone cold in between.",
    "yamnet, a clip: network": "1 x 1 convolutions of few frames reach a third of the rate of "
    "products, those of single channels, a quarter of the time, a fortieth.",
    "yamnet, a clip": "Features, a sixth of it.",
    "vad, a clip: network": "Convolutions of four frames, and a recurrent layer that has to go "
    "window by window.",
    "vad, a clip": "Probabilities become utterances in Python.",
    "efficientnet-lite0, a JPEG: network": "Convolutions of single channels are a third of the "
    "time at a tenth of the rate of products, and the first one, of three channels, a seventh at a "
    "fourteenth.",
    "efficientnet-lite0, a JPEG": "Decoding the JPEG and resizing it, a third of it.",
    "sentiment-en, a text: network": "Products of two dozen rows reach half of the rate, and a "
    "quarter of the time is attention, norms and GELU.",
    "sentiment-en, a text": "The tokenizer and the scores.",
    "moonshine-tiny-en, utterances: encoder": "Heads of 36 values fill the kernels of float "
    "products by two thirds, and softmax comes on top: attention is a third of the time, at less "
    "than half of the rate; GELU, norms, additions, copies and the scaling of rows are a fifth. "
    "Products of integers are at 0.8 of the rate.",
    "moonshine-tiny-en, utterances: decoder": "A step of one token is 150 nodes, a microsecond "
    "each before they do anything, with caches that the weights have emptied; and integer "
    "products of one row reach two thirds of the rate of reading. Several tokens or utterances at "
    "a time would share the reading, but activations are rounded with one scale for all of them: "
    "a text would depend on its neighbours.",
    "moonshine-tiny-en, utterances": "See its networks; choosing tokens, with the logarithm of the "
    "sum over 32,768 of them, is 5 %. Its bound is less than it was when the head read 5.9 MB a "
    "token instead of 2.6: of that bound it takes 1.7 times.",
    "moonshine-tiny-en, files read and cut at pauses": "See above; the bound is of the recogniser "
    "alone, and finding the speech costs 0.4 ms per s, reading FLAC 0.2.",
}


class Case(NamedTuple):
    """A bundle at work."""

    what: str
    bundle: str
    unit: str  # of what the time is told for: "s of sound"
    amount: float  # of units in the example
    use: Callable[[Any], object]  # gives the example to the bundle's pipeline
    aim: float | None = None  # of the whole, times the bound
    apart: bool = True  # its networks have lines of their own


class Bound(NamedTuple):
    """The least CPU seconds of an example, by what takes them."""

    int8: float  # products
    float32: float
    reading: float  # products that read more than they multiply

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self)


def lines(setting: Setting) -> Iterator[Line]:
    """What the machine can do, and a line for each network and for each bundle as a whole."""
    machine = Machine()
    yield from rates(machine)
    for case in cases(setting):
        yield from compared(case, machine, setting.rounds(ROUNDS))


def rates(machine: Machine) -> Iterator[Line]:
    """What one core does in a second."""
    for what, rate in (
        (f"product of integers, {ROWS} rows", machine.int8()),
        ("product of integers, one row", machine.int8(1)),
        ("convolution of integers, 1 x 1", machine.int8_convolution()),
        (f"product of floats, {ROWS} rows", machine.float32()),
    ):
        yield Line(what=f"one core, {what}", ours=f"{rate / 1e9:.0f} G multiply-adds a second")
    for size in READ_KB:
        rate = machine.reading(size * KB)
        yield Line(
            what=f"one core, reading {size / 1024:g} MB over and over",
            ours=f"{rate / 1e9:.0f} GB/s",
        )


def cases(setting: Setting) -> Iterator[Case]:
    """An example for each bundle that ships."""
    commands, speech = (read(RECORDINGS / f"{name}.flac") for name in ("commands", "speech"))
    rate = {"sampling_rate": SAMPLE_RATE}
    seconds = len(speech) / SAMPLE_RATE
    yield Case(
        "commands-en, a stream",
        "commands-en",
        SECOND,
        len(commands) / SAMPLE_RATE,
        lambda task: list(task.listen(commands, **rate)),
    )
    yield Case("yamnet, a clip", "yamnet", SECOND, seconds, lambda task: task(speech, **rate))
    yield Case("vad, a clip", "vad", SECOND, seconds, lambda task: task(speech, **rate))
    jpeg = PICTURE.read_bytes()
    picture = "efficientnet-lite0"
    yield Case(f"{picture}, a JPEG", picture, "picture", 1, lambda task: task(jpeg))
    yield Case("sentiment-en, a text", "sentiment-en", "text", 1, lambda task: task(TEXT))
    paths = utterances(setting)
    clips = [read(path) for path in paths]
    seconds = sum(map(len, clips)) / SAMPLE_RATE
    yield Case(
        f"{MOONSHINE}, utterances",
        MOONSHINE,
        SECOND,
        seconds,
        lambda task: [task.transcribe(clip) for clip in clips],
        aim=UTTERANCES_AIM,
    )
    yield Case(
        f"{MOONSHINE}, files read and cut at pauses",
        MOONSHINE,
        SECOND,
        seconds,
        lambda task: [task(path) for path in paths],
        aim=FILES_AIM,
        apart=False,
    )


def utterances(setting: Setting) -> Sequence[Path]:
    """Recordings of one utterance each."""
    there = (
        sorted(setting.data.glob("speech/librispeech-test-other/*.flac")) if setting.data else ()
    )
    return every(there, N_UTTERANCES) if there else [RECORDINGS / "speech.flac"]


def compared(case: Case, machine: Machine, rounds: int) -> Iterator[Line]:
    """A line for each of a bundle's networks, and one for all that its pipeline does."""
    path = ROOT / "models" / case.bundle
    counted = count(path, lambda bundle: case.use(tasks.open_bundle(bundle)))
    bundle = TimedBundle(path)
    task = tasks.open_bundle(bundle)
    case.use(task)  # not measured: memory is claimed, caches are filled
    used_s: list[dict[str, float]] = []
    bounds: list[dict[str, Bound]] = []
    for _ in range(rounds):
        bounds.append({role: bound(work, machine) for role, work in counted.items()})
        bundle.used_s.clear()
        start = time.process_time()
        case.use(task)
        used_s.append({WHOLE: time.process_time() - start, **bundle.used_s})
    if case.apart:
        for role in counted:
            mine = [found[role] for found in used_s]
            yield _line(case, role, mine, [found[role] for found in bounds])
    everything = [Bound(*map(sum, zip(*found.values(), strict=True))) for found in bounds]
    yield _line(case, WHOLE, [found[WHOLE] for found in used_s], everything)


def bound(work: Counted, machine: Machine) -> Bound:
    """The least CPU seconds of what a network did, as the machine is now."""
    reading = machine.reading(work.bytes_of_run)
    rate = {"int8": machine.int8(), "float32": machine.float32()}
    parts = dict.fromkeys(Bound._fields, 0.0)
    for product in work.products:
        multiplied_s, read_s = product.n_macs / rate[product.kind], product.n_bytes / reading
        parts["reading" if read_s > multiplied_s else product.kind] += max(multiplied_s, read_s)
    return Bound(**parts)


def _line(case: Case, part: str, used_s: Sequence[float], bounds: Sequence[Bound]) -> Line:
    per_unit = 1e3 / case.amount  # milliseconds
    typical = Bound(*np.median(bounds, axis=0) * per_unit)
    parts = ", ".join(
        f"{name} {value / typical.total:.0%}"
        for name, value in zip(Bound._fields, typical, strict=True)
        if value >= LEAST_SHARE * typical.total
    )
    what = case.what if part == WHOLE else f"{case.what}: {part}"
    return Line(
        what=what,
        ours=f"{np.median(used_s) * per_unit:.3g} ms per {case.unit}",
        peer="the bound",
        is_contest=False,
        theirs=f"{typical.total:.2g} ms: {parts}",
        ratio=Ratio.of(np.array(used_s), np.array([found.total for found in bounds])),
        aim=case.aim if part == WHOLE else None,
        why=WHY.get(what, ""),
    )
