"""Byte pair encoding: neighbours are joined in the order in which training joined them.

    byte level (GPT-2, RoBERTa, Whisper)    "ĠcafÃ©"  -> ["Ġcaf", "Ã©"]
    byte fallback (Moonshine, Llama)        "▁café€"  -> ["▁caf", "é", "<0xE2>", "<0x82>", "<0xAC>"]

Reference: Sennrich et al., arXiv:1508.07909; the order of joins is that of `tokenizers`,
`models/bpe/word.rs`, to which it is held in `tests/tokenizers/test_encode.py`.
"""

import heapq
import re
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from earlet.errors import BundleError
from earlet.tokenizers.alignment import Aligned
from earlet.tokenizers.document import Token, Vocabulary, vocabulary

SPACE = "▁"
BYTE_PIECES = [f"<0x{byte:02X}>" for byte in range(256)]
NONE = -1  # in the place of an id: no piece, or one that was joined to the one before it
MAX_SCANNED = 48  # symbols: in longer words a queue finds the next join sooner than a scan does
NO_RANK = sys.maxsize  # of a pair that is not joined
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
        if config.unk_token is not None and config.unk_token not in self.ids:
            raise BundleError(f"{where}: its unk_token {config.unk_token!r} is not in its vocab")
        self._unknown = None if config.unk_token is None else self.ids[config.unk_token]
        self._fuse = config.fuse_unk
        self._bytes = byte_ids(self.ids, where) if config.byte_fallback else None
        self._whole_words = config.ignore_merges
        self._merges = _merges(config.merges, self.ids, where)
        # Whether no join goes across the place before a space sign. None does where no piece has
        # a sign inside, and where no character vanishes, for its neighbours would then meet. A
        # part of a text is no word that `ignore_merges` keeps whole.
        has_inside = any(SPACE in piece.lstrip(SPACE) for piece in self.ids)
        keeps_all = self._bytes is not None or self._unknown is not None
        self.cuts_at_spaces = (
            SPACE in self.ids and keeps_all and not has_inside and not config.ignore_merges
        )

    def __call__(self, word: str) -> list[Token]:
        """The pieces of one word."""
        if self._whole_words and word in self.ids:
            return [(self.ids[word], 0, len(word))]
        ids = [self.ids.get(char, NONE) for char in word]
        if NONE not in ids:
            return self._join(ids)
        symbols = self._symbols(word)
        return [
            (i, symbols[first][1], symbols[end - 1][2])
            for i, first, end in self._join([i for i, _, _ in symbols])
        ]

    def _symbols(self, word: str) -> list[Token]:
        """Characters; of those that are no piece their bytes, or the unknown piece, or nothing."""
        symbols: list[Token] = []
        follows_unknown = False
        for place, char in enumerate(word):
            is_unknown = False
            if (i := self.ids.get(char)) is not None:
                symbols.append((i, place, place + 1))
            elif self._bytes is not None:
                symbols += ((self._bytes[byte], place, place + 1) for byte in char.encode("utf-8"))
            elif self._unknown is not None:
                is_unknown = True
                begin = symbols.pop()[1] if follows_unknown and self._fuse else place
                symbols.append((self._unknown, begin, place + 1))
            follows_unknown = is_unknown
        return symbols

    def _join(self, ids: list[int]) -> list[Token]:
        """Join pairs, the lowest rank first and of these the leftmost, until none has a rank.

        The pieces, and where in `ids` what each was joined of begins and ends.
        """
        return self._scan(ids) if len(ids) <= MAX_SCANNED else self._queue(ids)

    def _scan(self, ids: list[int]) -> list[Token]:
        """Look through the ranks of all pairs before each join."""
        rank_of, joined, n_ids = self._merges.ranks.get, self._merges.joined, self._merges.n_ids
        begins = [*range(len(ids) + 1)]  # the last is the end
        ranks = [rank_of(a * n_ids + b, NO_RANK) for a, b in pairwise(ids)]
        while ranks and (rank := min(ranks)) != NO_RANK:
            i = ranks.index(rank)
            ids[i] = joined[rank]
            del ids[i + 1], begins[i + 1], ranks[i]
            if i:
                ranks[i - 1] = rank_of(ids[i - 1] * n_ids + ids[i], NO_RANK)
            if i < len(ranks):
                ranks[i] = rank_of(ids[i] * n_ids + ids[i + 1], NO_RANK)
        return [*zip(ids, begins, begins[1:], strict=False)]

    def _queue(self, ids: list[int]) -> list[Token]:
        """Keep the pairs in a queue by rank."""
        rank_of, joined, n_ids = self._merges.ranks.get, self._merges.joined, self._merges.n_ids
        n = len(ids)
        left = [*range(-1, n - 1)]  # neighbours
        right = [*range(1, n + 1)]
        queue = [  # rank and place as one number
            rank * n + i
            for i, (a, b) in enumerate(pairwise(ids))
            if (rank := rank_of(a * n_ids + b)) is not None
        ]
        heapq.heapify(queue)
        while queue:
            rank, i = divmod(heapq.heappop(queue), n)
            j = right[i]
            if j == n or rank_of(ids[i] * n_ids + ids[j]) != rank:
                continue  # one of the two has been joined to another since
            ids[i], ids[j] = joined[rank], NONE
            after = right[i] = right[j]
            if after < n:
                left[after] = i
            for a, b in ((left[i], i), (i, after)):
                if a >= 0 and b < n and (rank := rank_of(ids[a] * n_ids + ids[b])) is not None:
                    heapq.heappush(queue, rank * n + a)
        return [(id_, i, right[i]) for i, id_ in enumerate(ids) if id_ != NONE]


