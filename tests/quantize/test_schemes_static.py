"""Static int8: held to the float network and to ONNX's reference implementation."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from earlet.arrays import FloatArray
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import GraphBuilder, initializers
from earlet_quantize.model_file import parse_model
from earlet_quantize.schemes import static
from earlet_quantize.schemes.static import Calibration, StaticConfig

CHANNELS, HIDDEN, LABELS, N_FRAMES = 8, 16, 4, 20


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def convolutions(first: FloatArray, bias: FloatArray, second: FloatArray) -> onnx.ModelProto:
    """features (1, n, channels) -> two convolutions over time with a ReLU between -> logits."""
    graph = GraphBuilder("convolutions")
    x = graph.input("features", np.float32, [1, "n", first.shape[1]])
    x = graph.node("Transpose", x, perm=[0, 2, 1])
    x = graph.node("Conv", x, graph.constant(first, "first"), graph.constant(bias, "bias"))
    x = graph.node("Conv", graph.node("Relu", x), graph.constant(second, "second"))
    graph.output("logits", x, np.float32, [1, len(second), "n_outputs"])
    return graph.model()


def random_convolutions(rng: np.random.Generator) -> onnx.ModelProto:
    return convolutions(
        rng.normal(size=(HIDDEN, CHANNELS, 3)).astype(np.float32),
        rng.normal(size=HIDDEN).astype(np.float32),
        rng.normal(size=(LABELS, HIDDEN, 1)).astype(np.float32),
    )


def features(
    rng: np.random.Generator, n: int, n_frames: int = N_FRAMES
) -> list[dict[str, FloatArray]]:
    return [
        {"features": rng.normal(size=(1, n_frames, CHANNELS)).astype(np.float32)} for _ in range(n)
    ]


def snr_db(expected: FloatArray, found: FloatArray) -> float:
    return float(10 * np.log10(np.square(expected).sum() / np.square(expected - found).sum()))


def quality_db(
    model: onnx.ModelProto, int8: onnx.ModelProto, feeds: list[dict[str, FloatArray]]
) -> float:
    """Signal to noise of the logits, both networks run by ONNX's reference implementation."""
    runs = [ReferenceEvaluator(m) for m in (model, int8)]
    expected, found = (np.stack([run.run(None, feed)[0] for feed in feeds]) for run in runs)
    return snr_db(expected, found)


def weights(model: onnx.ModelProto) -> Iterator[npt.NDArray[np.int8]]:
    for array in initializers(model.graph).values():
        if array.dtype == np.int8 and array.ndim == 3:
            yield array


def inputs_of_products(model: onnx.ModelProto) -> list[list[str | None]]:
    """For each MatMul the operators that its factors come from."""
    made = {node.output[0]: node.op_type for node in model.graph.node}
    return [
        [made.get(name) for name in node.input]
        for node in model.graph.node
        if node.op_type == "MatMul"
    ]


@pytest.mark.parametrize("calibration", get_args(Calibration))
def test_the_int8_network_is_close_to_the_float_one(
    calibration: Calibration, rng: np.random.Generator
) -> None:
    model = random_convolutions(rng)
    config = StaticConfig(calibration=calibration)
    int8 = static.quantize(static.prepare(model), features(rng, 30), config)
    assert [array.shape for array in weights(int8)] == [(HIDDEN, CHANNELS, 3), (LABELS, HIDDEN, 1)]
    # 7 bits of weights and 8 of activations in two layers; entropy cuts the tails of this little.
    assert quality_db(model, int8, features(rng, 10)) > (30 if calibration == "minmax" else 12)


def test_weights_take_eight_bits_but_no_two_neighbours_overflow_without_vnni(
    rng: np.random.Generator,
) -> None:
    int8 = static.quantize(static.prepare(random_convolutions(rng)), features(rng, 2))
    for weight in weights(int8):
        magnitude = np.abs(weight.astype(int)).transpose(0, 2, 1)  # by frame, then by channel
        pairs = magnitude.reshape(len(weight), -1, 2).sum(axis=2)
        assert 255 * pairs.max() <= np.iinfo(np.int16).max
        assert magnitude.max() > 64


