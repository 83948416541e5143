"""JSON Schema (2020-12) of what is asked and answered.

What `schema.read` makes a dataclass of, the annotations of the dataclass say: `json_object`.
"""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from earlet.decoding.generation.options import GenerationOptions
from earlet.manifest import Task
from earlet.server.body import JsonValue

Json = dict[str, JsonValue]
STRING: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer", "minimum": 0}
_SCALARS = {int: "integer", float: "number", bool: "boolean", str: "string"}


def ref(name: str) -> Json:
    """One of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(items: Json) -> Json:
    """An array."""
    return {"type": "array", "items": items}


def or_null(schema: Json) -> Json:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def json_object(cls: type[Any], **others: Json) -> Json:
    """The object that a dataclass is read from; `others` in place of what the fields' types say.

    null is as good as left out, as everywhere in the Hugging Face API.
    """
    hints = get_type_hints(cls)
    fields = dataclasses.fields(cls)
    known = {
        field.name: others.get(field.name) or or_null(_schema(hints[field.name]))
        for field in fields
    }
    needed: list[JsonValue] = [
        field.name
        for field in fields
        if field.default is field.default_factory is dataclasses.MISSING
    ]
    found: Json = {"type": "object", "properties": {**known}, "additionalProperties": False}
    return {**found, "required": needed} if needed else found


def _schema(hint: Any) -> Json:
    origin = get_origin(hint)
    if origin is Literal:
        return {"enum": [*get_args(hint)]}
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        return _schema(members[0]) if len(members) == 1 else {"anyOf": [*map(_schema, members)]}
    if origin is tuple:
        return {"type": "array", "items": _schema(get_args(hint)[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object"}
    return {"type": _SCALARS[hint]}


def _object(needed: Json, others: Json | None = None) -> Json:
    return {"type": "object", "properties": {**needed, **(others or {})}, "required": [*needed]}


_STATE: Json = {"enum": ["loaded", "idle"]}
_TASK: Json = {"enum": [*get_args(Task)]}
_TIMES: Json = {**list_of(or_null(NUMBER)), "minItems": 2, "maxItems": 2}
_SECONDS = _object({"type": {"const": "duration"}, "seconds": NUMBER})
_LOGPROB = _object({"token": STRING, "logprob": NUMBER, "bytes": list_of(WHOLE)})
_SEGMENT = _object(
    {
        "id": WHOLE,
        "seek": or_null(WHOLE),
        "start": NUMBER,
        "end": NUMBER,
        "text": STRING,
        "tokens": list_of(WHOLE),
        "temperature": or_null(NUMBER),
        "avg_logprob": or_null(NUMBER),
        "compression_ratio": or_null(NUMBER),
        "no_speech_prob": or_null(NUMBER),
    }
)
GENERATION: Json = {
    **json_object(GenerationOptions),
    "additionalProperties": True,
    "description": "As transformers' generate has them; Whisper's beside these where it is one.",
}
SCHEMAS: dict[str, Json] = {
    "Failure": _object({"error": STRING}, {"estimated_time": NUMBER}),
    "OpenAIFailure": _object(
        {
            "error": _object(
                {
                    "message": STRING,
                    "type": STRING,
                    "param": or_null(STRING),
                    "code": or_null(STRING),
                }
            )
        }
    ),
    "Health": _object(
        {
            "status": {"const": "ok"},
            "models": {"type": "object", "additionalProperties": _STATE},
        }
    ),
    "Info": _object(
        {
            "name": {"const": "earlet"},
            "version": STRING,
            "max_body_mb": WHOLE,
            "max_audio_s": WHOLE,
            "models": list_of(ref("Model")),
        }
    ),
    "Model": _object(
        {
            "name": STRING,
            "task": _TASK,
            "version": STRING,
            "description": STRING,
            "license": STRING,
            "attribution": STRING,
            "source": STRING,
            "bytes": WHOLE,
            "sample_rate": or_null(WHOLE),
            "n_labels": or_null(WHOLE),
            "spotter": {"type": "boolean"},
            "state": _STATE,
        }
    ),
    "ModelHealth": _object({"status": {"const": "ok"}, "state": _STATE}),
    "ModelInfo": _object(
        {
            "model_id": STRING,
            "model_device_type": {"const": "cpu"},
            "model_pipeline_tag": _TASK,
            "max_concurrent_requests": WHOLE,
            "version": STRING,
        }
    ),
    "Labels": list_of(_object({"label": STRING, "score": NUMBER})),
    "Text": {"anyOf": [STRING, _object({"text": STRING}, {"text_pair": or_null(STRING)})]},
    "Transcript": _object(
        {"text": STRING}, {"chunks": list_of(_object({"text": STRING, "timestamp": _TIMES}))}
    ),
    "OpenAIModel": _object(
        {"id": STRING, "object": {"const": "model"}, "created": WHOLE, "owned_by": STRING}
    ),
    "OpenAIModels": _object({"object": {"const": "list"}, "data": list_of(ref("OpenAIModel"))}),
    "OpenAITranscript": _object(
        {"text": STRING},
        {
            "task": {"enum": ["transcribe", "translate"]},
            "language": or_null(STRING),
            "duration": NUMBER,
            "segments": list_of(_SEGMENT),
            "words": list_of(_object({"word": STRING, "start": NUMBER, "end": NUMBER})),
            "logprobs": list_of(_LOGPROB),
            "usage": _SECONDS,
        },
    ),
}
