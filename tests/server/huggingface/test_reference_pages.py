"""What the pages of the four tasks say to write, with nothing but the address changed.

Each of them is `requests`: a file's bytes as the body, or JSON, an `Authorization`, and the JSON
of the answer. Then every parameter that the pages have, and no other.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import soundfile

from tests.server.huggingface.hub import encoded
from tests.server.program import Program

HEADERS = {"Authorization": "Bearer hf_***"}  # as it stands there; nobody looks at it here
SCORED = {"label": str, "score": float}


@pytest.fixture
def post(server: Program) -> Callable[..., Any]:
    """`post(model, data=...)` or `post(model, json=...)`: the JSON of the answer."""

    def post(model: str, **body: object) -> Any:
        url = f"{server.url}/models/{model}"
        response = requests.post(url, headers=HEADERS, timeout=60, **body)  # type: ignore[arg-type]
        return response.json()

    return post


def query(post: Callable[..., Any], model: str, path: Path) -> Any:
    with path.open("rb") as file:
        return post(model, data=file.read())


def types(labels: list[dict[str, object]]) -> list[dict[str, type]]:
    return [{key: type(value) for key, value in label.items()} for label in labels]


def test_audio_classification(post: Callable[..., Any], go: Path) -> None:
    output = query(post, "commands-en", go)
    assert types(output) == [SCORED] * 5
    assert output[0]["label"] == "go"


def test_image_classification(post: Callable[..., Any], cat: Path) -> None:
    output = query(post, "efficientnet-lite0", cat)
    assert types(output) == [SCORED] * 5
    assert output[0]["label"] == "Egyptian cat"


def test_automatic_speech_recognition(post: Callable[..., Any], sentence: Path) -> None:
    output = query(post, "moonshine-tiny-en", sentence)
    assert output == {"text": "But I am hugely pleased that you have seen my lady."}


def test_text_classification_of_pairs(post: Callable[..., Any]) -> None:
    pairs = [
        {"text": "What is Paris?", "text_pair": "Paris is the capital of France"},
        {"text": "What is Paris?", "text_pair": "London is the capital of England"},
    ]
    output = post("sentiment-en", json={"inputs": pairs})
    assert [types(labels) for labels in output] == [[SCORED] * 2] * 2
    assert output[0] != output[1]


@pytest.mark.parametrize("function", ["sigmoid", "softmax", "none"])
def test_every_parameter_of_a_classification(
    post: Callable[..., Any], cat: Path, function: str
) -> None:
    parameters = {"function_to_apply": function, "top_k": 7}
    output = post("efficientnet-lite0", json={"inputs": encoded(cat), "parameters": parameters})
    assert types(output) == [SCORED] * 7
    scores = [label["score"] for label in output]
    assert scores == sorted(scores, reverse=True)
    assert (max(scores) > 1) == (function == "none")  # logits are not between 0 and 1


def test_chunks_come_with_timestamps(post: Callable[..., Any], recordings: Path) -> None:
    body = {
        "inputs": encoded(recordings / "speech.flac"),
        "parameters": {"return_timestamps": True},
    }
    output = post("moonshine-tiny-en", json=body)
    assert [*output] == ["text", "chunks"]
    assert [[*chunk] for chunk in output["chunks"]] == [["text", "timestamp"]] * 2
    for chunk, (start_s, end_s) in zip(output["chunks"], loud(recordings), strict=True):
        # Some sound around what is said is heard with it.
        assert chunk["timestamp"] == pytest.approx([start_s, end_s], abs=0.5)
    assert " ".join(chunk["text"] for chunk in output["chunks"]) == output["text"]


def loud(recordings: Path) -> list[tuple[float, float]]:
    """Where the two lines of speech.flac are, in seconds: what is louder than the noise."""
    waveform, rate = soundfile.read(recordings / "speech.flac")
    blocks = waveform[: len(waveform) // rate * rate].reshape(-1, rate // 10)
    (heard,) = np.nonzero(np.sqrt(np.mean(blocks**2, axis=1)) > 0.01)
    gap = int(np.argmax(np.diff(heard)))
    stretches = ((heard[0], heard[gap]), (heard[gap + 1], heard[-1]))
    return [(first / 10, (last + 1) / 10) for first, last in stretches]
