"""Fields of a form: taken as the API's reference has them, and refused by name."""

from typing import Any, get_args

import pytest
from openai import types
from openai.types.audio import transcription_create_params, translation_create_params

from earlet.server.failures import BadRequest
from earlet.server.openai.form import Form
from earlet.server.openai.models import ALIASES
from earlet.server.openai.request import SpeechRequest, Task, read_request


def read(task: Task = "transcribe", file: bytes | None = b"x", **fields: str | list[str]) -> Any:
    given = {"model": "m", **fields}
    lists = {name: [text] if isinstance(text, str) else text for name, text in given.items()}
    return read_request(Form(lists, file), task)


def refused(task: Task = "transcribe", **fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read(task, **fields)
    return caught.value


def test_what_is_not_said_is_as_in_the_reference() -> None:
    assert read() == SpeechRequest(
        task="transcribe",
        file=b"x",
        model="m",
        prompt=None,
        response_format="json",
        temperature=0.0,
        language=None,
        keywords=(),
        granularities=frozenset(["segment"]),
        logprobs=False,
        stream=False,
    )


def test_what_is_empty_is_not_said() -> None:
    asked = read(prompt="", language="", stream="", temperature="", response_format="", unheard="")
    assert asked == read()


def test_every_field_is_taken() -> None:
    asked = read(
        prompt="Dear Sir,",
        response_format="verbose_json",
        temperature="0.5",
        language="pt_BR",
        keywords=["crayfish", "eel"],
        timestamp_granularities=["word", "segment"],
        chunking_strategy="auto",
        stream="False",  # as requests writes what Python calls so
    )
    assert asked == SpeechRequest(
        task="transcribe",
        file=b"x",
        model="m",
        prompt="Dear Sir,",
        response_format="verbose_json",
        temperature=0.5,
        language="pt",
        keywords=("crayfish", "eel"),
        granularities=frozenset(["word", "segment"]),
    )
    assert read(include="logprobs", stream="true").logprobs
    assert read(include="logprobs", stream="true").stream


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"file": None}, "file", "file: is missing"),
        ({"file": b""}, "file", "file: is empty"),
        ({"model": ""}, "model", "model: is missing; GET /v1/models"),
        ({"model": ["a", "b"]}, "model", "model: expected one, got 2"),
        ({"langauge": "en"}, "langauge", "unknown field 'langauge'; did you mean 'language'"),
        ({"response_format": "xml"}, "response_format", "expected one of json, text, srt"),
        ({"response_format": "diarized_json"}, "response_format", "speakers are not told apart"),
        ({"temperature": "hot"}, "temperature", "expected a number from 0 to 1, got 'hot'"),
        ({"temperature": "nan"}, "temperature", "got 'nan'"),
        ({"temperature": "1.01"}, "temperature", "got '1.01'"),
        ({"temperature": "-0.1"}, "temperature", "got '-0.1'"),
        ({"stream": "1"}, "stream", "expected one of true, false"),
        ({"include": "tokens"}, "include", "expected one of logprobs"),
        ({"timestamp_granularities": "syllable"}, "timestamp_granularities", "one of segment, w"),
        ({"timestamp_granularities": "word"}, "timestamp_granularities", "goes with response_for"),
        ({"include": "logprobs", "response_format": "text"}, "include", "goes with response_forma"),
        ({"stream": "true", "response_format": "srt"}, "response_format", "stream has json or te"),
        ({"chunking_strategy": "fine"}, "chunking_strategy", "expected one of auto"),
        ({"chunking_strategy[type]": "server_vad"}, "chunking_strategy", "got an object"),
        ({"keywords": ["eel", "C#"]}, "keywords", "expected a word or phrase, got 'C#'"),
        ({"languages": ["de", "en"]}, "languages", "say one in language"),
        ({"known_speaker_names": "Eve"}, "known_speaker_names", "speakers are not told apart"),
        ({"task": "translate", "language": "de"}, "language", "unknown field 'language'"),
        ({"task": "translate", "stream": "true"}, "stream", "unknown field 'stream'"),
    ],
)
def test_what_cannot_apply_is_refused_and_named(
    fields: dict[str, Any], field: str, message: str
) -> None:
    failure = refused(**fields)
    assert failure.field == field
    assert message in failure.message


@pytest.mark.parametrize(
    ("task", "reference"),
    [
        ("transcribe", transcription_create_params.TranscriptionCreateParamsStreaming),
        ("translate", translation_create_params.TranslationCreateParams),
    ],
)
def test_every_field_of_the_reference_is_known(task: Task, reference: type) -> None:
    known = {*reference.__annotations__}
    if task == "transcribe":
        known |= {*transcription_create_params.TranscriptionCreateParamsBase.__annotations__}
    for name in known - {"file", "keywords"}:  # which may be anything
        failure = refused(task, **{name: ["?", "?"]})  # of which none is right
        assert failure.field == name
        assert failure.message.startswith(f"{name}: "), failure.message


def test_the_names_that_programs_have_built_in_are_those_of_the_package() -> None:
    names = {*get_args(types.AudioModel)}
    assert names - {"gpt-4o-transcribe-diarize"} == {*ALIASES}
