"""npm's @huggingface/inference: every task, and the errors that it can meet.

It sends files raw, and leaves their parameters out; texts have theirs. Numbers are held to the
pipeline in this process, to the last digit.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server.clients import Client
from tests.server.program import Program

BAD = Path(__file__).parents[2] / "bad"


def labels_of(pipeline: Any, given: str | Path, **parameters: object) -> list[dict[str, object]]:
    return [label.to_json() for label in pipeline(given, **parameters)]


def test_a_sound_is_classified(
    npm: Client, server: Program, go: Path, here: Callable[[str], Any]
) -> None:
    url = f"{server.url}/models/commands-en"
    answer = npm.ask(method="audioClassification", endpointUrl=url, path=str(go))
    assert answer["result"] == labels_of(here("commands-en"), go)
    assert answer["result"][0]["label"] == "go"


def test_a_picture_is_classified(
    npm: Client, server: Program, cat: Path, here: Callable[[str], Any]
) -> None:
    url = f"{server.url}/models/efficientnet-lite0"
    answer = npm.ask(method="imageClassification", endpointUrl=url, path=str(cat))
    assert answer["result"] == labels_of(here("efficientnet-lite0"), cat)
    assert answer["result"][0]["label"] == "Egyptian cat"


@pytest.mark.parametrize("parameters", [{}, {"top_k": 1}, {"function_to_apply": "none"}])
def test_a_text_is_classified(
    npm: Client, server: Program, here: Callable[[str], Any], parameters: dict[str, object]
) -> None:
    url = f"{server.url}/models/sentiment-en"
    text = "Naïve — and yet I love it \U0001f600"
    answer = npm.ask(
        method="textClassification", endpointUrl=url, inputs=text, more={"parameters": parameters}
    )
    assert answer["result"] == labels_of(here("sentiment-en"), text, **parameters)
    assert answer["result"][0]["label"] == "POSITIVE"


def test_speech_is_written_down(
    npm: Client, server: Program, sentence: Path, here: Callable[[str], Any]
) -> None:
    url = f"{server.url}/models/moonshine-tiny-en"
    answer = npm.ask(method="automaticSpeechRecognition", endpointUrl=url, path=str(sentence))
    assert answer["result"] == here("moonshine-tiny-en")(sentence).to_json()


@pytest.mark.parametrize(
    ("model", "method", "question", "status", "told"),
    [
        ("sentiment-en", "text", {"inputs": "a", "more": {"parameters": {"k": 1}}}, 400, "top_k"),
        ("sentiment", "text", {"inputs": "a"}, 404, "'sentiment-en'"),
        ("commands-en", "audio", {"path": str(BAD / "truncated.jpg")}, 415, "a sound file"),
        ("efficientnet-lite0", "image", {"path": str(BAD / "truncated.jpg")}, 422, "damaged"),
    ],
)
def test_what_goes_wrong_is_told(
    npm: Client,
    server: Program,
    model: str,
    method: str,
    question: dict[str, object],
    status: int,
    told: str,
) -> None:
    url = f"{server.url}/models/{model}"
    answer = npm.ask(method=f"{method}Classification", endpointUrl=url, **question)
    assert (answer["error"], answer["status"]) == ("InferenceClientProviderApiError", status)
    assert told in answer["message"]


def test_a_token_is_brought(npm: Client, guarded_server: Program) -> None:
    question = {
        "method": "textClassification",
        "endpointUrl": f"{guarded_server.url}/models/sentiment-en",
        "inputs": "I like you",
    }
    for token in (None, "hf_another"):
        assert npm.ask(**question, token=token)["status"] == 401
    answer = npm.ask(**question, token=guarded_server.token)
    assert answer["result"][0]["label"] == "POSITIVE"
