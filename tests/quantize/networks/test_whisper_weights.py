"""Whisper's weights from every form that people have, held to what was converted.

`tests/golden/ctranslate2` was written by CTranslate2's own converter, `tests/golden/huggingface` by
optimum; what int8 files hold, onnxruntime's quantizer writes here.
"""

import contextlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxruntime.quantization import QuantType, quantize_dynamic

from earlet_quantize.errors import FolderError, ModelFileError
from earlet_quantize.graph import initializers, replace, store
from earlet_quantize.networks.ctranslate2 import read_variables
from earlet_quantize.networks.modules import Weights, weights_by_module
from earlet_quantize.networks.whisper import WhisperConfig
from earlet_quantize.networks.whisper_weights import from_ctranslate2, from_onnx

Models = tuple[onnx.ModelProto, onnx.ModelProto]

TINY = WhisperConfig(  # tests/recipes/ctranslate2_whisper.py
    n_mels=5,
    n_vocab=291,
    d_model=16,
    encoder_layers=1,
    encoder_heads=1,
    encoder_width=12,
    decoder_layers=2,
    decoder_heads=2,
    decoder_width=10,
    n_frames=7,
    n_positions=6,
)


@pytest.fixture(scope="module")
def model_bin(golden: Path) -> bytes:
    return (golden / "ctranslate2" / "model.bin").read_bytes()


@pytest.fixture(scope="module")
def folder(golden: Path) -> Path:
    return golden / "huggingface" / "whisper"


@pytest.fixture(scope="module")
def config(folder: Path) -> WhisperConfig:
    facts = json.loads((folder / "config.json").read_text())
    return WhisperConfig(
        n_mels=facts["num_mel_bins"],
        n_vocab=facts["vocab_size"],
        d_model=facts["d_model"],
        encoder_layers=facts["encoder_layers"],
        encoder_heads=facts["encoder_attention_heads"],
        encoder_width=facts["encoder_ffn_dim"],
        decoder_layers=facts["decoder_layers"],
        decoder_heads=facts["decoder_attention_heads"],
        decoder_width=facts["decoder_ffn_dim"],
        n_frames=facts["max_source_positions"],
        n_positions=facts["max_target_positions"],
    )


@pytest.fixture
def models(folder: Path) -> Models:
    """The published graphs; the decoder is a merged one."""
    return (
        onnx.load(folder / "onnx" / "encoder_model.onnx"),
        onnx.load(folder / "onnx" / "decoder_model_merged.onnx"),
    )


def test_ctranslate2_gives_back_what_it_was_given(golden: Path, model_bin: bytes) -> None:
    config, weights = from_ctranslate2(read_variables(model_bin, "model.bin"))
    assert config == TINY
    expected = np.load(golden / "ctranslate2" / "weights.npz")
    assert weights.keys() == set(expected.files)
    for name in expected.files:
        # PyTorch keeps matrices (n_out, n_in), but for those that rows are taken of.
        is_product = expected[name].ndim == 2 and "embed" not in name
        converted = (expected[name].T if is_product else expected[name]).astype(np.float16)
        np.testing.assert_array_equal(weights[name], converted, err_msg=name)


@given(data=st.data())
def test_a_model_bin_that_is_cut_off_is_refused(model_bin: bytes, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(model_bin) - 1))
    with pytest.raises(ModelFileError, match=r"model\.bin: expected a CTranslate2 model"):
        read_variables(model_bin[:n], "model.bin")


@given(data=st.data())
def test_a_damaged_model_bin_is_read_or_refused(model_bin: bytes, data: st.DataObject) -> None:
    content = bytearray(model_bin)
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ModelFileError, FolderError):
        from_ctranslate2(read_variables(bytes(content), "model.bin"))


@pytest.mark.parametrize("n_heads", [0, -1, 3, 4])
def test_heads_of_a_size_that_the_engine_does_not_take_are_refused(
    model_bin: bytes, n_heads: int
) -> None:
    variables = read_variables(model_bin, "model.bin")
    variables["decoder/num_heads"] = np.array(n_heads)
    with pytest.raises(FolderError, match=f"a multiple of 8 values, got {n_heads} heads"):
        from_ctranslate2(variables)


@pytest.mark.parametrize("number", [0, 1, 5, 7, 2**32 - 1])
def test_another_version_of_model_bin_is_refused(model_bin: bytes, number: int) -> None:
    content = number.to_bytes(4, "little") + model_bin[4:]
    with pytest.raises(ModelFileError, match=f"got binary version {number} and not 6"):
        read_variables(content, "model.bin")


def test_int8_weights_of_ctranslate2_are_refused(model_bin: bytes) -> None:
    variables = read_variables(model_bin, "model.bin")
    name = "encoder/layer_0/ffn/linear_0/weight"
    variables[name] = variables[name].astype(np.int8)
    with pytest.raises(FolderError, match=f"{name}: expected float weights, got int8"):
        from_ctranslate2(variables)


