"""multipart/form-data (RFC 7578), from a body that lies in memory: nothing is written to disk."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from earlet.server.failures import BadRequest, UnsupportedKind

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# What is wrong with a form is told to who sent it.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

MEDIA_TYPE = b"multipart/form-data"
MAX_PARTS = 100  # a request has some ten, and some more that repeat: keywords
MAX_FIELD = 10_000  # bytes; a prompt of which Whisper takes 223 tokens at most
FILE = "file"  # the one field that is no text


@dataclass(frozen=True)
class Form:
    """What was sent. A name that may come several times ends with "[]", which is left out here."""

    fields: Mapping[str, Sequence[str]]
    file: bytes | None


def read_form(body: bytes, content_type: str) -> Form:
    """The parts of `body`.

    Raises:
        UnsupportedKind: it is something else.
        BadRequest: it is broken, has too many parts, or too large ones.
    """
    media_type, options = parse_options_header(content_type)
    if media_type != MEDIA_TYPE:
        raise UnsupportedKind(
            f"expected multipart/form-data with the sound as the part {FILE!r}, got "
            f"{content_type or 'no content type'}"
        )
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise BadRequest("Content-Type: multipart/form-data without its boundary")
    # Counted first, for the parser takes a microsecond for each delimiter, real or not.
    if body.count(b"--" + boundary) > MAX_PARTS + 1:
        raise BadRequest(f"expected at most {MAX_PARTS} parts, got more")
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as problem:
        raise BadRequest(f"not multipart/form-data: {problem}") from None
    if not parts.has_ended:
        raise BadRequest("multipart/form-data breaks off before its last boundary")
    return parts.form()


class _Parts:
    """What the parser tells, put together."""

    def __init__(self) -> None:
        self.has_ended = False
        self._files: list[bytes] = []
        self._fields: defaultdict[str, list[str]] = defaultdict(list)
        self._begin()

    def callbacks(self) -> "MultipartCallbacks":
        """For the parser."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_part_data": self._on_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def form(self) -> Form:
        """All of it; raises BadRequest where there are several files."""
        if len(self._files) > 1:
            raise BadRequest(f"{FILE}: expected one, got {len(self._files)}", field=FILE)
        return Form(self._fields, self._files[0] if self._files else None)

    def _begin(self) -> None:
        self._name: str | None = None
        self._data: list[memoryview] = []
        self._header, self._value = b"", b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            if b"name" in options:
                self._name = _text(options[b"name"], "the name of a part").removesuffix("[]")
        self._header, self._value = b"", b""

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(memoryview(data)[start:end])

    def _on_part_end(self) -> None:
        if self._name is None:
            raise BadRequest("a part without a name: Content-Disposition: form-data; name=...")
        if self._name == FILE:
            self._files.append(b"".join(self._data))
            return
        size = sum(map(len, self._data))
        if size > MAX_FIELD:
            raise BadRequest(
                f"{self._name}: expected a text of at most {MAX_FIELD} bytes, got {size}; the "
                f"sound is the part {FILE!r}",
                field=self._name,
            )
        self._fields[self._name].append(_text(b"".join(self._data), self._name))

    def _on_end(self) -> None:
        self.has_ended = True


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise BadRequest(f"{name}: not UTF-8 at byte {problem.start}", field=name) from None
