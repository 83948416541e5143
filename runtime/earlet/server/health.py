"""What is served and how it fares: for programs that watch, and for those that choose a model.

`/info` and `/health` are there for each model, too: huggingface_hub's `get_endpoint_info` and
`health_check` ask for them below the address of a model. The keys `model_*` are what
text-generation-inference calls the same.
"""

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from earlet import __version__
from earlet.bundle import Bundle
from earlet.errors import BundleError
from earlet.schema import nearest
from earlet.server.body import JsonValue
from earlet.server.failures import Draining, NotFound
from earlet.server.models import Model
from earlet.server.served import Served
from earlet.service.metrics import exposition
from earlet.tasks.labels import read_labels

HEALTH = "/health"
# https://prometheus.io/docs/instrumenting/exposition_formats/
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def routes() -> list[BaseRoute]:
    """Each answers GET and HEAD."""
    return [
        Route(HEALTH, _health),
        Route("/info", _info),
        Route("/metrics", _metrics),
        Route("/models", _models),
        Route("/models/{name:model}/health", _model_health),
        Route("/models/{name:model}/info", _model_info),
        Route("/models/{name:model}", _model),
    ]


def described(model: Model, served: Served) -> dict[str, JsonValue]:
    """What there is to know of a model; null is what it does not have."""
    manifest = model.manifest
    rate = manifest.input.get("sample_rate")
    return {
        "name": model.name,
        "task": manifest.task,
        "version": manifest.version,
        "description": manifest.description,
        "license": manifest.license,
        "attribution": manifest.attribution,
        "source": manifest.source,
        "bytes": sum(file.bytes for file in manifest.files.values()),
        "sample_rate": rate if isinstance(rate, int) else None,
        "n_labels": _n_labels(model.path) if manifest.model.architecture == "classifier" else None,
        "spotter": manifest.task == "audio-classification" and bool(manifest.streaming),
        "state": _state(model.name, served),
    }


async def _health(request: Request) -> Response:
    served = _served(request)
    models = {name: _state(name, served) for name in served.pool.models}
    return JSONResponse({"status": "ok", "models": models})


async def _model_health(request: Request) -> Response:
    served = _served(request)
    return JSONResponse({"status": "ok", "state": _state(_named(request, served).name, served)})


async def _info(request: Request) -> Response:
    served = _served(request)
    models = served.pool.models.values()
    return JSONResponse(
        {
            "name": "earlet",
            "version": __version__,
            "max_body_mb": served.config.max_body_mb,
            "max_audio_s": served.config.max_audio_s,
            "models": [described(model, served) for model in models],
        }
    )


async def _model_info(request: Request) -> Response:
    served = _served(request)
    model = _named(request, served)
    return JSONResponse(
        {
            "model_id": model.name,
            "model_device_type": "cpu",
            "model_pipeline_tag": model.manifest.task,
            "max_concurrent_requests": served.config.queue,
            "version": __version__,
        }
    )


async def _models(request: Request) -> Response:
    served = _served(request)
    return JSONResponse([described(model, served) for model in served.pool.models.values()])


async def _model(request: Request) -> Response:
    served = _served(request)
    return JSONResponse(described(_named(request, served), served))


async def _metrics(request: Request) -> Response:
    served = _served(request)
    daemon = served.daemon_metrics() if served.daemon_metrics else ()
    figures = (*served.pool.figures(), *served.cache.figures(), *served.traffic.figures(), *daemon)
    return Response(exposition(figures), media_type=EXPOSITION)


def _served(request: Request) -> Served:
    """Raises Draining: whoever asks for its health is told not to come again."""
    served: Served = request.app.state.served
    if served.is_draining:
        raise Draining
    return served


def _named(request: Request, served: Served) -> Model:
    models, name = served.pool.models, request.path_params["name"]
    if name not in models:
        raise NotFound(f"there is no model {name!r:.100}{nearest(name, models)}", field="model")
    return models[name]


def _state(name: str, served: Served) -> str:
    return "loaded" if name in served.pool.loaded else "idle"


@cache
def _n_labels(path: Path) -> int | None:
    try:
        return len(read_labels(Bundle(path), None))
    except BundleError:  # since the server began; who asks for the model is told
        return None
