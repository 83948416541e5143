"""Transcripts as subtitle files: SubRip (.srt) and WebVTT (.vtt, https://www.w3.org/TR/webvtt1)."""

import re
from collections.abc import Iterable

from earlet.results import Chunk


def srt(chunks: Iterable[Chunk]) -> str:
    """Numbered cues, times as 00:00:01,500."""
    cues = [
        f"{number}\n{_span(chunk, ',')}\n{_cue_text(chunk)}\n"
        for number, chunk in enumerate(chunks, start=1)
    ]
    return "\n".join(cues)


def vtt(chunks: Iterable[Chunk]) -> str:
    """WEBVTT and its cues, times as 00:00:01.500."""
    escapes = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    cues = [f"{_span(chunk, '.')}\n{_cue_text(chunk).translate(escapes)}\n" for chunk in chunks]
    return "\n".join(["WEBVTT\n", *cues])


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
