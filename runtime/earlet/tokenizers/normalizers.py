"""Text to tidier text: the `normalizer` section of `tokenizer.json`."""

import re
import unicodedata
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from earlet.errors import BundleError
from earlet.tokenizers.charsmap import Precompiled
from earlet.tokenizers.document import component, sequence
from earlet.tokenizers.unicode import WHITE_SPACE, Translation, lower
from earlet.tokenizers.wordpiece import BertNormalizer

_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
_REGEXES = {" {2,}"}  # the one that SentencePiece's converters write, and that `re` reads alike


class Normalizer(Protocol):
    """One step."""

    def __call__(self, text: str, /) -> str:
        """Text in, text out."""


def from_document(section: object, where: str) -> list[Normalizer]:
    """The steps that the `normalizer` section asks for, in order.

    Raises:
        BundleError: for a component or key that is not supported.
    """
    return [_step(step, where) for step in sequence(section, "normalizers", where)]


def _step(section: object, where: str) -> Normalizer:
    for form in _FORMS:
        if section == {"type": form}:
            return partial(unicodedata.normalize, form)
    return component(section, _KNOWN, where)


@dataclass(frozen=True, kw_only=True)
class Lowercase:
    """Lower case."""

    def __call__(self, text: str) -> str:
        """Normalise."""
        return lower(text)


_WITHOUT_MARKS = Translation(
    # The two signs at the end were marks until Unicode 12, and still are in `tokenizers`.
    lambda char: "" if unicodedata.category(char)[0] == "M" or char in "\u1cf2\u1cf3" else char
)


@dataclass(frozen=True, kw_only=True)
class StripAccents:
    """All combining marks off."""

    def __call__(self, text: str) -> str:
        """Normalise."""
        return text if text.isascii() else text.translate(_WITHOUT_MARKS)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """White space off the ends."""

    strip_left: bool = True
    strip_right: bool = True

    def __call__(self, text: str) -> str:
        """Normalise."""
        text = text.lstrip(WHITE_SPACE) if self.strip_left else text
        return text.rstrip(WHITE_SPACE) if self.strip_right else text


@dataclass(frozen=True, kw_only=True)
class Prepend:
    """A prefix for text that is not empty."""

    prepend: str

    def __call__(self, text: str) -> str:
        """Normalise."""
        return self.prepend + text if text else text


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """What is replaced: a plain string or a regular expression."""

    String: str | None = None  # the keys' spelling in tokenizer.json
    Regex: str | None = None

    def __post_init__(self) -> None:
        if bool(self.String) == bool(self.Regex):
            raise BundleError("expected one of String and Regex, not empty")
        if self.Regex is not None and self.Regex not in _REGEXES:
            raise BundleError(f"unsupported regular expression {self.Regex!r}")


@dataclass(frozen=True, kw_only=True)
class Replace:
    """One string for another."""

    pattern: Pattern
    content: str

    def __call__(self, text: str) -> str:
        """Normalise."""
        if self.pattern.Regex is not None:
            return re.sub(self.pattern.Regex, lambda _: self.content, text)
        return text.replace(self.pattern.String or "", self.content)


_KNOWN: dict[str, type[Normalizer]] = {
    "BertNormalizer": BertNormalizer,
    "Lowercase": Lowercase,
    "Precompiled": Precompiled,
    "Prepend": Prepend,
    "Replace": Replace,
    "Strip": Strip,
    "StripAccents": StripAccents,
}
