"""Whisper's graphs. tests/quantize/huggingface holds them to transformers, step by step."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.graph import initializers
from earlet_quantize.networks.ctranslate2 import read_variables
from earlet_quantize.networks.modules import Weights
from earlet_quantize.networks.whisper import WhisperConfig, decoder, encoder
from earlet_quantize.networks.whisper_int8 import quantize_decoder, quantize_encoder
from earlet_quantize.networks.whisper_weights import from_ctranslate2

TOKENS = [3, 77, 290, 1, 1]


@pytest.fixture(scope="module")
def config(golden: Path) -> WhisperConfig:
    return read(golden)[0]


@pytest.fixture(scope="module")
def weights(golden: Path) -> Weights:
    return read(golden)[1]


def read(golden: Path) -> tuple[WhisperConfig, Weights]:
    content = (golden / "ctranslate2" / "model.bin").read_bytes()
    return from_ctranslate2(read_variables(content, "model.bin"))


@pytest.fixture
def features(config: WhisperConfig) -> FloatArray:
    shape = (2 * config.n_frames, config.n_mels)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def run(model: onnx.ModelProto, **feeds: AnyArray) -> dict[str, AnyArray]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def score(model: onnx.ModelProto, cross: dict[str, AnyArray], steps: list[list[int]]) -> FloatArray:
    """Logits (n_tokens, n_vocab) of tokens that are fed in steps."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feeds: dict[str, AnyArray] = dict(cross)
    for spec in session.get_inputs():
        if spec.name.startswith("past."):
            shape = [size if isinstance(size, int) else 6 for size in spec.shape]
            feeds[spec.name] = np.zeros(shape, np.float32)
    n_past, logits = 0, []
    for tokens in steps:
        feeds |= {"token": np.array([tokens]), "n_past": np.array([n_past])}
        results = session.run(None, feeds)
        for spec, array in zip(session.get_outputs(), results, strict=True):
            if spec.name == "logits":
                logits.append(array[0])
            elif spec.name.startswith("present."):
                feeds[spec.name.replace("present", "past")] = array
        n_past += len(tokens)
    return np.concatenate(logits)


def test_a_text_scored_at_once_is_scored_as_token_by_token(
    config: WhisperConfig, weights: Weights, features: FloatArray
) -> None:
    cross = run(encoder(config, weights), features=features[None])
    model = decoder(config, weights)
    singly = score(model, cross, [[token] for token in TOKENS])
    np.testing.assert_allclose(score(model, cross, [TOKENS]), singly, atol=1e-4)


def test_each_weight_is_stored_once(config: WhisperConfig, weights: Weights) -> None:
    stored = initializers(decoder(config, weights).graph)
    size = sum(w.size for name, w in weights.items() if name.startswith("decoder."))
    in_encoder = [f".{i}.encoder_attn.{p}_proj." for i in range(2) for p in "kv"]
    moved = sum(w.size for n, w in weights.items() if any(part in n for part in in_encoder))
    no_bias_of_keys = config.decoder_layers * config.d_model  # zeros, between the others' biases
    floats = sum(array.size for array in stored.values() if array.dtype == np.float32)
    assert floats == size - moved + no_bias_of_keys


def test_int8_graphs_give_what_the_float_ones_give_but_for_rounding(
    config: WhisperConfig, weights: Weights, features: FloatArray
) -> None:
    models = encoder(config, weights), decoder(config, weights)
    cross = run(models[0], features=features[None])
    logits = score(models[1], cross, [[token] for token in TOKENS])
    quantize_encoder(models[0], [features], config.d_model // config.encoder_heads)
    quantize_decoder(models[1])
    for model in models:
        stored = initializers(model.graph)
        assert not any(  # neither a product nor a convolution with float weights is left
            node.op_type in ("MatMul", "Conv", "Gemm") and node.input[1] in stored
            for node in model.graph.node
        )
    rounded = run(models[0], features=features[None])
    for name, array in cross.items():
        assert snr_db(array, rounded[name]) > 20
    assert snr_db(logits, score(models[1], rounded, [[token] for token in TOKENS])) > 20


def snr_db(signal: AnyArray, found: AnyArray) -> float:
    return float(10 * np.log10((signal**2).sum() / ((found - signal) ** 2).sum()))
