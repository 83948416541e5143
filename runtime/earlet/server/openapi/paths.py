"""The paths: what each is asked, what it answers, and how it may fail."""

from collections.abc import Iterable

from earlet.server import failures
from earlet.server.failures import Failure
from earlet.server.health import EXPOSITION, HEALTH
from earlet.server.huggingface.parameters import ClassificationParameters, SpeechParameters
from earlet.server.huggingface.question import MAX_INPUTS, TASKS, Options
from earlet.server.models import Model
from earlet.server.openai.models import ALIASES
from earlet.server.openai.request import FORMATS, GRANULARITIES
from earlet.server.openapi.schemas import (
    GENERATION,
    NUMBER,
    STRING,
    Json,
    json_object,
    list_of,
    or_null,
    ref,
)

PATH = "/openapi.json"
JSON, TEXT, BYTES = "application/json", "text/plain", "application/octet-stream"
HUGGING_FACE, OPENAI = "Failure", "OpenAIFailure"  # their shapes
SPEECH = "automatic-speech-recognition"
FLAG: Json = {"enum": ["true", "false", "1", "0"]}

ANYWHERE = (
    *(failures.BadRequest, failures.Unauthorized, failures.Misdirected),
    *(failures.Internal, failures.Draining),
)
COMPUTED = (
    *(*ANYWHERE, failures.NotFound, failures.Forbidden, failures.TooSlow, failures.TooLarge),
    *(failures.UnsupportedKind, failures.Damaged, failures.Overloaded, failures.DeadlinePassed),
)


def watching() -> dict[str, Json]:
    """What programs ask that watch."""
    health = _answer("It serves.", JSON, ref("Health"))
    failing = _failures((failures.Misdirected, failures.Internal, failures.Draining))
    exposition, _, _ = EXPOSITION.partition(";")
    return {
        HEALTH: {
            "get": {
                "summary": "Whether it serves, and which models answer at once.",
                "security": [],
                "responses": {**health, **failing},
            }
        },
        "/info": {"get": _get("What is served, and within which limits.", JSON, ref("Info"))},
        "/metrics": {"get": _get("Figures for Prometheus.", exposition, STRING)},
        "/models": {"get": _get("All models.", JSON, list_of(ref("Model")))},
        PATH: {"get": _get("This document.", JSON, {"type": "object"})},
    }


def of_root(model: Model | None) -> dict[str, Json]:
    """The page, and the only model if there is but one."""
    page = _get("The page on which to try everything.", "text/html", STRING) | {"security": []}
    return {"/": {"get": page, "post": _question(model) if model else _nothing(failures.NotFound)}}


def of_model(model: Model) -> dict[str, Json]:
    """Of one model: the Hugging Face Inference API, and what it is."""
    path = f"/models/{model.name}"
    described = _get("What there is to know of it.", JSON, ref("Model"))
    is_known = model.manifest.task in TASKS
    return {
        path: {
            "get": described,
            "post": _question(model) if is_known else _nothing(failures.BadRequest),
        },
        f"{path}/health": {"get": _get("Whether it is served.", JSON, ref("ModelHealth"))},
        f"{path}/info": {"get": _get("As an inference endpoint.", JSON, ref("ModelInfo"))},
    }


def _question(model: Model) -> Json:
    """The Hugging Face Inference API, for the task of a model."""
    task = model.manifest.task
    is_text = task == "text-classification"
    answer = ref("Transcript" if task == SPEECH else "Labels")
    answers: Json = list_of(answer) if is_text else {"anyOf": [answer, list_of(answer)]}
    return {
        "summary": f"{task}, as the Hugging Face Inference API has it",
        "parameters": [
            _header("x-use-cache", "false: compute it again, though it is known."),
            _header("x-wait-for-model", "false: fail where the model must be loaded first."),
        ],
        "requestBody": {
            "required": True,
            "content": {
                (TEXT if is_text else BYTES): {"schema": STRING if is_text else {}},
                JSON: {"schema": _asked(task)},
            },
        },
        "responses": {
            **_answer("The answer; a list of them where a list was asked.", JSON, answers),
            **_failures((*COMPUTED, failures.Loading)),
        },
    }


