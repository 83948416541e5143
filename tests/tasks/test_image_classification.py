"""Pictures through a network so small that its answers are known beforehand: the mean colour."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import earlet
from earlet.arrays import ByteArray
from earlet.cli import main
from earlet.errors import BundleError, InputError
from earlet.image.file import Source, load
from earlet.tasks.image_classification import ImageClassification
from earlet.verify import verify
from earlet_quantize.graph import GraphBuilder, save
from earlet_quantize.pack import pack

ONE_STEP = 1 / 256  # of an int8 network's scores
SIDE = 8
INPUT = {
    "kind": "image",
    "resize": [SIDE, SIDE],
    "resample": "bilinear",
    "rescale_factor": 1 / 255,
    "mean": [0.0, 0.0, 0.0],
    "std": [1.0, 1.0, 1.0],
}


def plain(*colour: int) -> ByteArray:
    """A picture of one colour."""
    return np.full((20, 30, 3), colour, dtype=np.uint8)


def described(layout: str, function_to_apply: str) -> dict[str, object]:
    return {
        "format": 1,
        "name": "colour",
        "version": "1.0.0",
        "license": "Apache-2.0",
        "attribution": "none needed",
        "source": "made by a test",
        "task": "image-classification",
        "model": {
            "architecture": "classifier",
            "backend": "onnxruntime",
            "network": "network.onnx",
        },
        "input": {**INPUT, "layout": layout},
        "output": {"labels": "labels.txt", "function_to_apply": function_to_apply},
    }


def packed(
    folder: Path,
    *,
    layout: str = "channels-first",
    function_to_apply: str = "softmax",
) -> Path:
    """A bundle whose logits are the means of the channels, 0 to 1."""
    first = layout == "channels-first"
    graph = GraphBuilder("colour")
    shape = [1, 3, SIDE, SIDE] if first else [1, SIDE, SIDE, 3]
    features = graph.input("features", np.float32, shape)
    axes = graph.integers(2, 3) if first else graph.integers(1, 2)
    mean = graph.node("ReduceMean", features, axes, keepdims=0)
    graph.output("logits", mean, np.float32, [1, 3])
    source = folder / "source"
    source.mkdir()
    save(graph.model(), source / "network.onnx")
    (source / "labels.txt").write_text("red\ngreen\nblue\n", encoding="utf-8")
    manifest = described(layout, function_to_apply)
    pack(source, folder / "colour", manifest, plain(10, 20, 200))
    return folder / "colour"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def classify(bundle: Path) -> ImageClassification:
    return earlet.pipeline("image-classification", bundle)


def test_labels_come_best_first_with_their_scores(classify: ImageClassification) -> None:
    results = classify(plain(51, 255, 102), function_to_apply="none")
    assert [result.label for result in results] == ["green", "blue", "red"]
    np.testing.assert_allclose([result.score for result in results], [1.0, 0.4, 0.2], atol=1e-6)
    softmax = np.exp([1.0, 0.4, 0.2]) / np.exp([1.0, 0.4, 0.2]).sum()
    found = [result.score for result in classify(plain(51, 255, 102))]
    np.testing.assert_allclose(found, softmax, atol=1e-6)
    assert classify(plain(51, 255, 102), top_k=1) == classify(plain(51, 255, 102), top_k=None)[:1]


def test_the_bundle_says_how_scores_are_made(tmp_path: Path) -> None:
    classify = earlet.pipeline(
        "image-classification", packed(tmp_path, function_to_apply="sigmoid")
    )
    (best,) = classify(plain(0, 0, 255), top_k=1)
    assert best.label == "blue"
    assert best.score == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)


def test_channels_may_come_last(tmp_path: Path) -> None:
    path = packed(tmp_path, layout="channels-last")
    assert earlet.pipeline("image-classification", path)(plain(0, 200, 9))[0].label == "green"
    assert [stage.passed for stage in verify(path)] == [True] * 5


def test_a_bundle_for_pictures_proves_itself(bundle: Path) -> None:
    stages = {stage.name: stage for stage in verify(bundle)}
    assert all(stage.passed for stage in stages.values())
    assert stages["result"].detail == '"blue"'


def test_a_list_gives_a_list_of_whatever_pictures_come_as(
    classify: ImageClassification, tmp_path: Path
) -> None:
    path = tmp_path / "red.png"
    Image.fromarray(plain(250, 0, 0)).save(path)
    one = classify(path)
    with path.open("rb") as file:
        pictures: list[Source] = [path, path.read_bytes(), file, Image.open(path), plain(250, 0, 0)]
        assert classify(pictures) == [one] * 5


def test_what_fails_in_a_list_names_itself(classify: ImageClassification) -> None:
    with pytest.raises(InputError, match="item 1: the picture: is empty"):
        classify([plain(1, 2, 3), b""])


def test_sound_is_no_picture(classify: ImageClassification) -> None:
    with pytest.raises(InputError, match="is a sound file; expected a picture"):
        classify(Path(__file__).parents[1] / "recordings" / "speech.flac")
    with pytest.raises(InputError, match=r"expected pixels of uint8, .* got float32"):
        classify(np.zeros(16_000, dtype=np.float32))


def test_wrong_parameters_are_refused(classify: ImageClassification) -> None:
    with pytest.raises(InputError, match="top_k: expected a whole number of 1 or more, got 0"):
        classify(plain(1, 2, 3), top_k=0)
    with pytest.raises(
        InputError, match="function_to_apply: expected one of softmax, sigmoid, none"
    ):
        classify(plain(1, 2, 3), function_to_apply="")  # type: ignore[call-overload]


def test_a_golden_file_of_another_kind_opens_nothing(classify: ImageClassification) -> None:
    with pytest.raises(InputError, match="expected pixels of uint8"):
        classify.trace("/etc/hostname")  # type: ignore[arg-type]


def test_features_of_another_size_than_the_network_takes_are_refused(
    bundle: Path, altered: Callable[..., Path]
) -> None:
    folder = altered(bundle, {}, input={**earlet.load(bundle).manifest.input, "crop": [9, 7]})
    message = r"input: gives features of \(1, 3, 9, 7\), and the network takes \(1, 3, 8, 8\)"
    with pytest.raises(BundleError, match=message):
        earlet.pipeline("image-classification", folder)


def test_a_bundle_for_pictures_does_not_listen(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["listen", "--bundle", str(bundle), "--source", "clip.wav"]) == 2
    assert "is for image-classification, not for sound" in capsys.readouterr().err


def test_photographs_score_as_in_the_interpreter_of_the_network(
    shared_data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs LiteRT, for MobileNet V2 is a .tflite")
    images = shared_data / "image"
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(images / "mobilenet_v2_1.0_224_quant.tflite", source / "network.tflite")
    shutil.copy(images / "imagenet_labels.txt", source / "labels.txt")
    manifest = {
        **described("channels-last", "none"),
        "model": {"architecture": "classifier", "backend": "litert", "network": "network.tflite"},
        "input": {  # (pixel - 128) / 128, which the network's scale and zero point undo
            **INPUT,
            "resize": [224, 224],
            "rescale_factor": 1.0,
            "mean": [128.0] * 3,
            "std": [128.0] * 3,
            "layout": "channels-last",
        },
    }
    pack(source, tmp_path / "mobilenet", manifest, load(images / "cat.png"))
    classify = earlet.pipeline("image-classification", tmp_path / "mobilenet")
    expected = json.loads((images / "expected.json").read_text(encoding="utf-8"))
    assert len(expected) == 6
    for name, scores in expected.items():
        (best,) = classify(images / name, top_k=1)
        _, label, score = scores["pillow_bilinear"][0]
        assert best.label == label
        assert best.score == pytest.approx(score, abs=ONE_STEP), name