def test_weights_whose_neighbours_are_not_known_take_seven_bits(rng: np.random.Generator) -> None:
    graph = GraphBuilder("transposed")
    x = graph.input("features", np.float32, [1, N_FRAMES, CHANNELS])
    x = graph.node("Transpose", x, perm=[0, 2, 1])
    weight = rng.normal(size=(CHANNELS, LABELS, 3)).astype(np.float32)
    x = graph.node("ConvTranspose", x, graph.constant(weight, "weight"))
    graph.output("logits", x, np.float32, [1, LABELS, "n_outputs"])
    int8 = static.quantize(static.prepare(graph.model()), features(rng, 2))
    assert [np.abs(w.astype(int)).max() for w in weights(int8)] == [64]


def test_a_percentile_cuts_what_minmax_keeps(rng: np.random.Generator) -> None:
    prepared = static.prepare(random_convolutions(rng))
    feeds = features(rng, 10, n_frames=2_000)
    feeds[0]["features"][0, 0, 0] = 1000  # one of 160,000; onnxruntime keeps 99.999 %

    def input_step(calibration: Calibration) -> float:
        config = StaticConfig(calibration=calibration)
        arrays = initializers(static.quantize(prepared, feeds, config).graph)
        (step,) = [
            a
            for name, a in arrays.items()
            if name.startswith("Transpose") and a.size == 1 and a.dtype == np.float32
        ]
        return float(step)

    assert input_step("minmax") == pytest.approx(1000 / 255, rel=0.01)
    assert input_step("percentile") < 0.1


def test_one_scale_for_each_channel_saves_small_channels(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    sizes = 10.0 ** rng.uniform(-3, 0, (HIDDEN, 1, 1))
    first = (rng.normal(size=(HIDDEN, CHANNELS, 3)) * sizes).astype(np.float32)
    # The second layer makes them equal again, so that each channel counts.
    second = (rng.normal(size=(LABELS, HIDDEN, 1)) / sizes.transpose(1, 0, 2)).astype(np.float32)
    model = convolutions(first, np.zeros(HIDDEN, dtype=np.float32), second)
    prepared = static.prepare(model)
    feeds = features(rng, 20)
    nodes = [node.name for node in prepared.graph.node if node.op_type != "Conv"]

    rest = iter(feeds)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, FloatArray] | None:
            return next(rest, None)

    ours = static.quantize(prepared, feeds, exclude=nodes)
    onnx.save(prepared, tmp_path / "float.onnx")
    quantize_static(
        tmp_path / "float.onnx",
        tmp_path / "one.onnx",
        Reader(),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        reduce_range=True,
        nodes_to_exclude=nodes,
    )
    of_all = initializers(onnx.load(tmp_path / "one.onnx").graph)

    def worst_channel_db(arrays: dict[str, FloatArray]) -> float:
        scale = arrays["first_scale"].reshape(-1, 1, 1)
        rounded = arrays["first_quantized"] * scale
        return min(snr_db(w, r) for w, r in zip(first, rounded, strict=True))

    assert worst_channel_db(initializers(ours.graph)) > 25
    assert worst_channel_db(of_all) < 5


def test_channels_that_never_change_have_steps_and_harm_nothing(rng: np.random.Generator) -> None:
    first = rng.normal(size=(HIDDEN, CHANNELS, 3)).astype(np.float32)
    bias = np.zeros(HIDDEN, dtype=np.float32)
    first[0] = 0  # no weight
    first[1], bias[1] = 0, -1  # never gets past the ReLU
    second = rng.normal(size=(LABELS, HIDDEN, 1)).astype(np.float32)
    model = convolutions(first, bias, second)
    int8 = static.quantize(static.prepare(model), features(rng, 20))
    parse_model(int8.SerializeToString(), "int8")  # refuses a scale of 0 or NaN
    assert quality_db(model, int8, features(rng, 10)) > 25


