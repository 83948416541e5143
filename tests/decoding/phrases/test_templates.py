"""What people type into a list of commands, and what they type wrongly."""

import tracemalloc

import pytest

from earlet.decoding.phrases import templates
from earlet.decoding.phrases.templates import MAX_CHARS, Choice, parse, read_lists
from earlet.errors import InputError

LISTS = read_lists({"room": ["kitchen", "living room"], "level": ["1..3", "full"]})
ROOMS = (("kitchen",), ("living", "room"))


def test_words_are_taken_as_they_are_typed_without_punctuation() -> None:
    assert parse("Turn on, TV; please!", {}) == ("Turn", "on", "TV", "please")
    assert parse("wake me at 6:30", {}) == ("wake", "me", "at", "6:30")


def test_braces_hold_alternatives_and_are_numbered_slots() -> None:
    on_off = Choice((("on",), ("off",)), "1")
    what = Choice((("light",), ("ceiling", "fan")), "2")
    assert parse("turn {on|off} the { light | ceiling fan }", {}) == ("turn", on_off, "the", what)


def test_a_slot_may_have_a_name() -> None:
    assert parse("{state: on|off}", {}) == (Choice((("on",), ("off",)), "state"),)
    # A name begins with a letter.
    assert parse("{6:30|7:30}", {}) == (Choice((("6:30",), ("7:30",)), "1"),)


def test_a_range_is_its_numbers() -> None:
    assert parse("{n:9..11|none}", {}) == (Choice((("9",), ("10",), ("11",), ("none",)), "n"),)


def test_a_lone_name_in_braces_is_a_list() -> None:
    assert parse("{room}", LISTS) == (Choice(ROOMS, "room"),)
    assert parse("{from:room} {to:room}", LISTS) == (Choice(ROOMS, "from"), Choice(ROOMS, "to"))
    assert parse("{level}", LISTS) == (Choice((("1",), ("2",), ("3",), ("full",)), "level"),)


def test_square_brackets_hold_what_may_be_left_out() -> None:
    assert parse("[please|now] go", {}) == (Choice((("please",), ("now",), ())), "go")


def test_brackets_may_hold_brackets() -> None:
    inner = Choice((("left",), ("right",)), "2")
    assert parse("{go {left|right}|stop}", {}) == (Choice((("go", inner), ("stop",)), "1"),)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("", "there is no word in it"),
        (" ... ", "there is no word in it"),
        ("[please] [now]", "all of it may be left out"),
        ("{on|} x", r"at '} x': an empty alternative"),
        ("{|on}", "an empty alternative"),
        ("{}", "an empty alternative"),
        ("[]", "an empty alternative"),
        ("{x:}", "an empty alternative"),
        ("{[a]|b}", "an empty alternative"),
        ("turn {on|off", r"at '{on|off': '{' without its '}'"),
        ("a [b} c", r"'\[' without its '\]'"),
        ("turn on}", "'}' without a bracket"),
        ("on|off", r"'\|' without a bracket"),
        ("{rom}", "there is no list 'rom' in slots; did you mean 'room'"),
        ("{room} or {room}", "a second slot 'room'"),
        ("{x:a|b} {x:c|d}", "a second slot 'x'"),
        ("{60..1}", "60..1: expected a range that goes up"),
        ("{1..20000}", "at most 10000 numbers"),
        ("{1..1000000000000}", "at most 10000 numbers"),
        ("{-5..5}", "-5..5: expected a range that goes up"),
        ("{1.5..3}", "1.5..3: expected a range"),
        ("{a..z}", "a..z: expected a range"),
        ("{1...5}", "1...5: expected a range"),
        ("{\u0661..\u0669}", "expected a range"),  # Arabic digits
        ("{lamp 1..5}", "lamp 1..5: expected a range that goes up and stands alone"),
        ("lamp 1..5", "a range stands in braces: {1..60}"),
        ("{1000000..1000001}", "to 999999 at most"),
        ("{0..9000} {0..9000}", "more than 10000 alternatives"),
        ("{" * 9 + "a|b" + "}" * 9, "more than 8 brackets"),
        ("a " * MAX_CHARS, f"at most {MAX_CHARS} characters"),
        (7, "expected a text, got int"),
    ],
)
def test_what_is_wrong_is_said(template: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(template, LISTS)


def test_too_many_numbers_are_refused_before_they_are_listed() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="more than 10000 alternatives"):
            parse("{" + "|".join(["0..9999"] * 1_000) + "}", {})
        with pytest.raises(InputError, match="n: more than 100000 phrases in all lists"):
            read_lists({"m": ["0..9999"] * 5, "n": ["0..9999"] * 1_000})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6  # bytes; all of them would be a gigabyte


def test_lists_may_be_as_long_as_all_of_them_are_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "MAX_LISTED", 5)
    assert len(read_lists({"a": ["1..3"], "b": ["x", "y"]})) == 2
    with pytest.raises(InputError, match="b: more than 5 phrases in all lists"):
        read_lists({"a": ["1..3"], "b": ["x", "y", "z"]})


def test_a_list_that_nobody_gave_is_an_error() -> None:
    with pytest.raises(InputError, match="no list 'room' in slots; there are none"):
        parse("{room}", {})


@pytest.mark.parametrize(
    ("slots", "message"),
    [
        ({"room": []}, "slots: room: the list is empty"),
        ({"room": "kitchen"}, "slots.room: expected a list, got 'kitchen'"),
        ({"room": [3]}, r"slots.room\[0\]: expected a string, got 3"),
        ({"room": ["{a|b}"]}, "slots: room: expected words without brackets"),
        ({"room": ["", "hall"]}, "slots: room: expected words without brackets, got ''"),
        ({"room": ["5..1"]}, "slots: room: 5..1: expected a range that goes up"),
        ({"room": ["x" * 10_001]}, "slots: room: expected at most 10000 characters, got 10001"),
        (["kitchen"], "slots: expected a mapping"),
    ],
)
def test_a_list_must_be_one_of_words(slots: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_lists(slots)
