"""A line of the log for each request, and figures that Prometheus' own parser reads."""

import logging
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from earlet.config import ServeConfig
from earlet.server.traffic import Traffic
from earlet.service.metrics import exposition
from tests.server.wire import application


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_method_and_status() -> None:
    with TestClient(application(ServeConfig()), "http://localhost") as client:
        for path in ("/models/a", "/models/b", "/nowhere", "/elsewhere", "/health"):
            client.get(path)
        client.request("BREW", "/health")
        client.post("/models/a", content=b"12345")
        found = samples(client.get("/metrics").text)
    counted = {
        (labels["route"], labels["method"], labels["status"]): value
        for (name, pairs), value in found.items()
        if name == "earlet_http_requests_total" and (labels := dict(pairs))
    }
    assert counted == {
        ("/models/{name:model}", "GET", "404"): 2,
        ("/models/{name:model}", "POST", "404"): 1,
        ("other", "GET", "404"): 2,
        ("/health", "GET", "200"): 1,
        ("/health", "other", "405"): 1,
    }
    assert found["earlet_http_running", frozenset()] == 1  # that which asks for the figures


def test_how_long_requests_take_is_a_histogram() -> None:
    traffic = Traffic()
    for seconds in (0.0005, 0.001, 0.2, 7.0, 1000.0):
        traffic.count("/a", "POST", 200, seconds)
    found = samples(exposition(traffic.figures()))
    name, labels = "earlet_http_request_seconds", {"route": "/a"}

    def value(suffix: str, **more: str) -> float:
        return found[name + suffix, frozenset({**labels, **more}.items())]

    assert [value("_bucket", le=le) for le in ("0.001", "0.1", "0.25", "5", "10", "300")] == [
        *(2, 2, 3, 3, 4, 4)
    ]
    assert value("_bucket", le="+Inf") == value("_count") == 5
    assert value("_sum") == pytest.approx(1007.2015)


def test_the_log_has_a_line_a_request_without_query_body_and_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = application(ServeConfig(), b"open-sesame")
    with TestClient(app, "http://localhost") as client, caplog.at_level(logging.INFO):
        headers = {"Authorization": "Bearer open-sesame"}
        client.post("/v1/audio/transcriptions?key=query", content=b"a body", headers=headers)
    (record,) = [r for r in caplog.records if r.name == "earlet.serve.access"]
    line = r"POST /v1/audio/transcriptions 415 \d+\.\d ms, 6 bytes in, \d+ out, testclient"
    assert re.fullmatch(line, record.message)
