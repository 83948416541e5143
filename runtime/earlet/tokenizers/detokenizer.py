"""Token ids to text: the half of a tokenizer that a recogniser needs.

ids -> pieces, special ones left out -> decoder -> text
"""

from collections.abc import Iterable, Sequence

from earlet.errors import BundleError
from earlet.tokenizers.added_tokens import AddedToken
from earlet.tokenizers.decoders import Decoder
from earlet.tokenizers.document import Vocabulary


class Detokenizer:
    """What `earlet.tokenizers.detokenizer_from_json` gives."""

    def __init__(
        self, vocab: Vocabulary, added: Sequence[AddedToken], decoder: Sequence[Decoder]
    ) -> None:
        """`vocab` has all pieces, those that were added among them."""
        self._pieces = {i: piece for piece, i in vocab.items()}
        self._special = frozenset(token.content for token in added if token.special)
        self._decoder = decoder

    @property
    def n_vocab(self) -> int:
        """One more than the largest id."""
        return max(self._pieces) + 1

    def id_of(self, piece: str) -> int | None:
        """The id of a piece as the vocabulary writes it ("<|en|>"); None if there is none."""
        # Asked for a few at a time: no dictionary of its own, which would be a megabyte or more.
        return next((i for i, other in self._pieces.items() if other == piece), None)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`, special tokens left out.

        Raises:
            BundleError: for an id that the vocabulary does not have.
        """
        try:
            pieces = [self._pieces[i] for i in ids]
        except KeyError as problem:
            raise BundleError(
                f"token {problem} is not in the vocabulary of {self.n_vocab}"
            ) from None
        pieces = [piece for piece in pieces if piece not in self._special]
        for step in self._decoder:
            pieces = step(pieces)
        return ("" if self._decoder else " ").join(pieces)
