"""What the `openai` package makes of our answers, against what is said in a recording."""

import asyncio
import io
import re
import zlib
from pathlib import Path
from typing import Any

import openai
import pytest
import soundfile
import tokenizers
from openai.types.audio import Transcription, TranscriptionVerbose

from tests.server.program import Program

MODEL = "moonshine-tiny-en"
MODELS = Path(__file__).parents[3] / "models"
END_LOGPROB = -0.5  # of the end of a sentence of which the network is certain, at least
Talk = Path
Words = list[str]


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", "", text.lower().replace("\n", " ")).split()


@pytest.fixture(scope="module")
def verbose(client: openai.OpenAI, talk: Talk) -> TranscriptionVerbose:
    return client.audio.transcriptions.create(
        file=talk,
        model=MODEL,
        response_format="verbose_json",
        timestamp_granularities=["segment", "word"],
    )


def test_a_recording_is_written_down(client: openai.OpenAI, talk: Talk, said: Words) -> None:
    answer = client.audio.transcriptions.create(file=talk, model=MODEL)
    assert isinstance(answer, Transcription)
    assert words(answer.text) == said
    assert answer.usage is not None
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == pytest.approx(soundfile.info(talk).duration, abs=1e-3)
    assert answer.logprobs is None


@pytest.mark.parametrize("file", ["path", "bytes", "tuple", "opened"])
def test_a_file_may_come_in_every_way_that_the_package_knows(
    client: openai.OpenAI, talk: Talk, said: Words, file: str
) -> None:
    ways: dict[str, Any] = {
        "path": talk,
        "bytes": talk.read_bytes(),
        "tuple": ("no suffix", talk.read_bytes(), "video/mp4"),
        "opened": io.BytesIO(talk.read_bytes()),
    }
    answer = client.audio.transcriptions.create(file=ways[file], model="whisper-1")
    assert words(answer.text) == said


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [("wav", "PCM_24"), ("flac", "PCM_16"), ("ogg", "VORBIS"), ("ogg", "OPUS"), ("mp3", None)],
)
def test_formats_are_told_by_their_content(
    client: openai.OpenAI, talk: Talk, said: Words, suffix: str, subtype: str | None
) -> None:
    samples, rate = soundfile.read(talk)
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=suffix.upper(), subtype=subtype)
    answer = client.audio.transcriptions.create(file=("x.bin", file.getvalue()), model=MODEL)
    assert words(answer.text) == said


def test_text_is_the_text_alone(client: openai.OpenAI, talk: Talk, said: Words) -> None:
    text = client.audio.transcriptions.create(file=talk, model=MODEL, response_format="text")
    assert words(text) == said
    assert text.endswith(".\n")


@pytest.mark.parametrize(
    ("format_", "begin", "point"), [("srt", "1\n", ","), ("vtt", "WEBVTT", ".")]
)
def test_subtitles_have_a_cue_for_each_segment(
    client: openai.OpenAI, talk: Talk, verbose: Any, format_: Any, begin: str, point: str
) -> None:
    text = client.audio.transcriptions.create(file=talk, model=MODEL, response_format=format_)
    assert text.startswith(begin)
    cues = re.findall(r"(\S+) --> (\S+)\n(.+)\n", text)

    def seconds(time: str) -> float:
        hours, minutes, rest = time.replace(point, ".").split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(rest)

    found = [(seconds(start), seconds(end), line) for start, end, line in cues]
    assert found == [(s.start, s.end, s.text.strip()) for s in verbose.segments]


def test_verbose_json_has_true_figures(verbose: TranscriptionVerbose, talk: Talk) -> None:
    assert verbose.language == "english"
    assert verbose.duration == pytest.approx(soundfile.info(talk).duration, abs=1e-3)
    assert verbose.text == "".join(segment.text for segment in verbose.segments or []).strip()
    reader = tokenizers.Tokenizer.from_file(str(MODELS / MODEL / "tokenizer.json"))
    for number, segment in enumerate(verbose.segments or []):
        text = segment.text.removeprefix(" ")
        data = text.encode()
        assert segment.id == number
        assert text == reader.decode(segment.tokens)
        assert segment.compression_ratio == pytest.approx(len(data) / len(zlib.compress(data)))
        assert 0 <= segment.seek / 100 <= segment.start < segment.end <= verbose.duration
        assert segment.temperature == 0.0
        assert -1 < segment.avg_logprob < 0
        assert segment.no_speech_prob is None  # this network does not tell


def test_words_lie_in_order_within_the_segments(verbose: TranscriptionVerbose) -> None:
    found = verbose.words or []
    assert " ".join(word.word for word in found) == verbose.text
    times = [time for word in found for time in (word.start, word.end)]
    assert times == sorted(times)
    (first, second) = verbose.segments or []
    pause = next(i for i, word in enumerate(found) if word.start > first.end)
    assert found[pause].word == second.text.split()[0]


