"""WordPiece, with BERT's way of cleaning and splitting text.

    "Ünwanted?" -> "unwanted?" -> ["unwanted", "?"] -> ["un", "##wan", "##ted", "?"] -> ids

Source: google-research/bert `tokenization.py`. Held to the Rust `tokenizers` over all of Unicode
in `tests/tokenizers/test_unicode.py`.
"""

import re
from dataclasses import dataclass

from earlet.errors import BundleError
from earlet.tokenizers.alignment import Aligned
from earlet.tokenizers.document import Token, Vocabulary, vocabulary
from earlet.tokenizers.normal_forms import NormalForm
from earlet.tokenizers.unicode import WHITE_SPACE, Translation, category_of_unicode_8, lower

_CONTROL = ("Cc", "Cf", "Co")
_ASCII_WORD = re.compile(r"[^\s!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]", re.ASCII)
_CHINESE = re.compile(  # what BERT takes for Chinese; U+2B920 for its U+2B820, as in tokenizers
    "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002b81f\U0002b920-\U0002ceaf\U0002f800-\U0002fa1f]"
)
REPLACEMENT = "\ufffd"  # what stands where a character was lost; it prints


def _clean(char: str) -> str:
    if char in "\t\n\r":
        return " "
    if char == REPLACEMENT or category_of_unicode_8(char) in _CONTROL:
        return ""
    return " " if char in WHITE_SPACE else char


def _space_chinese(char: str) -> str:
    return f" {char} " if _CHINESE.match(char) else char


def _space_punctuation(char: str) -> str:
    if char in WHITE_SPACE:
        return " "
    is_punctuation = category_of_unicode_8(char).startswith("P") or (
        char.isascii() and char.isprintable() and not char.isalnum()
    )
    return f" {char} " if is_punctuation else char


_DECOMPOSED = NormalForm("NFD")
_CLEAN = Translation(_clean)
_CHINESE_APART = Translation(_space_chinese)
_WITHOUT_MARKS = Translation(lambda char: "" if category_of_unicode_8(char) == "Mn" else char)
_PUNCTUATION_APART = Translation(_space_punctuation)


@dataclass(frozen=True, kw_only=True)
class BertNormalizer:
    """Control characters out, Chinese characters apart, accents off, lower case."""

    clean_text: bool = True
    handle_chinese_chars: bool = True
    strip_accents: bool | None = None  # None: where `lowercase` is
    lowercase: bool = True

    def __call__(self, text: str) -> str:
        """Normalise."""
        if self.clean_text and not (text.isprintable() and REPLACEMENT not in text):
            text = text.translate(_CLEAN)
        if text.isascii():
            return text.lower() if self.lowercase else text
        if self.handle_chinese_chars and _CHINESE.search(text):
            text = text.translate(_CHINESE_APART)
        if self._strips_accents:
            text = _DECOMPOSED(text).translate(_WITHOUT_MARKS)
        return lower(text) if self.lowercase else text

    def align(self, text: Aligned) -> Aligned:
        """Normalise."""
        if self.clean_text:
            text = text.each(_CLEAN.of)
        if self.handle_chinese_chars:
            text = text.each(_CHINESE_APART.of)
        if self._strips_accents:
            text = _DECOMPOSED.align(text).each(_WITHOUT_MARKS.of)
        return text.each(lower) if self.lowercase else text

    @property
    def _strips_accents(self) -> bool:
        return self.lowercase if self.strip_accents is None else self.strip_accents


@dataclass(frozen=True, kw_only=True)
class BertPreTokenizer:
    """Words between white space; each punctuation sign is a word."""

    def __call__(self, text: str) -> list[str]:
        """Split."""
        if text.isascii():
            return _ASCII_WORD.findall(text)
        return [word for word in text.translate(_PUNCTUATION_APART).split(" ") if word]

    def align(self, text: Aligned) -> Aligned:
        """The text as it is before it is split."""
        return text.each(_PUNCTUATION_APART.of)


@dataclass(frozen=True, kw_only=True)
class WordPieceConfig:
    """The `model` section of `tokenizer.json`."""

    vocab: object
    unk_token: str = "[UNK]"  # noqa: S105, a piece and no password
    continuing_subword_prefix: str = "##"
    max_input_chars_per_word: int = 100

    def ids(self, where: str) -> Vocabulary:
        """The vocabulary, checked; raises BundleError, naming `where`."""
        return vocabulary(self.vocab, where)


class WordPiece:
    """Words to ids: always the longest piece that fits; a word with a gap is unknown."""

    def __init__(self, config: WordPieceConfig, where: str) -> None:
        """Raises BundleError when the vocabulary cannot be used; `where` names it."""
        self.ids = config.ids(where)
        unknown = self.ids.get(config.unk_token)
        if unknown is None:
            raise BundleError(f"{where}: its unk_token {config.unk_token!r} is not in its vocab")
        self._unknown = unknown
        self._prefix = config.continuing_subword_prefix
        self._max_chars = config.max_input_chars_per_word
        self._longest = max(map(len, self.ids))

    def __call__(self, word: str) -> list[Token]:
        """The pieces of one word."""
        tokens: list[Token] = []
        start, prefix = 0, ""
        while start < len(word) <= self._max_chars:
            for end in range(min(len(word), start + self._longest), start, -1):
                if (i := self.ids.get(prefix + word[start:end])) is not None:
                    break
            else:
                break
            tokens.append((i, start, end))
            start, prefix = end, self._prefix
        return tokens if start == len(word) else [(self._unknown, 0, len(word))]
