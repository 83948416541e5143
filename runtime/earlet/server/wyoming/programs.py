"""Which of the served models answer here, and which of them a request means.

A speech recogniser is a model of the one program for speech to text: Home Assistant takes only the
first program, and asks it in any language of its models. A spotter of commands is a program of its
own, and each label that it detects a wake word.
"""

from collections.abc import Collection, Mapping

from wyoming.info import AsrModel, AsrProgram, Attribution, Info, WakeModel, WakeProgram

from earlet import __version__
from earlet.manifest import Manifest
from earlet.schema import nearest
from earlet.server.failures import BadRequest, NotFound
from earlet.server.models import Model, knows, languages, recognisers

PROGRAM = "earlet"  # of speech to text
ABOUT = Attribution(name="earlet", url="")
NEVER = 1.0  # the threshold of a word that is not detected, whatever its posterior


def info(models: Mapping[str, Model]) -> Info:
    """What `describe` is answered with."""
    asr = [_asr_model(model) for model in recognisers(models)]
    program = AsrProgram(
        name=PROGRAM,
        attribution=ABOUT,
        installed=True,
        description="Speech recognition on this device",
        version=__version__,
        models=asr,
        supports_transcript_streaming=True,
    )
    wake = [_wake_program(model) for model in spotters(models)]
    return Info(asr=[program] if asr else [], wake=wake)


def spotters(models: Mapping[str, Model]) -> list[Model]:
    """Those that detect commands in a stream."""
    return [model for model in models.values() if wake_words(model)]


def wake_words(model: Model) -> list[str]:
    """What a spotter detects; nothing of a model that is none."""
    if model.manifest.task != "audio-classification":
        return []
    thresholds = model.manifest.streaming.get("thresholds")
    if not isinstance(thresholds, Mapping):
        return []
    return [word for word, threshold in thresholds.items() if threshold != NEVER]


def recogniser(models: Mapping[str, Model], name: str | None, language: str | None) -> Model:
    """The one that is named, or the first that knows the language.

    Raises:
        NotFound: there is none of that name, or none at all.
        BadRequest: it does not know the language.
    """
    known = {model.name: model for model in recognisers(models)}
    if not known:
        raise NotFound("no model for automatic-speech-recognition is served")
    if name is not None and name not in known:
        raise NotFound(f"name: no such model: {name!r}{nearest(name, known)}", field="name")
    asked = known.values() if name is None else [known[name]]
    for model in asked:
        if knows(model, language):
            return model
    codes = sorted({code for model in asked for code in languages(model.manifest)})
    raise BadRequest(
        f"language: no model knows {language!r}; known are {', '.join(codes)}", field="language"
    )


def spotter(models: Mapping[str, Model], names: Collection[str], program: str | None) -> Model:
    """The program that is selected, or the first that detects all of `names`.

    Raises:
        NotFound: there is none.
    """
    known = {model.name: model for model in spotters(models)}
    asked = [known[program]] if program in known else [*known.values()]
    if not asked:
        raise NotFound("no model that detects words is served")
    for model in asked:
        if set(names) <= set(wake_words(model)):
            return model
    words = sorted({word for model in asked for word in wake_words(model)})
    for name in names:
        if name not in words:
            raise NotFound(f"names: no such word: {name!r}{nearest(name, words)}", field="names")
    raise NotFound(f"names: no model detects all of {', '.join(names)}", field="names")


def names(models: Mapping[str, Model]) -> list[str]:
    """Of the programs, which can be selected."""
    told = info(models)
    return [program.name for program in (*told.asr, *told.wake)]


def _asr_model(model: Model) -> AsrModel:
    manifest = model.manifest
    return AsrModel(
        name=model.name,
        attribution=_attribution(manifest),
        installed=True,
        description=manifest.description or manifest.name,
        version=manifest.version,
        languages=languages(manifest),
    )


def _wake_program(model: Model) -> WakeProgram:
    manifest = model.manifest
    words = [
        WakeModel(
            name=word,
            attribution=_attribution(manifest),
            installed=True,
            description=word,  # which Home Assistant shows
            version=manifest.version,
            languages=languages(manifest),
            phrase=word,
        )
        for word in wake_words(model)
    ]
    return WakeProgram(
        name=model.name,
        attribution=_attribution(manifest),
        installed=True,
        description=manifest.description or manifest.name,
        version=manifest.version,
        models=words,
    )


def _attribution(manifest: Manifest) -> Attribution:
    return Attribution(name=manifest.attribution, url=manifest.source)
