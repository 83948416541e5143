"""What the model cards of the shipped networks promise about their graphs."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from earlet_quantize.graph import initializers

MODELS = Path(__file__).parents[2] / "models"
MOONSHINE = ("moonshine-tiny-en/encoder.int8.onnx", "moonshine-tiny-en/decoder.int8.onnx")
N_LAYERS, N_HEADS, HEAD_SIZE, N_VOCAB = 6, 8, 36, 32_768


def load(name: str) -> onnx.GraphProto:
    return onnx.load(MODELS / name).graph


@pytest.mark.parametrize("name", [*MOONSHINE, "vad/vad.onnx"])
def test_there_is_no_control_flow(name: str) -> None:
    assert not {"If", "Loop", "Scan"} & {node.op_type for node in load(name).node}


@pytest.mark.parametrize("name", MOONSHINE)
def test_every_matrix_is_int8_and_cannot_overflow_without_vnni(name: str) -> None:
    matrices = [array for array in initializers(load(name)).values() if array.ndim == 2]
    large = [matrix for matrix in matrices if matrix.size > 1000]
    assert large
    for matrix in large:
        assert matrix.dtype == np.int8
        pairs = np.abs(matrix.astype(np.int16)).reshape(len(matrix) // 2, 2, -1).sum(axis=1)
        assert pairs.max() <= 128


def test_the_spotter_s_weights_use_seven_bits_and_cannot_overflow_without_vnni() -> None:
    arrays = initializers(load("commands-en/network.int8.onnx")).values()
    weights = [array for array in arrays if array.dtype == np.int8 and array.ndim >= 2]
    assert weights
    # Two products of uint8 by 7 bits, 2 * 255 * 64, stay below 32,768.
    assert max(np.abs(weight.astype(np.int16)).max() for weight in weights) <= 64


def test_moonshine_stores_its_embedding_once() -> None:
    arrays = initializers(load(MOONSHINE[1])).values()
    assert [array.shape for array in arrays if N_VOCAB in array.shape] == [
        (N_HEADS * HEAD_SIZE, N_VOCAB),
        (N_VOCAB,),  # its scales
    ]


def test_moonshine_s_shortest_audio_has_one_frame() -> None:
    session = onnxruntime.InferenceSession(MODELS / MOONSHINE[0])
    for n_samples, n_frames in ((895, 1), (895 + 384, 2)):
        waveform = np.zeros((1, n_samples), dtype=np.float32)
        for keys_or_values in session.run(None, {"waveform": waveform}):
            assert keys_or_values.shape == (1, N_HEADS, n_frames, HEAD_SIZE)


def test_moonshine_s_decoder_takes_several_tokens_and_an_empty_past() -> None:
    session = onnxruntime.InferenceSession(MODELS / MOONSHINE[1])
    cached = np.zeros((1, N_HEADS, 0, HEAD_SIZE), dtype=np.float32)
    encoded = np.ones((1, N_HEADS, 5, HEAD_SIZE), dtype=np.float32)
    feeds: dict[str, object] = {"token": np.array([[1, 1000, 2000]])}
    for i in range(N_LAYERS):
        for role in ("key", "value"):
            feeds |= {f"past.{i}.{role}": cached, f"cross.{i}.{role}": encoded}
    names = [output.name for output in session.get_outputs()]
    results = dict(zip(names, session.run(None, feeds), strict=True))
    assert results.pop("logits").shape == (1, 3, N_VOCAB)
    assert results.keys() == {name.replace("past", "present") for name in feeds if "past" in name}
    assert {array.shape for array in results.values()} == {(1, N_HEADS, 3, HEAD_SIZE)}
