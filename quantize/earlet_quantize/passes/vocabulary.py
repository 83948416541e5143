"""Tokens that will not be written are dropped from a decoder and its tokenizer.

    keep, ids in order -> the embedding's columns `keep` -> logits (1, n_tokens, len(keep))
                       -> a tokenizer.json in which token keep[i] has the id i

A choice and no improvement: what is dropped cannot be written any more. Moonshine tiny without the
pieces that are not ASCII is 2.4 MB smaller, and spells an é from two byte tokens, if at all.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from earlet_quantize.errors import ModelFileError
from earlet_quantize.passes.head import tied_embedding
from earlet_quantize.passes.rewriter import Rewriter

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # of the tokenizers that descend from SentencePiece


def ascii_tokens(tokenizer: Mapping[str, Any], special: Collection[int]) -> list[int]:
    """The ids of `special` and of all pieces in ASCII, those of single bytes (<0xE9>) among them.

    Args:
        tokenizer: the content of a tokenizer.json of the kind BPE.
        special: ids of the special tokens to keep, such as bos and eos.
    """
    pieces = tokenizer["model"]["vocab"].items()
    text = {i for piece, i in pieces if piece.replace(SPACE, " ").isascii()}
    return sorted({*special, *(text - {token["id"] for token in tokenizer["added_tokens"]})})


def prune_vocabulary(decoder: onnx.ModelProto, keep: Sequence[int]) -> None:
    """Keep these columns of the embedding that is also the head, in place; to be done in float.

    Raises:
        ModelFileError: when the head is not tied, or its embedding has no such columns.
    """
    rewriter = Rewriter(decoder)
    embedding = tied_embedding(rewriter)
    n_vocab = rewriter.stored[embedding].shape[1]
    if not all(0 <= i < n_vocab for i in keep) or len({*keep}) < len(keep):
        raise ModelFileError(f"expected different tokens below {n_vocab} to keep, got {keep}")
    rewriter.stored[embedding] = np.ascontiguousarray(rewriter.stored[embedding][:, keep])
    for node in rewriter.source:
        rewriter.keep(node)
    for output in decoder.graph.output:
        if output.name == "logits":
            output.type.tensor_type.shape.dim[-1].dim_value = len(keep)
    rewriter.finish()


def prune_tokenizer(tokenizer: Mapping[str, Any], keep: Sequence[int]) -> dict[str, Any]:
    """The same tokenizer with just these tokens, token keep[i] as i; merges of others are gone.

    Args:
        tokenizer: the content of a tokenizer.json of the kind BPE or WordPiece.
        keep: ids, those of the tokens around a text among them.

    Raises:
        ModelFileError: when one of these is missing, or they are written in another way than as a
            TemplateProcessing.
    """
    new = {old: i for i, old in enumerate(keep)}
    model = {**tokenizer["model"]}
    vocab = {piece: new[i] for piece, i in model["vocab"].items() if i in new}
    model["vocab"] = vocab
    if "merges" in model:  # of BPE
        model["merges"] = [merge for merge in model["merges"] if {*_results(merge)} <= vocab.keys()]
    return {
        **tokenizer,
        "added_tokens": [
            {**token, "id": new[token["id"]]}
            for token in tokenizer["added_tokens"]
            if token["id"] in new
        ],
        "post_processor": _renumbered(tokenizer["post_processor"], new),
        "model": model,
    }


def _results(merge: str | Sequence[str]) -> list[str]:
    """Two pieces and what they become; written "a b" until 2024, and ["a", "b"] since."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return [left, right, left + right]


def _renumbered(post_processor: Any, new: Mapping[int, int]) -> Any:
    """The tokens that it puts around a text."""
    if post_processor is None:
        return None
    if post_processor["type"] != "TemplateProcessing":
        raise ModelFileError(
            f"post_processor: expected TemplateProcessing, got {post_processor['type']}"
        )
    special = post_processor["special_tokens"]
    if dropped := [name for name, token in special.items() if not new.keys() >= {*token["ids"]}]:
        raise ModelFileError(f"expected to keep {', '.join(dropped)}, which go around every text")
    return {
        **post_processor,
        "special_tokens": {
            name: {**token, "ids": [new[i] for i in token["ids"]]}
            for name, token in special.items()
        },
    }
