"""The API's paths: a question, computed or known, and its answer as JSON."""

import asyncio
import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from earlet.manifest import Task
from earlet.schema import nearest
from earlet.server.body import read_body
from earlet.server.cache import key_of
from earlet.server.failures import BadRequest, NotFound, Overloaded, Refused
from earlet.server.huggingface.question import TASKS, Question, read_question
from earlet.server.leaving import unless_left

if TYPE_CHECKING:
    from earlet.server.models import Model
    from earlet.server.served import Served

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

LARGE = 1_000_000  # bytes: to read more takes so long that others should not wait for it


def routes() -> list[BaseRoute]:
    """The API's paths."""
    return [
        Route("/models/{name:model}", _named, methods=["POST"]),
        Route("/", _only, methods=["POST"]),
    ]


async def _named(request: Request) -> Response:
    models = request.app.state.served.pool.models
    name = request.path_params["name"]
    if name not in models:
        raise NotFound(f"there is no model {name!r:.100}{nearest(name, models)}")
    return await _answer(request, models[name])


async def _only(request: Request) -> Response:
    models = request.app.state.served.pool.models
    able = [model for model in models.values() if model.manifest.task in TASKS]
    if len(able) != 1:
        names = ", ".join(model.name for model in able) or "none"
        raise NotFound(f"/ is for a server of one model; here are {names}: /models/NAME")
    return await _answer(request, able[0])


async def _answer(request: Request, model: "Model") -> Response:
    task = model.manifest.task
    if task not in TASKS:
        raise BadRequest(f"{model.name}: is for {task}, which this API does not know")
    body = await read_body(request)
    question = await _aside(len(body), read_question, body, request.headers, task)
    source = _Source(request.app.state.served, model, question, len(body))
    try:
        answers = await unless_left(request, source.answers())
    except Overloaded as full:
        full.headers |= _rate_limit(request.app.state.served.config.queue, full.retry_s)
        raise
    answer = b"[%s]" % b",".join(answers) if question.is_list else answers[0]
    return Response(answer, media_type="application/json", headers={"X-Cache": source.told})


class _Source:
    """Where the answers to one question come from: the cache, or a process of the pool."""

    def __init__(self, served: "Served", model: "Model", question: Question, n_bytes: int) -> None:
        """`n_bytes` is how large the question is."""
        self._served = served
        self._model = model
        self._question = question
        self._n_bytes = n_bytes
        self._is_kept = question.use_cache and not question.is_drawn
        self._n_computed = 0

    @property
    def told(self) -> str:
        """What the client is told of it."""
        if not self._is_kept:
            return "bypass"
        return "miss" if self._n_computed else "hit"

    async def answers(self) -> list[bytes]:
        """One for each content, as JSON; one after the other, so that a list waits once."""
        answers = []
        for i, content in enumerate(self._question.contents):
            try:
                answers.append(await self._answer(content))
            except Refused as refusal:
                if self._question.is_list:
                    refusal.message = f"inputs[{i}]: {refusal.message}"
                raise
        return answers

    async def _answer(self, content: bytes) -> bytes:
        if not self._is_kept:
            return await self._computed(content)
        asked = (self._model.name, self._question.operation, self._question.arguments, content)
        key = await _aside(self._n_bytes, key_of, *asked)
        answer = self._served.cache.get(key)
        if answer is None:
            answer = await self._computed(content)
            self._served.cache.put(key, answer)
        return answer

    async def _computed(self, content: bytes) -> bytes:
        self._n_computed += 1
        result = await self._served.pool.call(
            self._model.name,
            self._question.operation,
            self._question.arguments,
            content,
            hold=self._question.waits,
        )
        return _json(result, self._model.manifest.task)


async def _aside(n_bytes: int, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    """What `work` makes of so many bytes; of many in a thread, where others get their turns."""
    return await asyncio.to_thread(work, *arguments) if n_bytes > LARGE else work(*arguments)


def _rate_limit(queue: int, retry_s: float) -> dict[str, str]:
    """What huggingface_hub tells its user of: no place is left of so many.

    https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-09.html
    """
    seconds = max(1, math.ceil(retry_s))
    return {
        "RateLimit": f'"queue";r=0;t={seconds}',
        "RateLimit-Policy": f'"queue";q={queue};w={seconds}',
    }


def _json(result: Any, task: Task) -> bytes:
    """What the operation gave, as the API's servers write it: with Starlette's JSONResponse."""
    if task == "audio-classification":
        result = [{"score": label["score"], "label": label["label"]} for label in result]
    text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")
