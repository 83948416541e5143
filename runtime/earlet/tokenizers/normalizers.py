"""Text to tidier text: the `normalizer` section of `tokenizer.json`."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, get_args

from earlet.errors import BundleError
from earlet.tokenizers.alignment import Aligned, Edit
from earlet.tokenizers.charsmap import Precompiled
from earlet.tokenizers.document import component, sequence
from earlet.tokenizers.normal_forms import Form, NormalForm
from earlet.tokenizers.unicode import WHITE_SPACE, Translation, lower
from earlet.tokenizers.wordpiece import BertNormalizer

_SPACES = re.compile(" {2,}")  # what SentencePiece's converters write, and `re` reads alike


class Normalizer(Protocol):
    """One step."""

    def __call__(self, text: str, /) -> str:
        """Text in, text out."""

    def align(self, text: Aligned, /) -> Aligned:
        """The same, with what each character stands for."""


def from_document(section: object, where: str) -> list[Normalizer]:
    """The steps that the `normalizer` section asks for, in order.

    Raises:
        BundleError: for a component or key that is not supported.
    """
    return [_step(step, where) for step in sequence(section, "normalizers", where)]


def _step(section: object, where: str) -> Normalizer:
    for form in get_args(Form):
        if section == {"type": form}:
            return NormalForm(form)
    return component(section, _KNOWN, where)


@dataclass(frozen=True, kw_only=True)
class Lowercase:
    """Lower case."""

    def __call__(self, text: str) -> str:
        """Normalise."""
        return lower(text)

    def align(self, text: Aligned) -> Aligned:
        """Normalise."""
        return text.each(lower)


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

    def align(self, text: Aligned) -> Aligned:
        """Normalise."""
        return text.each(_WITHOUT_MARKS.of)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """White space off the ends."""

    strip_left: bool = True
    strip_right: bool = True

    def __call__(self, text: str) -> str:
        """Normalise."""
        text = text.lstrip(WHITE_SPACE) if self.strip_left else text
        return text.rstrip(WHITE_SPACE) if self.strip_right else text

    def align(self, text: Aligned) -> Aligned:
        """Normalise."""
        n_left = len(text.text) - len(text.text.lstrip(WHITE_SPACE)) if self.strip_left else 0
        return text.part(n_left, n_left + len(self(text.text)))


@dataclass(frozen=True, kw_only=True)
class Prepend:
    """A prefix for text that is not empty."""

    prepend: str

    def __call__(self, text: str) -> str:
        """Normalise."""
        return self.prepend + text if text else text

    def align(self, text: Aligned) -> Aligned:
        """Normalise; the prefix stands for what the first character stands for."""
        return text.edited([(0, 1, self(text.text[0]))]) if text.text else text


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """What is replaced: a plain string or a regular expression."""

    String: str | None = None  # the keys' spelling in tokenizer.json
    Regex: str | None = None

    def __post_init__(self) -> None:
        if bool(self.String) == bool(self.Regex):
            raise BundleError("expected one of String and Regex, not empty")
        if self.Regex is not None and self.Regex != _SPACES.pattern:
            raise BundleError(f"unsupported regular expression {self.Regex!r}")


@dataclass(frozen=True, kw_only=True)
class Replace:
    """One string for another."""

    pattern: Pattern
    content: str

    def __call__(self, text: str) -> str:
        """Normalise."""
        if self.pattern.String:
            return text.replace(self.pattern.String, self.content)
        return _SPACES.sub(lambda _: self.content, text) if "  " in text else text

    def align(self, text: Aligned) -> Aligned:
        """Normalise; what replaces several characters stands for the last of them."""
        return text.edited(self._edits(text.text))

    def _edits(self, text: str) -> Iterator[Edit]:
        pattern = re.escape(self.pattern.String) if self.pattern.String else _SPACES
        for match in re.finditer(pattern, text):
            yield match.start(), match.end() - 1, ""
            yield match.end() - 1, match.end(), self.content


_KNOWN: dict[str, type[Normalizer]] = {
    "BertNormalizer": BertNormalizer,
    "Lowercase": Lowercase,
    "Precompiled": Precompiled,
    "Prepend": Prepend,
    "Replace": Replace,
    "Strip": Strip,
    "StripAccents": StripAccents,
}
