"""Accuracy of two bundles on the same examples, and how certain their difference is.

    answers of both to each example -> which are wrong, or how many of their words
        -> metric of both, drop
        -> paired bootstrap: examples drawn with replacement, both bundles with the same draws

Pairing takes out what is hard or easy for both: the interval of the difference is several times
narrower than those of the two values.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earlet.bundle import Bundle
from earlet.manifest import Task
from earlet.tasks import open_bundle
from earlet_quantize.errors import DataError
from earlet_quantize.measure.data import Example, answer
from earlet_quantize.measure.results import Accuracy, Confusion, Metric
from earlet_quantize.measure.words import normalize, word_errors

DRAWS = 10_000  # of the bootstrap
DRAWN_AT_ONCE = 100  # draws; these times the examples are held in memory
SEED = 0
DECIMALS = 6  # of percentages: what float arithmetic adds beyond must not decide at a limit

Counts = npt.NDArray[np.int64]


def answers(bundle: Path, examples: Iterable[Example]) -> list[str]:
    """What a bundle says to each example: its best label, or the text.

    Raises:
        DataError: when an example cannot be used.
    """
    task = open_bundle(Bundle(bundle))
    return [answer(task, example) for example in examples]


def compare(
    task: Task,
    references: Sequence[str],
    float_answers: Sequence[str],
    int8_answers: Sequence[str],
) -> Accuracy:
    """Hold the answers of two bundles to the right ones.

    Raises:
        DataError: when the references of a speech recogniser have no words.
    """
    both = (float_answers, int8_answers)
    metric: Metric
    if task == "automatic-speech-recognition":
        metric = "word error rate"
        words = [normalize(reference) for reference in references]
        sizes = np.array([len(reference) for reference in words])
        wrong = [
            [word_errors(w, normalize(a)) for w, a in zip(words, x, strict=True)] for x in both
        ]
        if not sizes.any():
            raise DataError("expected transcripts with words in them, got none")
    else:
        metric = "accuracy"
        sizes = np.ones(len(references), dtype=np.int64)
        wrong = [[a != r for r, a in zip(references, x, strict=True)] for x in both]
    float_wrong, int8_wrong = np.array(wrong, dtype=np.int64)
    error = [100 * x.sum() / sizes.sum() for x in (float_wrong, int8_wrong)]
    low, high = _interval(int8_wrong - float_wrong, sizes)
    values = error if metric == "word error rate" else [100 - x for x in error]
    return Accuracy(
        metric=metric,
        n=len(references),
        n_changed=sum(a != b for a, b in zip(*both, strict=True)),
        float_value=round(float(values[0]), DECIMALS),
        int8_value=round(float(values[1]), DECIMALS),
        drop=round(float(error[1] - error[0]), DECIMALS),
        low=round(low, DECIMALS),
        high=round(high, DECIMALS),
    )


def confusions(
    task: Task,
    references: Sequence[str],
    float_answers: Sequence[str],
    int8_answers: Sequence[str],
) -> tuple[Confusion, ...]:
    """Where the labels of two bundles differ, the most frequent first; texts are no labels."""
    if task == "automatic-speech-recognition":
        return ()
    rows = zip(references, float_answers, int8_answers, strict=True)
    counted = Counter(row for row in rows if row[1] != row[2])
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Confusion(label=label, float_label=first, int8_label=second, n=n)
        for (label, first, second), n in ordered
    )


def _interval(more_wrong: Counts, sizes: Counts) -> tuple[float, float]:
    """95 % of the drop, in percentage points, over examples drawn with replacement."""
    if not more_wrong.any():
        # Nothing seen in n may still happen in up to 3 of n: Hanley and Lippman-Hand, "If nothing
        # goes wrong, is everything all right?", JAMA 1983; their formula before it is rounded.
        # Draws of zeros would only give zeros.
        bound = 100 * (1 - 0.05 ** (1 / float(sizes.sum())))
        return -bound, bound
    rng = np.random.default_rng(SEED)
    drops = []
    for _ in range(DRAWS // DRAWN_AT_ONCE):
        drawn = rng.integers(len(sizes), size=(DRAWN_AT_ONCE, len(sizes)))
        # Draws of nothing but empty references have no rate; there is then nothing wrong, either.
        drops.append(more_wrong[drawn].sum(axis=1) / np.maximum(sizes[drawn].sum(axis=1), 1))
    low, high = np.percentile(100 * np.concatenate(drops), [2.5, 97.5])
    return float(low), float(high)
