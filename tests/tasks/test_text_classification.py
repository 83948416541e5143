"""Text classification, with a network so small that its answers are known beforehand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import earlet
from earlet.errors import BundleError, InputError
from earlet.tasks.text_classification import TextClassification
from earlet.verify import verify
from earlet_quantize.graph import GraphBuilder, save
from earlet_quantize.pack import pack

PIECES = ["[UNK]", "[CLS]", "[SEP]", "cold", "warm", "not", "!"]
TOKENIZER: dict[str, Any] = {
    "model": {"type": "WordPiece", "vocab": {piece: i for i, piece in enumerate(PIECES)}},
    "normalizer": {"type": "BertNormalizer"},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]},
}
MAX_LENGTH = 6
ALL_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
MANIFEST: dict[str, object] = {
    "format": 1,
    "name": "weather",
    "version": "1.0.0",
    "task": "text-classification",
    "license": "Apache-2.0",
    "attribution": "none needed",
    "source": "made by a test",
    "model": {"architecture": "classifier", "backend": "onnxruntime", "network": "network.onnx"},
    "input": {
        "kind": "text",
        "tokenizer": {"file": "tokenizer.json"},
        "max_length": MAX_LENGTH,
    },
    "output": {"labels": "labels.txt", "function_to_apply": "none"},
}
Alter = Callable[..., Path]  # tests/conftest.py


def counting_network(inputs: tuple[str, ...] = ALL_INPUTS) -> onnx.ModelProto:
    """Logits: the number of "cold", of "warm", and of tokens of the second text."""
    graph = GraphBuilder("counting")
    rows = {name: graph.input(name, np.int64, [1, "n_tokens"]) for name in inputs}

    def total(value: str) -> str:
        return graph.node("ReduceSum", value, graph.integers(1), keepdims=1)

    def count(piece: str) -> str:
        is_piece = graph.node("Equal", rows[inputs[0]], graph.integers(PIECES.index(piece)))
        seen = graph.node("Cast", is_piece, to=onnx.TensorProto.INT64)
        return total(graph.node("Mul", seen, rows[inputs[1]]))

    counts = graph.node("Concat", count("cold"), count("warm"), total(rows[inputs[-1]]), axis=1)
    logits = graph.node("Cast", counts, to=onnx.TensorProto.FLOAT)
    graph.output("logits", logits, np.float32, [1, 3])
    return graph.model()


@pytest.fixture(scope="module")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle."""
    folder = tmp_path_factory.mktemp("bundles")
    source = folder / "source"
    source.mkdir()
    save(counting_network(), source / "network.onnx")
    (source / "tokenizer.json").write_text(json.dumps(TOKENIZER), encoding="utf-8")
    (source / "labels.txt").write_text("cold\nwarm\nsecond\n", encoding="utf-8")
    pack(source, folder / "weather", MANIFEST, {"text": "not cold", "text_pair": "warm"})
    return folder / "weather"


@pytest.fixture(scope="module")
def classify(weather: Path) -> TextClassification:
    return earlet.pipeline("text-classification", weather)


def counts(classify: TextClassification, text: Any) -> dict[str, float]:
    return {result.label: result.score for result in classify(text)}


def test_a_text_has_all_labels_best_first(classify: TextClassification) -> None:
    found = [(result.label, result.score) for result in classify("Warm WARM cold!")]
    assert found == [("warm", 2), ("cold", 1), ("second", 0)]


def test_a_pair_has_type_ids_and_its_separator(classify: TextClassification) -> None:
    found = counts(classify, {"text": "cold", "text_pair": "warm"})
    assert found == {"cold": 1, "warm": 1, "second": 2}  # [CLS] cold [SEP], warm [SEP]


def test_a_text_alone_may_come_as_a_mapping(classify: TextClassification) -> None:
    assert classify({"text": "cold"}) == classify("cold")


def test_what_is_too_long_is_cut_and_the_end_kept(classify: TextClassification) -> None:
    assert counts(classify, "cold " * 50 + "warm") == {
        "cold": MAX_LENGTH - 2,
        "warm": 0,
        "second": 0,
    }
    pair = {"text": "cold " * 50, "text_pair": "warm " * 50}
    assert counts(classify, pair) == {"cold": 1, "warm": 2, "second": 3}


def test_the_tokenizer_says_where_a_text_is_cut(weather: Path, altered: Alter) -> None:
    truncation = {"max_length": 512, "strategy": "LongestFirst", "direction": "Left", "stride": 0}
    tokenizer = json.dumps({**TOKENIZER, "truncation": truncation}).encode()
    classify = earlet.pipeline(
        "text-classification", altered(weather, {"tokenizer.json": tokenizer})
    )
    assert counts(classify, "cold " * 50 + "warm")["warm"] == 1


