"""Which words of what is being said may be promised.

    tokens of successive decodes, and their log-probabilities -> tokens that will stay

LocalAgreement of Macháček, Dabre and Bojar, "Turning Whisper into Real-Time Transcription System",
2023, but that the network has to be certain of a word, too.
"""

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

from earlet.arrays import Snapshot

# The probability that a promised token is wrong, at most, were the decodes that agree on it
# independent of each other. With Moonshine tiny 6 of 52 finals have other words than offline
# (benchmarks/accuracy/live.py). At 0.1 it is 11 of them, with half as many promises again; at
# 0.0005 5, with a fifth fewer promises.
MAX_DOUBT = 0.005

Text = Callable[[Sequence[int]], str]  # what tokens stand for


class Agreement:
    """The tokens of whole words that successive decodes agree on and are certain of.

    >>> agreement.add((the, cat, sat, on), certain)
    >>> agreement.add((the, cat, sat, once, more), certain)
    >>> agreement.promised
    (the, cat)

    It takes two decodes, and more where the network hesitates: doubts of each multiply. Of the
    words that all have the last is held back, for it may go on: "sat" becomes "Saturday". Where a
    language is written without spaces, all is one word, and nothing is promised.
    """

    def __init__(self, text: Text) -> None:
        self.promised: tuple[int, ...] = ()
        self._last: Sequence[int] = ()
        self._doubts: list[float] = []  # of each of the last tokens
        self._text = text

    def add(self, tokens: Sequence[int], logprobs: Sequence[float]) -> None:
        """The next decode, which begins with what is promised.

        Args:
            tokens: of the whole utterance so far.
            logprobs: natural logarithms of how likely each of them was.
        """
        n_same = _n_until(a != b for a, b in zip(tokens, self._last, strict=False))
        before = self._doubts[:n_same] + [1.0] * (len(tokens) - n_same)
        self._doubts = [
            doubt * (1 - math.exp(logprob)) for doubt, logprob in zip(before, logprobs, strict=True)
        ]
        self._last = tokens
        n_certain = _n_until(doubt > MAX_DOUBT for doubt in self._doubts)
        for end in range(min(n_certain, n_same - 1), len(self.promised), -1):
            if self._n_words(tokens[:end]) < self._n_words(tokens[: end + 1]):
                self.promised = tuple(tokens[:end])
                return

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {
            "promised": [*self.promised],
            "last": [*self._last],
            "doubts": [*self._doubts],
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self.promised = tuple(snapshot["promised"])
        self._last = tuple(snapshot["last"])
        self._doubts = [*snapshot["doubts"]]

    def _n_words(self, tokens: Sequence[int]) -> int:
        return len(self._text(tokens).split())


def _n_until(found: Iterable[bool]) -> int:
    """How many come before the first that is true."""
    return sum(1 for _ in takewhile(operator.not_, found))
