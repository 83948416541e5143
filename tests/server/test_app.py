"""Paths, methods and failures: each answer in the shape of its API, and never a traceback."""

import json
import logging
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from earlet.config import ServeConfig
from earlet.server import failures
from earlet.server.failures import Failure
from tests.server.wire import Answering, answering, application, request

INSIDE = "/home/somebody/models"  # of no interest to a client


async def broken(_request: Request) -> Response:
    raise RuntimeError(INSIDE)


@pytest.fixture
def app() -> Starlette:
    return application(ServeConfig())


@pytest.fixture
def client(app: Starlette) -> Iterator[TestClient]:
    with TestClient(app, "http://localhost") as it:
        yield it


@pytest.fixture(scope="module")
def wire() -> Iterator[Answering]:
    with answering() as it:
        yield it


def failing(app: Starlette, path: str, failure: Exception) -> None:
    """A path that answers so."""

    async def fail(_request: Request) -> Response:
        raise failure

    app.router.routes.append(Route(path, fail))


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("/helth", "'/health'"),
        ("/model", "'/models'"),
        ("/models/x/inf", "no model 'x/inf'"),
        ("/listen", "'/v1/listen'"),
        ("/zzzzzzzzz", "known are /models/NAME, /, "),
    ],
)
def test_what_is_not_there_is_404_and_the_nearest_is_named(
    client: TestClient, path: str, nearest: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert nearest in answer.json()["error"]
    assert "/page/" not in answer.json()["error"]  # nobody asks for the page's files by hand


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_asks_for_a_websocket_by_http_is_told_so(client: TestClient, method: str) -> None:
    answer = client.request(method, "/v1/listen")
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"  # RFC 9110, 15.5.22
    assert "expected a WebSocket" in answer.json()["error"]["message"]


def test_a_websocket_to_nowhere_is_404_too(wire: Answering) -> None:
    """RFC 6455, 4.2.2: whoever does not accept answers as HTTP does."""
    upgrade = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    answer = wire.ask(request(*upgrade, method="GET", path="/v1/listne"))
    assert answer.status == 404
    assert "no such path" in json.loads(answer.body)["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        *("/page/../../etc/passwd", "/models/../../etc/passwd", "/page/..%2f..%2fetc%2fpasswd"),
        *("/models/%2e%2e/%2e%2e/etc/passwd", "/models//etc/passwd", "/models/%00", "/models/%ff"),
        *("/models/%0d%0aX-Injected:%20yes", "//evil.example/health", "*", "/" + "a" * 10_000),
    ],
)
def test_no_path_leads_out_of_what_is_served(wire: Answering, path: str) -> None:
    answer = wire.ask(request(method="GET", path=path))
    assert answer.status == 404
    assert json.loads(answer.body)["error"].isprintable()
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/health", "GET, HEAD"),
        ("PUT", "/models/any", "GET, HEAD, POST"),
        ("DELETE", "/", "GET, HEAD, POST"),
        ("GET", "/v1/audio/transcriptions", "POST"),
        ("OPTIONS", "/metrics", "GET, HEAD"),
        ("BREW", "/health", "GET, HEAD"),
    ],
)
def test_another_method_is_405_and_the_right_ones_are_named(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)  # RFC 9110, 15.5.6
    assert "error" in answer.json()


@pytest.mark.parametrize("path", ["/health", "/info", "/models", "/metrics", "/"])
def test_head_is_get_without_a_body(client: TestClient, path: str) -> None:
    got, headed = client.get(path), client.head(path)
    assert headed.status_code == got.status_code == 200
    assert headed.content == b""
    assert headed.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_a_fault_of_earlet_is_told_to_the_log_alone(
    app: Starlette, client: TestClient, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.router.routes.append(Route(f"{prefix}/broken", broken))
    answer = client.get(f"{prefix}/broken")
    assert answer.status_code == 500
    assert INSIDE not in answer.text
    assert "Traceback" not in answer.text
    assert INSIDE in caplog.text


@pytest.mark.parametrize(
    "failure",
    [
        failures.BadRequest("top_k: expected a number", field="top_k"),
        failures.TooSlow("too slow"),
        failures.Overloaded("full", retry_s=2.5),
        failures.Loading("loading", estimated_s=12.5),
        failures.Draining(),
        failures.DeadlinePassed("too late"),
        failures.WorkerLost(),
    ],
)
def test_every_failure_has_its_status_and_the_shape_of_its_api(
    app: Starlette, client: TestClient, failure: Failure, caplog: pytest.LogCaptureFixture
) -> None:
    failing(app, "/failing", failure)
    failing(app, "/v1/failing", failure)
    here, there = client.get("/failing"), client.get("/v1/failing")
    assert here.status_code == there.status_code == failure.status
    assert here.json()["error"] == failure.message
    told = there.json()["error"]
    assert (told["message"], told["param"]) == (failure.message, failure.field)
    for name, value in failure.headers.items():
        assert here.headers[name] == there.headers[name] == value
    assert not [record for record in caplog.records if record.exc_info]  # it is no surprise


def test_who_waits_for_no_model_is_told_how_long_it_takes(
    app: Starlette, client: TestClient
) -> None:
    """`estimated_time` is what clients of the Hugging Face API read."""
    failing(app, "/loading", failures.Loading("yamnet is being loaded", estimated_s=2.5))
    answer = client.get("/loading")
    assert answer.json() == {"error": "yamnet is being loaded", "estimated_time": 2.5}
    assert answer.headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("error", "status", "is_told"),
    [
        ("InputError", 400, True),
        ("AudioFileError", 422, True),
        ("BundleError", 500, False),
        ("BackendError", 500, False),
    ],
)
def test_of_what_a_task_refuses_the_client_is_told_what_is_its_own_fault(
    error: str, status: int, is_told: bool
) -> None:
    refused = failures.Refused(error, f"{INSIDE}: damaged")
    assert refused.status == status
    assert (INSIDE in refused.message) == is_told


def test_a_message_is_one_line_of_bounded_length() -> None:
    message = Failure("one\ntwo\x1b[2J" + "a" * 10_000).message
    assert message.startswith(r"one\ntwo\x1b[2J")
    assert len(message) <= failures.SHOWN


def test_of_a_client_that_left_nothing_is_logged_as_a_fault(
    app: Starlette, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    failing(app, "/left", ClientDisconnect())
    with caplog.at_level(logging.INFO):
        assert client.get("/left").status_code == 499  # as nginx logs it
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_all_answers_keep_their_type(client: TestClient) -> None:
    for path in ("/", "/health", "/nowhere"):
        assert client.get(path).headers["x-content-type-options"] == "nosniff", path
