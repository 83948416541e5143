"""The application: every route behind the guard, and every failure in the shape of its API.

Watched (log, figures) -> Answered (failures become answers) -> Guard -> routes
"""

import asyncio
import logging
import re

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earlet.schema import nearest
from earlet.server import health, huggingface, listen, openai, openapi, page
from earlet.server.failures import (
    BadRequest,
    Draining,
    Failure,
    Internal,
    Left,
    Loading,
    MethodNotAllowed,
    NotFound,
    UpgradeRequired,
)
from earlet.server.guard import Guard, add_headers
from earlet.server.openai.errors import error_response
from earlet.server.served import Served
from earlet.server.traffic import Watched

log = logging.getLogger("earlet.serve")

OPENAI = "/v1/"  # where paths begin that are answered in OpenAI's shape
_PARAMETER = re.compile(r"\{name:\w+\}")


class _ModelName(Convertor[str]):
    """`{name:model}` in a path: a model's name, with which no path goes on but these two."""

    regex = "(?:[^/]+/)?(?!(?:health|info)$)[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("model", _ModelName())


def create_app(served: Served) -> Starlette:
    """Everything that is answered over HTTP and WebSocket."""
    page_routes = page.routes()
    apis = (huggingface, openai, listen, health, openapi)
    # In the order in which they are looked at; nobody is in a hurry for the page.
    routes = [*(route for api in apis for route in api.routes()), *page_routes]
    open_paths = {route.path for route in page_routes if isinstance(route, Route)} | {health.HEALTH}
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Watched, served.traffic),
            Middleware(Answered),
            Middleware(Guard, served, frozenset(open_paths)),
        ],
        exception_handlers={HTTPException: _raised},
    )
    app.router.redirect_slashes = False
    app.router.default = _nowhere
    app.state.served = served
    return app


class Answered:
    """An ASGI application whose exceptions are answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises what comes when the answer has begun: all that is left is to break it off."""
        has_begun = False

        async def sent(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            if message["type"] == "http.response.start":
                add_headers(message, scope)
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except (Exception, asyncio.CancelledError) as problem:
            if has_begun:
                raise
            failure = _failure(problem, scope)
            if isinstance(failure, Internal) and failure is not problem:
                log.exception("%s %s failed", scope.get("method", "GET"), scope["path"])
            await _response(failure, scope)(scope, receive, sent)


async def _raised(_connection: HTTPConnection, problem: Exception) -> Response:
    """Of starlette's own: `Answered` answers all."""
    raise problem


def _failure(problem: BaseException, scope: Scope) -> Failure:
    """What a client is told of an exception."""
    if isinstance(problem, asyncio.CancelledError):  # the server ends, and this took too long
        return Draining()
    if isinstance(problem, Failure):
        return problem
    if isinstance(problem, ClientDisconnect):
        return Left()
    if isinstance(problem, HTTPException):
        return _of_starlette(problem, scope)
    return Internal()


def _of_starlette(problem: HTTPException, scope: Scope) -> Failure:
    """What it refuses by itself."""
    if problem.status_code != 405:
        return BadRequest(problem.detail)
    matching = (r for r in _routes(scope) if r.matches(scope)[0] is not Match.NONE)
    allowed = ", ".join(sorted({method for route in matching for method in route.methods or ()}))
    return MethodNotAllowed(
        f"{scope['path']!r:.100}: expected {allowed}, got {scope['method']!r:.20}",
        headers={"Allow": allowed},
    )


async def _nowhere(scope: Scope, _receive: Receive, _send: Send) -> None:
    path = scope["path"]
    sockets = [each.path for each in scope["app"].routes if isinstance(each, WebSocketRoute)]
    if path in sockets:
        raise UpgradeRequired(f"{path}: expected a WebSocket, got {scope['method']!r:.20}")
    asked = (route.path for route in _routes(scope) if not route.path.startswith(page.FOLDER))
    known = dict.fromkeys(_PARAMETER.sub("NAME", each) for each in (*asked, *sockets))
    raise NotFound(f"{path!r:.100}: no such path{nearest(path, known)}")


def _routes(scope: Scope) -> list[Route]:
    return [route for route in scope["app"].routes if isinstance(route, Route)]


def _response(failure: Failure, scope: Scope) -> Response:
    if scope["path"].startswith(OPENAI):
        return error_response(failure)
    body: dict[str, object] = {"error": failure.message}
    if isinstance(failure, Loading):
        body["estimated_time"] = failure.estimated_s
    return JSONResponse(body, failure.status, failure.headers)