def test_keys_with_a_bias_are_refused(model_bin: bytes) -> None:
    variables = read_variables(model_bin, "model.bin")
    name = "encoder/layer_0/self_attention/linear_0/bias"
    variables[name] = np.ones_like(variables[name])
    with pytest.raises(FolderError, match=r"k_proj\.bias: expected none"):
        from_ctranslate2(variables)


def test_another_network_of_ctranslate2_is_refused(model_bin: bytes) -> None:
    variables = read_variables(model_bin, "model.bin")
    del variables["encoder/num_heads"]
    with pytest.raises(FolderError, match=r"model\.bin: expected a Whisper network: KeyError"):
        from_ctranslate2(variables)


@pytest.mark.parametrize("weight_type", [QuantType.QInt8, QuantType.QUInt8])
@pytest.mark.parametrize("per_channel", [False, True])
def test_int8_graphs_have_the_float_ones_weights_but_for_rounding(
    models: Models,
    config: WhisperConfig,
    weight_type: QuantType,
    per_channel: bool,
    tmp_path: Path,
) -> None:
    expected = from_onnx(config, *models)
    rounded = []
    for model in models:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the quantizer's own, about NumPy
            quantize_dynamic(
                model,
                tmp_path / "int8.onnx",
                weight_type=weight_type,
                per_channel=per_channel,
                extra_options={"EnableSubgraph": True},
            )
        rounded.append(onnx.load(tmp_path / "int8.onnx"))
    assert n_int8(rounded) > 10
    found = from_onnx(config, *rounded)
    for name, weight in expected.items():
        # Half a step, and a step is at most the range of the weights, 0 included, by 254.
        half = (max(weight.max(), 0) - min(weight.min(), 0)) / 254
        np.testing.assert_allclose(found[name], weight, atol=half, rtol=0, err_msg=name)


def n_int8(models: list[onnx.ModelProto]) -> int:
    return sum(
        name.endswith("_quantized")
        for model in models
        for graph in (model.graph, *(a.g for n in model.graph.node for a in n.attribute))
        for name in initializers(graph)
    )


def test_a_weight_that_is_missing_is_named(models: Models, config: WhisperConfig) -> None:
    encoder, decoder = models
    (product,) = (n for n in encoder.graph.node if n.name == "/layers.0/fc2/MatMul")
    product.name = "MatMul_7"
    with pytest.raises(FolderError, match=r"no weight 'encoder\.layers\.0\.fc2\.weight'"):
        from_onnx(config, encoder, decoder)


def test_a_network_of_another_size_is_refused(models: Models, config: WhisperConfig) -> None:
    wide = WhisperConfig(**{**vars(config), "n_mels": 80})
    with pytest.raises(
        FolderError, match=r"encoder\.conv1\.weight: expected \(16, 80, 3\), got \(16, 16, 3\)"
    ):
        from_onnx(wide, *models)


def test_a_head_that_is_not_the_embedding_is_refused(models: Models, config: WhisperConfig) -> None:
    _, decoder = models
    edit(decoder, "/proj_out/MatMul", lambda head: -head)
    with pytest.raises(FolderError, match="expected the embedding again"):
        from_onnx(config, *models)


def edit(model: onnx.ModelProto, node_name: str, change: Callable[[Any], Any]) -> None:
    """Change the matrix of a product, wherever in the model it is."""
    branches = [a.g for n in model.graph.node for a in n.attribute if a.HasField("g")]
    names = {n.input[1] for g in branches for n in g.node if n.name == node_name}
    assert names
    for graph in (model.graph, *branches):
        replace(
            graph.initializer,
            [
                onnx.numpy_helper.from_array(change(onnx.numpy_helper.to_array(i)), i.name)
                if i.name in names
                else i
                for i in graph.initializer
            ],
        )


@pytest.mark.parametrize("scale", [[], [0.5, 0.5, 0.5]])
def test_an_int8_array_without_a_scale_that_fits_is_refused(scale: list[float]) -> None:
    graph = onnx.GraphProto(name="g")
    arrays = {"w_quantized": np.ones((2, 2), np.int8), "w_zero_point": np.zeros(1, np.int8)}
    if scale:
        arrays["w_scale"] = np.array(scale, np.float32)
    store(graph, arrays)
    with pytest.raises(ModelFileError, match="w_quantized: expected a scale and a zero point"):
        weights_by_module(graph)


def test_arrays_that_are_stored_once_have_all_their_names() -> None:
    """Exporters store equal arrays once, and give the others by Identity."""
    ones = onnx.numpy_helper.from_array(np.ones(2, np.float32), "norm1.weight")
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["norm1.weight"], ["norm2.weight"])], "g", [x], [x]
    )
    graph.initializer.append(ones)
    found: Weights = weights_by_module(graph)
    assert found.keys() == {"norm1.weight", "norm2.weight"}
    np.testing.assert_array_equal(found["norm2.weight"], [1, 1])
