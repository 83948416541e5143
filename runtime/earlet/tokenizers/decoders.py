"""Pieces to text: the `decoder` section of `tokenizer.json`.

    byte level     ["Hell", "o", "Ġcaf", "Ã©"]           -> "Hello café"
    byte fallback  ["▁He", "llo", "<0xC3>", "<0xA9>"]    -> "Helloé"
    WordPiece      ["un", "##want", "##ed", "guest"]     -> "unwanted guest"
    metaspace      ["▁un", "wanted", "▁guest"]           -> "unwanted guest"

A decoder is a chain: each step takes the list of pieces and gives another, the last one is joined.
Held to the Rust `tokenizers` in `tests/tokenizers/test_encode.py`.
"""

import re
from dataclasses import dataclass
from typing import Literal, Protocol

from earlet.errors import BundleError
from earlet.tokenizers.byte_level import CHAR_TO_BYTE
from earlet.tokenizers.document import component, sequence

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Decoder(Protocol):
    """One step of the chain."""

    def __call__(self, pieces: list[str]) -> list[str]:
        """Pieces in, pieces out."""


def from_document(section: object, where: str) -> list[Decoder]:
    """The chain that the `decoder` section asks for.

    Raises:
        BundleError: for a component or key that is not supported.
    """
    return [component(step, _KNOWN, where) for step in sequence(section, "decoders", where)]


@dataclass(frozen=True, kw_only=True)
class ByteLevelDecoder:
    """GPT-2's characters back to the bytes that they stand for."""

    add_prefix_space: bool = True  # this and the others concern encoding only
    trim_offsets: bool = True
    use_regex: bool = True

    def __call__(self, pieces: list[str]) -> list[str]:
        """Bytes that are no UTF-8 become "�"."""
        return [b"".join(map(self._bytes, pieces)).decode("utf-8", "replace")]

    @staticmethod
    def _bytes(piece: str) -> bytes:
        try:
            return bytes(CHAR_TO_BYTE[c] for c in piece)
        except KeyError:  # an added token, which is plain text
            return piece.encode("utf-8")


@dataclass(frozen=True, kw_only=True)
class ByteFallbackDecoder:
    """Pieces such as <0xC3> to the characters of which they are the UTF-8."""

    def __call__(self, pieces: list[str]) -> list[str]:
        """A run of bytes that is not UTF-8 as a whole is all "�"."""
        text: list[str] = []
        pending = bytearray()
        for piece in pieces:
            if byte := _BYTE_PIECE.fullmatch(piece):
                pending.append(int(byte[1], 16))
                continue
            text += (_utf8(pending), piece)
            pending.clear()
        return [*text, _utf8(pending)]


def _utf8(data: bytearray) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "�" * len(data)


@dataclass(frozen=True, kw_only=True)
class ReplaceDecoder:
    """One string for another, in each piece."""

    pattern: "StringPattern"
    content: str

    def __call__(self, pieces: list[str]) -> list[str]:
        """As many pieces."""
        return [piece.replace(self.pattern.String, self.content) for piece in pieces]


@dataclass(frozen=True, kw_only=True)
class StringPattern:
    """What is replaced: a plain string, no regular expression."""

    String: str  # the key's spelling in tokenizer.json


@dataclass(frozen=True, kw_only=True)
class FuseDecoder:
    """All pieces as one."""

    def __call__(self, pieces: list[str]) -> list[str]:
        """One piece."""
        return ["".join(pieces)]


@dataclass(frozen=True, kw_only=True)
class StripDecoder:
    """At most `start` and `stop` of a character off the ends of each piece."""

    content: str
    start: int
    stop: int

    def __post_init__(self) -> None:
        if len(self.content) != 1:
            raise BundleError(f"expected one character as content, got {self.content!r}")

    def __call__(self, pieces: list[str]) -> list[str]:
        """As many pieces."""
        return [self._strip(piece) for piece in pieces]

    def _strip(self, piece: str) -> str:
        first = len(piece) - len(piece.lstrip(self.content))
        piece = piece[min(first, self.start) :]
        last = len(piece) - len(piece.rstrip(self.content))
        return piece[: len(piece) - min(last, self.stop)]


@dataclass(frozen=True, kw_only=True)
class WordPieceDecoder:
    """A space before every piece but the first and those that continue a word."""

    prefix: str = "##"
    cleanup: bool = True

    def __call__(self, pieces: list[str]) -> list[str]:
        """As many pieces."""
        return [self._piece(piece, first=i == 0) for i, piece in enumerate(pieces)]

    def _piece(self, piece: str, *, first: bool) -> str:
        if not first:
            continues = piece.startswith(self.prefix)
            piece = piece.removeprefix(self.prefix) if continues else f" {piece}"
        for written, wanted in _CLEANUP if self.cleanup else ():
            piece = piece.replace(written, wanted)
        return piece


_CLEANUP = (  # English punctuation and contractions; tokenizers, decoders/wordpiece.rs
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


@dataclass(frozen=True, kw_only=True)
class MetaspaceDecoder:
    """The sign for a space back to a space; none before the first piece, where one was put."""

    replacement: str = "▁"
    prepend_scheme: Literal["always", "first", "never"] = "always"
    split: bool = True  # this and the others concern encoding only
    add_prefix_space: bool | None = None
    str_rep: str | None = None

    def __call__(self, pieces: list[str]) -> list[str]:
        """As many pieces."""
        first = " " if self.prepend_scheme == "never" else ""
        return [
            piece.replace(self.replacement, " " if i else first) for i, piece in enumerate(pieces)
        ]


_KNOWN: dict[str, type[Decoder]] = {
    "ByteLevel": ByteLevelDecoder,
    "ByteFallback": ByteFallbackDecoder,
    "Replace": ReplaceDecoder,
    "Fuse": FuseDecoder,
    "Strip": StripDecoder,
    "WordPiece": WordPieceDecoder,
    "Metaspace": MetaspaceDecoder,
}
