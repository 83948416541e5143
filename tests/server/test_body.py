"""JSON in bodies: what Python's own parser takes for granted, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet.server.body import MAX_DEPTH, MAX_VALUES, JsonValue, parse_json
from earlet.server.failures import BadRequest

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v) | st.dictionaries(TEXTS, v), max_leaves=20)


@given(VALUES, st.booleans())
def test_what_json_can_say_is_understood(value: JsonValue, is_ascii: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=is_ascii).encode()) == value


def test_a_byte_order_mark_is_not_looked_at() -> None:
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]


@given(st.binary(max_size=60))
def test_any_other_bytes_are_one_line_of_failure(data: bytes) -> None:
    try:
        expected = json.loads(data.decode("utf-8-sig"))
    except ValueError:
        with pytest.raises(BadRequest) as failure:
            parse_json(data)
        assert failure.value.message.isprintable()
    else:
        assert parse_json(data) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN"),
        ('{"x": [1, -Infinity]}', "-Infinity"),
        ("1e999", "too large"),
        ("9" * 5_000, "5000"),
        ('{"inputs": 1, "inputs": 2}', "'inputs' twice"),
        ('{"a": {"b": 1, "b": 1}}', "'b' twice"),
        (r'"\ud800"', "half of a character"),
        (r'{"\udfff": 1}', "half of a character"),
        ("[1,]", "line 1, column 4"),
        ('{"a": 1}\n}', "line 2, column 1"),
        ("", "line 1, column 1"),
        ("[" * 100_000, f"more than {MAX_DEPTH} levels"),
        ("[" * 100_000 + "]" * 100_000, f"more than {MAX_DEPTH} levels"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, f"more than {MAX_DEPTH} levels"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"more than {MAX_DEPTH} levels"),
        (f"[{'[],' * MAX_VALUES}0]", f"more than {MAX_VALUES} values"),
    ],
)
def test_what_programs_read_in_several_ways_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadRequest) as failure:
        parse_json(text.encode())
    assert reason in failure.value.message
    assert len(failure.value.message) < 200


def test_the_deepest_that_is_allowed_is_understood() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


def test_bytes_that_are_no_utf_8_are_named() -> None:
    with pytest.raises(BadRequest, match="at 5"):
        parse_json(b'"abcd\xff"')
