"""A file of SentencePiece, `ModelProto`: pieces with scores, and what text is normalised to.

Field numbers: google/sentencepiece `src/sentencepiece_model.proto`. Files are read within bounds
and without its library.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from earlet.backends.protobuf import fields
from earlet_quantize.errors import FolderError

MAX_PIECES = 1_000_000  # the largest published vocabulary has 262,144
MAX_LETTERS = 512  # of a piece; SentencePiece itself makes 16, and runs of spaces beyond that
PIECES, TRAINER, NORMALIZER = 1, 2, 3  # ModelProto
PIECE, SCORE, TYPE = 1, 2, 3  # SentencePiece
CONTROL, USER_DEFINED = 3, 4  # SentencePiece.Type
MODEL_TYPE, UNK_ID, UNK_PIECE = 3, 40, 45  # TrainerSpec
CHARSMAP = 2  # NormalizerSpec
MODEL_TYPES: dict[object, Literal["Unigram", "BPE"]] = {1: "Unigram", 2: "BPE"}


class Piece(NamedTuple):
    """A piece of text."""

    text: str
    score: float
    type: int = 1  # SentencePiece.Type; 1 is a normal piece


@dataclass(frozen=True, kw_only=True)
class SentencePiece:
    """What a file holds, as far as tokenizer.json has a place for it."""

    model: Literal["Unigram", "BPE"]
    pieces: tuple[Piece, ...]  # in the order of their ids
    unk_id: int
    unk_piece: str
    charsmap: bytes  # empty where text is taken as it is


def parse(data: bytes, name: str) -> SentencePiece:
    """Read a file; `name` is what messages call it.

    Raises:
        FolderError: when it is no such file, or of a model that is neither Unigram nor BPE.
    """
    try:
        return _parse(memoryview(data))
    except (ValueError, struct.error) as problem:
        raise FolderError(
            f"{name}: expected a SentencePiece model, got {len(data)} bytes of something else "
            f"({problem}); fetch the file again"
        ) from None


def _parse(message: memoryview) -> SentencePiece:
    pieces: list[Piece] = []
    trainer: dict[int, memoryview | int] = {}
    normalizer: dict[int, memoryview | int] = {}
    for number, payload in fields(message):
        if number == PIECES:
            pieces.append(_piece(dict(_fields(payload))))
            if len(pieces) > MAX_PIECES:
                raise ValueError(f"more than {MAX_PIECES} pieces")
        elif number == TRAINER:
            trainer |= _fields(payload)
        elif number == NORMALIZER:
            normalizer |= _fields(payload)
    model = MODEL_TYPES.get(trainer.get(MODEL_TYPE, 1))
    unk_id = trainer.get(UNK_ID, 0)
    if not pieces or model is None or not isinstance(unk_id, int) or unk_id >= len(pieces):
        raise ValueError(f"{len(pieces)} pieces, unknown ones {unk_id}, of model {model}")
    return SentencePiece(
        model=model,
        pieces=tuple(pieces),
        unk_id=unk_id,
        unk_piece=_text(trainer.get(UNK_PIECE, memoryview(b"<unk>"))),
        charsmap=_bytes(normalizer.get(CHARSMAP, memoryview(b""))),
    )


def _piece(values: dict[int, memoryview | int]) -> Piece:
    text = _text(values.get(PIECE, memoryview(b"")))
    if not 0 < len(text) <= MAX_LETTERS:
        raise ValueError(f"a piece of {len(text)} letters")
    (score,) = struct.unpack("<f", _bytes(values.get(SCORE, memoryview(bytes(4)))))
    if not math.isfinite(score):
        raise ValueError(f"the piece {text!r} has a score of {score}")
    type_ = values.get(TYPE, 1)
    if not isinstance(type_, int):
        raise ValueError(f"the piece {text!r} has no type")
    return Piece(text, score, type_)


def _fields(payload: memoryview | int) -> Iterator[tuple[int, memoryview | int]]:
    if isinstance(payload, int):
        raise ValueError("a number in the place of a message")
    return fields(payload)


def _bytes(payload: memoryview | int) -> bytes:
    if isinstance(payload, int):
        raise ValueError("a number in the place of text")
    return bytes(payload)


def _text(payload: memoryview | int) -> str:
    return _bytes(payload).decode("utf-8")
