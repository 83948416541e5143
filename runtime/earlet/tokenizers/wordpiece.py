"""WordPiece, with BERT's way of cleaning and splitting text.

    "Ünwanted?" -> "unwanted?" -> ["unwanted", "?"] -> ["un", "##wan", "##ted", "?"] -> ids

Source: google-research/bert `tokenization.py`. Held to the Rust `tokenizers` over all of Unicode
in `tests/tokenizers/test_unicode.py`.
"""

import re
import unicodedata
from dataclasses import dataclass

from earlet.errors import BundleError
from earlet.tokenizers.document import Vocabulary, vocabulary
from earlet.tokenizers.unicode import WHITE_SPACE, Translation, category_of_unicode_8, lower

_CONTROL = ("Cc", "Cf", "Co")
_UNPRINTABLE_ASCII = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ASCII_WORD = re.compile(r"[^\s!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]", re.ASCII)
_CHINESE = (  # the blocks that BERT takes for Chinese; the fifth begins late, as in tokenizers
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


def _clean(char: str) -> str:
    if char in "\t\n\r":
        return " "
    if char == "\ufffd" or category_of_unicode_8(char) in _CONTROL:
        return ""
    return " " if char in WHITE_SPACE else char


def _space_chinese(char: str) -> str:
    is_chinese = any(first <= ord(char) <= last for first, last in _CHINESE)
    return f" {char} " if is_chinese else char


def _space_punctuation(char: str) -> str:
    if char in WHITE_SPACE:
        return " "
    is_punctuation = category_of_unicode_8(char).startswith("P") or (
        char.isascii() and char.isprintable() and not char.isalnum()
    )
    return f" {char} " if is_punctuation else char


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
        if not text.isascii():
            return self._any(text)
        if self.clean_text and _UNPRINTABLE_ASCII.search(text):
            text = text.translate(_CLEAN)
        return text.lower() if self.lowercase else text

    def _any(self, text: str) -> str:
        if self.clean_text:
            text = text.translate(_CLEAN)
        if self.handle_chinese_chars:
            text = text.translate(_CHINESE_APART)
        if self.lowercase if self.strip_accents is None else self.strip_accents:
            text = unicodedata.normalize("NFD", text).translate(_WITHOUT_MARKS)
        return lower(text) if self.lowercase else text


@dataclass(frozen=True, kw_only=True)
class BertPreTokenizer:
    """Words between white space; each punctuation sign is a word."""

    def __call__(self, text: str) -> list[str]:
        """Split."""
        if text.isascii():
            return _ASCII_WORD.findall(text)
        return [word for word in text.translate(_PUNCTUATION_APART).split(" ") if word]


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
        self._unknown = (unknown,)
        self._prefix = config.continuing_subword_prefix
        self._max_chars = config.max_input_chars_per_word
        self._longest = max(map(len, self.ids))

    def __call__(self, word: str) -> tuple[int, ...]:
        """Ids of one word."""
        if len(word) > self._max_chars:
            return self._unknown
        found: list[int] = []
        start, prefix = 0, ""
        while start < len(word):
            for end in range(min(len(word), start + self._longest), start, -1):
                if (piece := self.ids.get(prefix + word[start:end])) is not None:
                    break
            else:
                return self._unknown
            found.append(piece)
            start, prefix = end, self._prefix
        return tuple(found)
