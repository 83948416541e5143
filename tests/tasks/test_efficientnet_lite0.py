"""The bundle efficientnet-lite0 on photographs: labels that people and another network gave."""

import csv
import json
from pathlib import Path

import pytest

import earlet
from earlet.tasks.image_classification import ImageClassification

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "models" / "efficientnet-lite0"
MIN_RIGHT = 94  # of 123; 99 on x86-64, float 100
NEAR_TIE = "grace_hopper.png"  # gown, mortarboard and uniform are within 0.06 in float


@pytest.fixture(scope="module")
def classify() -> ImageClassification:
    return earlet.pipeline("image-classification", BUNDLE)


@pytest.mark.parametrize(("name", "label"), [("cat", "Egyptian cat"), ("bird", "chickadee")])
def test_a_photograph_is_named(classify: ImageClassification, name: str, label: str) -> None:
    (best,) = classify(ROOT / "tests" / "pictures" / f"{name}.jpg", top_k=1)
    assert best.label == label


def test_all_of_imagenet_is_scored_and_the_scores_are_shares(
    classify: ImageClassification,
) -> None:
    results = classify(ROOT / "tests" / "pictures" / "cat.jpg", top_k=None)
    assert len(results) == 1000
    assert sum(result.score for result in results) == pytest.approx(1, abs=1e-5)
    names = [result.label for result in results]
    assert {name for name in names if names.count(name) > 1} == {"crane"}  # bird and machine


def test_labelled_pictures_are_named_as_often_as_the_recipe_demands(
    classify: ImageClassification, shared_data: Path
) -> None:
    folder = shared_data / "image" / "caltech101"
    with (folder / "labels.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 123
    best = [results[0].label for results in classify([folder / row["file"] for row in rows])]
    right = [
        label in {classify.labels[int(i)] for i in row["imagenet_indices"].split(",")}
        for label, row in zip(best, rows, strict=True)
    ]
    assert sum(right) >= MIN_RIGHT


def test_photographs_are_named_as_by_another_network(
    classify: ImageClassification, shared_data: Path
) -> None:
    folder = shared_data / "image"
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    assert len(expected) == 6
    for name, scores in expected.items():
        (best,) = classify(folder / name, top_k=1)
        assert name == NEAR_TIE or best.label == scores["pillow_bilinear"][0][1]
