"""YAML that means what it says, and its mappings as frozen dataclasses.

`load_yaml` reads the part of YAML that configuration needs: no tags, no anchors, no duplicate keys,
keys as strings, and the scalars of YAML 1.2: the label `no` stays a string, `1e-3` is a number.
`read` turns a mapping into a dataclass: each field's annotation is its rule, and an unknown key is
an error that names the nearest known one. bundle.yaml and config.yaml both come through here.
"""

import dataclasses
import difflib
import functools
import math
import re
import types
import typing
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import yaml

from earlet.errors import EarletError

T = TypeVar("T")
MAX_BYTES = 200_000  # a manifest is a few kilobytes; so many take two seconds to read
_LINE = re.compile(r" \(line \d+\)$")
# What PyYAML says in its own words, and what it mostly means.
HINTS = {
    "expected <block end>": "; is the line indented as its neighbours are, and what stands above "
    "it not complete already, as {}, [] and ~ are?",
    "mapping values are not allowed here": "; a text with a colon in it needs quotes, and nothing "
    "can be indented below a value such as ~",
    "found character '\\t'": "; indent with spaces, not with tabs",
}
LIKENESS = 0.5  # difflib's ratio from which a key is taken for a misspelt one: two letters of six


class _Section(dict[Hashable, Any]):
    """A mapping that knows in which line each key stands."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


class _Loader(yaml.SafeLoader):
    """SafeLoader without anchors, without duplicate keys, with YAML 1.2's scalars."""

    yaml_implicit_resolvers: typing.ClassVar[dict[str, Any]] = {}  # type: ignore[misc]

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or event.anchor or event.tag:
            raise yaml.constructor.ConstructorError(
                None, None, "anchors, aliases and tags are not allowed", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> _Section:
        """Keys are strings as they are written, so that the label `1` needs no quotes."""
        mapping = _Section()
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a string", key_node.start_mark
                )
            if key in mapping:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {_shown(key)} is there twice", key_node.start_mark
                )
            mapping.lines[key] = key_node.start_mark.line + 1
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Decimal, also where it begins with 0 (YAML 1.1: octal)."""
        return int(node.value)


# What was read can be written, as any mapping: a bundle made from another has its manifest.
yaml.SafeDumper.add_representer(_Section, yaml.SafeDumper.represent_dict)
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_mapping)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
# YAML 1.2 core schema, https://yaml.org/spec/1.2.2/#1032-tag-resolution
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), [*_first, ""]
    )


def load_yaml(text: str, where: str, error: type[EarletError]) -> dict[str, object]:
    """Parse YAML whose top is a mapping.

    Raises:
        error: one line with file, line and reason.
    """
    if len(text) > MAX_BYTES:
        raise error(f"{where}: {len(text)} characters; expected at most {MAX_BYTES}")
    try:
        # _Loader is a SafeLoader: no tag constructs anything but plain data.
        loaded = yaml.load(text, Loader=_Loader)  # noqa: S506
    except yaml.MarkedYAMLError as problem:
        line = f" line {problem.problem_mark.line + 1}:" if problem.problem_mark else ""
        reason = str(problem.problem)
        hint = next((said for told, said in HINTS.items() if told in reason), "")
        raise error(f"{where}:{line} not the YAML that was expected: {reason}{hint}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise error(f"{where}: not the YAML that was expected: {reason}") from None
    if not isinstance(loaded, dict):
        found = "nothing" if loaded is None else f"a {type(loaded).__name__}"
        raise error(f"{where}: expected a mapping of keys to values, got {found}")
    return loaded


# Looked up once for each class: a server reads some of them with every request.
_type_hints = functools.cache(typing.get_type_hints)


def read(cls: type[T], section: object, where: str, error: type[EarletError]) -> T:
    """A dataclass of type `cls` from a mapping; `where` names it in messages ("input").

    Raises:
        error: for an unknown key, a missing one, a value of the wrong type, and whatever the
            dataclass's own `__post_init__` refuses.
    """
    if not isinstance(section, Mapping):
        raise error(f"{where}: expected a mapping, got {_shown(section)}")
    hints = _type_hints(cls)  # type: ignore[arg-type]  # a class is hashable
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in section:
        if key not in fields:
            with _line_of(section, key, error):
                raise error(f"{where}: unknown key {_shown(key)}{nearest(str(key), fields)}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in section:
            with _line_of(section, name, error):
                values[name] = convert(hints[name], section[name], f"{where}.{name}", error)
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise error(f"{where}: the key {name!r} is missing")
    try:
        return cls(**values)
    except EarletError as problem:
        raise error(f"{where}: {problem}") from None


def nearest(key: str, known: typing.Iterable[str]) -> str:
    """The end of a message about an unknown key: the nearest known one, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(key, known, n=1, cutoff=LIKENESS)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def convert(hint: Any, value: object, where: str, error: type[EarletError]) -> Any:
    """`value` as the type that the annotation `hint` asks for; an int is fine for a float."""
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return read(hint, value, where, error)
    if origin is Literal:
        # 1 is equal to True, and not the same.
        if (type(value), value) in [(type(choice), choice) for choice in get_args(hint)]:
            return value
        expected = ", ".join(str(choice) for choice in get_args(hint))
        raise error(f"{where}: expected one of {expected}, got {_shown(value)}")
    if origin in (Union, types.UnionType):
        return convert(_member(get_args(hint), value, where, error), value, where, error)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise error(f"{where}: expected a list, got {_shown(value)}")
        item = get_args(hint)[0]
        return tuple(convert(item, v, f"{where}[{i}]", error) for i, v in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise error(f"{where}: expected a mapping, got {_shown(value)}")
        return _mapping(get_args(hint)[1], value, where, error)
    if hint is object:
        return value
    return _scalar(hint, value, where, error)


def _member(hints: tuple[Any, ...], value: object, where: str, error: type[EarletError]) -> Any:
    """Which of a union's types a value is to be; the last where that does not show.

    Of several dataclasses it is the one whose first field is among the keys.
    """
    if type(value) in hints:
        return type(value)
    sections = [hint for hint in hints if dataclasses.is_dataclass(hint)]
    if isinstance(value, Mapping) and len(sections) > 1:
        first = {dataclasses.fields(hint)[0].name: hint for hint in sections}
        found = [key for key in first if key in value]
        if len(found) != 1:
            raise error(f"{where}: expected one of the keys {', '.join(first)}, got {[*value]}")
        return first[found[0]]
    if isinstance(value, Mapping) and sections:
        return sections[0]
    return [hint for hint in hints if hint is not type(None)][-1]


def _mapping(item: Any, section: Mapping[str, object], where: str, error: type[EarletError]) -> Any:
    values = {}
    for key, value in section.items():
        with _line_of(section, key, error):
            values[str(key)] = convert(item, value, f"{where}.{key}", error)
    return values


@contextmanager
def _line_of(section: Mapping[str, object], key: str, error: type[EarletError]) -> Iterator[None]:
    """An error within names the line of the key, unless it names one already."""
    try:
        yield
    except error as problem:
        if not isinstance(section, _Section) or _LINE.search(str(problem)):
            raise
        raise error(f"{problem} (line {section.lines[key]})") from None


def _scalar(hint: Any, value: object, where: str, error: type[EarletError]) -> Any:
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        # As text, for a whole number may be too large to be a float.
        number = float(str(value))
        if math.isfinite(number):
            return number
        raise error(f"{where}: expected a finite number, got {_shown(value)}")
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    expected = {float: "a number", int: "a whole number", bool: "true or false", str: "a string"}
    raise error(f"{where}: expected {expected.get(hint, hint.__name__)}, got {_shown(value)}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
