"""The document at /openapi.json: every route is in it, and every answer is what it says."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from earlet.config import ServeConfig
from earlet.server.failures import BadRequest
from earlet.server.models import open_models
from earlet.server.openai.form import Form
from earlet.server.openai.request import Task, read_request
from earlet.server.openapi import document
from tests.server.clients import client_python
from tests.server.program import Program
from tests.server.wire import application

MODELS = ("commands-en", "moonshine-tiny-en", "sentiment-en", "vad")
EXAMPLES = 10  # of each operation; a thousand found nothing more
RUN_S = 300.0
TOKEN = "open-sesame"  # noqa: S105


def test_every_route_is_in_the_document_and_nothing_else() -> None:
    told: Any = document(open_models(MODELS), needs_token=False)
    routes = [route for route in application(ServeConfig()).routes if isinstance(route, Route)]
    served = {
        (path, method)
        for route in routes
        if not route.path.startswith("/page/")  # what the page loads
        for path in _named(route.path)
        for method in route.methods or ()
        if method != "HEAD"
    }
    documented = {
        (path, method.upper())
        for path, methods in told["paths"].items()
        for method in methods
        if method != "parameters"
    }
    assert documented == served


def _named(path: str) -> Iterator[str]:
    """Of the path of a model the path of each; OpenAI's stays one."""
    if "{name:model}" in path:
        yield from (path.replace("{name:model}", name) for name in MODELS)
    else:
        yield path.replace("{name:path}", "{name}")


@pytest.mark.parametrize(
    ("task", "path"),
    [("transcribe", "/v1/audio/transcriptions"), ("translate", "/v1/audio/translations")],
)
def test_the_fields_of_a_form_are_those_that_are_read(task: Task, path: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        read_request(Form({"zzzzzzzz": ["1"]}, b"sound"), task)
    read = refusal.value.message.partition("; known are ")[2].split(", ")
    told: Any = document(open_models(MODELS), needs_token=False)
    content = told["paths"][path]["post"]["requestBody"]["content"]
    fields = content["multipart/form-data"]["schema"]["properties"]
    assert sorted(name.removesuffix("[]") for name in fields) == sorted(read)


def test_it_says_whether_a_token_is_needed() -> None:
    with TestClient(application(ServeConfig()), "http://localhost") as client:
        assert client.get("/openapi.json").json()["security"] == []
    with TestClient(application(ServeConfig(), b"open-sesame"), "http://localhost") as client:
        answer = client.get("/openapi.json", headers={"Authorization": "Bearer open-sesame"}).json()
    assert answer["security"] == [{"token": []}]
    assert answer["paths"]["/health"]["get"]["security"] == []


def test_schemathesis_finds_no_answer_that_the_document_does_not_foresee(
    start_server: Callable[..., Program], tmp_path: Path
) -> None:
    """All its checks but one: that valid data is accepted. No schema can say what a sound is."""
    python = client_python("schemathesis==4.32.5")
    flags = ("--bundle", "sentiment-en", "--bundle", "moonshine-tiny-en")  # a text, a file
    server = start_server(*flags, token=TOKEN)
    told = subprocess.run(
        [
            *(python, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
            *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
            *("--max-examples", str(EXAMPLES), "--generation-deterministic"),
            *("--continue-on-failure", "--no-color", "--header", f"Authorization: Bearer {TOKEN}"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert told.returncode == 0, told.stdout
    assert "Traceback" not in server.told
