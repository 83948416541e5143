"""SubRip and WebVTT, read back by their grammars."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet import subtitles
from earlet.results import Chunk

# Cues, a blank line between them; WebVTT's cue text has neither "-->" nor a bare "<" or "&".
SRT = re.compile(r"(?:(?:^|\n)\d+\n[0-9:]{8},\d{3} --> [0-9:]{8},\d{3}\n(?:(?!-->).)+\n)*")
VTT = re.compile(
    r"WEBVTT\n(?:\n[0-9:]{8,}\.\d{3} --> [0-9:]{8,}\.\d{3}\n(?:[^&<\n\r]|&(?:amp|lt|gt);)+\n)*"
)

texts = st.text(min_size=1).filter(lambda text: bool(text.split()))
word = st.text("abc", min_size=1, max_size=100)
timestamps = st.tuples(st.floats(0, 359_999), st.floats(0, 359_999))  # up to 99:59:59
chunks = st.builds(Chunk, texts, timestamps)


@st.composite
def spoken(draw: st.DrawFn) -> list[Chunk]:
    """Words, one after the other, with pauses between some."""
    at_s = 0.0
    words = []
    for text in draw(st.lists(word, max_size=60)):
        start_s = at_s + draw(st.sampled_from([0.0, 0.1, 0.9, 1.1, 30.0]))
        at_s = start_s + draw(st.floats(0, 9))
        words.append(Chunk(text, (start_s, at_s)))
    return words


@given(st.lists(chunks, max_size=4))
def test_any_transcript_is_well_formed(transcript: list[Chunk]) -> None:
    assert SRT.fullmatch(subtitles.srt(transcript))
    assert VTT.fullmatch(subtitles.vtt(transcript))


def test_srt_looks_like_this() -> None:
    transcript = [Chunk("Hello.", (0.0, 1.5)), Chunk("Good night.", (61.25, 3723.004))]
    assert subtitles.srt(transcript) == (
        "1\n00:00:00,000 --> 00:00:01,500\nHello.\n"
        "\n"
        "2\n00:01:01,250 --> 01:02:03,004\nGood night.\n"
    )


def test_vtt_looks_like_this() -> None:
    assert subtitles.vtt([Chunk("A & B < C", (0.0, 1.5))]) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nA &amp; B &lt; C\n"
    )


def test_no_chunks_are_a_file_without_cues() -> None:
    assert subtitles.srt([]) == ""
    assert subtitles.vtt([]) == "WEBVTT\n"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0004, "00:00:00,000"),
        (0.9996, "00:00:01,000"),
        (59.9996, "00:01:00,000"),
        (3599.9996, "01:00:00,000"),
        (360_000.0, "100:00:00,000"),
    ],
)
def test_times_are_rounded_to_milliseconds_before_they_are_split(
    seconds: float, expected: str
) -> None:
    assert subtitles.srt([Chunk("x", (0.0, seconds))]).splitlines()[1].endswith(f"> {expected}")


@pytest.mark.parametrize(
    "text", ["a\n\nb", "a\r\nb", "a --> b", "a ---> b", "a ----> b", "a\u2028b", "\ta  b\n"]
)
def test_text_stays_on_its_line_and_begins_no_cue(text: str) -> None:
    line = subtitles.srt([Chunk(text, (0.0, 1.0))]).split("\n")[2]
    assert line in ("a b", "a -> b")
    assert len(subtitles.vtt([Chunk(text, (0.0, 1.0))]).split("\n")) == 5


# The limits are those of Netflix: two lines of 42 characters, seven seconds.
@given(spoken())
def test_words_are_joined_to_cues_that_can_be_read(words: list[Chunk]) -> None:
    cues = subtitles.cues(words)
    assert " ".join(cue.text for cue in cues) == " ".join(word.text for word in words)
    starts = {word.timestamp[0] for word in words}
    ends = {word.timestamp[1] for word in words}
    for cue in cues:
        start_s, end_s = cue.timestamp
        assert start_s in starts
        assert end_s in ends
        assert " " not in cue.text or (len(cue.text) <= 84 and end_s - start_s <= 7)
    inside = [word for word in words if word.timestamp[0] not in {c.timestamp[0] for c in cues}]
    for later in inside:  # no cue stays over a pause
        before = words[words.index(later) - 1]
        assert later.timestamp[0] - before.timestamp[1] <= 1


def test_cues_are_as_long_as_they_may_be() -> None:
    words = [Chunk("ten chars.", (number * 0.5, number * 0.5 + 0.4)) for number in range(9)]
    assert [len(cue.text) for cue in subtitles.cues(words)] == [76, 21]
    slow = [Chunk("ten chars.", (number * 1.0, number + 1.0)) for number in range(9)]
    assert [cue.timestamp for cue in subtitles.cues(slow)] == [(0.0, 7.0), (7.0, 9.0)]
