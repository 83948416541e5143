"""Reading the parts of `tokenizer.json`: each is an object whose `type` picks a dataclass here.

The other keys are that dataclass's fields, so that a key nobody knows is refused, not ignored: an
ignored one would mean other ids than those which the network was trained with.
"""

from collections.abc import Mapping
from typing import TypeVar, cast

from earlet import schema
from earlet.errors import BundleError

T = TypeVar("T")
Vocabulary = Mapping[str, int]  # piece -> id
Token = tuple[int, int, int]  # an id, and where in its word it begins and ends
MAX_ID = 10_000_000  # the largest vocabularies that there are have a million pieces


def component(section: object, known: Mapping[str, type[T]], where: str) -> T:
    """The component that `section["type"]` names; `where` names the section in messages.

    Raises:
        BundleError: for a type that is not among `known`, and for unknown keys.
    """
    fields = dict(mapping(section, where))
    kind = fields.pop("type", None)
    if not isinstance(kind, str) or kind not in known:
        raise BundleError(f"{where}: unsupported type {kind!r}; known are {', '.join(known)}")
    return schema.read(known[kind], fields, f"{where} {kind}", BundleError)


def sequence(section: object, key: str, where: str) -> list[object]:
    """The members of a `Sequence` under `key`, the section itself if it is none, [] for null."""
    if section is None:
        return []
    fields = mapping(section, where)
    if fields.get("type") != "Sequence":
        return [section]
    members = fields.get(key)
    if not isinstance(members, list) or fields.keys() != {"type", key}:
        raise BundleError(f"{where} Sequence: expected a list {key!r} and nothing else")
    return [inner for member in members for inner in sequence(member, key, where)]


def mapping(section: object, where: str) -> Mapping[str, object]:
    """`section` if it is a mapping."""
    if not isinstance(section, Mapping):
        raise BundleError(f"{where}: expected a mapping, got {type(section).__name__}")
    return section


def is_id(value: object) -> bool:
    """Whether JSON has a number here that can be a token's id, or its type's."""
    return type(value) is int and 0 <= value <= MAX_ID


def vocabulary(section: object, where: str) -> Vocabulary:
    """A `vocab`: piece -> id, both checked.

    Raises:
        BundleError: when it is empty, or no mapping of strings to ids in range.
    """
    vocab = mapping(section, f"{where}: vocab")
    if not vocab:
        raise BundleError(f"{where}: vocab is empty")
    for piece, i in vocab.items():
        if not is_id(i):
            raise BundleError(f"{where}: {piece!r} has the id {i!r}; expected 0 to {MAX_ID}")
    return cast(Vocabulary, vocab)
