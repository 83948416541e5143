"""What templates allow, as a graph of states that are joined by words.

    phrases -> states; to go from the first to the last is to say a sentence

The graph has no loops, and the size of the templates: {1..60} {1..60} are 3600 sentences, and some
300 states.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from earlet.decoding.phrases import spoken_numbers
from earlet.decoding.phrases.spoken_numbers import MAX_NUMBER
from earlet.decoding.phrases.templates import Phrase
from earlet.errors import InputError

MAX_STATES = 100_000  # of all templates: some 50 MB


class Mark(NamedTuple):
    """Where a slot begins or ends."""

    slot: str
    begins: bool


Output = tuple[str | Mark, ...]  # what the caller is told: words as they were typed, and slots


@dataclass(eq=False, slots=True)
class State:
    """A place between two words."""

    words: dict[str, "State"] = field(default_factory=dict)  # where each word leads
    skips: list[tuple[Output, "State"]] = field(default_factory=list)  # what no word leads to
    candidate: int | None = None  # whose sentence is complete here

    def reachable(self) -> Iterator[tuple[Output, "State"]]:
        """The states that are reached without a word, itself the first, in the templates' order."""
        pending: list[tuple[Output, State]] = [((), self)]
        while pending:
            output, state = pending.pop()
            yield output, state
            pending += [(output + more, after) for more, after in reversed(state.skips)]


class WordGraph:
    """States and words of all templates."""

    def __init__(self, check: Callable[[str], None]) -> None:
        """`check` raises InputError for a word that the network cannot write."""
        self.start = State()
        self._n_states = 1
        self._check = check
        self._checked: set[str] = set()

    def add(self, candidate: int, phrase: Phrase) -> None:
        """Raises InputError when the templates become too many, or a word cannot be written."""
        end = self._state()
        end.candidate = candidate
        self.start.skips.append(((), self._phrase(phrase, end)))

    def _phrase(self, phrase: Phrase, target: State) -> State:
        """Where the phrase begins, when it ends at `target`."""
        for item in reversed(phrase):
            if isinstance(item, str):
                target = self._either([(item,)], None, target)
            else:
                target = self._either(item.phrases, item.slot, target)
        return target

    def _either(self, phrases: Iterable[Phrase], slot: str | None, target: State) -> State:
        """Where one of the phrases begins. Most share their beginnings."""
        begins, ends = ((), ()) if slot is None else ((Mark(slot, True),), (Mark(slot, False),))
        start = self._state()
        for phrase in phrases:
            words = [item for item in phrase if isinstance(item, str)]
            readings = [_readings(word) for word in words]
            # Two numbers or more have too many readings to list them together.
            if len(words) == len(phrase) and sum(len(r) > 1 for r in readings) <= 1:
                for heard in product(*readings):
                    said = self._spoken(start, (word for reading in heard for word in reading))
                    said.skips.append(((*begins, *words, *ends), target))
            else:
                end = self._state()
                end.skips.append((ends, target))
                start.skips.append((begins, self._phrase(phrase, end)))
        return start

    def _spoken(self, state: State, words: Iterable[str]) -> State:
        """Where `words` lead, which is made."""
        for word in words:
            if word not in self._checked:
                self._check(word)
                self._checked.add(word)
            if word not in state.words:
                state.words[word] = self._state()
            state = state.words[word]
        return state

    def _state(self) -> State:
        self._n_states += 1
        if self._n_states > MAX_STATES:
            raise InputError(f"all candidates together have more than {MAX_STATES} places")
        return State()


def _readings(word: str) -> Sequence[tuple[str, ...]]:
    """In what words a recogniser may write it: numbers are digits or are spelled."""
    if word.isascii() and word.isdecimal() and len(word) <= len(str(MAX_NUMBER)):
        return spoken_numbers.readings(int(word))
    return [(word,)]
