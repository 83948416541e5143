"""Which models the `openai` package is told of, and what stands for which."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import openai
import pytest
import yaml

from earlet.server.failures import BadRequest, NotFound
from earlet.server.models import Model
from earlet.server.openai.models import ALIASES, described, find
from earlet.server.openai.request import Task

MODELS = Path(__file__).parents[3] / "models"
ASR = "automatic-speech-recognition"


def model(name: str, task: str = ASR, **decoding: object) -> Model:
    manifest = SimpleNamespace(name=name, task=task, decoding=decoding, attribution="nobody")
    return Model(name, Path("there/is/none"), cast(Any, manifest))


ENGLISH = model("my-en")
EVERY = model("every", tasks={"transcribe": 1, "translate": 2}, languages={"de": 3, "en": 4})
VAD = model("vad", "voice-activity-detection")


def found(
    *served: Model, name: str, task: Task = "transcribe", language: str | None = None
) -> Model:
    return find({each.name: each for each in served}, name, task, language)


@pytest.mark.parametrize("name", ALIASES)
def test_a_name_of_theirs_stands_for_the_first_that_is_able(name: str) -> None:
    assert found(VAD, ENGLISH, EVERY, name=name) is ENGLISH
    assert found(VAD, ENGLISH, EVERY, name=name, task="translate") is EVERY
    assert found(VAD, ENGLISH, EVERY, name=name, language="de") is EVERY
    assert found(VAD, ENGLISH, EVERY, name=name, language="en") is ENGLISH
    assert found(VAD, ENGLISH, EVERY, name=name, language="fr") is ENGLISH  # which refuses it
    own = model(name)
    assert found(ENGLISH, own, name=name) is own


def test_a_model_is_found_by_its_name_alone() -> None:
    assert found(ENGLISH, EVERY, name="every") is EVERY
    assert found(ENGLISH, EVERY, name="my-en", language="de") is ENGLISH


@pytest.mark.parametrize(
    ("served", "name", "task", "error", "message"),
    [
        ([ENGLISH], "my_en", "transcribe", NotFound, "did you mean 'my-en'"),
        ([VAD], "whisper-1", "transcribe", NotFound, "no recogniser 'whisper-1'; none is served"),
        ([VAD, ENGLISH], "vad", "transcribe", BadRequest, "not transcribe speech; known are my-"),
        ([ENGLISH], "whisper-1", "translate", BadRequest, "not translate speech; no model that"),
        ([ENGLISH, EVERY], "my-en", "translate", BadRequest, "known are every"),
    ],
)
def test_what_is_not_there_or_not_able_is_told(
    served: list[Model], name: str, task: Task, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        found(*served, name=name, task=task)


def test_the_package_lists_the_recognisers(client: openai.OpenAI) -> None:
    manifest = yaml.safe_load((MODELS / "moonshine-tiny-en" / "bundle.yaml").read_text("utf-8"))
    (listed,) = client.models.list()
    assert (listed.id, listed.object) == (manifest["name"], "model")
    assert listed.owned_by == manifest["attribution"]
    assert listed.created == int((MODELS / listed.id).stat().st_mtime)
    assert client.models.retrieve(listed.id) == client.models.retrieve("whisper-1") == listed


def test_a_model_that_was_taken_away_does_not_hide_the_others() -> None:
    assert described(ENGLISH)["created"] == 0
