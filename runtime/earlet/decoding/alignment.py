"""Where words lie in the sound, read off what the decoder's cross-attention listened to.

    attention (n_heads, n_tokens + 1, n_frames)    of each token's step, and of the end's
      -> how much a frame stands out at a step, of the frames that are not silent
      -> dynamic time warping: the frame at which each token begins
      -> tokens grouped into words (`words.py`), no word torn by a pause

As `find_alignment` of openai-whisper's `timing.py`, whose path it is held to by way of
transformers. New is what is done about silence: there it belongs to the words around it, and the
first one begins with the recording.

Of 30 s, 100 tokens and 8 heads it takes 18 ms, most of it for the median.
"""

from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from earlet.arrays import Float64Array, FloatArray
from earlet.decoding.recogniser import Word
from earlet.decoding.words import Decode, group

IntArray = npt.NDArray[np.int64]

MEDIAN_WIDTH = 7  # frames, an odd number; openai-whisper's `medfilt_width`
SILENT_DB = -35.0  # below the loudest frame; chosen on commands of Speech Commands' train split
MIN_PAUSE_S = 0.2  # what is shorter may be inside of a word: a stop is closed for up to 0.15 s
LEAST = float(np.finfo(np.float32).tiny)  # of what is divided by: a head may look nowhere


def words(
    tokens: Sequence[int],
    attention: FloatArray,
    decode: Decode,
    *,
    waveform: FloatArray,
    sample_rate: int,
    seconds_per_frame: float,
) -> list[Word]:
    """The words of a text, in order, none before the end of the one before it.

    Args:
        tokens: of the text alone.
        attention: (n_heads, n_tokens + 1, n_frames): what was listened to when each of them was
            written, and after them the end. The rows of `Decoder.attention` from the last token of
            the prompt on, and with it, are these.
        decode: tokens to text.
        waveform: what is transcribed, (n_samples,); later frames are padding.
        sample_rate: of the waveform, in Hz.
        seconds_per_frame: of the attention.

    Returns:
        Times in seconds from the beginning of the waveform. A word for which no frame was left has
        no length.
    """
    grouped = group(tokens, decode)
    if not grouped or not len(waveform):
        return []
    duration_s = len(waveform) / sample_rate
    heard = _heard(waveform, attention.shape[2], seconds_per_frame * sample_rate)
    begins = token_starts(attention[:, :, heard])
    borders = [*(int(begins[word.first]) for word in grouped), int(begins[-1])]
    _mend(borders, heard, MIN_PAUSE_S / seconds_per_frame)

    def seconds(frame: int) -> float:
        return min(frame * seconds_per_frame, duration_s)

    found = []
    for word, (first, end) in zip(grouped, pairwise(borders), strict=True):
        start_s = seconds(int(heard[first]))
        end_s = seconds(int(heard[end - 1]) + 1) if end > first else start_s
        found.append(Word(word.text, start_s, end_s))
    return found


def _heard(waveform: FloatArray, n_frames: int, samples_per_frame: float) -> IntArray:
    """The frames that are not silent, (n_heard,), one at least; none behind the waveform."""
    borders = (np.arange(n_frames) * samples_per_frame).astype(np.intp)  # as reduceat wants them
    borders = borders[borders < len(waveform)]
    power = np.add.reduceat(np.square(waveform, dtype=np.float64), borders)
    power /= np.diff(borders, append=len(waveform))
    return np.flatnonzero(power >= power.max() * 10 ** (SILENT_DB / 10))


