"""Cutting a text, or a pair, to the most tokens that a network takes.

The lengths are those of `tokenizers`, `utils/truncation.rs`, to which they are held in
`tests/tokenizers/test_template.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from earlet import schema
from earlet.errors import BundleError, InputError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Truncation:
    """The `truncation` section of `tokenizer.json`."""

    max_length: int | None = None  # tokens, special ones among them; None: any number
    strategy: Literal["LongestFirst", "OnlyFirst", "OnlySecond"] = "LongestFirst"
    direction: Literal["Right", "Left"] = "Right"  # where tokens are taken away
    stride: int = 0  # concerns what is cut off, which nobody here asks for

    def __call__(self, texts: Sequence[Sequence[T]], room: int) -> list[Sequence[T]]:
        """Shorten the tokens of one text or two until they are `room`, 0 or more, together.

        Raises:
            InputError: when the strategy does not allow to shorten them so far.
        """
        lengths = [len(tokens) for tokens in texts]
        if sum(lengths) > room:
            lengths = self._lengths(lengths, room)
        return [self._cut(tokens, n) for tokens, n in zip(texts, lengths, strict=True)]

    def _lengths(self, lengths: list[int], room: int) -> list[int]:
        if room == 0:
            return [0] * len(lengths)
        if self.strategy == "LongestFirst":
            return _longest_first(lengths, room) if len(lengths) == 2 else [room]
        target = 0 if self.strategy == "OnlyFirst" else 1
        others = sum(lengths) - (lengths[target] if target < len(lengths) else 0)
        if target >= len(lengths) or others >= room:
            raise InputError(
                f"{self.strategy}: only that text may be cut, and texts of {lengths} tokens "
                f"do not fit into {room} so"
            )
        lengths[target] = room - others
        return lengths

    def _cut(self, tokens: Sequence[T], n: int) -> Sequence[T]:
        return tokens[:n] if self.direction == "Right" else tokens[len(tokens) - n :]


def _longest_first(lengths: list[int], room: int) -> list[int]:
    """The longer one is cut down to the shorter one, then both alike."""
    shorter, longer = sorted(lengths)
    longer = max(shorter, room - shorter)
    if shorter + longer > room:
        shorter = room // 2
        longer = shorter + room % 2
    return [longer, shorter] if lengths[0] > lengths[1] else [shorter, longer]


def from_document(section: object, where: str) -> Truncation:
    """The `truncation` section; null cuts nothing.

    Raises:
        BundleError: for a key or value that is not supported.
    """
    return schema.read(Truncation, section or {}, where, BundleError)
