"""Which model a request means."""

from dataclasses import replace
from typing import Any

import pytest
from wyoming.info import Info

from earlet.server.failures import BadRequest, NotFound
from earlet.server.models import Model, open_models
from earlet.server.wyoming import programs


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    """All that ship, a Whisper of two languages, and a second spotter."""
    shipped = open_models()
    english, spotter = shipped["moonshine-tiny-en"], shipped["commands-en"]
    return {
        **shipped,
        "whisper": _like(english, "whisper", decoding={"languages": {"de": 1, "fr": 2}}),
        "tones": _like(spotter, "tones", streaming={"thresholds": {"ding": 0.5, "dong": 1.0}}),
    }


def _like(model: Model, name: str, **manifest: Any) -> Model:
    return Model(name, model.path, replace(model.manifest, name=name, **manifest))


def test_what_is_told_is_what_the_package_reads(models: dict[str, Model]) -> None:
    info = programs.info(models)
    assert Info.from_event(info.event()) == info
    assert [program.name for program in info.asr] == ["earlet"]
    assert {model.name: model.languages for model in info.asr[0].models} == {
        "moonshine-tiny-en": ["en"],
        "whisper": ["de", "fr"],
    }
    words = {program.name: [word.name for word in program.models] for program in info.wake}
    assert words.keys() == {"commands-en", "tones"}
    assert words["tones"] == ["ding"]  # the other never fires


def test_where_nothing_listens_nothing_is_told(models: dict[str, Model]) -> None:
    pictures = {"efficientnet-lite0": models["efficientnet-lite0"], "yamnet": models["yamnet"]}
    info = programs.info(pictures)
    assert (info.asr, info.wake) == ([], [])
    with pytest.raises(NotFound, match="automatic-speech-recognition"):
        programs.recogniser(pictures, None, None)
    with pytest.raises(NotFound, match="detects words"):
        programs.spotter(pictures, (), None)


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [
        (None, None, "moonshine-tiny-en"),
        (None, "en-GB", "moonshine-tiny-en"),
        (None, "de", "whisper"),
        (None, "fr_CA", "whisper"),
        ("whisper", None, "whisper"),
        ("whisper", "FR", "whisper"),
    ],
)
def test_a_recogniser_is_chosen_by_name_and_language(
    models: dict[str, Model], name: str | None, language: str | None, expected: str
) -> None:
    assert programs.recogniser(models, name, language).name == expected


def test_a_language_that_the_named_model_lacks_is_refused(models: dict[str, Model]) -> None:
    with pytest.raises(BadRequest, match="'en'; known are de, fr"):
        programs.recogniser(models, "whisper", "en")


@pytest.mark.parametrize(
    ("names", "program", "expected"),
    [
        ((), None, "commands-en"),
        (("ding",), None, "tones"),
        ((), "tones", "tones"),
        (("up", "down"), None, "commands-en"),
        (("up",), "earlet", "commands-en"),
    ],
)
def test_a_spotter_is_chosen_by_its_words_or_its_program(
    models: dict[str, Model], names: tuple[str, ...], program: str | None, expected: str
) -> None:
    assert programs.spotter(models, names, program).name == expected


@pytest.mark.parametrize(
    ("names", "program", "told"),
    [
        (("up", "ding"), None, "no model detects all of up, ding"),
        (("dong",), "tones", "did you mean 'ding'"),
        (("up",), "tones", "known are ding"),
    ],
)
def test_words_that_no_program_has_are_refused(
    models: dict[str, Model], names: tuple[str, ...], program: str | None, told: str
) -> None:
    with pytest.raises(NotFound, match=told):
        programs.spotter(models, names, program)
