"""Which bundles are served, and by which names."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from earlet.errors import BundleError, ConfigError
from earlet.server.models import Model, knows, language_of, open_models, told_language

MODELS = Path(__file__).parents[2] / "models"


def test_all_that_are_installed_are_served_by_their_own_names() -> None:
    models = open_models()
    assert {"commands-en", "moonshine-tiny-en", "vad", "yamnet"} <= models.keys()
    assert models["vad"].manifest.task == "voice-activity-detection"


def test_a_name_that_clients_have_already_can_be_given() -> None:
    models = open_models(["vad", f"superb/wav2vec2-base-superb-ks={MODELS / 'commands-en'}"])
    assert list(models) == ["vad", "superb/wav2vec2-base-superb-ks"]
    assert models["superb/wav2vec2-base-superb-ks"].manifest.name == "commands-en"


@pytest.mark.parametrize(
    ("asked", "error", "expected"),
    [
        (["nothing-of-that-name"], BundleError, "no bundle named 'nothing-of-that-name'"),
        (["vad", "vad"], ConfigError, "'vad' is served from .* already; NAME=PATH gives it anoth"),
        (["a/b/c=vad"], ConfigError, "'a/b/c' is no name to be served by"),
        (["../x=vad"], ConfigError, "'../x' is no name to be served by"),
        (["a b=vad"], ConfigError, "'a b' is no name"),
        (["=vad"], ConfigError, "'' is no name"),
        (["ä=vad"], ConfigError, "'ä' is no name"),
        (["info=vad"], ConfigError, "'info' is no name"),
        (["me/health=vad"], ConfigError, "'me/health' is no name"),
    ],
)
def test_what_cannot_be_served_is_an_error(
    asked: list[str], error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected):
        open_models(asked)


def test_a_damaged_bundle_is_left_out_where_none_is_named(
    altered: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = altered(MODELS / "vad", {}, task="telepathy")
    monkeypatch.setenv("EARLET_MODELS", str(damaged.parent))
    models = open_models()
    assert "vad" not in models
    assert "commands-en" in models
    assert "not served: " in caplog.text
    assert "telepathy" in caplog.text


@pytest.mark.parametrize(
    ("name", "asked", "known", "told", "written"),
    [
        ("moonshine-tiny-en", None, True, None, "en"),
        ("moonshine-tiny-en", "en", True, None, "en"),  # it takes no language
        ("moonshine-tiny-en", "en_GB", True, None, "en"),
        ("moonshine-tiny-en", "de-AT", False, "de", "de"),
        ("whisper", None, True, None, None),  # as it hears it
        ("whisper", "de-AT", True, "de", "de"),
        ("whisper", "en", False, "en", "en"),
        ("mine", "en", True, "en", "en"),  # nobody knows what it takes
    ],
)
def test_a_network_is_told_a_language_where_it_has_a_choice(
    name: str, asked: str | None, known: bool, told: str | None, written: str | None
) -> None:
    english = open_models(["moonshine-tiny-en"])["moonshine-tiny-en"]
    models = {
        each: Model(each, english.path, replace(english.manifest, name=each, decoding=decoding))
        for each, decoding in (("whisper", {"languages": {"de": 1, "fr": 2}}), ("mine", {}))
    } | {english.name: english}
    model = models[name]
    assert knows(model, asked) == known
    assert told_language(model, asked) == told
    assert language_of(model, asked) == written
