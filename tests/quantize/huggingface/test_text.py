"""Imported classifiers of text: scores and cuts as those of transformers' pipeline.

tests/recipes/text_answers.py wrote the answers, with `truncation=True`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import earlet
from earlet import tokenizers
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface import Imported, write

N_SCORED, N_CUT = 4, 12  # cases
MAX_LENGTH = 20  # tokens, as the edited folders say
SCORES = 1e-5
LOGITS = 2e-5

Edited = Callable[[dict[str, Any]], Imported]


@pytest.fixture(scope="module")
def cases(golden: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((golden / "text" / "answers.json").read_text("utf-8"))
    assert len(found) == N_SCORED + N_CUT
    return found


@pytest.fixture
def edited(
    copy: Callable[[str], Path], edit: Callable[..., None], read: Callable[[Path], Imported]
) -> Edited:
    """`edited(case)`: what is made of a case's folder."""

    def edited(case: dict[str, Any]) -> Imported:
        folder = copy(case["family"])
        for file, changes in case["edits"].items():
            edit(folder / file, **changes)
        return read(folder)

    return edited


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("i", range(N_SCORED), ids=["reranker", "three", "several", "number"])
def test_scores_are_made_as_the_pipeline_makes_them(
    i: int, cases: list[dict[str, Any]], edited: Edited, tmp_path: Path
) -> None:
    case = cases[i]
    write(edited(case), tmp_path / "bundle")
    classify = earlet.pipeline("text-classification", tmp_path / "bundle")
    for options, answers in zip(case["options"], case["answers"], strict=True):
        for ours, theirs in zip(classify(case["inputs"], **options), answers, strict=True):
            assert [c.label for c in ours] == [c["label"] for c in theirs]
            np.testing.assert_allclose(
                [c.score for c in ours],
                [c["score"] for c in theirs],
                rtol=0,
                atol=LOGITS if options.get("function_to_apply") == "none" else SCORES,
            )


def test_one_label_takes_a_sigmoid_whatever_the_problem_is_called(edited: Edited) -> None:
    """As in `pipelines/text_classification.py` of transformers."""
    edits = {"config.json": {"problem_type": "single_label_classification"}}
    output: Any = edited({"family": "roberta", "edits": edits}).manifest["output"]
    assert output["function_to_apply"] == "sigmoid"


@pytest.mark.parametrize("i", range(N_SCORED, N_SCORED + N_CUT))
def test_long_texts_are_cut_as_the_pipeline_cuts_them(
    i: int, cases: list[dict[str, Any]], edited: Edited
) -> None:
    case = cases[i]
    made = edited(case)
    section: Any = made.manifest["input"]
    tokenizer = tokenizers.from_json(made.files["tokenizer.json"].decode(), "tokenizer.json")
    for given, ids in zip(case["inputs"], case["ids"], strict=True):
        texts = given.values() if isinstance(given, dict) else (given,)
        assert tokenizer.encode(*texts, max_length=section["max_length"]).ids == ids
        assert len(ids) == MAX_LENGTH


def test_a_side_that_is_none_is_refused(edited: Edited) -> None:
    edits = {"tokenizer_config.json": {"truncation_side": "top"}}
    with pytest.raises(FolderError, match="truncation_side: expected right or left, got 'top'"):
        edited({"family": "bert", "edits": edits})
