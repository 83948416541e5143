"""What the `openai` package raises of what we refuse, and how often it asks again."""

import asyncio
import io
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import soundfile

from tests.rig.virtual_microphone import WAIT_S, until
from tests.server.program import Program, serving

MODEL = "moonshine-tiny-en"
RATE = 16_000
LONG = 60  # times the recording: a quarter of an hour
POSTED = re.compile(r"POST /v1/audio/transcriptions (\d+)")
# The first bytes of what cannot be read here: an M4A (ISO 14496-12), and a WebM (EBML).
M4A = b"\0\0\0\x20ftypM4A \0\0\2\0isomiso2" + bytes(1_000)
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\xf7\x81\1" + bytes(1_000)


def connected(program: Program, **options: Any) -> openai.OpenAI:
    key = program.token or "none"
    return openai.OpenAI(base_url=f"{program.url}/v1", api_key=key, timeout=WAIT_S, **options)


def raised(client: openai.OpenAI, **asked: Any) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as caught:
        client.audio.transcriptions.create(**{"model": MODEL, **asked})
    return caught.value


def sound(seconds: float) -> bytes:
    """Noise as loud as speech."""
    samples = np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE))
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV")
    return file.getvalue()


def long_talk(talk: Path, n: int) -> bytes:
    """The recording, `n` times."""
    samples, rate = soundfile.read(talk, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, np.tile(samples, n), rate, format="FLAC")
    return file.getvalue()


def statuses(program: Program, n: int) -> list[int]:
    """Of the `n` transcriptions that there were, as the log tells."""
    until(lambda: len(POSTED.findall(program.told)) >= n, "all are in the log")
    return [int(status) for status in POSTED.findall(program.told)]


