"""A vocabulary of characters, as CTC networks write: ids to text, read from `vocab.json`.

Held to transformers' Wav2Vec2CTCTokenizer in `tests/tokenizers/test_characters.py`.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from earlet.errors import BundleError


class WordSpan(NamedTuple):
    """A word, and where its tokens are."""

    text: str
    first: int  # position of its first token
    last: int  # position of its last


class CharacterTokenizer:
    """Token ids to text."""

    def __init__(
        self, pieces: Mapping[int, str], word_delimiter: str, special: Collection[str]
    ) -> None:
        """`pieces` has every id's text; `word_delimiter` is the one that stands for a space, and
        those of `special` stand for no text."""
        self._text = {
            id_: "" if piece in special else " " if piece == word_delimiter else piece
            for id_, piece in pieces.items()
        }
        self.n_vocab = len(self._text)

    @classmethod
    def from_json(
        cls, text: str, name: str, word_delimiter: str, special: Collection[str]
    ) -> "CharacterTokenizer":
        """Read `vocab.json`, a mapping of pieces to ids; `name` is what messages call it.

        Raises:
            BundleError: when it is no such mapping, or the ids have holes.
        """
        try:
            vocabulary = json.loads(text)
            pieces = {int(id_): str(piece) for piece, id_ in vocabulary.items()}
        except (ValueError, TypeError, AttributeError, RecursionError) as problem:
            raise BundleError(f"{name}: expected a mapping of pieces to ids: {problem}") from None
        if sorted(pieces) != list(range(len(vocabulary))):
            raise BundleError(f"{name}: expected the ids 0 to {len(vocabulary) - 1}, each once")
        return cls(pieces, word_delimiter, special)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, which CTC has merged already; spaces at its ends left out."""
        return "".join(self._text[id_] for id_ in ids).strip()

    def words(self, ids: Sequence[int]) -> list[WordSpan]:
        """The words of `decode(ids)`, in order."""
        texts = [self._text[id_] for id_ in ids]
        written = [i for i, text in enumerate(texts) if text]
        runs = [list(run) for _, run in groupby(written, key=lambda i: texts[i].isspace())]
        words = [run for run in runs if not texts[run[0]].isspace()]
        return [WordSpan("".join(texts[i] for i in run), run[0], run[-1]) for run in words]
