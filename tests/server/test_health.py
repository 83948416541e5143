"""What programs are told that watch, and those that choose a model."""

import pytest
import requests
from huggingface_hub import InferenceClient
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from earlet import __version__
from earlet.bundle import Bundle, find
from earlet.config import ServeConfig
from earlet.service.metrics import Metric
from tests.server.program import Program
from tests.server.wire import application

MODELS = {
    *("commands-en", "efficientnet-lite0", "moonshine-tiny-en", "sentiment-en", "vad", "yamnet"),
}


def test_it_says_what_it_serves(server: Program) -> None:
    info = requests.get(f"{server.url}/info", timeout=60).json()
    assert (info["name"], info["version"]) == ("earlet", __version__)
    assert {model["name"] for model in info["models"]} == MODELS
    assert requests.get(f"{server.url}/models", timeout=60).json() == info["models"]


@pytest.mark.parametrize(
    ("name", "n_labels", "sample_rate", "is_spotter"),
    [
        ("commands-en", 10, 16_000, True),
        ("yamnet", 521, 16_000, False),  # as many as AudioSet has
        ("efficientnet-lite0", 1000, None, False),  # ImageNet's
        ("moonshine-tiny-en", None, 16_000, False),
    ],
)
def test_a_model_is_described_as_its_manifest_says(
    server: Program, name: str, n_labels: int | None, sample_rate: int | None, is_spotter: bool
) -> None:
    told = requests.get(f"{server.url}/models/{name}", timeout=60).json()
    manifest = Bundle(find(name)).manifest
    assert (told["task"], told["license"]) == (manifest.task, manifest.license)
    assert (told["n_labels"], told["sample_rate"]) == (n_labels, sample_rate)
    assert told["spotter"] == is_spotter
    assert told["bytes"] == sum(file.bytes for file in manifest.files.values())


def test_huggingface_hub_is_told_of_a_model_what_it_asks_of_an_endpoint(server: Program) -> None:
    client = InferenceClient(model=f"{server.url}/models/yamnet", provider="hf-inference")
    assert client.health_check()
    told = client.get_endpoint_info()
    assert told["model_id"] == "yamnet"
    assert told["model_pipeline_tag"] == "audio-classification"
    assert not client.health_check(f"{server.url}/models/yamnets")


def test_what_was_asked_is_loaded(server: Program) -> None:
    url = f"{server.url}/models/sentiment-en"
    requests.post(url, json={"inputs": "I like it"}, timeout=60).raise_for_status()
    assert requests.get(f"{url}/health", timeout=60).json() == {"status": "ok", "state": "loaded"}
    health = requests.get(f"{server.url}/health", timeout=60).json()
    assert health["models"].keys() == MODELS
    assert health["models"]["sentiment-en"] == "loaded"


def test_a_server_that_is_about_to_end_says_so() -> None:
    app = application(ServeConfig())
    app.state.served.is_draining = True
    with TestClient(app, "http://localhost") as client:
        answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.headers["connection"] == "close"


def test_the_figures_of_all_parts_are_read_by_prometheus(server: Program) -> None:
    answer = requests.get(f"{server.url}/metrics", timeout=60)
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"earlet_http_requests", "earlet_http_request_seconds"} <= families
    assert {"earlet_serve_queue_length", "earlet_serve_audio_seconds"} <= families
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_the_figures_of_the_daemon_beside_it_are_among_them() -> None:
    app = application(ServeConfig())
    app.state.served.daemon_metrics = lambda: [Metric("earlet_listening", "1: it does.", 1)]
    with TestClient(app, "http://localhost") as client:
        assert "\nearlet_listening 1\n" in client.get("/metrics").text
