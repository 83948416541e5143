"""What is served for the page, without a browser."""

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from earlet.server import page

FOLDER = Path(page.__file__).parent
ASSETS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".js", ".css", ".svg"})
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
SVG = "http://www.w3.org/2000/svg"  # a name, which nobody asks for


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=page.routes()))


def test_the_page_is_at_the_root(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == (FOLDER / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ASSETS)
def test_a_file_has_the_type_that_nosniff_wants(client: TestClient, name: str) -> None:
    answer = client.get(f"/page/{name}")
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["content-type"].partition(";")[0] == TYPES[Path(name).suffix]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", *(f"/page/{name}" for name in ASSETS)])
def test_nothing_inline_and_nothing_from_elsewhere_is_allowed(
    client: TestClient, path: str
) -> None:
    policy = client.get(path).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in policy


def test_a_browser_that_has_a_file_is_told_so(client: TestClient) -> None:
    first = client.get("/page/main.js")
    again = client.get("/page/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    changed = client.get("/page/main.js", headers={"If-None-Match": '"of another version"'})
    assert (changed.status_code, changed.content) == (200, first.content)


def test_the_head_of_the_page_has_its_length_and_no_body(client: TestClient) -> None:
    answer = client.head("/")
    length = str((FOLDER / "index.html").stat().st_size)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == length


@pytest.mark.parametrize(
    "name",
    [
        *("__init__.py", "index.html", "", "nothing.js", "../__init__.py", "%2e%2e/__init__.py"),
        *("..%2f__init__.py", "main.js%00", "main.js/", "/etc/passwd"),
    ],
)
def test_no_other_file_can_be_asked_for(client: TestClient, name: str) -> None:
    assert client.get(f"/page/{name}", follow_redirects=False).status_code != 200


def test_all_that_the_files_load_is_there() -> None:
    index = (FOLDER / "index.html").read_text(encoding="utf-8")
    loaded = set(re.findall(r'(?:src|href)="page/([^"]+)"', index))
    for script in FOLDER.glob("*.js"):
        text = script.read_text(encoding="utf-8")
        loaded |= set(re.findall(r'from "\./([^"]+)"', text))
        loaded |= set(re.findall(r'address\("page/([^"]+)"\)', text))
    assert loaded == set(ASSETS)


@pytest.mark.parametrize("name", ["index.html", *ASSETS])
def test_no_address_of_anybody_else_is_in_a_file(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8").replace(SVG, "")
    assert not re.findall(r"""["'`(]\s*(?:https?:|wss?:)?//\w""", text)


def test_the_document_has_no_script_style_or_handler_of_its_own() -> None:
    text = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_nothing_is_ever_parsed_as_html() -> None:
    for script in FOLDER.glob("*.js"):
        text = script.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
