"""Tests of the recipe; they need torch and transformers, and no data.

PYTHONPATH=models/recipes/sentiment-en pytest models/recipes/sentiment-en
"""

# ruff: noqa: D103  (a test is named by what it says)
import json
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from data import Sentence, treebank
from export import to_float, to_int8
from network import load
from published import by_our_names, read_safetensors
from torch import Tensor
from train import together, train
from transformers import BertConfig, BertModel
from vocabulary import CONTINUES, useful

from earlet import tokenizers
from earlet.arrays import FloatArray
from earlet.backends import open_session
from earlet.tokenizers import Tokenizer
from earlet_quantize.networks.four_bits import round_rows
from earlet_quantize.networks.modules import Weights

N_PIECES, N_POSITIONS = 60, 40
TEXTS = [[1, 7, 7, 9, 30, 2], [1, 4, 2], [1, *range(3, 33), 2]]
TOLERANCE = 2e-5  # of float32 sums in another order, through six layers


@pytest.fixture(scope="module")
def bert() -> BertModel:
    """MiniLM's shape with weights drawn at random."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=N_PIECES,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1_536,
        max_position_embeddings=N_POSITIONS,
        initializer_range=0.1,
    )
    return BertModel(config).eval()


@pytest.fixture(scope="module")
def weights(bert: BertModel) -> Weights:
    """The same, with a head and an embedding in four bits."""
    embedding = bert.embeddings.word_embeddings.weight
    with torch.no_grad():
        embedding.copy_(torch.tensor(round_rows(embedding.numpy()).floats()))
    state = {name: value.numpy() for name, value in bert.state_dict().items()}
    rng = np.random.default_rng(0)
    head = {"head.weight": rng.normal(0, 0.1, (2, 384)), "head.bias": rng.normal(size=2)}
    return by_our_names(state) | {name: w.astype(np.float32) for name, w in head.items()}


@pytest.fixture(scope="module")
def expected(bert: BertModel, weights: Weights) -> list[FloatArray]:
    """Logits of TEXTS, by transformers' network and a mean."""
    means = []
    with torch.no_grad():
        for ids in TEXTS:
            means.append(bert(torch.tensor([ids])).last_hidden_state[0].mean(dim=0).numpy())
    return [mean @ weights["head.weight"].T + weights["head.bias"] for mean in means]


def logits(model: onnx.ModelProto, ids: list[int], padding: int = 0) -> FloatArray:
    session = open_session(model.SerializeToString(), "exported", "onnxruntime")
    row = np.array([ids + [5] * padding], dtype=np.int64)
    mask = np.array([[1] * len(ids) + [0] * padding], dtype=np.int64)
    found: FloatArray = session.run({"input_ids": row, "attention_mask": mask})[0][0]
    return found


def test_the_network_is_transformers_bert_with_a_mean(
    weights: Weights, expected: list[FloatArray]
) -> None:
    with torch.no_grad():
        found = load(weights).eval()(*together(TEXTS)).numpy()
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


@pytest.mark.parametrize("padding", [0, 3])
def test_the_float_graph_computes_the_same(
    weights: Weights, expected: list[FloatArray], padding: int
) -> None:
    model = to_float(weights)
    found = [logits(model, ids, padding) for ids in TEXTS]
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_the_int8_graph_is_near_and_reads_the_same_embedding(weights: Weights) -> None:
    rows = round_rows(weights["embedding"])
    exact = dict(weights) | {"embedding": rows.floats()}
    wanted = [logits(to_float(exact), ids) for ids in TEXTS]
    found = [logits(to_int8(exact, rows), ids) for ids in TEXTS]
    spread = float(np.std([logits(to_float(exact), [1, i, 2]) for i in range(3, 23)]))
    np.testing.assert_allclose(found, wanted, atol=0.5 * spread)


def test_safetensors_are_read_as_they_are_specified() -> None:
    values = np.arange(6, dtype="<f4").reshape(2, 3)
    header = {
        "__metadata__": {"format": "pt"},
        "ids": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
        "weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [8, 32]},
    }
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + bytes(8) + values.tobytes()
    found = read_safetensors(data)
    assert found.keys() == {"weight"}
    np.testing.assert_array_equal(found["weight"], values)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("it doesn't work , can't it ?", "it does n't work , ca n't it ?"),
        ("Don't. WASN'T", "Do n't. WAS N'T"),
        ("it does n't , n'th", "it does n't , n'th"),
    ],
)
def test_negations_are_split_as_in_the_penn_treebank(written: str, expected: str) -> None:
    assert treebank(written) == expected


@pytest.fixture(scope="module")
def words() -> Tokenizer:
    return tokenizers.from_json(json.dumps(DOCUMENT), "words")


PIECES = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[", "the", "film", "я"]
RARE = ["dull", "##ish", "##x", "é", "ø", "кино", "masterpiece", "90s", "…", "##1"]
DOCUMENT: dict[str, Any] = {
    "model": {
        "type": "WordPiece",
        "vocab": {p: i if i < 10 else 20_000 + i for i, p in enumerate([*PIECES, *RARE])},
        "unk_token": "[UNK]",
        "continuing_subword_prefix": CONTINUES,
    },
    "normalizer": {"type": "BertNormalizer"},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
}


def test_common_english_pieces_are_kept_and_rare_ones_that_reviews_use(words: Tokenizer) -> None:
    texts = ["the dull film", "dullish", "masterpiece"]
    kept = {*useful(DOCUMENT, words, texts)}
    pieces = {piece for piece, i in DOCUMENT["model"]["vocab"].items() if i in kept}
    assert pieces == {"[UNK]", "[CLS]", "[SEP]", "[", "the", "film", "dull", "##x", "…", "##1"}


def test_training_twice_gives_the_same_weights(weights: Weights, words: Tokenizer) -> None:
    sentences = [Sentence(text, i % 2) for i, text in enumerate(["the film", "film film"] * 20)]
    few = {n: w for n, w in weights.items() if n[:7] != "layers." or n[:9] == "layers.0."}
    torch.set_num_threads(1)

    def trained() -> dict[str, Tensor]:
        torch.manual_seed(0)
        network = load(few)
        train(network, sentences, words, seed=0)
        return dict(network.state_dict())

    first, second = trained(), trained()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["head.weight"], torch.tensor(weights["head.weight"]))
    assert torch.equal(first["embedding"], torch.tensor(weights["embedding"]))