class AtSpaces:
    """Cuts before every space sign that follows something else.

    Without a pre-tokenizer a whole text is one word. Where nothing is ever joined across these
    places (`Bpe.cuts_at_spaces`), the ids are the same, and words repeat.
    """

    def __call__(self, text: str) -> list[str]:
        """Split."""
        if " " in text or SPACE * 2 in text:
            return _UP_TO_SPACE.findall(text)
        words = text.replace(SPACE, f" {SPACE}").split(" ")  # the same, and twice as fast
        return words if words[0] else words[1:]

    def align(self, text: Aligned) -> Aligned:
        """Nothing is written otherwise."""
        return text


def byte_ids(ids: Vocabulary, where: str) -> list[int]:
    """The ids of <0x00> to <0xFF>.

    Raises:
        BundleError: when one of them is missing.
    """
    if missing := [piece for piece in BYTE_PIECES if piece not in ids]:
        raise BundleError(f"{where}: byte_fallback needs the piece {missing[0]} in the vocab")
    return [ids[piece] for piece in BYTE_PIECES]


class _Merges(NamedTuple):
    """What is joined to what."""

    ranks: dict[int, int]  # two ids as one number, the first times n_ids and the second -> rank
    joined: list[int]  # rank -> the id of the two together
    n_ids: int


def _merges(merges: object, ids: Vocabulary, where: str) -> _Merges:
    if not isinstance(merges, list):
        raise BundleError(f"{where}: merges: expected a list, got {type(merges).__name__}")
    ranks: dict[int, int] = {}
    joined: list[int] = []
    n_ids = max(ids.values()) + 1
    for rank, merge in enumerate(merges):
        try:
            first, second = merge.split(" ") if isinstance(merge, str) else merge
            ranks[ids[first] * n_ids + ids[second]] = rank
            joined.append(ids[first + second])
        except (KeyError, TypeError, ValueError):
            raise BundleError(
                f"{where}: merges: expected two pieces that give a third, got {merge!r:.60}"
            ) from None
    return _Merges(ranks, joined, n_ids)
