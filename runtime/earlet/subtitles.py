"""Transcripts as subtitle files: SubRip (.srt) and WebVTT (.vtt, https://www.w3.org/TR/webvtt1)."""

import re
from collections.abc import Iterable

from earlet.results import Chunk

# What viewers can read, after Netflix' Timed Text Style Guide (general requirements, and English).
MAX_CUE = 84  # characters: two lines of 42
MAX_CUE_S = 7.0  # seconds
MAX_PAUSE_S = 1.0  # seconds of silence that one cue stays over


def cues(words: Iterable[Chunk]) -> list[Chunk]:
    """Words joined to cues of at most MAX_CUE characters and MAX_CUE_S; a longer word is alone."""
    joined: list[Chunk] = []
    for word in words:
        if joined and _fits(joined[-1], word):
            text, (start_s, _) = joined[-1].text, joined[-1].timestamp
            joined[-1] = Chunk(f"{text} {word.text}", (start_s, word.timestamp[1]))
        else:
            joined.append(word)
    return joined


def _fits(cue: Chunk, word: Chunk) -> bool:
    start_s, end_s = cue.timestamp
    return (
        len(cue.text) + 1 + len(word.text) <= MAX_CUE
        and word.timestamp[1] - start_s <= MAX_CUE_S
        and word.timestamp[0] - end_s <= MAX_PAUSE_S
    )


def srt(chunks: Iterable[Chunk]) -> str:
    """Numbered cues, times as 00:00:01,500."""
    return "\n".join(
        f"{number}\n{_span(chunk, ',')}\n{_cue_text(chunk)}\n"
        for number, chunk in enumerate(chunks, start=1)
    )


def vtt(chunks: Iterable[Chunk]) -> str:
    """WEBVTT and its cues, times as 00:00:01.500."""
    escapes = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    blocks = [f"{_span(chunk, '.')}\n{_cue_text(chunk).translate(escapes)}\n" for chunk in chunks]
    return "\n".join(["WEBVTT\n", *blocks])


def _span(chunk: Chunk, decimal: str) -> str:
    start, end = (_time(seconds, decimal) for seconds in chunk.timestamp)
    return f"{start} --> {end}"


def _time(seconds: float, decimal: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{decimal}{milliseconds % 1000:03d}"


def _cue_text(chunk: Chunk) -> str:
    # A blank line would end the cue, and an arrow begin another.
    return re.sub("--+>", "->", " ".join(chunk.text.split()))