def _mend(borders: list[int], heard: IntArray, min_pause: float) -> None:
    """Move borders of words, places in `heard`, to pauses where they would tear a word in two.

    A border just behind a pause leaves the first sounds of a word to the word before the pause,
    one just before a pause the last sounds to the word after it. What a word has on the other side
    of the pause must be more than what it gives away. Behind the last border there is no word, and
    what is shorter than a pause belongs to the last one. In place; `min_pause` is in frames.
    """
    breaks = [0, *(np.flatnonzero(np.diff(heard) > min_pause) + 1).tolist(), len(heard)]
    for i in range(1, len(borders)):
        before, border = borders[i - 1 : i + 1]
        if border in breaks:
            continue
        at = bisect(breaks, border)
        begin, end = breaks[at - 1], breaks[at]
        back, forth = border - begin, end - border
        is_last = i + 1 == len(borders)
        may_go_back = back < begin - before
        may_go_forth = forth < (min_pause if is_last else borders[i + 1] - end)
        if may_go_back and (back <= forth or not may_go_forth):
            borders[i] = begin
        elif may_go_forth:
            borders[i] = end


def token_starts(attention: FloatArray) -> IntArray:
    """The frame at which each row's token begins, never falling; the first is 0.

    Args:
        attention: (n_heads, n_rows, n_frames), one of each at least.
    """
    standing_out = np.zeros(attention.shape[1:])
    for weights in attention:  # one by one: the median takes seven times the memory of a head
        standing_out += median_filter(_normalised(weights))
    return warp(-standing_out / len(attention))


def _normalised(weights: FloatArray) -> FloatArray:
    """(n_rows, n_frames): rows sum to 1, and then each frame has mean 0 and variance 1."""
    shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), LEAST)
    normalised: FloatArray = (shares - shares.mean(axis=0)) / np.maximum(shares.std(axis=0), LEAST)
    return normalised


def median_filter(x: FloatArray) -> FloatArray:
    """The median of `MEDIAN_WIDTH` neighbours along the last axis, which is mirrored at its ends.

    What is not longer than half of it is left as it is. (n_rows, n_frames) are few wide arrays and
    not many short windows: sorted by exchanges of whole arrays, six times as fast as by windows.
    """
    half = MEDIAN_WIDTH // 2
    if x.shape[-1] <= half:
        return x
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], mode="reflect")
    n = x.shape[-1]
    neighbours = [padded[..., i : i + n] for i in range(MEDIAN_WIDTH)]
    for n_sorted in range(half + 1):  # the largest of those left goes to the end
        for i in range(MEDIAN_WIDTH - 1 - n_sorted):
            pair = neighbours[i], neighbours[i + 1]
            neighbours[i], neighbours[i + 1] = np.minimum(*pair), np.maximum(*pair)
    return neighbours[half]


def warp(cost: Float64Array) -> IntArray:
    """Dynamic time warping: the cheapest way from the first row and column to the last.

    A step goes to the next column, row, or both. A row of totals is found at once,

        total[i, j] = cost[i, j] + min(total[i-1, j-1], total[i-1, j], total[i, j-1])
                    = sums[j] + min over k <= j of (entry[k] - sums[k-1])

    with `sums` of the row's costs, and entry[k] = min(total[i-1, k-1], total[i-1, k]).

    Args:
        cost: (n_rows, n_columns), one of each at least.

    Returns:
        The first column of the way in each row, (n_rows,).
    """
    n_rows, n_columns = cost.shape
    columns = np.arange(n_columns)
    above = np.full(n_columns + 1, np.inf)  # total[i-1] from column -1 on
    above[0] = 0
    diagonal = np.empty(cost.shape, dtype=bool)  # whether column j of row i is entered from j - 1
    entered = np.empty(cost.shape, dtype=np.int64)  # where the way to [i, j] comes into row i
    for i, row in enumerate(cost):
        entry = np.minimum(above[:-1], above[1:])
        diagonal[i] = above[:-1] < above[1:]
        sums = np.cumsum(row)
        above[1:] = sums + np.minimum.accumulate(entry - (sums - row))
        above[0] = np.inf
        entered[i] = np.maximum.accumulate(np.where(entry < above[:-1], columns, 0))
    first = np.empty(n_rows, dtype=np.int64)
    column = n_columns - 1
    for i in reversed(range(n_rows)):
        first[i] = column = entered[i, column]
        column -= int(diagonal[i, column])
    return first