def test_a_network_that_gives_nothing_but_zeros_still_has_steps(rng: np.random.Generator) -> None:
    zeros = np.zeros((HIDDEN, CHANNELS, 3), dtype=np.float32)
    model = convolutions(zeros, zeros[:, 0, 0], np.zeros((LABELS, HIDDEN, 1), dtype=np.float32))
    int8 = static.quantize(static.prepare(model), features(rng, 2))
    parse_model(int8.SerializeToString(), "int8")
    (logits,) = ReferenceEvaluator(int8).run(None, features(rng, 1)[0])
    assert not logits.any()


def test_a_node_that_is_excluded_stays_float(rng: np.random.Generator) -> None:
    prepared = static.prepare(random_convolutions(rng))
    last = [node.name for node in prepared.graph.node if node.op_type == "Conv"][-1]
    int8 = static.quantize(prepared, features(rng, 2), exclude=[last])
    assert initializers(int8.graph)["second"].dtype == np.float32
    assert [array.shape for array in weights(int8)] == [(HIDDEN, CHANNELS, 3)]


def test_products_of_two_activations_stay_float(rng: np.random.Generator) -> None:
    graph = GraphBuilder("attention")
    x = graph.input("features", np.float32, [1, N_FRAMES, CHANNELS])
    weight = rng.normal(size=(CHANNELS, CHANNELS)).astype(np.float32)
    query = graph.node("MatMul", x, graph.constant(weight, "query"))
    scores = graph.node(
        "MatMul", query, graph.node("Exp", graph.node("Transpose", x, perm=[0, 2, 1]))
    )
    graph.output("logits", scores, np.float32, [1, N_FRAMES, N_FRAMES])
    int8 = static.quantize(static.prepare(graph.model()), features(rng, 5))
    of_weights, of_activations = inputs_of_products(int8)
    assert of_weights == ["DequantizeLinear", "DequantizeLinear"]
    assert "Exp" in of_activations


def test_products_after_an_operator_that_only_onnxruntime_knows_are_int8(
    rng: np.random.Generator, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    graph = GraphBuilder("gelu")
    x = graph.input("features", np.float32, [1, N_FRAMES, CHANNELS])
    for name in ("first", "second"):
        weight = rng.normal(size=(CHANNELS, CHANNELS)).astype(np.float32)
        x = graph.node("MatMul", x, graph.constant(weight, name))
        x = graph.node("FastGelu", x, domain="com.microsoft")
    graph.output("logits", x, np.float32, [1, N_FRAMES, CHANNELS])
    config = StaticConfig(calibration="entropy")
    int8 = static.quantize(static.prepare(graph.model()), features(rng, 5), config)
    assert inputs_of_products(int8) == [["DequantizeLinear"] * 2] * 2
    assert (*capfd.readouterr(), *caplog.records) == ("", "")


def test_preparing_leaves_the_network_as_it_is_and_names_every_node(
    rng: np.random.Generator,
) -> None:
    model = random_convolutions(rng)
    before = model.SerializeToString()
    prepared = static.prepare(model)
    feeds = features(rng, 2)
    static.quantize(prepared, feeds)
    assert model.SerializeToString() == before
    assert all(node.name for node in prepared.graph.node)
    expected, found = (ReferenceEvaluator(m).run(None, feeds[0])[0] for m in (model, prepared))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_two_runs_give_the_same_bytes_without_a_trace_of_the_machine(
    rng: np.random.Generator,
) -> None:
    model, feeds = random_convolutions(rng), features(rng, 5)
    first, second = (
        static.quantize(static.prepare(model), feeds).SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert first == second
    assert tempfile.gettempdir().encode() not in first
    assert onnx.load_model_from_string(first).producer_name == "earlet"


def test_what_onnxruntime_cannot_read_is_told_in_one_line(rng: np.random.Generator) -> None:
    model = random_convolutions(rng)
    model.opset_import[0].version = 999
    with pytest.raises(ModelFileError, match="convolutions: onnxruntime cannot make it static"):
        static.prepare(model)


def test_no_calibration_data_at_all_is_told_in_one_line(rng: np.random.Generator) -> None:
    with pytest.raises(ModelFileError, match="cannot make it static int8"):
        static.quantize(static.prepare(random_convolutions(rng)), [])