# What the API itself gives for each, after the tests of faster-whisper-server against it
# (tests/openai_timestamp_granularities_test.py).
@pytest.mark.parametrize(
    ("asked", "segments", "has_words"),
    [
        (openai.omit, True, False),
        (["segment"], True, False),
        (["word"], False, True),
        (["segment", "word"], True, True),
    ],
)
def test_granularities_say_what_is_there(
    client: openai.OpenAI, talk: Talk, asked: Any, segments: bool, has_words: bool
) -> None:
    answer = client.audio.transcriptions.create(
        file=talk, model=MODEL, response_format="verbose_json", timestamp_granularities=asked
    )
    assert (answer.segments is not None, answer.words is not None) == (segments, has_words)


def test_logprobs_are_those_of_the_text(
    client: openai.OpenAI, talk: Talk, verbose: TranscriptionVerbose
) -> None:
    answer = client.audio.transcriptions.create(file=talk, model=MODEL, include=["logprobs"])
    found = answer.logprobs or []
    assert "".join(entry.token or "" for entry in found) == answer.text
    assert all(bytes(map(int, e.bytes or [])).decode() == e.token for e in found)
    total = sum(entry.logprob or 0.0 for entry in found)
    segments = verbose.segments or []
    with_ends = sum(s.avg_logprob * (len(s.tokens) + 1) for s in segments)
    assert END_LOGPROB * len(segments) < with_ends - total < 0


def test_a_stream_tells_each_segment(
    client: openai.OpenAI, talk: Talk, said: Words, verbose: TranscriptionVerbose
) -> None:
    stream = client.audio.transcriptions.create(
        file=talk, model=MODEL, stream=True, include=["logprobs"]
    )
    *deltas, done = list(stream)
    assert done.type == "transcript.text.done"
    assert words(done.text) == said
    texts = []
    for event, segment in zip(deltas, verbose.segments or [], strict=True):
        assert event.type == "transcript.text.delta"
        assert f" {event.delta.strip()}" == segment.text
        assert "".join(entry.token or "" for entry in event.logprobs or []) == event.delta
        texts.append(event.delta)
    assert "".join(texts) == done.text
    assert "".join(entry.token or "" for entry in done.logprobs or []) == done.text


def test_many_at_once_all_get_their_answer(server: Program, talk: Talk, said: Words) -> None:
    async def main() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:

            async def whole() -> str:
                return (await client.audio.transcriptions.create(file=talk, model=MODEL)).text

            async def streamed() -> str:
                stream = await client.audio.transcriptions.create(
                    file=talk, model=MODEL, stream=True
                )
                return [event async for event in stream][-1].text  # type: ignore[union-attr]

            return [*await asyncio.gather(whole(), streamed(), whole(), streamed())]

    for text in asyncio.run(main()):
        assert words(text) == said


def test_a_raw_answer_and_a_streamed_one(client: openai.OpenAI, talk: Talk, said: Words) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(file=talk, model=MODEL)
    assert raw.headers["content-type"] == "application/json"
    assert words(raw.parse().text) == said
    with client.audio.transcriptions.with_streaming_response.create(
        file=talk, model=MODEL, response_format="text"
    ) as answer:
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert words(answer.read().decode()) == said


def test_what_is_asked_for_reaches_the_network(client: openai.OpenAI, talk: Talk) -> None:
    def text(**asked: Any) -> str:
        answer = client.audio.transcriptions.create(file=talk, model=MODEL, **asked)
        assert isinstance(answer, Transcription)
        return answer.text

    plain = text()
    assert text(language="en") == text(temperature=0) == text(chunking_strategy="auto") == plain
    assert text(language=None, prompt=None, temperature=0.0) == plain  # as whisper-writer asks
    assert "hugely" in plain
    assert "hughley" in text(keywords=["hughley :9"])
    drawn = client.audio.transcriptions.create(
        file=talk, model=MODEL, temperature=1, response_format="verbose_json"
    )
    assert [segment.temperature for segment in drawn.segments or []] == [1.0, 1.0]


def test_where_nobody_speaks_there_is_no_text(client: openai.OpenAI) -> None:
    file = io.BytesIO()
    soundfile.write(file, [0.0] * 16_000, 16_000, format="WAV")
    answer = client.audio.transcriptions.create(
        file=file.getvalue(), model=MODEL, response_format="verbose_json"
    )
    assert (answer.text, answer.segments, answer.duration) == ("", [], 1.0)
    (event,) = client.audio.transcriptions.create(file=file.getvalue(), model=MODEL, stream=True)
    assert (event.type, event.text) == ("transcript.text.done", "")  # type: ignore[union-attr]
