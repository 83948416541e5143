"""multipart/form-data: what httpx writes is read; what is broken is refused whole."""

import contextlib
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet.server.failures import BadRequest, Failure, UnsupportedKind
from earlet.server.openai import form
from earlet.server.openai.form import MAX_FIELD, MAX_PARTS, Form, read_form

TYPE = "multipart/form-data; boundary=limit"


def written(files: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[bytes, str]:
    """A body, and its content type, as httpx writes them."""
    request = httpx.Request("POST", "http://localhost/", files=files, data=data)
    return request.read(), request.headers["content-type"]


def part(name: str, content: bytes, *more: str) -> bytes:
    head = "\r\n".join([f'Content-Disposition: form-data; name="{name}"', *more])
    return b"--limit\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


NAMES = st.text(
    st.characters(codec="ascii", exclude_characters='"\\\r\n%[]', categories=["L", "N"])
)


@given(st.binary(), st.dictionaries(NAMES.filter(lambda n: n not in ("", "file")), st.text()))
def test_what_httpx_writes_is_read(content: bytes, fields: dict[str, str]) -> None:
    read = read_form(*written({"file": ("a.wav", content)}, fields))
    assert read == Form({name: [text] for name, text in fields.items()}, content)


def test_fields_may_come_several_times_with_brackets_or_without() -> None:
    body = part("include[]", b"a") + part("include", b"b") + part("file", b"x") + b"--limit--\r\n"
    assert read_form(body, TYPE) == Form({"include": ["a", "b"]}, b"x")


def test_a_file_may_hold_what_looks_like_a_boundary() -> None:
    content = b"\r\n--limi\r\n--\r\n" * 50
    assert read_form(part("file", content) + b"--limit--\r\n", TYPE).file == content


def test_a_body_that_breaks_off_anywhere_is_refused_whole() -> None:
    body = part("model", b"m") + part("file", b"sound", "Content-Type: audio/wav") + b"--limit--"
    for n in range(len(body)):
        with pytest.raises(BadRequest):
            read_form(body[:n], TYPE)
    assert read_form(body, TYPE).file == b"sound"


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "message"),
    [
        (b"{}", "application/json", UnsupportedKind, "got application/json"),
        (b"", "", UnsupportedKind, "no content type"),
        (b"", "multipart/form-data", BadRequest, "without its boundary"),
        (b"", "multipart/form-data; boundary=" + "x" * 300, BadRequest, "Boundary length 300"),
        (part("a", b"") * 2, TYPE, BadRequest, "breaks off"),
        (b"no part at all", TYPE, BadRequest, "not multipart/form-data"),
        (part("file", b"1") + part("file", b"2") + b"--limit--", TYPE, BadRequest, "got 2"),
        (part("a", b"\xff") + b"--limit--", TYPE, BadRequest, "a: not UTF-8 at byte 0"),
        (part("a", b"x" * (MAX_FIELD + 1)) + b"--limit--", TYPE, BadRequest, "is the part 'file'"),
        (part("a", b"") * (MAX_PARTS + 1) + b"--limit--", TYPE, BadRequest, "at most 100 parts"),
        (b"--limit\r\nA: b\r\n\r\nx\r\n--limit--", TYPE, BadRequest, "without a name"),
        (part("a", b"", "B: " + "c" * 9999) + b"--limit--", TYPE, BadRequest, "header"),
    ],
)
def test_what_is_wrong_is_told(
    body: bytes, content_type: str, kind: type[Failure], message: str
) -> None:
    with pytest.raises(kind, match=message):
        read_form(body, content_type)


def test_a_flood_of_delimiters_never_reaches_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten million would take it ten seconds, in which nobody else is answered."""
    monkeypatch.setattr(form, "MultipartParser", None)
    with pytest.raises(BadRequest, match="parts"):
        read_form(part("file", b"\r\n--limitX" * 1_000) + b"--limit--", TYPE)


HEADERS = st.text(st.characters(codec="latin-1"), max_size=80)  # as which servers read them


@given(st.binary(max_size=400), HEADERS, st.integers(0, 3))
def test_whatever_comes_is_read_or_refused(noise: bytes, content_type: str, place: int) -> None:
    pieces = [part("model", b"m"), part("file", b"sound"), b"--limit--\r\n"]
    pieces.insert(place, noise)
    for kind in (TYPE, content_type, f"multipart/form-data; boundary={content_type}"):
        with contextlib.suppress(BadRequest, UnsupportedKind):
            assert isinstance(read_form(b"".join(pieces), kind), Form)
