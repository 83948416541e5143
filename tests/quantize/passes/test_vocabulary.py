"""Dropping tokens, held to the Rust `tokenizers` and to the whole network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tokenizers import Tokenizer

from earlet.arrays import AnyArray
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import GraphBuilder
from earlet_quantize.passes.head import two_stage_head
from earlet_quantize.passes.vocabulary import ascii_tokens, prune_tokenizer, prune_vocabulary

Runner = Callable[..., list[AnyArray]]

SIZE, N_VOCAB = 32, 50
UNK, BOS, EOS = 0, 1, 2
TEXT = "Let us go to a café, said 42 people."


def decoder() -> onnx.ModelProto:
    graph = GraphBuilder("decoder")
    token = graph.input("token", np.int64, [1, "n_tokens"])
    rng = np.random.default_rng(0)
    table = graph.constant(rng.normal(size=(SIZE, N_VOCAB)).astype(np.float32), "embedding")
    x = graph.node("Transpose", graph.node("Gather", table, token, axis=1), perm=[1, 2, 0])
    graph.output("logits", graph.node("MatMul", x, table), np.float32, [1, "n_tokens", N_VOCAB])
    return graph.model()


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    path = Path(__file__).parents[3] / "models" / "moonshine-tiny-en" / "tokenizer.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_kept_tokens_have_the_logits_they_had(run: Runner) -> None:
    keep = [0, 1, 2, 7, 30, 49]
    model = decoder()
    (whole,) = run(model, token=np.array([[7, 49, 2]]))
    prune_vocabulary(model, keep)
    (pruned,) = run(model, token=np.array([[3, 5, 2]]))
    np.testing.assert_allclose(pruned, whole[..., keep], rtol=1e-5)
    assert [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim][-1] == len(keep)


def test_a_pruned_decoder_may_have_a_head_of_two_stages(run: Runner) -> None:
    keep = list(range(0, N_VOCAB, 2))
    model = decoder()
    (whole,) = run(model, token=np.array([[8]]))
    prune_vocabulary(model, keep)
    states = np.random.default_rng(1).normal(size=(100, SIZE)).astype(np.float32)
    two_stage_head(model, states, n_dims=SIZE, n_best=8)
    (pruned,) = run(model, token=np.array([[4]]))
    assert pruned.argmax() == whole[..., keep].argmax()


@pytest.mark.parametrize("keep", [[0, N_VOCAB], [-1], [1, 1]])
def test_tokens_that_are_not_there_or_twice_are_refused(keep: list[int]) -> None:
    with pytest.raises(ModelFileError, match="different tokens below 50"):
        prune_vocabulary(decoder(), keep)


def test_text_in_ascii_has_the_same_tokens_under_new_ids(tokenizer: Any) -> None:
    keep = ascii_tokens(tokenizer, [UNK, BOS, EOS])
    whole = Tokenizer.from_str(json.dumps(tokenizer))
    pruned = Tokenizer.from_str(json.dumps(prune_tokenizer(tokenizer, keep)))
    assert pruned.get_vocab_size() == len(keep) < whole.get_vocab_size()
    plain = TEXT.replace("é", "e")
    ids = pruned.encode(plain).ids
    assert [keep[i] for i in ids] == whole.encode(plain).ids
    assert pruned.decode(ids) == plain


def test_other_text_is_spelt_in_bytes(tokenizer: Any) -> None:
    keep = ascii_tokens(tokenizer, [UNK, BOS, EOS])
    pruned = Tokenizer.from_str(json.dumps(prune_tokenizer(tokenizer, keep)))
    encoded = pruned.encode(TEXT)
    assert {"<0xC3>", "<0xA9>"} <= {*encoded.tokens}
    assert pruned.decode(encoded.ids) == TEXT


def test_only_special_tokens_that_were_asked_for_are_kept(tokenizer: Any) -> None:
    keep = ascii_tokens(tokenizer, [UNK, BOS, EOS])
    added = prune_tokenizer(tokenizer, keep)["added_tokens"]
    assert [(token["id"], token["content"]) for token in added] == [
        (UNK, "<unk>"),
        (BOS, "<s>"),
        (EOS, "</s>"),
    ]


def test_a_special_token_is_dropped_unless_it_is_asked_for(tokenizer: Any) -> None:
    assert {UNK, BOS, EOS} & {*ascii_tokens(tokenizer, [BOS])} == {BOS}


@pytest.mark.parametrize(
    ("post_processor", "message"),
    [
        ({"type": "BertProcessing", "sep": ["b", 1], "cls": ["a", 0]}, "got BertProcessing"),
        (
            {"type": "TemplateProcessing", "special_tokens": {"[SEP]": {"ids": [1]}}},
            r"expected to keep \[SEP\]",
        ),
    ],
)
def test_tokens_around_a_text_are_renumbered_or_refused(
    post_processor: dict[str, Any], message: str
) -> None:
    model = {"type": "WordPiece", "vocab": {"a": 0, "b": 1}}
    document = {"added_tokens": [], "model": model, "post_processor": post_processor}
    with pytest.raises(ModelFileError, match=message):
        prune_tokenizer(document, [0])


def test_merges_may_be_written_in_pairs(tokenizer: Any) -> None:
    pairs = {**tokenizer, "model": {**tokenizer["model"]}}
    pairs["model"]["merges"] = [merge.split(" ") for merge in tokenizer["model"]["merges"]]
    keep = ascii_tokens(tokenizer, [UNK, BOS, EOS])
    kept = prune_tokenizer(pairs, keep)["model"]["merges"]
    assert [" ".join(merge) for merge in kept] == prune_tokenizer(tokenizer, keep)["model"][
        "merges"
    ]


def test_word_pieces_that_were_dropped_are_spelt_with_shorter_ones() -> None:
    pieces = ["[CLS]", "un", "warm", "unwarm", "##w", "##a", "##r", "##m", "w", "[SEP]", "[UNK]"]
    document = {
        "added_tokens": [],
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
            ],
            "pair": [],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [0], "tokens": ["[CLS]"]}},
        },
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: i for i, piece in enumerate(pieces)},
        },
    }
    keep = [10, *range(9, 3, -1), 1, 0]  # neither warm nor unwarm
    pruned = Tokenizer.from_str(json.dumps(prune_tokenizer(document, keep)))
    encoded = pruned.encode("unwarm")
    assert encoded.tokens == ["[CLS]", "un", "##w", "##a", "##r", "##m"]
    assert [keep[i] for i in encoded.ids] == [0, 1, 4, 5, 6, 7]
