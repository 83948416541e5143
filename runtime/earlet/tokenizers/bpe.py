"""BPE with byte fallback (Moonshine and the Llama family), read from `tokenizer.json`.

    ids -> pieces ["▁He", "llo", "<0xC3>", "<0xA9>"] -> " Helloé" -> "Helloé"

"▁" stands for a space; a character that is in no piece is written as the bytes of its UTF-8.
Held to the Rust `tokenizers` in `tests/tokenizers/test_bpe.py`.
"""

import json
import re
from collections.abc import Iterable, Mapping

from earlet.errors import BundleError

SPACE = "▁"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_DECODERS = ["Replace", "ByteFallback", "Fuse", "Strip"]  # of tokenizer.json, in this order


class BpeTokenizer:
    """Token ids to text."""

    def __init__(self, pieces: Mapping[int, str], special: frozenset[int]) -> None:
        """`pieces` has every id's text; `special` are the ids that stand for no text."""
        self._pieces = dict(pieces)
        self._special = special

    @classmethod
    def from_json(cls, text: str, name: str) -> "BpeTokenizer":
        """Read `tokenizer.json`; `name` is what messages call it.

        Raises:
            BundleError: when it is no JSON, or not BPE with byte fallback.
        """
        try:
            document = json.loads(text)
            model, added = document["model"], document["added_tokens"]
            if model["type"] != "BPE" or not model["byte_fallback"]:
                raise BundleError(f"{name}: expected BPE with byte fallback, got {model['type']}")
            decoders = [step["type"] for step in document["decoder"]["decoders"]]
            if decoders != _DECODERS:
                raise BundleError(f"{name}: expected the decoders {_DECODERS}, got {decoders}")
            pieces = {int(i): str(piece) for piece, i in model["vocab"].items()}
            pieces |= {int(token["id"]): str(token["content"]) for token in added}
            special = frozenset(int(token["id"]) for token in added if token["special"])
        except (json.JSONDecodeError, RecursionError) as problem:
            raise BundleError(f"{name}: not JSON: {str(problem).splitlines()[0]}") from None
        except (KeyError, TypeError, AttributeError, ValueError) as problem:
            if isinstance(problem, BundleError):
                raise
            raise BundleError(f"{name}: not a tokenizer.json: {problem!r}") from None
        return cls(pieces, special)

    @property
    def n_vocab(self) -> int:
        """One more than the largest id."""
        return max(self._pieces) + 1

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`, special tokens left out.

        Raises:
            BundleError: for an id that the vocabulary does not have.
        """
        text: list[str] = []
        pending = bytearray()  # byte pieces that may be parts of one character
        for i in ids:
            if i in self._special:
                continue
            try:
                piece = self._pieces[i]
            except KeyError:
                raise BundleError(f"token {i} is not in the vocabulary of {self.n_vocab}") from None
            if byte := _BYTE.fullmatch(piece):
                pending.append(int(byte[1], 16))
                continue
            text.append(_utf8(pending))
            pending.clear()
            text.append(piece.replace(SPACE, " "))
        text.append(_utf8(pending))
        return "".join(text).removeprefix(" ")


def _utf8(data: bytearray) -> str:
    """As the Rust decoder: a run of bytes that is not UTF-8 as a whole is all "�"."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "�" * len(data)