@pytest.fixture(scope="module")
def lone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One call at a time, and one that waits."""
    with serving(tmp_path_factory.mktemp("lone") / "log", workers=1, queue=1) as program:
        yield program


@pytest.mark.parametrize(
    ("file", "error", "message"),
    [
        (b"", openai.BadRequestError, "file: is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), openai.APIStatusError, "file: is a picture"),
        (M4A, openai.APIStatusError, r"file: is MP4 or M4A; expected a sound file \(wav, flac"),
        (WEBM, openai.APIStatusError, r"file: is WebM .*; expected a sound file \(wav, flac"),
        (b"fLaC" + bytes(100), openai.UnprocessableEntityError, "file: "),
    ],
)
def test_a_file_that_cannot_be_used_is_told(
    client: openai.OpenAI, file: bytes, error: type[openai.APIStatusError], message: str
) -> None:
    failure = raised(client, file=("a.m4a", file))
    assert type(failure) is error
    assert failure.status_code == {openai.APIStatusError: 415}.get(error, failure.status_code)
    assert (failure.param, failure.type) == ("file", "invalid_request_error")
    assert re.search(message, failure.message)


@pytest.mark.parametrize(
    ("asked", "param", "message"),
    [
        ({"model": "vad"}, "model", "hears no speech|does not transcribe"),
        ({"language": "de"}, "language", "there is no 'de'"),
        ({"prompt": "Dear Sir,"}, "prompt", "cannot be told what was said before"),
        ({"temperature": 1.5}, "temperature", "from 0 to 1"),
        ({"response_format": "diarized_json"}, "response_format", "speakers"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities", "verbose_json"),
        ({"chunking_strategy": {"type": "server_vad"}}, "chunking_strategy", "expected auto"),
        ({"keywords": [":9"]}, "keywords", ""),
        ({"extra_body": {"vad_filter": "yes"}}, "vad_filter", "unknown field"),
    ],
)
def test_what_cannot_apply_is_a_bad_request_that_names_the_field(
    client: openai.OpenAI, talk: Path, asked: dict[str, Any], param: str, message: str
) -> None:
    failure = raised(client, file=talk, **asked)
    assert isinstance(failure, openai.BadRequestError)
    assert (failure.param, failure.type) == (param, "invalid_request_error")
    assert re.search(message, failure.message)


def test_a_model_that_is_not_there_is_not_found(client: openai.OpenAI, talk: Path) -> None:
    failure = raised(client, file=talk, model="moonshine-tiny")
    assert isinstance(failure, openai.NotFoundError)
    assert (failure.code, failure.param) == ("model_not_found", "model")
    assert "did you mean 'moonshine-tiny-en'" in failure.message
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("moonshine-tiny")


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of all that translates
@pytest.mark.parametrize("model", [MODEL, "whisper-1"])
def test_a_network_that_cannot_translate_says_so(
    client: openai.OpenAI, talk: Path, model: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=f"{model} does not translate") as caught:
        client.audio.translations.create(file=talk, model=model)
    assert caught.value.param == "model"


def test_a_wrong_token_is_an_authentication_error(guarded_server: Program, talk: Path) -> None:
    with connected(guarded_server) as client:
        assert [model.id for model in client.models.list()] == [MODEL]
        failure = raised(client.with_options(api_key="wrong"), file=talk)
    assert isinstance(failure, openai.AuthenticationError)
    assert (failure.type, failure.code) == ("invalid_request_error", "invalid_api_key")


def test_what_is_too_large_or_too_long_is_told_once(
    start_server: Callable[..., Program],
) -> None:
    program = start_server(max_body_mb=1, max_audio_s=5)
    with connected(program) as client:
        assert raised(client, file=bytes(1_100_000)).status_code == 413
        too_long = raised(client, file=sound(5.1))
        assert (too_long.status_code, too_long.param) == (413, "file")
        assert raised(client, file=sound(5.0), language="xx").status_code == 400
    assert statuses(program, 3) == [413, 413, 400]


def test_a_full_queue_is_a_rate_limit(lone_server: Program, talk: Path) -> None:
    file = long_talk(talk, 3)

    async def ask(n: int) -> list[Any]:
        async with openai.AsyncOpenAI(
            base_url=f"{lone_server.url}/v1", api_key="none", max_retries=0, timeout=WAIT_S
        ) as client:
            calls = [client.audio.transcriptions.create(file=file, model=MODEL) for _ in range(n)]
            return await asyncio.gather(*calls, return_exceptions=True)

    answers = asyncio.run(ask(6))
    refused = [answer for answer in answers if isinstance(answer, openai.RateLimitError)]
    assert len(answers) > len(refused) > 0
    for failure in refused:
        assert failure.code == "rate_limit_exceeded"
        assert float(failure.response.headers["retry-after"]) >= 1


def test_a_deadline_that_passed_is_not_tried_again(
    start_server: Callable[..., Program], talk: Path
) -> None:
    program = start_server(deadline_s=0.5)
    with connected(program, max_retries=2) as client:
        failure = raised(client, file=long_talk(talk, 40))
    assert isinstance(failure, openai.InternalServerError)
    assert (failure.status_code, failure.code) == (504, "deadline_passed")
    assert statuses(program, 1) == [504]


def test_a_process_that_dies_ends_a_stream_with_an_error(
    lone_server: Program, talk: Path, said: list[str]
) -> None:
    with connected(lone_server) as client:
        stream = client.audio.transcriptions.create(
            file=long_talk(talk, LONG), model=MODEL, stream=True
        )
        assert next(stream).type == "transcript.text.delta"
        (worker,) = lone_server.children
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(openai.APIError) as caught:
            list(stream)
        assert (caught.value.type, caught.value.code) == ("server_error", "worker_lost")
        answer = client.audio.transcriptions.create(file=talk, model=MODEL)
    assert len(answer.text.split()) == len(said)


def test_who_leaves_sets_the_process_free(
    lone_server: Program, talk: Path, said: list[str]
) -> None:
    before = heard_s(lone_server)
    file = long_talk(talk, LONG)
    with connected(lone_server) as client:
        stream = client.audio.transcriptions.create(file=file, model=MODEL, stream=True)
        assert next(stream).type == "transcript.text.delta"
        stream.close()
        impatient = client.with_options(timeout=1.0, max_retries=0)
        with pytest.raises(openai.APITimeoutError):
            impatient.audio.transcriptions.create(file=file, model=MODEL)
        answer = client.audio.transcriptions.create(file=talk, model=MODEL)
    assert len(answer.text.split()) == len(said)
    # Neither came to its end.
    assert heard_s(lone_server) - before < LONG * soundfile.info(talk).duration


def heard_s(program: Program) -> float:
    """Seconds of sound that its networks have heard."""
    figures = httpx.get(f"{program.url}/metrics").text
    found = re.search(r"^earlet_serve_audio_seconds_total (\S+)$", figures, re.MULTILINE)
    assert found is not None
    return float(found[1])
