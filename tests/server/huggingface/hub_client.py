"""Runs in a Python that has huggingface_hub alone: calls its client, as told.

A line in: {"method", "given", "how", "more", "client", "is_async"}. A line out: {"result": ...}, or
{"error": the class, "message", "status", "headers"}.
"""

import asyncio
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError

WAYS: dict[str, Callable[[str], list[Any]]] = {  # in which an input is handed in
    "text": lambda text: [text],
    "path": lambda name: [Path(name)],
    "name": lambda name: [name],
    "bytes": lambda name: [Path(name).read_bytes()],
    "file": lambda name: [Path(name).open("rb")],  # noqa: SIM115  it ends with this process
    "not": lambda _: [],  # it is among `more`
}


def plain(result: object) -> object:
    """The client's data classes, which are mappings, as JSON has them."""
    if isinstance(result, bytes):
        return json.loads(result)
    if isinstance(result, list):
        return [plain(item) for item in result]
    if isinstance(result, dict):
        return {key: plain(value) for key, value in result.items() if value is not None}
    return result


def result(question: dict[str, Any]) -> object:
    """What the client returns."""
    kind: Any = AsyncInferenceClient if question["is_async"] else InferenceClient
    given = WAYS[question["how"]](question["given"])
    method = getattr(kind(**question["client"]), question["method"])
    returned = method(*given, **question["more"])
    return asyncio.run(returned) if inspect.iscoroutine(returned) else returned


def answer(question: dict[str, Any]) -> dict[str, object]:
    """What the client returns, or raises."""
    try:
        return {"result": plain(result(question))}
    except HfHubHTTPError as problem:
        response: Any = problem.response
        return {
            "error": type(problem).__name__,
            "message": str(problem),
            "status": response.status_code,
            "headers": {name.lower(): value for name, value in response.headers.items()},
        }


for line in sys.stdin:
    sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
    sys.stdout.flush()
