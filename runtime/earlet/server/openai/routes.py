"""The API's paths: a form, checked; segments from a process that computes; an answer or events."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from earlet.files import HEAD_BYTES, kind_of
from earlet.server.body import JsonValue, read_body
from earlet.server.failures import Refused, UnsupportedKind
from earlet.server.leaving import unless_left
from earlet.server.models import Model, language_of, recognisers, told_language
from earlet.server.openai.answers import Transcription, delta_event, done_event, response
from earlet.server.openai.errors import error_event
from earlet.server.openai.form import FILE, read_form
from earlet.server.openai.models import described, find
from earlet.server.openai.request import SpeechRequest, Task, read_request
from earlet.server.sse import event_stream

if TYPE_CHECKING:
    from earlet.server.served import Served
    from earlet.server.workers.segments import HeardJson

Heard = AsyncGenerator["HeardJson", None]

# What a task calls the fields of the API in what it refuses.
FIELDS = {
    "the audio": FILE,
    "initial_prompt": "prompt",
    "hotwords": "keywords",
    "language": "language",
    "temperatures": "temperature",
    "times of words": "timestamp_granularities",
}


def routes() -> list[BaseRoute]:
    """The API's paths."""
    return [
        Route("/v1/audio/transcriptions", _transcriptions, methods=["POST"]),
        Route("/v1/audio/translations", _translations, methods=["POST"]),
        Route("/v1/models", _models, methods=["GET"]),
        Route("/v1/models/{name:path}", _model, methods=["GET"]),
    ]


async def _transcriptions(request: Request) -> Response:
    return await _speech(request, "transcribe")


async def _translations(request: Request) -> Response:
    return await _speech(request, "translate")


async def _models(request: Request) -> Response:
    served: Served = request.app.state.served
    found = [described(model) for model in recognisers(served.pool.models)]
    return JSONResponse({"object": "list", "data": found})


async def _model(request: Request) -> Response:
    served: Served = request.app.state.served
    model = find(served.pool.models, request.path_params["name"], "transcribe")
    return JSONResponse(described(model))


async def _speech(request: Request, task: Task) -> Response:
    served: Served = request.app.state.served
    form = read_form(await read_body(request), request.headers.get("content-type", ""))
    asked = read_request(form, task)
    model = find(served.pool.models, asked.model, task, asked.language)
    if kind_of(asked.file[:HEAD_BYTES]) == "picture":
        raise UnsupportedKind(f"{FILE}: is a picture; expected a sound file", field=FILE)
    said = Transcription(language_of(model, asked.language))
    heard = _heard(served, model, asked)
    if asked.stream:
        return await event_stream(request, _events(said, heard, asked), error_event)
    return response(await unless_left(request, _whole(said, heard)), asked)


async def _heard(served: "Served", model: Model, asked: SpeechRequest) -> Heard:
    """What the operation `segments` tells, as it comes."""
    arguments = _arguments(model, asked)
    events = served.pool.events(model.name, "segments", arguments, asked.file)
    try:
        async with aclosing(events):
            async for item in events:
                yield cast("HeardJson", item)
    except Refused as refusal:
        raise _blamed(refusal) from None


def _arguments(model: Model, asked: SpeechRequest) -> dict[str, JsonValue]:
    """Of the operation; only what was asked for."""
    arguments: dict[str, JsonValue] = {"task": asked.task}
    if (language := told_language(model, asked.language)) is not None:
        arguments["language"] = language
    if asked.prompt is not None:
        arguments["initial_prompt"] = asked.prompt
    if asked.keywords:
        arguments["hotwords"] = [*asked.keywords]
    if asked.temperature:
        arguments["temperature"] = asked.temperature
    if "word" in asked.granularities:
        arguments["words"] = True
    if asked.logprobs:
        arguments["logprobs"] = True
    return arguments


def _blamed(refusal: Refused) -> Refused:
    """The same, naming the field of the form that is to blame, as this API calls it."""
    name = re.split("[:,]", refusal.message, maxsplit=1)[0]  # "hotwords, line 2: ..."
    if name in FIELDS:
        refusal.field = FIELDS[name]
        refusal.message = f"{refusal.field}{refusal.message.removeprefix(name)}"
    return refusal


async def _whole(said: Transcription, heard: Heard) -> Transcription:
    """All of it, once it is there."""
    async with aclosing(heard):
        async for item in heard:
            said.add(item)
    return said


async def _events(
    said: Transcription, heard: Heard, asked: SpeechRequest
) -> AsyncGenerator[bytes, None]:
    """The text of each segment as soon as it is there, and all of it at the end."""
    async with aclosing(heard):
        async for item in heard:
            said.add(item)
            if "segment" in item:
                yield delta_event(said, asked)
    yield done_event(said, asked)
