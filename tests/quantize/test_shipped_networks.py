"""What the model cards of the shipped networks promise about their graphs."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from earlet_quantize.graph import initializers
from earlet_quantize.passes.head import N_DIMS

MODELS = Path(__file__).parents[2] / "models"
MOONSHINE = ("moonshine-tiny-en/encoder.int8.onnx", "moonshine-tiny-en/decoder.int8.onnx")
SENTIMENT = "sentiment-en/network.int8.onnx"
N_LAYERS, N_HEADS, HEAD_SIZE, N_VOCAB = 6, 8, 36, 32_768
D = N_HEADS * HEAD_SIZE
CACHED_HEAD_SIZE = 48  # a multiple of 16


def load(name: str) -> onnx.GraphProto:
    return onnx.load(MODELS / name).graph


@pytest.mark.parametrize("name", [*MOONSHINE, SENTIMENT, "vad/vad.onnx"])
def test_there_is_no_control_flow(name: str) -> None:
    assert not {"If", "Loop", "Scan"} & {node.op_type for node in load(name).node}


@pytest.mark.parametrize("name", [*MOONSHINE, SENTIMENT])
def test_int8_products_cannot_overflow_without_vnni(name: str) -> None:
    graph = load(name)
    arrays = initializers(graph)
    products = [node for node in graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert products
    for node in products:
        matrix = arrays[node.input[1]]
        assert matrix.dtype == np.int8
        pairs = np.abs(matrix.astype(np.int16)).reshape(len(matrix) // 2, 2, -1).sum(axis=1)
        assert pairs.max() <= 128


@pytest.mark.parametrize("name", MOONSHINE)
def test_no_large_matrix_of_moonshine_is_float(name: str) -> None:
    arrays = initializers(load(name))
    arrays.pop("embedding.projection", None)  # on the dimensions that score all tokens
    assert not [a.shape for a in arrays.values() if a.dtype == np.float32 and a.size > N_VOCAB]


def test_the_spotter_s_convolutions_cannot_overflow_without_vnni() -> None:
    arrays = initializers(load("commands-en/network.int8.onnx")).values()
    weights = [array for array in arrays if array.dtype == np.int8 and array.ndim == 3]
    assert weights
    for weight in weights:
        in_order = np.abs(weight.astype(np.int16)).transpose(0, 2, 1)  # by frame, then by channel
        pairs = in_order.reshape(len(weight), -1, 2).sum(axis=2)
        # Two products of uint8 by int8, 255 * 128, stay below 32,768.
        assert pairs.max() <= 128


def test_all_of_the_text_network_s_matrices_are_int8_but_its_embedding_has_four_bits() -> None:
    arrays = initializers(load(SENTIMENT))
    matrices = {name: array for name, array in arrays.items() if array.ndim == 2}
    kinds = {array.dtype for array in matrices.values() if array.shape[1] > 1}
    assert kinds == {np.dtype(np.int8), np.dtype(np.uint8)}
    (codes,) = (array for array in matrices.values() if array.dtype == np.uint8)
    assert codes.shape[1] == 384 // 2


def test_the_weights_of_pictures_cannot_overflow_without_vnni() -> None:
    graph = load("efficientnet-lite0/network.int8.onnx")
    arrays = initializers(graph)
    weights = [array for array in arrays.values() if array.dtype == np.int8 and array.ndim >= 2]
    layers = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    assert len(weights) == len(layers) == 50
    for weight in weights:
        # Pixel by pixel, and of each the channels in their order; one by itself has no neighbour.
        magnitude = np.abs(np.moveaxis(weight.astype(int), 1, -1).reshape(len(weight), -1))
        if weight.shape[1] > 1:
            whole = magnitude[:, : magnitude.shape[1] // 2 * 2].reshape(len(weight), -1, 2)
            magnitude = whole.sum(axis=2)
        assert magnitude.max() <= 128


def test_yamnet_s_weights_are_unsigned_and_added_in_32_bits_without_vnni() -> None:
    arrays = initializers(load("yamnet/network.int8.onnx")).values()
    assert not [array.shape for array in arrays if array.dtype == np.int8]
    assert sum(array.dtype == np.uint8 and array.ndim >= 2 for array in arrays) == 28


def test_moonshine_stores_its_embedding_once_and_what_scores_all_tokens() -> None:
    arrays = initializers(load(MOONSHINE[1])).values()
    assert [(str(a.dtype), a.shape) for a in arrays if N_VOCAB in a.shape] == [
        ("int8", (N_VOCAB, D)),
        ("float32", (N_VOCAB, 1)),  # its scales
        ("uint8", (N_VOCAB, N_DIMS // 32, 16)),  # two values a byte, in blocks of 32
        ("float32", (N_VOCAB, 1)),
    ]


def test_moonshine_s_shortest_audio_has_one_frame() -> None:
    session = onnxruntime.InferenceSession(MODELS / MOONSHINE[0])
    for n_samples, n_frames in ((895, 1), (895 + 384, 2)):
        waveform = np.zeros((1, n_samples), dtype=np.float32)
        for spec, array in zip(
            session.get_outputs(), session.run(None, {"waveform": waveform}), strict=True
        ):
            frames = (HEAD_SIZE, n_frames) if spec.name.endswith("key") else (n_frames, HEAD_SIZE)
            assert array.shape == (1, N_HEADS, *frames)


def test_moonshine_s_decoder_takes_several_tokens_at_any_place() -> None:
    session = onnxruntime.InferenceSession(MODELS / MOONSHINE[1])
    cached = np.full((1, N_HEADS, 9, CACHED_HEAD_SIZE), 7, dtype=np.float32)
    feeds: dict[str, Any] = {"token": np.array([[1, 1000, 2000]]), "n_past": np.array([4])}
    for i in range(N_LAYERS):
        feeds |= {f"past.{i}.key": cached, f"past.{i}.value": cached}
        feeds[f"cross.{i}.key"] = np.ones((1, N_HEADS, HEAD_SIZE, 5), dtype=np.float32)
        feeds[f"cross.{i}.value"] = np.ones((1, N_HEADS, 5, HEAD_SIZE), dtype=np.float32)
    names = [output.name for output in session.get_outputs()]
    results = dict(zip(names, session.run(None, feeds), strict=True))
    assert results.pop("logits").shape == (1, 3, N_VOCAB)
    assert results.pop("hidden").shape == (1, 3, D)
    attention = results.pop("attention")  # of two heads
    assert attention.shape == (1, 2, 3, 5)
    np.testing.assert_allclose(attention.sum(axis=-1), 1, atol=1e-5)
    assert results.keys() == {name.replace("past", "present") for name in feeds if "past." in name}
    for present in results.values():
        assert present.shape == cached.shape
        assert (present[:, :, :4] == cached[:, :, :4]).all()
        assert (present[:, :, 4:7] != cached[:, :, 4:7]).any(axis=(0, 1, 3)).all()
