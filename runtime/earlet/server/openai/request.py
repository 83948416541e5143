"""What is asked of the audio endpoints: fields of a form -> `SpeechRequest`.

The names and their meaning are those of the API's reference (`audio/transcriptions`,
`audio/translations`), as the `openai` package sends them. An optional field that is empty is taken
as not sent, for many programs send all that they have.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from earlet.schema import nearest
from earlet.server.failures import BadRequest
from earlet.server.models import primary
from earlet.server.openai.form import FILE, Form

Task = Literal["transcribe", "translate"]
ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt"]
Granularity = Literal["segment", "word"]
Choice = TypeVar("Choice", bound=str)

FORMATS: tuple[ResponseFormat, ...] = get_args(ResponseFormat)
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)
STREAMED: tuple[ResponseFormat, ...] = ("json", "text")  # whose text can be told piece by piece
BOOLEANS = {"true": True, "false": False}
NO_KEYWORD = "#\r\n"  # in a list of hotwords, what follows is no word of it
# Fields of the API for which there is nothing here that could honour them.
REFUSED = {
    "known_speaker_names": "speakers are not told apart",
    "known_speaker_references": "speakers are not told apart",
    "languages": "say one in language, or none",
}


@dataclass(frozen=True, kw_only=True)
class SpeechRequest:
    """A recording, and what is wanted of it."""

    task: Task
    file: bytes
    model: str
    prompt: str | None = None  # what was said before
    response_format: ResponseFormat = "json"
    temperature: float = 0.0  # 0: the likeliest text
    language: str | None = None  # a code of ISO 639-1
    keywords: tuple[str, ...] = ()  # that are likely to be said
    granularities: frozenset[Granularity] = frozenset(("segment",))
    logprobs: bool = False
    stream: bool = False


def read_request(form: Form, task: Task) -> SpeechRequest:
    """The request that a form stands for.

    Raises:
        BadRequest: a field is unknown, missing or wrong, or cannot apply; it names the field.
    """
    known = _TRANSCRIPTION if task == "transcribe" else _TRANSLATION
    given = {name: texts for name, texts in form.fields.items() if any(texts)}
    for name in given:
        if name not in known:
            _refuse(name, known)
    if form.file is None:
        raise BadRequest(f"{FILE}: is missing; the sound, as a part of that name", field=FILE)
    if not form.file:
        raise BadRequest(f"{FILE}: is empty; expected a sound file", field=FILE)
    if "model" not in given:
        raise BadRequest("model: is missing; GET /v1/models tells which there are", field="model")
    values = {_NAMES.get(name, name): known[name](name, given[name]) for name in given}
    values.pop("chunking_strategy", None)
    request = SpeechRequest(task=task, file=form.file, **values)  # type: ignore[arg-type]
    _check_together(request)
    return request


def _refuse(name: str, known: Mapping[str, object]) -> None:
    plain = name.partition("[")[0]  # chunking_strategy[type]
    if plain == "chunking_strategy":
        raise BadRequest(f"{plain}: expected auto, got an object", field=plain)
    if plain in REFUSED and known is _TRANSCRIPTION:
        raise BadRequest(f"{plain}: {REFUSED[plain]}", field=plain)
    raise BadRequest(f"unknown field {name!r:.60}{nearest(name, [FILE, *known])}", field=name)


def _check_together(request: SpeechRequest) -> None:
    """Raises BadRequest for what does not go with the rest."""
    wanted = request.response_format
    if "word" in request.granularities and wanted != "verbose_json":
        raise BadRequest(
            f"timestamp_granularities: word goes with response_format verbose_json, got {wanted}",
            field="timestamp_granularities",
        )
    if request.logprobs and wanted != "json":
        raise BadRequest(
            f"include: logprobs goes with response_format json, got {wanted}", field="include"
        )
    if request.stream and wanted not in STREAMED:
        raise BadRequest(
            f"response_format: a stream has {' or '.join(STREAMED)}, got {wanted}",
            field="response_format",
        )


def _one(name: str, texts: Sequence[str]) -> str:
    if len(texts) != 1:
        raise BadRequest(f"{name}: expected one, got {len(texts)}", field=name)
    return texts[0]


def _one_of(name: str, text: str, choices: Sequence[Choice]) -> Choice:
    for choice in choices:
        if text == choice:
            return choice
    expected = ", ".join(choices)
    raise BadRequest(f"{name}: expected one of {expected}, got {text!r:.60}", field=name)


def _format(name: str, texts: Sequence[str]) -> ResponseFormat:
    text = _one(name, texts)
    if text == "diarized_json":
        raise BadRequest(f"{name}: diarized_json: speakers are not told apart", field=name)
    return _one_of(name, text, FORMATS)


def _temperature(name: str, texts: Sequence[str]) -> float:
    text = _one(name, texts)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise BadRequest(f"{name}: expected a number from 0 to 1, got {text!r:.60}", field=name)
    return value


def _language(name: str, texts: Sequence[str]) -> str:
    return primary(_one(name, texts))


def _boolean(name: str, texts: Sequence[str]) -> bool:
    return BOOLEANS[_one_of(name, _one(name, texts).lower(), [*BOOLEANS])]


def _granularities(name: str, texts: Sequence[str]) -> frozenset[Granularity]:
    return frozenset(_one_of(name, text, GRANULARITIES) for text in texts)


def _logprobs(name: str, texts: Sequence[str]) -> bool:
    return all(_one_of(name, text, ("logprobs",)) for text in texts)


def _auto(name: str, texts: Sequence[str]) -> str:
    """Sound is always cut where nobody speaks."""
    return _one_of(name, _one(name, texts), ("auto",))


def _keywords(name: str, texts: Sequence[str]) -> tuple[str, ...]:
    for text in texts:
        if {*text} & {*NO_KEYWORD}:
            raise BadRequest(f"{name}: expected a word or phrase, got {text!r:.60}", field=name)
    return tuple(texts)


_TRANSLATION: dict[str, Callable[[str, Sequence[str]], object]] = {
    "model": _one,
    "prompt": _one,
    "response_format": _format,
    "temperature": _temperature,
}
_TRANSCRIPTION = _TRANSLATION | {
    "language": _language,
    "keywords": _keywords,
    "timestamp_granularities": _granularities,
    "include": _logprobs,
    "chunking_strategy": _auto,
    "stream": _boolean,
}
_NAMES = {"timestamp_granularities": "granularities", "include": "logprobs"}  # here
