"""Which of BERT's 30,522 pieces are kept: those of English that are common, or that reviews use.

A word that is no piece any more is spelt with shorter ones, in the end with its letters; so single
characters are all kept, and nothing that could be written before is unknown after. BERT's pieces
are in the order of their frequency, in Wikipedia and books: hence the other half of the rule.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from earlet.tokenizers import Tokenizer

COMMON = 12_000  # ids below are kept
SEEN = 2  # so often in the training sentences, and a rarer piece is kept, too
SPECIAL = ("[UNK]", "[CLS]", "[SEP]")
CONTINUES = "##"


def useful(tokenizer: Mapping[str, Any], whole: Tokenizer, texts: Iterable[str]) -> list[int]:
    """The ids to keep, in order.

    Args:
        tokenizer: the content of tokenizer.json.
        whole: the same, to be used.
        texts: the training sentences.
    """
    seen = Counter(i for text in texts for i in whole.encode(text).ids)
    return sorted(
        i
        for piece, i in tokenizer["model"]["vocab"].items()
        if piece in SPECIAL
        or (_is_english(piece) and (i < COMMON or seen[i] >= SEEN or _is_character(piece)))
    )


def _is_english(piece: str) -> bool:
    """Made of the letters a-z, digits and any signs; not one of BERT's own, [MASK], [unused7]."""
    own = len(piece) > 1 and piece.startswith("[")
    return not own and all(char.isascii() or not char.isalpha() for char in piece)


def _is_character(piece: str) -> bool:
    return len(piece.removeprefix(CONTINUES)) == 1
