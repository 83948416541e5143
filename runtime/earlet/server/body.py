"""The body of a request, and the JSON in it.

How much may come, and how fast, `guard.py` sees to, for whoever reads a body in whatever way.
"""

import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from earlet.server.failures import BadRequest

if TYPE_CHECKING:  # Wyoming and the workers do without it
    from starlette.requests import Request

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

MAX_DEPTH = 32  # lists and objects within each other; no API has more than four
MAX_VALUES = 200_000  # each takes some 60 bytes, for the two of "[]"
MAX_DIGITS = 400  # of a number; the largest float has 309


async def read_body(request: "Request") -> bytes:
    """All of the body.

    Raises:
        TooLarge: it is larger than bodies may be.
        TooSlow: it stops to come, or comes drop by drop.
        ClientDisconnect: the client has left.
    """
    return await request.body()


def parse_json(data: bytes) -> JsonValue:
    """The value of a JSON text (RFC 8259) in UTF-8.

    Raises:
        BadRequest: it is none. Neither are NaN, infinity, the same key twice, half of a pair of
            surrogates, and more than the limits above.
    """
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise BadRequest(f"JSON with more than {MAX_VALUES} values")
    try:
        text = data.decode("utf-8-sig")  # a byte order mark MAY be ignored
        value: JsonValue = json.loads(
            text,
            parse_constant=_no_number,
            parse_int=_whole,
            parse_float=_finite,
            object_pairs_hook=_object,
        )
        _check(value)
    except UnicodeDecodeError as problem:
        raise BadRequest(f"expected JSON in UTF-8, got another byte at {problem.start}") from None
    except json.JSONDecodeError as problem:
        raise BadRequest(
            f"expected JSON, got line {problem.lineno}, column {problem.colno}: {problem.msg}"
        ) from None
    except RecursionError:
        raise _too_deep() from None
    return value


def _check(value: JsonValue) -> None:
    """Depth, and texts that no UTF-8 can hold."""
    depth, level = 0, [value]
    while level:
        inner: list[JsonValue] = []
        has_more = False
        for item in level:
            if isinstance(item, dict):
                inner += [*item, *item.values()]
                has_more = True
            elif isinstance(item, list):
                inner += item
                has_more = True
            elif isinstance(item, str) and not item.isascii():
                _check_text(item)
        depth += has_more
        if depth > MAX_DEPTH:
            raise _too_deep()
        level = inner


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as problem:
        code = ord(text[problem.start])
        raise BadRequest(f"expected JSON, got \\u{code:04x}, half of a character") from None


def _too_deep() -> BadRequest:
    return BadRequest(f"JSON with more than {MAX_DEPTH} levels")


def _object(pairs: Iterable[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in found:
            raise BadRequest(f"expected JSON, got the key {key!r:.60} twice", field=key)
        found[key] = value
    return found


def _no_number(name: str) -> NoReturn:
    raise BadRequest(f"expected JSON, which has no {name}")


def _whole(digits: str) -> int:
    return int(_bounded(digits))


def _finite(digits: str) -> float:
    number = float(_bounded(digits))
    if math.isfinite(number):
        return number
    raise BadRequest(f"expected JSON, got {digits:.60}, which is too large for a number")


def _bounded(digits: str) -> str:
    if len(digits) > MAX_DIGITS:
        raise BadRequest(f"expected JSON, got a number of {len(digits)} characters")
    return digits
