"""Which models there are for this API, and what programs call them.

Many programs have the name of a model of OpenAI's built in. Those of its recognisers stand for the
first recogniser that is served and does what is asked, so that a program works when its address is
changed and nothing else. Which that is, `GET /v1/models/whisper-1` tells, as far as no language and
no translation is asked for.
"""

from collections.abc import Mapping

from earlet.schema import nearest
from earlet.server.body import JsonValue
from earlet.server.failures import BadRequest, NotFound
from earlet.server.models import Model, knows, recognisers
from earlet.server.openai.request import Task

# `AudioModel` of the `openai` package, but those that tell speakers apart.
ALIASES = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
)


def find(models: Mapping[str, Model], name: str, task: Task, language: str | None = None) -> Model:
    """The recogniser that a program calls `name`; an alias stands for the first that is able.

    Where none knows the language, it is the first: its process says so.

    Raises:
        NotFound: there is none of that name.
        BadRequest: it is for something else, or cannot translate.
    """
    known = recognisers(models)
    meant = [models[name]] if name in models else known if name in ALIASES else []
    if not meant:
        hint = nearest(name, [model.name for model in known]) if known else "; none is served"
        raise NotFound(f"model: there is no recogniser {name!r:.60}{hint}", field="model")
    able = [model for model in meant if _is_able(model, task)]
    for model in able:
        if knows(model, language):
            return model
    if able:
        return able[0]
    others = [model.name for model in known if _is_able(model, task)]
    hint = f"; known are {', '.join(others)}" if others else "; no model that is served does"
    raise BadRequest(f"model: {name} does not {task} speech{hint}", field="model")


def _is_able(model: Model, task: Task) -> bool:
    manifest = model.manifest
    if manifest.task != "automatic-speech-recognition":
        return False
    tasks = manifest.decoding.get("tasks")
    return task == "transcribe" or (isinstance(tasks, Mapping) and task in tasks)


def described(model: Model) -> dict[str, JsonValue]:
    """A model object; `created` is since when its files are here."""
    return {
        "id": model.name,
        "object": "model",
        "created": _changed(model),
        "owned_by": model.manifest.attribution,
    }


def _changed(model: Model) -> int:
    try:
        return int(model.path.stat().st_mtime)
    except OSError:  # it was taken away, which is told to whoever uses it
        return 0
