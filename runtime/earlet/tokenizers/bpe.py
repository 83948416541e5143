"""Byte pair encoding: neighbours are joined in the order in which training joined them.

    byte level (GPT-2, RoBERTa, Whisper)    "ĠcafÃ©"  -> ["Ġcaf", "Ã©"]
    byte fallback (Moonshine, Llama)        "▁café€"  -> ["▁caf", "é", "<0xE2>", "<0x82>", "<0xAC>"]

Reference: Sennrich et al., arXiv:1508.07909; the order of joins is that of `tokenizers`,
`models/bpe/word.rs`, to which it is held in `tests/tokenizers/test_encode.py`.
"""

import heapq
import re
from dataclasses import dataclass
from itertools import pairwise

from earlet.errors import BundleError
from earlet.tokenizers.document import Vocabulary, vocabulary

SPACE = "▁"
BYTE_PIECES = [f"<0x{byte:02X}>" for byte in range(256)]
_UP_TO_SPACE = re.compile(f"{SPACE}*[^{SPACE}]+|{SPACE}+")


@dataclass(frozen=True, kw_only=True)
class BpeConfig:
    """The `model` section of `tokenizer.json`."""

    vocab: object
    merges: object  # "a b" or [a, b], the first is joined first
    unk_token: str | None = None
    fuse_unk: bool = False  # neighbouring unknown characters are one
    byte_fallback: bool = False
    ignore_merges: bool = False  # a word that is in the vocabulary is never cut
    dropout: float | None = None
    continuing_subword_prefix: str | None = None
    end_of_word_suffix: str | None = None

    def ids(self, where: str) -> Vocabulary:
        """The vocabulary, checked; raises BundleError, naming `where`."""
        return vocabulary(self.vocab, where)


class Bpe:
    """Words to ids."""

    def __init__(self, config: BpeConfig, where: str) -> None:
        """Raises BundleError when vocabulary or merges cannot be used; `where` names them."""
        for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
            if getattr(config, key):
                raise BundleError(f"{where}: {key} is not supported")
        self.ids = config.ids(where)
        self._unknown = config.unk_token
        if self._unknown is not None and self._unknown not in self.ids:
            raise BundleError(f"{where}: its unk_token {self._unknown!r} is not in its vocab")
        self._fuse = config.fuse_unk
        self._bytes = byte_ids(self.ids, where) if config.byte_fallback else None
        self._whole_words = config.ignore_merges
        self._ranks = _ranks(config.merges, self.ids, where)
        # Whether no join goes across the place before a space sign. None does where no piece has
        # a sign inside, and where no character vanishes, for its neighbours would then meet.
        has_inside = re.search(f"[^{SPACE}\0]{SPACE}", "\0".join(self.ids)) is not None
        keeps_all = self._bytes is not None or self._unknown is not None
        self.cuts_at_spaces = SPACE in self.ids and keeps_all and not has_inside

    def __call__(self, word: str) -> tuple[int, ...]:
        """Ids of one word."""
        if self._whole_words and word in self.ids:
            return (self.ids[word],)
        return tuple([self.ids[piece] for piece in self._join(self._symbols(word))])

    def _symbols(self, word: str) -> list[str]:
        """Characters; of those that are no piece their bytes, or the unknown piece, or nothing."""
        symbols: list[str] = []
        follows_unknown = False
        for char in word:
            is_unknown = False
            if char in self.ids:
                symbols.append(char)
            elif self._bytes is not None:
                symbols += (BYTE_PIECES[byte] for byte in char.encode("utf-8"))
            elif self._unknown is not None:
                is_unknown = True
                if not (follows_unknown and self._fuse):
                    symbols.append(self._unknown)
            follows_unknown = is_unknown
        return symbols

    def _join(self, symbols: list[str]) -> list[str]:
        """Join pairs, the lowest rank first and of these the leftmost, until none has a rank."""
        ranks = self._ranks
        left = [*range(-1, len(symbols) - 1)]  # neighbours; a joined symbol leaves "" behind
        right = [*range(1, len(symbols) + 1)]
        queue = [
            (rank, i, pair)
            for i, pair in enumerate(map(" ".join, pairwise(symbols)))
            if (rank := ranks.get(pair)) is not None
        ]
        heapq.heapify(queue)
        while queue:
            _, i, pair = heapq.heappop(queue)
            j = right[i]
            if j == len(symbols) or f"{symbols[i]} {symbols[j]}" != pair:
                continue  # one of the two has been joined to another since
            symbols[i] += symbols[j]
            symbols[j] = ""
            right[i] = right[j]
            if right[i] < len(symbols):
                left[right[i]] = i
            for a, b in ((left[i], i), (i, right[i])):
                if a >= 0 and b < len(symbols):
                    pair = f"{symbols[a]} {symbols[b]}"
                    if (rank := ranks.get(pair)) is not None:
                        heapq.heappush(queue, (rank, a, pair))
        return [symbol for symbol in symbols if symbol]


def at_spaces(text: str) -> list[str]:
    """Cut before every space sign that follows something else.

    Without a pre-tokenizer a whole text is one word. Where nothing is ever joined across these
    places (`Bpe.cuts_at_spaces`), the ids are the same, and words repeat.
    """
    return _UP_TO_SPACE.findall(text)


def byte_ids(ids: Vocabulary, where: str) -> list[int]:
    """The ids of <0x00> to <0xFF>.

    Raises:
        BundleError: when one of them is missing.
    """
    if missing := [piece for piece in BYTE_PIECES if piece not in ids]:
        raise BundleError(f"{where}: byte_fallback needs the piece {missing[0]} in the vocab")
    return [ids[piece] for piece in BYTE_PIECES]


def _ranks(merges: object, ids: Vocabulary, where: str) -> dict[str, int]:
    """ "a b" -> its place in the list."""
    if not isinstance(merges, list):
        raise BundleError(f"{where}: merges: expected a list, got {type(merges).__name__}")
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        pair = " ".join(map(str, merge)) if isinstance(merge, list) else str(merge)
        first, _, second = pair.partition(" ")
        if not (first in ids and second in ids and first + second in ids):
            raise BundleError(
                f"{where}: merges: expected two pieces that give a third, got {pair!r:.60}"
            )
        ranks[pair] = rank
    return ranks
