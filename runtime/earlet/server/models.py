"""What is served, and under which name."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from earlet import bundle as bundles
from earlet.bundle import Bundle
from earlet.errors import BundleError, ConfigError
from earlet.manifest import Manifest

log = logging.getLogger("earlet.serve")

_NAMED = re.compile(r"([^=]*)=(.+)", re.DOTALL)  # NAME=PATH
# A name may be that of a repository, "openai/whisper-tiny", as clients have it. "health" and "info"
# behind one ask for something else.
_NAME = re.compile(r"([A-Za-z0-9_][\w.-]*/)?(?!(health|info)$)[A-Za-z0-9_][\w.-]*", re.ASCII)
_LANGUAGE = re.compile(r".*-([a-z]{2})")  # a bundle's name that ends with ISO 639-1


@dataclass(frozen=True)
class Model:
    """A bundle that is served; opened again by the process that computes."""

    name: str
    path: Path
    manifest: Manifest


def open_models(asked: Iterable[str] = ()) -> dict[str, Model]:
    """The bundles that are asked for, or all that are installed, by their names.

    Args:
        asked: names or paths of bundles, each if wanted behind a name of its own and "=".

    Raises:
        BundleError: one that is asked for is missing or damaged, or none is installed.
        ConfigError: two have the same name, or one has a name that no URL can hold.
    """
    models: dict[str, Model] = {}
    for word in asked:
        named = _NAMED.fullmatch(word)
        path = bundles.find(named[2] if named else word)
        manifest = Bundle(path).manifest
        name = named[1] if named else manifest.name
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{word}: {name!r} is no name to be served by; expected letters, digits, '.', '_', "
                "'-', at most one '/', and not health or info: NAME=PATH gives another"
            )
        if name in models:
            raise ConfigError(
                f"{word}: {name!r} is served from {models[name].path} already; NAME=PATH gives it "
                "another name"
            )
        models[name] = Model(name, path, manifest)
    return models or _installed()


def recognisers(models: Mapping[str, Model]) -> list[Model]:
    """Those that write down what is said."""
    task = "automatic-speech-recognition"
    return [model for model in models.values() if model.manifest.task == task]


def languages(manifest: Manifest) -> list[str]:
    """That a recogniser is told to write in, or else the one in which its name ends."""
    codes = manifest.decoding.get("languages")
    if isinstance(codes, Mapping):
        return [*codes]
    named = _LANGUAGE.fullmatch(manifest.name)
    return [named[1]] if named else []


def primary(language: str) -> str:
    """The language of a tag that may name a region, too: "en" of "en-US" (RFC 5646)."""
    return language.replace("_", "-").partition("-")[0].lower()


def knows(model: Model, language: str | None) -> bool:
    """Whether a recogniser writes this language, as far as its bundle tells."""
    codes = languages(model.manifest)
    return language is None or not codes or primary(language) in codes


def language_of(model: Model, asked: str | None) -> str | None:
    """In which a recogniser will write; None where that is not known before."""
    if asked is not None:
        return primary(asked)
    codes = languages(model.manifest)
    return codes[0] if len(codes) == 1 else None


def told_language(model: Model, language: str | None) -> str | None:
    """Of the language that is asked for, what a recogniser is told: nothing where it has no other.

    One that it does not know stays, to be refused by whoever computes.
    """
    if language is None:
        return None
    code = primary(language)
    return code if has_choice(model) or code not in languages(model.manifest) else None


def has_choice(model: Model) -> bool:
    """Whether a recogniser is to be told what is spoken."""
    return bool(model.manifest.decoding.get("languages"))


def _installed() -> dict[str, Model]:
    models: dict[str, Model] = {}
    for path in bundles.installed():
        try:
            manifest = Bundle(path).manifest
        except BundleError as problem:
            log.warning("not served: %s", problem)
            continue
        if _NAME.fullmatch(manifest.name):
            models.setdefault(manifest.name, Model(manifest.name, path, manifest))
        else:
            log.warning("not served: %s: no URL can hold the name %r", path, manifest.name)
    if not models:
        places = ", ".join(str(folder) for folder in bundles.search_path())
        raise BundleError(f"no bundle is there to be served, in {places}")
    return models
