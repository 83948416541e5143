"""Who may ask: Host, Origin, token; and which bodies."""

from collections.abc import Iterator, Mapping

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from earlet.config import ServeConfig
from earlet.server.guard import LISTEN, check_token
from tests.server.wire import application

TOKEN = "open-sesame"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SITE = "https://example.org"
SOCKET = f"ws://localhost{LISTEN}"


async def path_of(request: Request) -> Response:
    return PlainTextResponse(request.url.path)


async def first_message(socket: WebSocket) -> None:
    await socket.accept()
    check_token(socket, await socket.receive_text())
    await socket.send_text("welcome")
    await socket.close()


def client(config: ServeConfig | None = None, token: str | None = None) -> TestClient:
    """Of an application on this machine, that has a few more paths."""
    app = application(config or ServeConfig(), token.encode() if token else None)
    app.router.routes[:0] = [
        Route("/path", path_of, methods=["GET", "POST"]),
        WebSocketRoute(LISTEN, first_message),
    ]
    return TestClient(app, "http://localhost")


@pytest.fixture
def guarded() -> TestClient:
    return client(token=TOKEN)


@pytest.fixture
def unguarded() -> Iterator[TestClient]:
    with client() as it:
        yield it


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8327", "127.0.0.1:80", "127.1.2.3", "[::1]:8327", "ear.localhost"],
)
def test_this_machine_goes_by_these_names(unguarded: TestClient, host: str) -> None:
    assert unguarded.get("/path", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "192.168.0.7:8327", "[::2]", "[::1"),
        *("", "localhost@evil.example", "evil.example:localhost"),
    ],
)
def test_a_name_that_a_page_made_point_here_is_refused(unguarded: TestClient, host: str) -> None:
    answer = unguarded.get("/path", headers={"Host": host})
    assert answer.status_code == 421
    assert "--host" in answer.json()["error"]


def test_what_others_can_reach_has_any_name() -> None:
    public = client(ServeConfig(host="0.0.0.0"), TOKEN)  # noqa: S104
    assert public.get("/path", headers={"Host": "ear.lan", **BEARER}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://localhost", 200),  # the page of this server
        ("https://localhost", 200),  # whoever ends TLS before it
        ("http://localhost:3000", 403),
        (SITE, 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_only_its_own_page_may_post(unguarded: TestClient, origin: str | None, status: int) -> None:
    headers = {} if origin is None else {"Origin": origin}
    assert unguarded.post("/path", headers=headers).status_code == status


def test_a_page_of_another_site_cannot_read_what_it_gets(unguarded: TestClient) -> None:
    answer = unguarded.get("/path", headers={"Origin": SITE})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_page_of_another_site_cannot_listen(unguarded: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as refusal:
        unguarded.websocket_connect(SOCKET, headers={"Origin": SITE}).__enter__()
    assert refusal.value.status_code == 403


@pytest.mark.parametrize(("path", "status"), [("/path", 200), ("/nowhere", 404)])
def test_a_site_that_is_allowed_may_read_all_answers(path: str, status: int) -> None:
    asking = client(ServeConfig(allow_origins=(SITE,)), TOKEN)
    answer = asking.post(path, headers={"Origin": SITE, **BEARER})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["vary"] == "Origin"


def test_a_browser_may_ask_beforehand_and_needs_no_token_for_that() -> None:
    """https://fetch.spec.whatwg.org/#cors-preflight-fetch"""
    asking = client(ServeConfig(allow_origins=(SITE,)), TOKEN)
    headers = {
        "Origin": SITE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-use-cache",
    }
    answer = asking.options("/models/any", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,x-use-cache"
    assert asking.options("/path", headers={**headers, "Origin": "http://a"}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer open-sesam"},
        {"Authorization": "Bearer open-sesame2"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer \xfc"},
    ],
)
def test_without_the_token_nothing_is_answered(
    guarded: TestClient, headers: Mapping[str, str]
) -> None:
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    answer = guarded.get("/path", headers=raw)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"  # RFC 6750, 3
    assert TOKEN not in answer.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_with_the_token_all_is_answered(guarded: TestClient, scheme: str) -> None:
    answer = guarded.get("/path", headers={"Authorization": f"{scheme} {TOKEN}"})
    assert answer.status_code == 200


def test_what_does_not_exist_is_not_told_to_those_without_token(guarded: TestClient) -> None:
    assert guarded.get("/nowhere").status_code == 401


def test_whether_it_serves_and_the_page_are_for_everybody(guarded: TestClient) -> None:
    for path in ("/health", "/", "/page/main.js"):
        assert guarded.get(path).status_code == 200, path
    assert guarded.post("/").status_code == 401


@pytest.mark.parametrize(("headers", "message"), [({}, TOKEN), (BEARER, "none")])
def test_a_page_that_listens_may_bring_the_token_in_its_first_message(
    guarded: TestClient, headers: dict[str, str], message: str
) -> None:
    with guarded.websocket_connect(SOCKET, headers=dict(headers)) as socket:
        socket.send_text(message)
        assert socket.receive_text() == "welcome"


def test_a_wrong_token_does_not_even_connect(guarded: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as refusal:
        guarded.websocket_connect(SOCKET, headers={"Authorization": "Bearer no"}).__enter__()
    assert refusal.value.status_code == 401
    assert "error" in refusal.value.json()


def test_no_other_websocket_may_do_without_the_header(guarded: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as refusal:
        guarded.websocket_connect("ws://localhost/elsewhere").__enter__()
    assert refusal.value.status_code == 401


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "x"])
def test_bodies_are_not_compressed(unguarded: TestClient, coding: str) -> None:
    answer = unguarded.post("/path", headers={"Content-Encoding": coding}, content=b"x")
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "identity"  # RFC 9110, 12.5.3


@pytest.mark.parametrize("path", ["/path/", "/path//"])
def test_a_slash_at_the_end_means_nothing(unguarded: TestClient, path: str) -> None:
    assert unguarded.get(path).text == "/path"
