"""The first message of a stream: what is sent, what is listened for, and by which model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from earlet.schema import nearest
from earlet.server.failures import BadRequest, NotFound
from earlet.server.models import Model, knows, recognisers, told_language
from earlet.server.workers.stream_options import SampleFormat, StreamOptions


@dataclass(frozen=True, kw_only=True)
class Hello(StreamOptions):
    """The first message."""

    model: str | None = None
    token: str | None = None
    format: SampleFormat = "s16le"


def settled(models: Mapping[str, Model], hello: Hello) -> tuple[Model, dict[str, object]]:
    """The model that is asked for, or the one for what is asked, and the options of the stream.

    Raises:
        BadRequest: what is named takes no streams.
        NotFound: there is none.
    """
    model = _chosen(models, hello)
    options = {k: v for k, v in asdict(hello).items() if k not in ("model", "token")}
    writer = model
    if hello.wake is not None:
        writer = _recogniser(models, hello)
        options["recogniser"] = str(writer.path)
    if writer in recognisers(models):
        options["language"] = told_language(writer, hello.language)
    return model, options


def _chosen(models: Mapping[str, Model], hello: Hello) -> Model:
    listeners = {model.name: model for model in models.values() if _listens(model)}
    if (name := hello.model) is not None:
        if name in listeners:
            return listeners[name]
        if name not in models:
            raise NotFound(f"model: there is no {name!r}{nearest(name, listeners)}")
        task = models[name].manifest.task
        raise BadRequest(f"model: {name} is for {task}, and not for a stream of sound")
    writes = hello.partials or hello.commands or hello.language is not None
    if writes and hello.wake is None:
        return _recogniser(models, hello)
    for model in listeners.values():
        if model.manifest.task == "audio-classification":
            return model
    raise NotFound(f"model: no spotter is served; served are {', '.join(models)}")


def _listens(model: Model) -> bool:
    manifest = model.manifest
    if manifest.task == "audio-classification":
        return bool(manifest.streaming)  # others take clips only
    return manifest.task in ("automatic-speech-recognition", "voice-activity-detection")


def _recogniser(models: Mapping[str, Model], hello: Hello) -> Model:
    """The one that is named, or the first that knows the language, or the first."""
    known = {model.name: model for model in recognisers(models)}
    if not known:
        raise NotFound(f"model: no recogniser is served; served are {', '.join(models)}")
    if hello.recogniser in known:
        return known[hello.recogniser]
    if hello.recogniser is not None:
        raise NotFound(
            f"recogniser: none is called {hello.recogniser!r}{nearest(hello.recogniser, known)}"
        )
    able = [model for model in known.values() if knows(model, hello.language)]
    return (able or [*known.values()])[0]
