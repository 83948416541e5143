"""Times among the tokens: where they may stand, and how they cut a text into segments.

Whisper writes a time as a token: `begin` is <|0.00|>, and every token above it 0.02 s more.

    <|0.00|> It was the best of times, <|2.40|><|2.40|> it was the worst of times. <|5.08|>

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, section 2.3.
The rule is ApplyTimestampRules of OpenAI's `whisper/decoding.py`, held to transformers'
WhisperTimeStampLogitsProcessor in `tests/decoding/test_timestamps.py`.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.generation.rules import LogitRule
from earlet.decoding.generation.step import log_sum_exp

STEP_S = 0.02  # from one time token to the next
MAX_INITIAL_STEPS = 50  # 1.0 s: the first segment does not begin later


def timestamps(begin: int, eos: int) -> LogitRule:
    """Times come first, in pairs between segments, and never go back.

    Where all times together are likelier than any single word, a time is written.

    Args:
        begin: the token of 0.00 s.
        eos: the token that ends, which may follow the time that closes a segment.
    """

    def rule(logits: FloatArray, written: Sequence[int]) -> None:
        if not written:
            logits[:begin] = -np.inf
            logits[begin + MAX_INITIAL_STEPS + 1 :] = -np.inf
            return
        closing = written[-1] >= begin and len(written) > 1 and written[-2] < begin
        if closing:  # the next segment opens, or the text ends
            end = logits[eos]
            logits[:begin] = -np.inf
            logits[eos] = end
        elif written[-1] >= begin:  # a segment has opened
            logits[begin:] = -np.inf
        latest = next((token for token in reversed(written) if token >= begin), None)
        if latest is not None:  # only the next segment may begin where the last one ended
            logits[begin : latest if closing else latest + 1] = -np.inf
        times = logits[begin:]
        if times.max() > -np.inf and log_sum_exp(times) > logits[:begin].max():
            logits[:begin] = -np.inf

    return rule


class Piece(NamedTuple):
    """A segment as tokens[first:end], its times among them; seconds from the window's start."""

    first: int
    end: int
    start_s: float
    end_s: float
    closed: bool  # by a time of its own, and not by the end of the window


def pieces(tokens: Sequence[int], begin: int, duration_s: float) -> list[Piece]:
    """The segments of a window of `duration_s` seconds; `begin` is the token of 0.00 s.

    A time behind the end of the window, in its padding, is taken for the end. Of a time that opens
    a segment of which nothing was written, a piece is made, too.
    """

    def seconds(token: int) -> float:
        return min((token - begin) * STEP_S, duration_s)

    def piece(first: int, end: int) -> Piece:
        opening, closing = tokens[first], tokens[end - 1]
        closed = end - first > 1 and closing >= begin
        return Piece(
            first,
            end,
            seconds(opening) if opening >= begin else 0.0,
            seconds(closing) if closed else duration_s,
            closed,
        )

    opens = [i for i in range(1, len(tokens)) if min(tokens[i], tokens[i - 1]) >= begin]
    borders = [0, *opens, len(tokens)] if tokens else []
    return [piece(first, end) for first, end in pairwise(borders)]


def certain(found: Sequence[Piece], duration_s: float) -> tuple[Sequence[Piece], float]:
    """The segments that a window holds whole, and where the next window is to begin, in seconds.

    A last segment that the window has cut is left to the next one, unless it is all there is.
    """
    if len(found) > 1 and not found[-1].closed:
        return found[:-1], found[-2].end_s
    return found, duration_s
