"""Text to words: the `pre_tokenizer` section of `tokenizer.json`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from earlet.errors import BundleError
from earlet.tokenizers.alignment import Aligned
from earlet.tokenizers.byte_level import ByteLevel
from earlet.tokenizers.document import component, sequence
from earlet.tokenizers.unicode import WHITE_SPACE
from earlet.tokenizers.wordpiece import BertPreTokenizer

_NO_WHITE_SPACE = re.compile(f"[^{WHITE_SPACE}]+")


class PreTokenizer(Protocol):
    """One step."""

    def __call__(self, text: str, /) -> list[str]:
        """Text in, words out."""

    def align(self, text: Aligned, /) -> Aligned:
        """The text in which the words stand, in order and with at most white space between."""


def from_document(section: object, where: str) -> list[PreTokenizer]:
    """The steps that the `pre_tokenizer` section asks for, in order.

    Raises:
        BundleError: for a component or key that is not supported.
    """
    steps = [component(step, _KNOWN, where) for step in sequence(section, "pretokenizers", where)]
    if any(isinstance(step, ByteLevel) for step in steps[:-1]):
        raise BundleError(f"{where}: ByteLevel is supported as the last step only")
    return steps


def split(words: Sequence[Aligned], step: PreTokenizer) -> list[Aligned]:
    """Split some words further, and keep what their characters stand for."""
    found: list[Aligned] = []
    for word in words:
        written = step.align(word)
        end = 0
        for text in step(word.text):
            begin = written.text.index(text, end)
            end = begin + len(text)
            found.append(written.part(begin, end))
    return found


@dataclass(frozen=True, kw_only=True)
class WhitespaceSplit:
    """Words between white space."""

    def __call__(self, text: str) -> list[str]:
        """Split."""
        return _NO_WHITE_SPACE.findall(text)

    def align(self, text: Aligned) -> Aligned:
        """Nothing is written otherwise."""
        return text


@dataclass(frozen=True, kw_only=True)
class Metaspace:
    """SentencePiece's words: each begins with the sign that stands for the space before it."""

    replacement: str = "▁"
    prepend_scheme: Literal["always", "never"] = "always"
    split: bool = True
    add_prefix_space: bool | None = None  # an older way to write prepend_scheme
    str_rep: str | None = None  # an older way to write replacement

    def __post_init__(self) -> None:
        unsuited = len(self.replacement) != 1 or self.replacement == " "
        if unsuited or self.str_rep not in (None, self.replacement):
            raise BundleError(
                f"expected one character, no space, as replacement, got {self.replacement!r}"
            )
        if self.add_prefix_space is False and self.prepend_scheme != "never":
            raise BundleError("add_prefix_space contradicts prepend_scheme")

    def __call__(self, text: str) -> list[str]:
        """Split."""
        sign = self.replacement
        if self.prepend_scheme == "always" and not text.startswith((" ", sign)):
            text = sign + text
        if not self.split:
            return [text.replace(" ", sign)]
        # Signs that the text came with begin a word as well.
        words = text.replace(sign, " ").replace(" ", f" {sign}").split(" ")
        return words if words[0] else words[1:]

    def align(self, text: Aligned) -> Aligned:
        """Signs for spaces; one that is put before the text stands for its first character."""
        sign = self.replacement
        text = text.each(lambda char: sign if char == " " else char)
        if self.prepend_scheme == "always" and not text.text.startswith(sign):
            return text.edited([(0, 1, sign + text.text[0])])
        return text


_KNOWN: dict[str, type[PreTokenizer]] = {
    "BertPreTokenizer": BertPreTokenizer,
    "ByteLevel": ByteLevel,
    "Metaspace": Metaspace,
    "WhitespaceSplit": WhitespaceSplit,
}
