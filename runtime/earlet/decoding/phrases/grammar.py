"""All sentences of some templates, as a trie of tokens that is made where it is walked.

    templates -> graph of words -> for each state that is reached a trie of the words' tokens

Sentences are never listed. What leads to the same place in the trie is walked once: a prefix is the
set of all places that its tokens may have led to (Rabin and Scott, "Finite automata and their
decision problems", 1959: the subset construction, done as it is needed).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from earlet.decoding.phrases.spelling import Speller
from earlet.decoding.phrases.templates import parse, read_lists
from earlet.decoding.phrases.word_graph import Output, State, WordGraph
from earlet.errors import InputError

MAX_TRIES = 10_000  # that are kept, some 50 MB: a daemon comes to so many places in hours


class _Said(NamedTuple):
    """What led to a place, from the last to the first."""

    output: Output
    before: "_Said | None"


@dataclass(eq=False, slots=True)
class _Node:
    """A place inside the words that may follow a state."""

    next: dict[int, "_Node"] = field(default_factory=dict)  # by token
    done: list[tuple[Output, State]] = field(default_factory=list)  # the words that end here


class _Trie(NamedTuple):
    """What may follow a state."""

    root: _Node
    end: tuple[Output, int] | None  # the candidate that is complete without another word


class Sentence(NamedTuple):
    """What was said, as the caller typed it."""

    candidate: int  # which of the templates, from 0
    text: str
    slots: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Prefix:
    """The beginning of sentences."""

    places: Sequence[tuple[_Node, _Said | None]]
    end: tuple[_Said, int] | None = None  # what was said, where it is a whole sentence

    @property
    def tokens(self) -> set[int]:
        """That may follow."""
        return {token for node, _ in self.places for token in node.next}

    @property
    def sentence(self) -> Sentence | None:
        """That the prefix is, too; the first where it may be several."""
        if self.end is None:
            return None
        outputs: list[Output] = []
        said: _Said | None
        said, candidate = self.end
        while said is not None:
            outputs.append(said.output)
            said = said.before
        words: list[str] = []
        begins: dict[str, int] = {}  # the slots that began, and after how many words
        slots: dict[str, str] = {}
        for item in (item for output in reversed(outputs) for item in output):
            if isinstance(item, str):
                words.append(item)
            elif item.begins:
                begins[item.slot] = len(words)
            else:
                slots[item.slot] = " ".join(words[begins[item.slot] :])
        return Sentence(candidate, " ".join(words), slots)


class Grammar:
    """What may be said."""

    def __init__(
        self, candidates: Sequence[str], slots: Mapping[str, object], speller: Speller
    ) -> None:
        """Read the templates.

        Args:
            candidates: texts or templates, see `templates.py`.
            slots: the lists that templates name.
            speller: of the network that is to hear the sentences.

        Raises:
            InputError: with the number of the candidate and the reason.
        """
        if isinstance(candidates, str) or not isinstance(candidates, Sequence) or not candidates:
            raise InputError(
                f"candidates: expected a list of one text at least, got {candidates!r:.60}"
            )
        self._speller = speller
        self._tries: dict[State, _Trie] = {}
        self._graph = WordGraph(speller.check)
        lists = read_lists(slots)
        for i, template in enumerate(candidates):
            try:
                self._graph.add(i, parse(template, lists))
            except InputError as problem:
                raise InputError(f"candidate {i + 1}, {template!r:.60}: {problem}") from None

    def start(self) -> Prefix:
        """The prefix without tokens."""
        return Prefix([(self._trie(self._graph.start).root, None)])

    def step(self, prefix: Prefix, token: int) -> Prefix:
        """The prefix with one token more, which is one of `prefix.tokens`."""
        places: dict[_Node, _Said | None] = {}  # of two ways to a place, the first
        end = None
        for node, said in prefix.places:
            if (after := node.next.get(token)) is None:
                continue
            places.setdefault(after, said)
            for output, state in after.done:
                trie, now = self._trie(state), _Said(output, said)
                places.setdefault(trie.root, now)
                if trie.end and end is None:
                    last, candidate = trie.end
                    end = _Said(last, now), candidate
        return Prefix([*places.items()], end)

    def _trie(self, state: State) -> _Trie:
        if state not in self._tries:
            if len(self._tries) >= MAX_TRIES:
                self._tries.clear()
            root, end = _Node(), None
            for output, reached in state.reachable():
                if reached.candidate is not None and end is None:
                    end = output, reached.candidate
                for word, after in reached.words.items():
                    for tokens in self._speller.words(word):
                        _node(root, tokens).done.append((output, after))
            self._tries[state] = _Trie(root, end)
        return self._tries[state]


def _node(node: _Node, tokens: Iterable[int]) -> _Node:
    """Where `tokens` lead, which is made."""
    for token in tokens:
        node = node.next.setdefault(token, _Node())
    return node