def test_scores_are_made_as_the_caller_or_the_bundle_says(classify: TextClassification) -> None:
    def scores(**options: Any) -> list[float]:
        return [result.score for result in classify("cold cold", **options)]

    assert scores() == [2, 0, 0]
    # e^2 / (e^2 + 2), 1 / (e^2 + 2); 1 / (1 + e^-2)
    np.testing.assert_allclose(
        scores(function_to_apply="softmax"), [0.786986, 0.106507, 0.106507], atol=1e-6
    )
    np.testing.assert_allclose(scores(function_to_apply="sigmoid"), [0.880797, 0.5, 0.5], atol=1e-6)
    assert scores(top_k=1) == [2]
    assert len(scores(top_k=99)) == 3
    for other in ("relu", ""):
        with pytest.raises(InputError, match="function_to_apply"):
            scores(function_to_apply=other)
    with pytest.raises(InputError, match="top_k"):
        scores(top_k=0)


def test_a_list_gives_a_list_and_names_the_item_that_fails(classify: TextClassification) -> None:
    pair = {"text": "cold", "text_pair": "warm"}
    assert classify([]) == []
    assert classify(["cold", pair]) == [classify("cold"), classify(pair)]
    with pytest.raises(InputError, match="item 1: text: expected at most 1000000 characters"):
        classify(["cold", "cold " * 2_000_000])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (None, "expected a string or .*, got NoneType"),
        (b"cold", "got bytes"),
        ({"texts": "cold"}, r"got the keys \['texts'\]"),
        ({"text": "cold", "pair": "warm"}, r"got the keys \['text', 'pair'\]"),
        ({"text": 7}, "text: expected a string, got int"),
        ({"text": "cold", "text_pair": ["warm"]}, "text_pair: expected a string, got list"),
        ("cold \ud800", "text: character 5 is half of a pair of surrogates"),
        (np.zeros(3), "got ndarray"),
    ],
    ids=str,
)
def test_what_is_no_text_is_refused(
    classify: TextClassification, inputs: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        classify(inputs)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["", " ", "\x00\x01\x02", "\ufffd"])
def test_a_text_of_nothing_has_no_words(classify: TextClassification, text: str) -> None:
    assert counts(classify, text) == {"cold": 0, "warm": 0, "second": 0}


def test_a_text_without_any_token_is_refused(weather: Path, altered: Alter) -> None:
    tokenizer = json.dumps({**TOKENIZER, "post_processor": None}).encode()
    classify = earlet.pipeline(
        "text-classification", altered(weather, {"tokenizer.json": tokenizer})
    )
    assert counts(classify, "cold")["cold"] == 1
    with pytest.raises(InputError, match="text: has no tokens"):
        classify(" ")


def test_a_bundle_proves_itself(weather: Path) -> None:
    stages = list(verify(weather))
    assert [stage.passed for stage in stages] == [True] * 5
    assert stages[-1].detail == '"second"'


def test_another_tokenizer_shows_in_the_features(weather: Path, altered: Alter) -> None:
    pieces = {**TOKENIZER["model"]["vocab"], "not": 6, "!": 5}
    tokenizer = {**TOKENIZER, "model": {"type": "WordPiece", "vocab": pieces}}
    stages = list(verify(altered(weather, {"tokenizer.json": json.dumps(tokenizer).encode()})))
    assert [stage.name for stage in stages if not stage.passed] == ["features"]


def test_a_network_without_type_ids_is_fed_none(weather: Path, altered: Alter) -> None:
    network = counting_network(("input_ids", "attention_mask")).SerializeToString()
    classify = earlet.pipeline("text-classification", altered(weather, {"network.onnx": network}))
    assert counts(classify, "cold") == {"cold": 1, "warm": 0, "second": 3}  # the mask: all ones


@pytest.mark.parametrize(
    "inputs", [("input_ids", "mask"), ("input_ids", "attention_mask", "position_ids")]
)
def test_a_network_with_other_inputs_is_refused(
    weather: Path, altered: Alter, inputs: tuple[str, ...]
) -> None:
    folder = altered(weather, {"network.onnx": counting_network(inputs).SerializeToString()})
    expected = f"expected a network of input_ids, .* got {', '.join(inputs)}"
    with pytest.raises(BundleError, match=expected):
        earlet.pipeline("text-classification", folder)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"kind": "text", "tokenizer": {"file": "tokenizer.json"}, "max_length": 1},
            "input: max_length: expected at least the 2 special tokens, got 1",
        ),
        (
            {"kind": "text", "tokenizer": {"file": "labels.txt"}, "max_length": 9},
            "labels.txt: not JSON",
        ),
        ({"kind": "waveform", "sample_rate": 16_000}, "input: unknown key 'sample_rate'"),
    ],
    ids=["no room", "no tokenizer", "sound"],
)
def test_an_input_section_that_does_not_fit_is_refused(
    weather: Path, altered: Alter, section: dict[str, Any], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        earlet.pipeline("text-classification", altered(weather, {}, input=section))
