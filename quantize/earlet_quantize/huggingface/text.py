"""Text: BERT, DistilBERT, RoBERTa, XLM-R and DeBERTa-v2 classifiers.

| fact | from |
|---|---|
| the tokenizer | see `tokenizer.py` |
| max_length | the less of tokenizer_config.json `model_max_length` and the network's positions |
| positions | config.json `max_position_embeddings`; RoBERTa and XLM-R count from pad_token_id + 1 |

A tokenizer without a limit of its own has the `model_max_length` 1e30, the documented default.
"""

from dataclasses import replace

import onnx

from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.classifier import classifier
from earlet_quantize.huggingface.draft import Draft
from earlet_quantize.huggingface.folder import TOKENIZER, TOKENIZER_CONFIG, Facts, Folder, Variant
from earlet_quantize.huggingface.network import Input, read_network
from earlet_quantize.huggingface.tokenizer import read_tokenizer

INT64 = onnx.TensorProto.INT64
INPUTS = {
    "input_ids": Input("input_ids", 2, INT64),
    "attention_mask": Input("attention_mask", 2, INT64),
    "token_type_ids": Input("token_type_ids", 2, INT64, optional=True),
}
UNLIMITED: dict[str, object] = {"model_max_length": int(1e30)}
OFFSET_POSITIONS = ("roberta", "xlm-roberta")  # model types whose first position is not 0


def classify_text(folder: Folder, config: Facts, variant: Variant) -> Draft:
    """A classifier of a text or of a pair of texts."""
    section = {
        "kind": "text",
        "tokenizer": {"file": TOKENIZER},
        "max_length": max_length(folder.facts(TOKENIZER_CONFIG).over(UNLIMITED), config),
    }
    draft = classifier(
        "text-classification", section, config, read_network(folder, variant, INPUTS)
    )
    return replace(draft, files={**draft.files, TOKENIZER: read_tokenizer(folder, config)})


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
