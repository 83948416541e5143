"""Several recognisers on the same utterances: word error rate, CPU time, memory.

Every utterance is transcribed by all of them, one after the other and each of them first in turn,
so that the machine's other work falls on all alike: ratios hold where times do not. CPU time is the
process's, without the loading of networks; memory is the peak of a fresh process each.
"""

import multiprocessing
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from earlet.arrays import Float64Array, FloatArray
from earlet_quantize.errors import QuantizeError
from earlet_quantize.measure.words import word_error_rate

Recognise = Callable[[FloatArray], str]  # an utterance (n_samples,) -> its text

MEMORY_CLIPS = 10  # transcribed to find the peak of memory, which the longest sets
DRAWS = 10_000  # of the bootstrap
SEED = 0
NOISE = np.float32(1e-7)  # of full scale: a bit or two of float32


class Recogniser(NamedTuple):
    """Networks as a device has them, and how they are made ready."""

    load: Callable[[], Recognise]  # of a module, so that another process can call it
    files: Sequence[Path]


class Outcome(NamedTuple):
    """What one recogniser made of all utterances."""

    name: str
    texts: Mapping[str, str]  # by utterance
    word_error_rate: float  # percent
    cpu_s: float  # for all utterances
    ratio: float  # of `cpu_s` to the baseline's
    low: float  # bootstrap interval, 95 %
    high: float
    peak_mb: float  # resident
    files_mb: float


def compare(
    recognisers: Mapping[str, Recogniser],
    clips: Mapping[str, FloatArray],
    references: Mapping[str, str],
    *,
    baseline: str,
    clock: Callable[[], float] = time.process_time,
) -> Iterator[Outcome]:
    """Hold recognisers against one of them.

    Args:
        recognisers: by the name under which they are shown.
        clips: utterances, (n_samples,) at 16 kHz, by their names.
        references: what is said in them.
        baseline: the recogniser whose CPU time the others' is divided by.
        clock: CPU seconds of this process.
    """
    texts, cpu_s = in_turns({name: r.load() for name, r in recognisers.items()}, clips, clock)
    for name, recogniser in recognisers.items():
        low, high = ratio_interval(cpu_s[name], cpu_s[baseline])
        yield Outcome(
            name=name,
            texts=texts[name],
            word_error_rate=word_error_rate(references, texts[name]),
            cpu_s=float(cpu_s[name].sum()),
            ratio=float(cpu_s[name].sum() / cpu_s[baseline].sum()),
            low=low,
            high=high,
            peak_mb=peak_memory_mb(recogniser, list(clips.values())[:MEMORY_CLIPS]),
            files_mb=sum(path.stat().st_size for path in recogniser.files) / 1e6,
        )


def in_turns(
    recognisers: Mapping[str, Recognise],
    clips: Mapping[str, FloatArray],
    clock: Callable[[], float],
) -> tuple[dict[str, dict[str, str]], dict[str, Float64Array]]:
    """Texts by recogniser and utterance, and CPU seconds (n_utterances,) by recogniser."""
    names = list(recognisers)
    texts: dict[str, dict[str, str]] = {name: {} for name in names}
    cpu_s = {name: np.zeros(len(clips)) for name in names}
    for recognise in recognisers.values():  # the first call sets up what later ones reuse
        recognise(next(iter(clips.values())))
    for i, (utterance, clip) in enumerate(clips.items()):
        first = i % len(names)
        for name in names[first:] + names[:first]:
            start = clock()
            texts[name][utterance] = recognisers[name](clip)
            cpu_s[name][i] = clock() - start
    return texts, cpu_s


def ratio_interval(times: Float64Array, baseline: Float64Array) -> tuple[float, float]:
    """A 95 % interval of the ratio of two total times, over utterances drawn with replacement."""
    draws = np.random.default_rng(SEED).integers(len(times), size=(DRAWS, len(times)))
    low, high = np.percentile(times[draws].sum(axis=1) / baseline[draws].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def rates_with_noise(
    recognisers: Mapping[str, Recogniser],
    clips: Mapping[str, FloatArray],
    references: Mapping[str, str],
    runs: int,
) -> dict[str, list[float]]:
    """Word error rates, `runs` of each, when the sound changes by less than can be heard.

    Their spread is that of rounding: a difference of two rates that is smaller says nothing.
    """
    rng = np.random.default_rng(SEED)
    loaded = {name: recogniser.load() for name, recogniser in recognisers.items()}
    rates: dict[str, list[float]] = {name: [] for name in loaded}
    for _ in range(runs):
        noisy = {u: x + NOISE * rng.standard_normal(len(x), np.float32) for u, x in clips.items()}
        for name, recognise in loaded.items():
            texts = {utterance: recognise(clip) for utterance, clip in noisy.items()}
            rates[name].append(word_error_rate(references, texts))
    return rates


def peak_memory_mb(recogniser: Recogniser, clips: Sequence[FloatArray]) -> float:
    """The peak resident set, in MB, of a fresh process that transcribes some clips.

    Raises:
        QuantizeError: where there is no /proc.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(_transcribe_and_weigh, recogniser, clips).result()


def _transcribe_and_weigh(recogniser: Recogniser, clips: Sequence[FloatArray]) -> float:
    recognise = recogniser.load()
    for clip in clips:
        recognise(clip)
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        raise QuantizeError("/proc: there is none; peak memory is measured on Linux only") from None
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) * 1024 / 1e6


def table(outcomes: Sequence[Outcome], audio_s: float) -> str:
    """The outcomes for a terminal; "same" counts the utterances with the first one's text."""
    columns = f"{'WER':>6} {'CPU s/s':>8} {'ratio (95 %)':>20} {'same':>5} {'RSS MB':>7} {'MB':>6}"
    rows = [f"{'':24} {columns}"]
    for o in outcomes:
        ratio = f"{o.ratio:.3f} ({o.low:.3f}-{o.high:.3f})"
        same = sum(o.texts[u] == outcomes[0].texts[u] for u in o.texts)
        rows.append(
            f"{o.name:24} {o.word_error_rate:6.2f} {o.cpu_s / audio_s:8.4f} {ratio:>20} "
            f"{same:5} {o.peak_mb:7.0f} {o.files_mb:6.1f}"
        )
    return "\n".join(rows)
