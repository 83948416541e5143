"""YAML that means what it says, and mappings as dataclasses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from earlet import schema
from earlet.errors import ConfigError, InputError


def load(text: str) -> dict[str, object]:
    return schema.load_yaml(text, "x.yaml", ConfigError)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("12", 12),
        ("-12", -12),
        ("010", 10),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2020-01-01", "2020-01-01"),
        ("=", "="),
        ("'12'", "12"),
        ('"no"', "no"),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says(text: str, value: object) -> None:
    found = load(f"key: {text}")["key"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_strings_as_they_are_written() -> None:
    assert load("no: 1\non: 2\n1: 3\n1.0: 4\ntrue: 5\n~: 6\n<<: 7") == {
        "no": 1,
        "on": 2,
        "1": 3,
        "1.0": 4,
        "true": 5,
        "~": 6,
        "<<": 7,
    }


# No digits: YAML 1.1, which PyYAML writes, leaves 1e3 bare where it means the string.
texts = st.text(st.characters(categories=["L", "M", "P", "S"]))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, plain, max_size=4))
def test_what_pyyaml_writes_is_read_back(document: dict[str, object]) -> None:
    assert load(yaml.safe_dump(document, allow_unicode=True)) == document


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "x.yaml: expected a mapping of keys to values, got nothing"),
        ("- a", "x.yaml: expected a mapping of keys to values, got a list"),
        ("a", "x.yaml: expected a mapping of keys to values, got a str"),
        ("a: 1\nb: 2\na: 3", "x.yaml: line 3: .*the key 'a' is there twice"),
        ("a: {b: 1, b: 2}", "x.yaml: line 1: .*the key 'b' is there twice"),
        ("'a': 1\n\"a\": 2", "x.yaml: line 2: .*the key 'a' is there twice"),
        ("a: &x 1", "x.yaml: line 1: .*anchors, aliases and tags are not allowed"),
        ("a: &x 1\nb: *x", "x.yaml: line 1: .*anchors, aliases and tags are not allowed"),
        ("a: *x", "x.yaml: line 1: .*anchors, aliases and tags are not allowed"),
        ("b: 1\na: !!str 1", "x.yaml: line 2: .*anchors, aliases and tags are not allowed"),
        ("a: !!binary aGk=", "anchors, aliases and tags are not allowed"),
        ("a: !!python/object/apply:os.getcwd []", "anchors, aliases and tags are not allowed"),
        ("!!map {a: 1}", "anchors, aliases and tags are not allowed"),
        ("? [a]\n: 1", "x.yaml: line 1: .*a key must be a string"),
        ("? {a: 1}\n: 1", "x.yaml: line 1: .*a key must be a string"),
        ("a:\n\tb: 1", r"x.yaml: line 2: .*found character '\\t' that cannot start"),
        ("a: 'b", "x.yaml: line 1: .*found unexpected end of stream"),
        ("a: 1\n---\nb: 2", "x.yaml: line 2: .*found another document"),
        ("a: \x00", "x.yaml: not the YAML that was expected: unacceptable character #x0000"),
        ("a: " + "1" * 5_000, "x.yaml: not the YAML that was expected: Exceeds the limit"),
        ("a: " + "[" * 100_000, "x.yaml: not the YAML .*recursion"),
        ("- " * 100_000, "x.yaml: not the YAML .*recursion"),
    ],
)
def test_what_is_not_a_plain_mapping_is_refused_with_its_line(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        load(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_a_longer_text_than_any_manifest_is_refused() -> None:
    text = "a: " + "x" * (schema.MAX_BYTES - 3)
    assert load(text)["a"] == "x" * (schema.MAX_BYTES - 3)
    with pytest.raises(ConfigError, match=r"x\.yaml: 200001 characters; expected at most 200000"):
        load(text + "x")


@dataclass(frozen=True, kw_only=True)
class Room:
    width: float
    name: str = "hall"

    def __post_init__(self) -> None:
        if self.width <= 0:
            raise InputError(f"width: expected above 0, got {self.width:g}")


@dataclass(frozen=True, kw_only=True)
class House:
    doors: int
    rooms: tuple[Room, ...] = ()
    heated: bool = False
    roof: Literal["flat", "gable"] = "flat"
    number: int | str | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    notes: object = None


def house(section: object) -> House:
    return schema.read(House, section, "house", ConfigError)


def test_a_mapping_becomes_the_dataclass() -> None:
    found = house(
        {
            "doors": 2,
            "rooms": [{"width": 3}, {"width": 2.5, "name": "bath"}],
            "heated": True,
            "roof": "gable",
            "number": "7b",
            "prices": {"no": 1, "on": 0.5},
            "notes": {"any": ["thing"]},
        }
    )
    assert found == House(
        doors=2,
        rooms=(Room(width=3.0), Room(width=2.5, name="bath")),
        heated=True,
        roof="gable",
        number="7b",
        prices={"no": 1.0, "on": 0.5},
        notes={"any": ["thing"]},
    )
    assert type(found.rooms[0].width) is float
    assert house({"doors": 1}) == House(doors=1)
    assert house({"doors": 1, "number": 7}).number == 7
    assert house({"doors": 1, "number": None}).number is None


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (None, "house: expected a mapping, got None"),
        ([1], "house: expected a mapping, got [1]"),
        ({}, "house: the key 'doors' is missing"),
        ({"doors": 1, "romms": []}, "house: unknown key 'romms'; did you mean 'rooms'?"),
        (
            {"xyz": 1},
            "house: unknown key 'xyz'; known are doors, rooms, heated, roof, number, prices, notes",
        ),
        ({"doors": True}, "house.doors: expected a whole number, got True"),
        ({"doors": 1.0}, "house.doors: expected a whole number, got 1.0"),
        ({"doors": "1"}, "house.doors: expected a whole number, got '1'"),
        ({"doors": None}, "house.doors: expected a whole number, got None"),
        ({"doors": 1, "heated": 1}, "house.heated: expected true or false, got 1"),
        ({"doors": 1, "heated": "yes"}, "house.heated: expected true or false, got 'yes'"),
        ({"doors": 1, "roof": "dome"}, "house.roof: expected one of flat, gable, got 'dome'"),
        ({"doors": 1, "roof": ["flat"]}, "house.roof: expected one of flat, gable, got ['flat']"),
        ({"doors": 1, "rooms": {}}, "house.rooms: expected a list, got {}"),
        ({"doors": 1, "rooms": "ab"}, "house.rooms: expected a list, got 'ab'"),
        ({"doors": 1, "rooms": [{}]}, "house.rooms[0]: the key 'width' is missing"),
        (
            {"doors": 1, "rooms": [{"width": 1}, {"width": -2}]},
            "house.rooms[1]: width: expected above 0, got -2",
        ),
        (
            {"doors": 1, "rooms": [{"width": float("nan")}]},
            "house.rooms[0].width: expected a finite number, got nan",
        ),
        (
            {"doors": 1, "rooms": [{"width": True}]},
            "house.rooms[0].width: expected a number, got True",
        ),
        ({"doors": 1, "prices": [1]}, "house.prices: expected a mapping, got [1]"),
        ({"doors": 1, "prices": {"a": "b"}}, "house.prices.a: expected a number, got 'b'"),
        ({"doors": 1, "number": 1.5}, "house.number: expected a string, got 1.5"),
        ({"doors": 1, "number": True}, "house.number: expected a string, got True"),
        ({"doors": "x" * 999}, f"house.doors: expected a whole number, got '{'x' * 56}..."),
    ],
)
def test_what_does_not_fit_is_told_with_key_expectation_and_finding(
    section: Any, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        house(section)
    assert str(caught.value) == expected


def test_a_number_that_may_be_left_out_is_finite_too() -> None:
    assert schema.convert(float | None, None, "x", InputError) is None
    assert schema.convert(float | None, 2, "x", InputError) == 2.0
    with pytest.raises(InputError, match="x: expected a finite number, got nan"):
        schema.convert(float | None, float("nan"), "x", InputError)


def test_an_error_names_the_line_of_the_innermost_key() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Inner:
        size: int

    @dataclass(frozen=True, kw_only=True)
    class Outer:
        inner: Inner
        named: Mapping[str, Inner] = field(default_factory=dict)

    def message(text: str) -> str:
        with pytest.raises(ConfigError) as caught:
            schema.read(Outer, load(text), "x.yaml", ConfigError)
        return str(caught.value)

    wrong = "expected a whole number, got 'big'"
    assert message("inner:\n\n  size: big") == f"x.yaml.inner.size: {wrong} (line 3)"
    named = "inner: {size: 1}\nnamed:\n  a: {size: 1}\n  b:\n    size: big"
    assert message(named) == f"x.yaml.named.b.size: {wrong} (line 5)"
    assert message("inner:\n  siez: 1").endswith("did you mean 'size'? (line 2)")
    assert message("inner: {}") == "x.yaml.inner: the key 'size' is missing (line 1)"
    assert message("named: {}") == "x.yaml: the key 'inner' is missing"


def test_of_several_kinds_of_section_the_key_says_which() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Call:
        call: str

    @dataclass(frozen=True, kw_only=True)
    class Write:
        write: str
        loud: bool = False

    def convert(value: object) -> Any:
        return schema.convert(Call | Write, value, "action", InputError)

    assert convert({"call": "home"}) == Call(call="home")
    assert convert({"loud": True, "write": "home"}) == Write(write="home", loud=True)
    for wrong in ({}, {"loud": True}, {"call": "a", "write": "b"}):
        with pytest.raises(InputError, match="action: expected one of the keys call, write, got"):
            convert(wrong)
    with pytest.raises(InputError, match="action: expected a mapping, got 'home'"):
        convert("home")
