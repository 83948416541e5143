"""Byte-level BPE's words and alphabet (GPT-2, RoBERTa, Whisper): every byte prints.

    "Hello café" -> ["Hello", " café"] -> "ĠcafÃ©", whose "Ġ" is the byte 20 and "Ã©" are C3 A9

Source: openai/gpt-2 `src/encoder.py`. Its expression needs the Unicode classes L and N, which `re`
lacks; so it runs over a shadow of the text in which one ASCII character stands for each class.
"""

import re
import unicodedata
from dataclasses import dataclass

from earlet.tokenizers.alignment import Aligned
from earlet.tokenizers.unicode import Translation

_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))  # stand for themselves
_OTHERS = [byte for byte in range(0x100) if byte not in _PRINTABLE]  # from U+0100 on, in order

BYTE_TO_CHAR = {byte: chr(byte) for byte in _PRINTABLE} | {
    byte: chr(0x100 + i) for i, byte in enumerate(_OTHERS)
}
CHAR_TO_BYTE = {char: byte for byte, char in BYTE_TO_CHAR.items()}

_WORD = re.compile(  # the likely alternatives first, where the order does not matter
    r" ?[A-Za-z]++|'(?:[stmd]|re|ve|ll)| ?[^\sA-Za-z0-9]++| ?[0-9]++|\s+(?!\S)|\s+", re.ASCII
)


def _shadow(char: str) -> str:
    if char.isascii():
        return char
    if char.isspace():
        return "\t"
    # "a" is a letter that begins and continues no contraction.
    return {"L": "a", "N": "0"}.get(unicodedata.category(char)[0], "!")


_SHADOW = Translation(_shadow)


@dataclass(frozen=True, kw_only=True)
class ByteLevel:
    """GPT-2's words: letters, digits or signs with the space before them, contractions, spaces."""

    add_prefix_space: bool = True
    trim_offsets: bool = True  # means nothing here; that of the post-processor counts
    use_regex: bool = True

    def __call__(self, text: str) -> list[str]:
        """Split."""
        if self.add_prefix_space and not text.startswith(" "):
            text = f" {text}"
        if not self.use_regex:
            return [text]
        if text.isascii():
            return _WORD.findall(text)
        return [text[word.start() : word.end()] for word in _WORD.finditer(text.translate(_SHADOW))]

    def align(self, text: Aligned) -> Aligned:
        """With the space before it, which stands for its first character."""
        if self.add_prefix_space and not text.text.startswith(" "):
            return text.edited([(0, 1, " " + text.text[0])])
        return text


def spell(word: str) -> str:
    """A word in the alphabet of the vocabulary."""
    if word.isascii() and word.isprintable():
        return word.replace(" ", BYTE_TO_CHAR[ord(" ")])
    return "".join([BYTE_TO_CHAR[byte] for byte in word.encode("utf-8")])