def _asked(task: str) -> Json:
    """Inputs alone, or beside parameters and options."""
    generation = {"generation_parameters": GENERATION, "generate_kwargs": GENERATION}
    parameters = (
        json_object(SpeechParameters, **generation)
        if task == SPEECH
        else json_object(ClassificationParameters)
    )
    is_text = task == "text-classification"
    one: Json = ref("Text") if is_text else {**STRING, "contentEncoding": "base64"}
    inputs: Json = {"anyOf": [one, {**list_of(one), "minItems": 1, "maxItems": MAX_INPUTS}]}
    body: Json = {
        "type": "object",
        "properties": {
            "inputs": inputs,
            "parameters": or_null(parameters),
            "options": or_null(json_object(Options)),
        },
        "required": ["inputs"],
        "additionalProperties": False,
    }
    return {"anyOf": [body, inputs]}


def _nothing(kind: type[Failure]) -> Json:
    """A question that has no answer here."""
    return {"summary": "Answers nothing here.", "responses": _failures((*COMPUTED, kind))}


def of_openai(names: list[str]) -> dict[str, Json]:
    """OpenAI's API, of the recognisers with these names."""
    known: Json = {"enum": [*names, *ALIASES]}
    fields: Json = {
        "file": {**STRING, "format": "binary", "description": "wav, flac, ogg, mp3 ..."},
        "model": known,
        "prompt": {**STRING, "description": "What was said before."},
        "response_format": {"enum": [*FORMATS], "default": FORMATS[0]},
        "temperature": {**NUMBER, "minimum": 0, "maximum": 1, "default": 0},
    }
    transcribing: Json = {
        **fields,
        "language": STRING,
        "keywords[]": list_of(STRING),
        "timestamp_granularities[]": list_of({"enum": [*GRANULARITIES]}),
        "include[]": list_of({"enum": ["logprobs"]}),
        "chunking_strategy": {"enum": ["auto"]},
        "stream": {"type": "boolean", "default": False},
    }
    listed = _get("The recognisers.", JSON, ref("OpenAIModels"), _failures(ANYWHERE, OPENAI))
    failing = _failures((*ANYWHERE, failures.NotFound), OPENAI)
    one: Json = {
        "get": _get("One of them.", JSON, ref("OpenAIModel"), failing),
        "parameters": [{"name": "name", "in": "path", "required": True, "schema": known}],
    }
    return {
        "/v1/audio/transcriptions": {"post": _speech("What is said.", transcribing)},
        "/v1/audio/translations": {"post": _speech("What is said, in English.", fields)},
        "/v1/models": {"get": listed},
        "/v1/models/{name}": one,
    }


def _speech(summary: str, fields: Json) -> Json:
    form: Json = {
        "type": "object",
        "properties": fields,
        "required": ["file", "model"],
        "additionalProperties": False,
    }
    content: Json = {
        JSON: {"schema": ref("OpenAITranscript")},
        TEXT: {"schema": STRING},
        "text/event-stream": {"schema": STRING},
    }
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": {
            "200": {"description": "In the format that was asked for.", "content": content},
            **_failures(COMPUTED, OPENAI),
        },
    }


def _get(summary: str, media_type: str, schema: Json, fails: Json | None = None) -> Json:
    responses = {**_answer(summary, media_type, schema), **(fails or _failures(ANYWHERE))}
    return {"summary": summary, "responses": responses}


def _answer(description: str, media_type: str, schema: Json) -> Json:
    return {"200": {"description": description, "content": {media_type: {"schema": schema}}}}


def _failures(kinds: Iterable[type[Failure]], schema: str = HUGGING_FACE) -> Json:
    """A response for each, described by the first line of its docstring."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        found.setdefault(str(kind.status), []).append((kind.__doc__ or "").partition("\n")[0])
    return {
        status: {"description": " Or: ".join(texts), "content": {JSON: {"schema": ref(schema)}}}
        for status, texts in sorted(found.items())
    }


def _header(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": FLAG}
