"""SentencePiece's precompiled character map (nmt_nfkc and the like), as `tokenizers` applies it.

    "ﬁ①　é" -> "fi1 é"

The map is a double array, a trie in an array of 32-bit units, from UTF-8 to an offset into a blob
of strings that end with NUL. Sources: google/sentencepiece `normalizer.cc`; s-yata/darts-clone,
whose units they are; `tokenizers`, `normalizers/precompiled.rs`, for what a key is: a grapheme
cluster of less than six bytes if a prefix of it is in the map (the shortest decides), else a
character. Held to it over all of Unicode in `tests/tokenizers/test_charsmap.py`.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from earlet.errors import BundleError
from earlet.tokenizers.alignment import Aligned, Edit
from earlet.tokenizers.unicode import Translation

MAX_CLUSTER_BYTES = 5

# Unicode's grapheme clusters (UAX #29), as far as they can be so short: a line end, and characters
# with marks after or prepended signs before them. The others (syllables of Hangul, flags, joined
# pictographs) have more than five bytes.
_PREPENDED = {
    *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0xD4E, 0x110BD, 0x110CD, 0x111C2,
    0x111C3, 0x1193F, 0x11941, 0x11A3A, *range(0x11A84, 0x11A8A), 0x11D46, 0x11F02,
}  # fmt: skip
_SPACING_MARKS_APART = {
    0x102B, 0x102C, 0x1038, *range(0x1062, 0x1065), *range(0x1067, 0x106E), 0x1083,
    *range(0x1087, 0x108D), 0x108F, *range(0x109A, 0x109D), 0x1A61, 0x1A63, 0x1A64, 0xAA7B, 0xAA7D,
    0x11720, 0x11721,
}  # fmt: skip
_OTHER_MARKS = {
    0xE33, 0xEB3, 0x200C, 0x200D, 0xFF9E, 0xFF9F, *range(0x1F3FB, 0x1F400),
    *range(0xE0020, 0xE0080),
}  # fmt: skip


def _cluster_class(char: str) -> str:
    """One ASCII character for each class of the expression below."""
    if char in "\r\n":
        return char
    code, category = ord(char), unicodedata.category(char)
    if code in _PREPENDED:
        return "p"
    if code in _OTHER_MARKS or (category[0] == "M" and code not in _SPACING_MARKS_APART):
        return "m"
    return "c" if category in ("Cc", "Cf", "Zl", "Zp") else "o"


_CLASSES = Translation(_cluster_class)
_CLUSTER = re.compile(r"\r\n|p+[om]?m*|[om]m+")
_CLUSTER_OR_CHARACTER = re.compile(f"{_CLUSTER.pattern}|.", re.DOTALL)


@dataclass(kw_only=True)
class Precompiled:
    """Replace what the map has."""

    precompiled_charsmap: str  # base64: size of the trie in bytes, its units, the strings

    def __post_init__(self) -> None:
        """Raises BundleError when it is no such map."""
        try:
            data = base64.b64decode(self.precompiled_charsmap, validate=True)
            size = int.from_bytes(data[:4], "little")
            self._units = memoryview(data)[4 : 4 + size]
            self._strings = data[4 + size :]
            self._strings.decode("utf-8")
        except (binascii.Error, ValueError) as problem:
            raise BundleError(f"not a precompiled_charsmap: {problem}") from None
        if size % 4 or not 0 < size <= len(data) - 4:
            raise BundleError(f"not a precompiled_charsmap: a trie of {size} bytes")
        self._chars = Translation(lambda char: char if (new := self._find(char)) is None else new)
        keys = [*map(chr, range(0x80)), "\r\n"]
        changed = {re.escape(key[0]) for key in keys if self._find(key) not in (None, key)}
        self._changed_ascii = re.compile("|".join(changed) or "(?!)")

    def __call__(self, text: str) -> str:
        """Normalise."""
        if text.isascii() and not self._changed_ascii.search(text):
            return text
        pieces: list[str] = []
        done = 0
        for cluster in _CLUSTER.finditer(text.translate(_CLASSES)):
            start, end = cluster.span()
            pieces.append(text[done:start].translate(self._chars))
            whole = self._whole(text[start:end])
            pieces.append(text[start:end].translate(self._chars) if whole is None else whole)
            done = end
        return "".join([*pieces, text[done:].translate(self._chars)])

    def align(self, text: Aligned) -> Aligned:
        """Normalise."""
        return text.edited(self._edits(text.text))

    def _edits(self, text: str) -> Iterator[Edit]:
        for cluster in _CLUSTER_OR_CHARACTER.finditer(text.translate(_CLASSES)):
            begin, end = cluster.span()
            if (whole := self._whole(text[begin:end])) is not None:
                yield begin, end, whole
            else:
                yield from ((i, i + 1, self._chars.of(text[i])) for i in range(begin, end))

    def _whole(self, cluster: str) -> str | None:
        """What a cluster is replaced by as one; None where its characters are."""
        return self._find(cluster) if len(cluster.encode("utf-8")) <= MAX_CLUSTER_BYTES else None

    def _find(self, key: str) -> str | None:
        """What the shortest prefix of `key` in the map is replaced by."""
        node = _offset(self._unit(0))
        for byte in key.encode("utf-8"):
            unit = self._unit(node ^ byte)
            if unit & 0x8000_00FF != byte:  # the unit's label, and that it is no value
                return None
            node ^= byte ^ _offset(unit)
            if unit >> 8 & 1:  # a key ends here
                start = self._unit(node) & 0x7FFF_FFFF
                end = self._strings.find(b"\0", start)
                return self._strings[start : None if end < 0 else end].decode("utf-8", "replace")
        return None

    def _unit(self, i: int) -> int:
        """Unit `i`; 0, which has no key, beyond the end."""
        return int.from_bytes(self._units[4 * i : 4 * i + 4], "little")


def _offset(unit: int) -> int:
    return unit >> 10 << ((unit & 1 << 9) >> 6)
