"""LiteRT behind the Session protocol, on whichever of its two packages is installed.

`make test-tflite-runtime` runs this file on tflite-runtime.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import Session, TensorSpec, open_session
from earlet.errors import BackendError

Model = Callable[..., dict[int, Any]]
FlatBuffer = Callable[[Mapping[int, Any]], bytes]
Outcomes = Callable[[str, bytes], dict[str, int]]
N_MUTANTS = 400
VALUES = np.array([[-1e9, -1.3, -0.25, 0.25, 0.75, 1e9]], dtype=np.float32)

engine = pytest.mark.usefixtures("litert")


def opened(
    network: bytes,
    inputs: Mapping[str, int] | None = None,
    outputs: Mapping[str, int] | None = None,
) -> Session:
    return open_session(network, "net.tflite", "litert", inputs=inputs, outputs=outputs)


@engine
@pytest.mark.parametrize(
    ("takes", "n_axes", "presented"),
    [
        ((1, 3, 2, 1), 3, (1, 3, 2)),
        ((1, 1, 3, 2), 3, (1, 3, 2)),
        ((1, 3, 2), 3, (1, 3, 2)),
        ((3, 2), 3, (1, 3, 2)),
        ((6,), 2, (1, 6)),
        ((-1, 6), 2, (1, 6)),
        ((1, 3, 2), 2, (1, 3, 2)),
        ((1, 1, 6), 1, (1, 6)),
    ],
)
def test_the_input_is_presented_under_the_name_and_axes_that_are_wanted(
    reshaping: Model,
    flatbuffer: FlatBuffer,
    takes: tuple[int, ...],
    n_axes: int,
    presented: tuple[int, ...],
) -> None:
    session = opened(
        flatbuffer(reshaping(takes, (1, 1, 6))), inputs={"features": n_axes}, outputs={"logits": 2}
    )
    assert session.inputs == (TensorSpec("features", presented),)
    assert session.outputs == (TensorSpec("logits", (1, 6)),)
    x = np.arange(6, dtype=np.float32)
    (y,) = session.run({"features": x.reshape(presented)})
    np.testing.assert_array_equal(y, x[None])


@engine
def test_without_wishes_the_tensors_are_the_files_own(
    reshaping: Model, flatbuffer: FlatBuffer
) -> None:
    session = opened(flatbuffer(reshaping((2, 3), (1, 6))))
    assert session.inputs == (TensorSpec("serving_default_x", (2, 3)),)
    assert session.outputs == (TensorSpec("StatefulPartitionedCall", (1, 6)),)


@engine
@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "expected"),
    [
        # -1.3 / 0.5 + 3 = 0.4; halves go to the even; what is beyond the type's range is clipped
        ("int8", 0.5, 3, [-65.5, -1.5, 0, 0, 1, 62]),
        ("uint8", 0.5, 3, [-1.5, -1.5, 0, 0, 1, 126]),
        ("int16", 0.5, 0, [-16384, -1.5, 0, 0, 1, 16383.5]),
        ("float32", None, 0, VALUES[0]),
    ],
)
def test_quantized_tensors_are_rounded_and_clipped_before_they_are_cast(
    reshaping: Model,
    flatbuffer: FlatBuffer,
    dtype: str,
    scale: float | None,
    zero_point: int,
    expected: AnyArray,
) -> None:
    model = reshaping(dtype=dtype, scale=scale, zero_point=zero_point)
    session = opened(flatbuffer(model), inputs={"features": 2})
    (y,) = session.run({"features": VALUES})
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, np.array([expected], dtype=np.float32))


@engine
@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        ("float16", None),
        ("int32", None),
        ("int64", None),
        ("string", None),
        ("resource", None),
        ("int8", None),
        ("int8", 0.0),
        ("uint8", float("nan")),
        ("int16", -1.0),
    ],
)
def test_other_types_and_scales_are_refused(
    reshaping: Model, flatbuffer: FlatBuffer, dtype: str, scale: float | None
) -> None:
    with pytest.raises(BackendError, match=r"^net\.tflite: [^\n]*$") as caught:
        opened(flatbuffer(reshaping(dtype=dtype, scale=scale)))
    told = str(caught.value)
    assert any(words in told for words in ("an input of float32", "refuses it", "cannot be used"))


@engine
def test_a_shape_that_varies_is_refused(reshaping: Model, flatbuffer: FlatBuffer) -> None:
    with pytest.raises(BackendError, match=r"an input of a fixed shape, got \w+ \(1, -6\)"):
        opened(flatbuffer(reshaping((1, -6), (1, 6))))


@engine
def test_several_inputs_are_refused_by_their_names(
    reshaping: Model, flatbuffer: FlatBuffer
) -> None:
    model = reshaping()
    model[2][0][0].append({**model[2][0][0][0], 3: "attention_mask"})
    model[2][0][1] = np.array([0, 2], np.int32)
    with pytest.raises(
        BackendError, match="expected one input, got serving_default_x, attention_mask"
    ):
        opened(flatbuffer(model))


@engine
@pytest.mark.parametrize(
    "feeds",
    [
        {"x": np.zeros((6, 1), dtype=np.float32)},
        {"x": np.zeros((1, 7), dtype=np.float32)},
        {"z": np.zeros((1, 6), dtype=np.float32)},
        {},
    ],
    ids=["axes", "size", "name", "nothing"],
)
def test_arrays_that_do_not_fit_are_one_line(
    reshaping: Model, flatbuffer: FlatBuffer, feeds: dict[str, AnyArray]
) -> None:
    session = opened(flatbuffer(reshaping()), inputs={"x": 2})
    with pytest.raises(
        BackendError, match=r"^net\.tflite: cannot run: expected x \(1, 6\), got [^\n]+$"
    ):
        session.run(feeds)


@engine
def test_results_are_the_callers_own(reshaping: Model, flatbuffer: FlatBuffer) -> None:
    session = opened(flatbuffer(reshaping()), inputs={"x": 2})
    (first,) = session.run({"x": VALUES})
    session.run({"x": -VALUES})
    np.testing.assert_array_equal(first, VALUES)


@engine
def test_nothing_can_be_bound(reshaping: Model, flatbuffer: FlatBuffer) -> None:
    with pytest.raises(BackendError, match=r"net\.tflite: .* use onnxruntime"):
        opened(flatbuffer(reshaping())).bind({}, {})


@engine
def test_an_unknown_operator_is_refused_in_one_line(
    reshaping: Model, flatbuffer: FlatBuffer, capfd: pytest.CaptureFixture[str]
) -> None:
    model = reshaping()
    custom = 32  # of BuiltinOperator: the name counts
    model[1] = [{0: np.int8(custom), 1: "NoSuchOperator", 3: np.int32(custom)}]
    with pytest.raises(BackendError, match=r"refuses it: [^\n]*NoSuchOperator"):
        opened(flatbuffer(model))
    assert capfd.readouterr() == ("", "")


@engine
@pytest.mark.parametrize("stderr", ["open", "closed"])
def test_the_programs_stderr_stays_its_own(shared_data: Path, stderr: str) -> None:
    # YAMNet is what both packages remark on: "INFO: Created TensorFlow Lite XNNPACK delegate".
    program = (
        "import os, pathlib, sys\n"
        "from earlet.backends import open_session\n"
        "if sys.argv[2] == 'closed': os.close(2)\n"
        "open_session(pathlib.Path(sys.argv[1]).read_bytes(), 'yamnet', 'litert')\n"
        "print('opened')\n"
        "if sys.argv[2] == 'open': print('said by the program', file=sys.stderr)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(shared_data / "tflite" / "yamnet.tflite"), stderr],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.stdout == "opened\n"
    assert result.stderr == ("said by the program\n" if stderr == "open" else "")


@engine
def test_photographs_are_recognised_as_the_models_own_interpreter_did(shared_data: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs pillow, to resize the photographs")
    folder = shared_data / "image"
    session = opened(
        (folder / "mobilenet_v2_1.0_224_quant.tflite").read_bytes(),
        inputs={"features": 4},
        outputs={"logits": 2},
    )
    expected = {  # README there: index and score with Pillow's bilinear resize
        "cat.png": (286, 0.7891),
        "grace_hopper.png": (653, 0.9219),
        "parrot.jpg": (89, 0.9961),
        "hot_dog.jpg": (935, 0.8867),
        "bird.png": (20, 0.9883),
        "sunflower.png": (986, 0.9883),
    }
    for name, (index, score) in expected.items():
        with image.open(folder / name) as file:
            picture = file.convert("RGB").resize((224, 224), image.Resampling.BILINEAR)
        pixels = np.asarray(picture, dtype=np.float32)
        (scores,) = session.run({"features": (pixels[None] - 128) / 128})
        assert scores.argmax() == index
        assert scores.max() == pytest.approx(score, abs=3 / 256)  # engines differ by a step or two


@engine
def test_a_network_of_waveforms_hears_speech(shared_data: Path) -> None:
    session = opened(
        (shared_data / "tflite" / "yamnet.tflite").read_bytes(),
        inputs={"waveform": 2},
        outputs={"logits": 2},
    )
    path = shared_data / "oracles" / "whisper" / "1272-128104-0000.wav"
    waveform, _ = soundfile.read(path, dtype="float32")
    n_samples = 15_600  # of its input: 0.975 s
    n_windows = len(waveform) // n_samples
    windows: FloatArray = waveform[: n_windows * n_samples].reshape(n_windows, 1, n_samples)
    mean = np.mean([session.run({"waveform": window})[0][0] for window in windows], axis=0)
    assert mean.argmax() == 0  # "Speech" is the first of AudioSet's classes
    assert mean[0] == pytest.approx(0.951, abs=0.02)  # README there


@engine
def test_mutants_of_a_network_are_accepted_or_refused(
    reshaping: Model, flatbuffer: FlatBuffer, outcomes: Outcomes
) -> None:
    found = outcomes(__file__, flatbuffer(reshaping(dtype="int8", scale=0.5, zero_point=3)))
    assert found["accepted"] > N_MUTANTS / 10
    assert found["refused"] > N_MUTANTS / 10


def try_mutants(network: bytes) -> dict[str, int]:
    """Open and run mutants; what is not a BackendError goes through."""
    rng = random.Random(0)
    outcomes = {"accepted": 0, "refused": 0}
    for _ in range(N_MUTANTS):
        mutant = bytearray(network)
        for _ in range(rng.choice([1, 2, 4])):
            mutant[rng.randrange(len(mutant))] = rng.choice([0, 1, 255, rng.randrange(256)])
        try:
            session = opened(bytes(mutant), inputs={"x": 2})
            session.run({"x": np.zeros([size or 1 for size in session.inputs[0].shape])})
            outcomes["accepted"] += 1
        except BackendError:
            outcomes["refused"] += 1
    return outcomes


if __name__ == "__main__":
    json.dump(try_mutants(Path(sys.argv[1]).read_bytes()), sys.stdout)
