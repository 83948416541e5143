"""Every family: imported, packed, verified, and held to what transformers computes.

The folders are tiny networks with random weights; tests/golden/huggingface holds them and, made on
the same machine by PyTorch, the features, logits and answers of transformers 4.57.6 to four clips,
photographs or texts.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import earlet
from earlet import tasks
from earlet.bundle import Bundle
from earlet.image import file as image
from earlet.results import Transcript
from earlet.tasks.trace import Example
from earlet.verify import verify
from earlet_quantize.huggingface import IMPORTERS, Imported, write

# Family -> largest difference of features. Text: ids, which are equal. Pictures: transformers
# rounds to float32 at every step, here once. AST: sums of a spectrum in another order.
FEATURES = {
    "wav2vec2-ctc": 1e-6,
    "wav2vec2": 1e-6,
    "hubert-ctc": 0,
    "hubert": 0,
    "wavlm": 0,
    "unispeech-sat": 0,
    "data2vec-audio": 0,
    "whisper-encoder": 1e-5,
    "ast": 5e-5,
    "vit": 1e-6,
    "deit": 1e-6,
    "mobilenet-v1": 1e-6,
    "mobilenet-v2": 1e-6,
    "efficientnet": 1e-6,
    "convnext": 1e-6,
    "convnext-v2": 1e-6,
    "resnet": 1e-6,
    "regnet": 1e-6,
    "van": 1e-6,
    "swin": 1e-6,
    "swin-v2": 1e-6,
    "vit-msn": 1e-6,
    "siglip": 1e-6,
    "clip": 1e-6,
    "segformer": 1e-6,
    "beit": 1e-6,
    "data2vec-vision": 1e-6,
    "dinov2": 1e-6,
    "mobilevit": 1e-6,
    "levit": 1e-6,
    "poolformer": 1e-6,
    "bert": 0,
    "distilbert": 0,
    "electra": 0,
    "mobilebert": 0,
    "mpnet": 0,
    "roberta": 0,
    "camembert": 0,
    "xlm-roberta": 0,
    "albert": 0,
    "deberta-v2": 0,
    "whisper": 1e-5,
    "moonshine": 0,
}
LOGITS = (
    2e-5  # largest difference of logits, of which the largest is about 10, or of a log-probability
)
SCORES = 1e-5
OF_TEXT = (
    "bert",
    "distilbert",
    "electra",
    "mobilebert",
    "mpnet",
    "roberta",
    "camembert",
    "xlm-roberta",
    "albert",
    "deberta-v2",
)
TEXT = "Naïve cafés in Zürich don't open before 10:30, do they? 北京 42"


@pytest.fixture
def examples(family: str, folders: Path, golden: Path) -> list[Example]:
    """What transformers was given."""
    kind = str(np.load(folders / f"{family}.npz")["kind"])
    given = json.loads((folders / "examples.json").read_text(encoding="utf-8"))[kind]
    if kind == "pictures":
        return [image.load(folders / name) for name in given]
    if kind != "sounds":
        return list(given)
    return [
        soundfile.read(
            golden / sound["file"],
            dtype="float32",
            start=sound["start"],
            frames=sound["n_samples"],
        )[0]
        for sound in given
    ]


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("family", FEATURES)
def test_a_folder_becomes_a_bundle_that_answers_as_transformers(
    family: str,
    examples: list[Example],
    folders: Path,
    read: Callable[[Path], Imported],
    tmp_path: Path,
) -> None:
    write(read(folders / family), tmp_path / family)
    assert [stage.name for stage in verify(tmp_path / family) if not stage.passed] == []
    task: Any = tasks.open_bundle(Bundle(tmp_path / family))
    expected = np.load(folders / f"{family}.npz")
    features = expected["features"]
    if task.bundle.manifest.input["kind"] == "log-mel":
        features = features.T  # time goes down the rows here
    traces = [task.trace(example) for example in examples]
    np.testing.assert_allclose(traces[0].features, features, rtol=0, atol=FEATURES[family])
    answers = json.loads(str(expected["answers"]))
    for i, (trace, example, theirs) in enumerate(zip(traces, examples, answers, strict=True)):
        np.testing.assert_allclose(trace.network, expected[f"network.{i}"], rtol=0, atol=LOGITS)
        answer = answer_of(task, example)
        if isinstance(answer, Transcript):
            assert answer.text == theirs["text"]
        else:
            assert [c.label for c in answer] == [c["label"] for c in theirs]
            np.testing.assert_allclose(
                [c.score for c in answer], [c["score"] for c in theirs], rtol=0, atol=SCORES
            )


@pytest.mark.parametrize("family", FEATURES)
def test_what_transformers_computes_depends_on_what_it_is_given(family: str, folders: Path) -> None:
    with np.load(folders / f"{family}.npz") as expected:
        first, second = (expected[f"network.{i}"] for i in range(2))
    assert len(first) == len(second)
    assert np.abs(first - second).max() > 50 * LOGITS


def answer_of(task: Any, example: Any) -> Any:
    """What a pipeline says."""
    match task.bundle.manifest.task:
        case "automatic-speech-recognition":
            return Transcript(task.transcribe(example))
        case "audio-classification":
            return task(example, sampling_rate=16_000)
    return task(example)


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("family", OF_TEXT)
def test_a_long_text_is_cut_to_what_the_network_has_room_for(
    family: str,
    copy: Callable[[str], Path],
    edit: Callable[..., None],
    read: Callable[[Path], Imported],
    tmp_path: Path,
) -> None:
    folder = copy(family)
    edit(folder / "tokenizer_config.json", model_max_length=...)  # so that the positions decide
    write(read(folder), tmp_path / "bundle")
    trace = tasks.trace_bundle(
        Bundle(tmp_path / "bundle"), 100 * TEXT
    )  # one more would be out of range
    assert len(trace.features) == 64


@pytest.mark.usefixtures("in_process")
def test_labels_may_repeat(
    copy: Callable[[str], Path],
    edit: Callable[..., None],
    read: Callable[[Path], Imported],
    tmp_path: Path,
) -> None:
    folder = copy("bert")
    edit(folder / "config.json", id2label={"0": "crane", "1": "cat", "2": "crane"})
    write(read(folder), tmp_path / "bundle")
    answer = earlet.pipeline("text-classification", tmp_path / "bundle")(TEXT)
    assert sorted(c.label for c in answer) == ["cat", "crane", "crane"]


def test_importing_twice_gives_the_same_bytes(
    folders: Path, read: Callable[[Path], Imported]
) -> None:
    first, second = (read(folders / "whisper") for _ in range(2))
    assert first.files == second.files
    assert first.manifest == second.manifest


def test_every_importer_has_a_folder(folders: Path) -> None:
    classes = {
        json.loads(path.read_text())["architectures"][0] for path in folders.glob("*/config.json")
    }
    untested = {  # the same as others
        "DeiTForImageClassification",  # without its second head
        "LevitForImageClassification",
        "MobileViTV2ForImageClassification",  # MobileViT's preprocessing; torch cannot export it
    }
    assert classes == IMPORTERS.keys() - untested
