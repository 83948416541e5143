"""Templates of what may be said, as people type them.

    turn {on|off} the {light|fan}        one of several; what was said is slot "1", and slot "2"
    set timer for {minutes:1..60}        a number, in digits or in words; slot "minutes"
    [please] go to the {room}            what may be left out; a list of the caller's, by its name
    from {start:room} to {goal:room}     the same list twice

    template -> words and choices -> `grammar.py`

Alternatives may hold brackets again. A lone name in braces is that of a list. Punctuation after a
word is not part of it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from earlet import schema
from earlet.decoding.phrases.spoken_numbers import MAX_NUMBER
from earlet.errors import InputError

MAX_CHARS = 10_000  # of a template: what takes ten minutes to say
MAX_DEPTH = 8  # brackets inside one another
MAX_PHRASES = 10_000  # of all choices of a template, the numbers of its ranges among them
MAX_LISTED = 100_000  # phrases of all lists together; a grammar has room for no more
CLOSING = {"{": "}", "[": "]"}
_PUNCTUATION = ".,;:!?"
_PIECE = re.compile(r"\s*([{}\[\]|]|[^\s{}\[\]|]+)")
_LIST = re.compile(r"\s*\{\s*(?:([^\W\d]\w*)\s*:)?\s*([^\W\d]\w*)\s*\}")
_NAME = re.compile(r"\s*([^\W\d]\w*)\s*:")
_RANGE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})")
_DOTS = ".."  # of a range; in no word


@dataclass(frozen=True)
class Choice:
    """One of several phrases; () among them stands for what may be left out."""

    phrases: tuple["Phrase", ...]
    slot: str | None = None  # under what name the answer says which it was


Phrase = tuple[str | Choice, ...]  # words as they are typed, and choices
Lists = Mapping[str, tuple[Phrase, ...]]  # by name, what may stand in their place


def read_lists(slots: Mapping[str, object]) -> Lists:
    """The caller's lists: texts without brackets, ranges among them.

    Raises:
        InputError: with the name of the list, and the reason.
    """
    texts = schema.convert(Mapping[str, tuple[str, ...]], slots, "slots", InputError)
    lists: dict[str, tuple[Phrase, ...]] = {}
    room = MAX_LISTED
    for name, values in texts.items():
        lists[name] = tuple(islice(_read_list(name, values), room + 1))
        room -= len(lists[name])
        if room < 0:
            raise InputError(f"slots: {name}: more than {MAX_LISTED} phrases in all lists")
    return lists


def _read_list(name: str, values: tuple[str, ...]) -> Iterator[Phrase]:
    for value in values:
        if len(value) > MAX_CHARS:
            raise InputError(
                f"slots: {name}: expected at most {MAX_CHARS} characters, got {len(value)}"
            )
        words = tuple(filter(None, (word.rstrip(_PUNCTUATION) for word in value.split())))
        if not words or any(char in "{}[]|" for char in value):
            raise InputError(f"slots: {name}: expected words without brackets, got {value!r:.60}")
        try:
            yield from _numbers(words)
        except InputError as problem:
            raise InputError(f"slots: {name}: {problem}") from None
    if not values:
        raise InputError(f"slots: {name}: the list is empty")


def parse(template: str, lists: Lists) -> Phrase:
    """Read a template that may name `lists`.

    Raises:
        InputError: with the reason.
    """
    if not isinstance(template, str):
        raise InputError(f"expected a text, got {type(template).__name__}")
    if len(template) > MAX_CHARS:
        raise InputError(f"expected at most {MAX_CHARS} characters, got {len(template)}")
    parser = _Parser(template, lists)
    phrase = parser.phrase(0)
    if (piece := parser.peek()) is not None:
        raise parser.error(f"{piece!r} without a bracket that it belongs to")
    if _may_be_silent(phrase):
        raise InputError("all of it may be left out" if phrase else "there is no word in it")
    if _has_range(phrase):
        raise InputError("a range stands in braces: {1..60}")
    return phrase


class _Parser:
    """Recursive descent through one template."""

    def __init__(self, template: str, lists: Lists) -> None:
        self._template = template
        self._lists = lists
        self._at = 0  # characters that are read
        self._slots: list[str] = []
        self._n_unnamed = 0
        self._n_phrases = 0

    def phrase(self, depth: int) -> Phrase:
        """Words and choices, up to what neither begins nor continues a phrase."""
        items: list[str | Choice] = []
        while (piece := self.peek()) is not None and piece not in ("|", "}", "]"):
            if piece in CLOSING:
                items.append(self._choice(piece, depth + 1))
            else:
                self._take()
                if word := piece.rstrip(_PUNCTUATION):
                    items.append(word)
        return tuple(items)

    def peek(self) -> str | None:
        """The next bracket, bar or word, which is left where it is."""
        found = _PIECE.match(self._template, self._at)
        return found[1] if found else None

    def error(self, reason: str) -> InputError:
        """What is wrong with what comes next."""
        rest = self._template[self._at :].strip()
        return InputError(f"at {rest!r:.40}: {reason}")

    def _choice(self, bracket: str, depth: int) -> Choice:
        if depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} brackets inside one another")
        if found := _LIST.match(self._template, self._at):
            choice = Choice(self._list(found[2]), self._slot(found[1] or found[2]))
            self._at = found.end()
            return choice
        start = self._at
        self._take()
        slot = self._slot(self._name()) if bracket == "{" else None
        phrases = self._alternative(depth)
        while self.peek() == "|":
            self._take()
            phrases += self._alternative(depth)
        if self.peek() != CLOSING[bracket]:
            self._at = start
            raise self.error(f"{bracket!r} without its {CLOSING[bracket]!r}")
        self._take()
        return Choice((*phrases, ()) if bracket == "[" else tuple(phrases), slot)

    def _count(self, phrases: Sequence[Phrase]) -> None:
        self._n_phrases += len(phrases)
        if self._n_phrases > MAX_PHRASES:
            raise InputError(f"more than {MAX_PHRASES} alternatives")

    def _alternative(self, depth: int) -> list[Phrase]:
        """What stands between two bars: a phrase, or the numbers of a range."""
        phrase = self.phrase(depth)
        if _may_be_silent(phrase):
            raise self.error("an empty alternative before it; what may be left out stands in [ ]")
        phrases = [*_numbers(phrase)]
        self._count(phrases)  # each by itself: many ranges would be listed in vain
        return phrases

    def _list(self, name: str) -> tuple[Phrase, ...]:
        if name not in self._lists:
            known = schema.nearest(name, self._lists) if self._lists else "; there are none"
            raise self.error(f"there is no list {name!r} in slots{known}")
        self._count(self._lists[name])
        return self._lists[name]

    def _name(self) -> str | None:
        """The name before the alternatives, where there is one."""
        if found := _NAME.match(self._template, self._at):
            self._at = found.end()
            return found[1]
        return None

    def _slot(self, name: str | None) -> str:
        """A name for a slot: the given one, or the next number."""
        if name is None:
            self._n_unnamed += 1
            name = str(self._n_unnamed)
        if name in self._slots:
            raise self.error(f"a second slot {name!r}; call one of them {{other:...}}")
        self._slots.append(name)
        return name

    def _take(self) -> None:
        if found := _PIECE.match(self._template, self._at):
            self._at = found.end()


def _numbers(phrase: Phrase) -> Iterator[Phrase]:
    """As many phrases as a range has numbers; any other phrase is itself."""
    if not _has_range(phrase):
        yield phrase
        return
    word = phrase[0] if len(phrase) == 1 else ""
    found = _RANGE.fullmatch(word) if isinstance(word, str) else None
    first, last = (int(found[1]), int(found[2])) if found else (1, 0)
    if not first <= last <= MAX_NUMBER or last - first >= MAX_PHRASES:
        shown = " ".join(item for item in phrase if isinstance(item, str))
        raise InputError(
            f"{shown:.60}: expected a range that goes up and stands alone, as 1..60, "
            f"of at most {MAX_PHRASES} numbers, to {MAX_NUMBER} at most"
        )
    for number in range(first, last + 1):
        yield (str(number),)


def _has_range(phrase: Phrase) -> bool:
    return any(isinstance(item, str) and _DOTS in item for item in phrase)


def _may_be_silent(phrase: Phrase) -> bool:
    """Whether nothing at all would do."""
    return all(isinstance(item, Choice) and () in item.phrases for item in phrase)
