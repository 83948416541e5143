"""A vocabulary of characters, as CTC networks write: ids to text, read from `vocab.json`.

Held to transformers' Wav2Vec2CTCTokenizer in `tests/tokenizers/test_characters.py`.
"""

import json
from collections.abc import Collection, Iterable, Mapping

from earlet.errors import BundleError


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
