"""The `model` section of a tokenizer.json, from pieces with scores."""

from collections.abc import Iterator, Mapping, Sequence

from earlet_quantize.huggingface.tokenizer.document import Json
from earlet_quantize.huggingface.tokenizer.spm_file import Piece, SentencePiece


def vocabulary(pieces: Sequence[Piece]) -> dict[str, int]:
    """Ids by piece."""
    return {piece.text: i for i, piece in enumerate(pieces)}


def section(
    file: SentencePiece, pieces: Sequence[Piece], unk_id: int, *, byte_fallback: bool
) -> Json:
    """The section for `pieces`, which are those of `file` as a class numbers and scores them."""
    if file.model == "Unigram":
        return {
            "type": "Unigram",
            "unk_id": unk_id,
            "vocab": [[piece.text, piece.score] for piece in pieces],
            "byte_fallback": byte_fallback,
        }
    ids = vocabulary(pieces)
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": file.unk_piece,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": byte_fallback,
        "ignore_merges": False,
        "vocab": ids,
        "merges": merges({piece.text: piece.score for piece in pieces}, ids),
    }


def merges(scores: Mapping[str, float], ids: Mapping[str, int]) -> list[list[str]]:
    """Every way to join two pieces to a third, the best third first.

    SentencePiece joins what gives the piece of the best score; tokenizer.json has a list of joins
    in their order. Of equally good ones the longer left part is first, then the longer right one
    (`generate_merges` of transformers).
    """
    found = [
        (score, left, right)
        for piece, score in scores.items()
        for left, right in sorted(_halves(piece, ids), key=lambda pair: [ids[p] for p in pair])
    ]
    found.sort(key=lambda merge: (merge[0], len(merge[1]), len(merge[2])), reverse=True)
    return [[left, right] for _, left, right in found]


def _halves(piece: str, ids: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for i in range(1, len(piece)):
        if piece[:i] in ids and piece[i:] in ids:
            yield piece[:i], piece[i:]
