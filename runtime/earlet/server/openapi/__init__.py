"""`GET /openapi.json`: all that is served over HTTP, as OpenAPI 3.1.

https://spec.openapis.org/oas/v3.1.1.html. Parameters are read off the dataclasses that check them,
failures off their classes. `/v1/listen`, a WebSocket, has no place in it.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from earlet import __version__
from earlet.server.huggingface.question import TASKS
from earlet.server.models import Model, recognisers
from earlet.server.openapi.paths import PATH, of_model, of_openai, of_root, watching
from earlet.server.openapi.schemas import SCHEMAS, Json
from earlet.server.served import Served


def routes() -> list[BaseRoute]:
    """The document."""
    return [Route(PATH, _document)]


async def _document(request: Request) -> Response:
    served: Served = request.app.state.served
    return JSONResponse(document(served.pool.models, needs_token=served.token is not None))


def document(models: Mapping[str, Model], *, needs_token: bool) -> Json:
    """All paths, with some for each model that is served."""
    able = [model for model in models.values() if model.manifest.task in TASKS]
    paths = watching() | of_root(able[0] if len(able) == 1 else None)
    for model in models.values():
        paths |= of_model(model)
    paths |= of_openai([model.name for model in recognisers(models)])
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "earlet",
            "version": __version__,
            "summary": "Speech, sounds, pictures and texts, on this device.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {**paths},
        "components": {
            "schemas": {**SCHEMAS},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}] if needs_token else [],
    }
