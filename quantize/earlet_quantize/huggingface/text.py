"""Text: classifiers of BERT's family, see `IMPORTERS` for which.

| fact | from |
|---|---|
| the tokenizer | see `tokenizer/` |
| max_length | the less of tokenizer_config.json `model_max_length` and the network's positions |
| positions | config.json `max_position_embeddings`; OFFSET_POSITIONS count from pad_token_id + 1 |
| where texts are cut | tokenizer_config.json `truncation_side`, or else tokenizer.json |

A tokenizer without a limit of its own has the `model_max_length` 1e30, the documented default.
Texts are cut as transformers' pipeline cuts them with `truncation=True`: limit and strategy in
tokenizer.json do not count. Where the pipeline would not cut, and the network fail, positions do.
"""

import json
from dataclasses import asdict, replace
from typing import Literal

import onnx

from earlet.tokenizers import truncation
from earlet.tokenizers.truncation import Truncation
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.classifier import classifier
from earlet_quantize.huggingface.draft import Draft
from earlet_quantize.huggingface.folder import (
    TOKENIZER,
    TOKENIZER_CONFIG,
    Facts,
    Folder,
    Variant,
    encode,
)
from earlet_quantize.huggingface.network import Input, read_network
from earlet_quantize.huggingface.tokenizer import read_tokenizer

INT64 = onnx.TensorProto.INT64
INPUTS = {
    "input_ids": Input("input_ids", 2, INT64),
    "attention_mask": Input("attention_mask", 2, INT64),
    "token_type_ids": Input("token_type_ids", 2, INT64, optional=True),
}
UNLIMITED: dict[str, object] = {"model_max_length": int(1e30)}
OFFSET_POSITIONS = ("camembert", "mpnet", "roberta", "xlm-roberta")  # the first is not 0
SIDES: dict[str, Literal["Right", "Left"]] = {"right": "Right", "left": "Left"}


def classify_text(folder: Folder, config: Facts, variant: Variant) -> Draft:
    """A classifier of a text or of a pair of texts."""
    settings = folder.facts(TOKENIZER_CONFIG).over(UNLIMITED)
    limit = max_length(settings, config)
    section = {"kind": "text", "tokenizer": {"file": TOKENIZER}, "max_length": limit}
    draft = classifier(
        "text-classification", section, config, read_network(folder, variant, INPUTS)
    )
    tokenizer = cutting(read_tokenizer(folder, config), settings, limit)
    return replace(draft, files={**draft.files, TOKENIZER: tokenizer})


def max_length(tokenizer: Facts, config: Facts) -> int:
    """The most tokens of a text, those that every text begins and ends with included."""
    positions = config.count("max_position_embeddings")
    if config.get("model_type", str) in OFFSET_POSITIONS:
        positions -= config.get("pad_token_id", int) + 1
    limit = min(tokenizer.get("model_max_length", int), positions)
    if limit < 1:
        raise FolderError(
            f"{config.where}: expected room for a token, got model_max_length or "
            f"max_position_embeddings for {limit}"
        )
    return limit


def cutting(tokenizer: bytes, settings: Facts, max_length: int) -> bytes:
    """A tokenizer.json that cuts as transformers does: where `settings` say, the longer first."""
    document = json.loads(tokenizer)
    stated = truncation.from_document(document.get("truncation"), TOKENIZER)
    direction = stated.direction
    if "truncation_side" in settings:
        side = settings.get("truncation_side", str)
        if side not in SIDES:
            settings.refuse("truncation_side", " or ".join(SIDES))
        direction = SIDES[side]
    wanted = Truncation(max_length=max_length, direction=direction)
    if (stated.direction, stated.strategy) == (wanted.direction, wanted.strategy):
        return tokenizer
    document["truncation"] = asdict(wanted)
    return encode(json.dumps(document, ensure_ascii=False), settings.where)
