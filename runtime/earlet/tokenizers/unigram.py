"""Unigram, SentencePiece's model (XLM-R, ALBERT, DeBERTa-v2): the likeliest way to cut a word.

    "▁unwanted" -> best sum of scores over all ways to write it -> ["▁un", "wanted"] -> ids

Reference: Kudo, "Subword Regularization", arXiv:1804.10959, and the Viterbi search of `tokenizers`,
`models/unigram/model.rs`, to which it is held in `tests/tokenizers/test_encode.py`.
"""

import math
import sys
from dataclasses import dataclass

from earlet.errors import BundleError
from earlet.tokenizers.bpe import byte_ids
from earlet.tokenizers.document import Token, Vocabulary

UNKNOWN_PENALTY = 10.0  # below the worst score; SentencePiece's kUnkPenalty


@dataclass(frozen=True, kw_only=True)
class UnigramConfig:
    """The `model` section of `tokenizer.json`."""

    vocab: object  # [piece, score] in the order of the ids
    unk_id: int | None = None
    byte_fallback: bool = False

    def ids(self, where: str) -> Vocabulary:
        """The vocabulary, checked; raises BundleError, naming `where`."""
        return {piece: i for i, (piece, _) in enumerate(self.scores(where))}

    def scores(self, where: str) -> list[tuple[str, float]]:
        """Pieces and scores, checked; raises BundleError, naming `where`."""
        if not isinstance(self.vocab, list) or not self.vocab:
            raise BundleError(f"{where}: vocab: expected a list of [piece, score]")
        for entry in self.vocab:
            match entry:
                case [str(), float() | int() as score] if abs(score) <= sys.float_info.max:
                    continue
            raise BundleError(f"{where}: vocab: expected [piece, score], got {entry!r:.60}")
        return [(piece, float(score)) for piece, score in self.vocab]


class Unigram:
    """Words to ids."""

    def __init__(self, config: UnigramConfig, where: str) -> None:
        """Raises BundleError when the vocabulary cannot be used; `where` names it."""
        scores = config.scores(where)
        self.ids: Vocabulary = {piece: i for i, (piece, _) in enumerate(scores)}
        if config.unk_id is None or not 0 <= config.unk_id < len(scores):
            raise BundleError(f"{where}: expected an unk_id in its vocab, got {config.unk_id!r}")
        self._unknown = config.unk_id
        self._unknown_piece = scores[config.unk_id][0]
        self._scores = {piece: score for piece, score in scores if piece}
        self._unknown_score = min(score for _, score in scores) - UNKNOWN_PENALTY
        self._longest: dict[str, int] = {}  # the length of the longest piece, by first character
        for piece in self._scores:
            self._longest[piece[0]] = max(len(piece), self._longest.get(piece[0], 0))
        self._bytes = byte_ids(self.ids, where) if config.byte_fallback else None

    def __call__(self, word: str) -> list[Token]:
        """The pieces of one word."""
        tokens: list[Token] = []
        for begin, end in self._cut(word):
            piece = word[begin:end]
            if (i := self.ids.get(piece)) is not None:
                tokens.append((i, begin, end))
            elif self._bytes is not None:
                tokens += ((self._bytes[byte], begin, end) for byte in piece.encode("utf-8"))
            else:
                tokens.append((self._unknown, begin, end))
        return tokens

    def _cut(self, word: str) -> list[tuple[int, int]]:
        """The pieces of the best path, from where to where; unknown neighbours are one."""
        n = len(word)
        best = [0.0, *[-math.inf] * n]  # the best score of any way to write word[:i]
        came_from = [0] * (n + 1)
        for start, char in enumerate(word):
            so_far = best[start]
            for end in range(start + 1, min(start + self._longest.get(char, 0), n) + 1):
                score = self._scores.get(word[start:end])
                if score is not None and so_far + score > best[end]:
                    best[end], came_from[end] = so_far + score, start
            if char not in self._scores and so_far + self._unknown_score > best[start + 1]:
                best[start + 1], came_from[start + 1] = so_far + self._unknown_score, start
        pieces: list[tuple[int, int]] = []
        end, joins = n, False
        while end > 0:
            start = came_from[end]
            piece = word[start:end]
            is_unknown = piece == self._unknown_piece or piece not in self._scores
            if is_unknown and joins:
                pieces[-1] = start, pieces[-1][1]
            else:
                pieces.append((start, end))
            end, joins = start, is_unknown
        return pieces[::-1]
