"""A network of several languages and tasks: a tiny one with random weights, the text of which is
nonsense, but depends on all that it is told. What the server adds to it must be nothing."""

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import openai
import pytest
from transformers.models.whisper.tokenization_whisper import LANGUAGES

import earlet
from earlet.decoding.recogniser import Segment, TranscriptionOptions
from earlet.server.languages import NAMES, name_of
from earlet.streaming.partials import Final
from earlet.tasks.sound import load
from earlet.tasks.speech_recognition import SpeechRecognition
from earlet_quantize.huggingface import import_folder, write
from tests.rig.virtual_microphone import WAIT_S
from tests.server.program import serving


@pytest.fixture(scope="module")
def bundle(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "whisper"
    source = golden / "huggingface" / "whisper"
    write(
        import_folder(source, name="tiny", license="MIT", attribution="nobody", source="chance"),
        folder,
    )
    return folder


@pytest.fixture(scope="module")
def client(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """Of a server that has a network of one language, too, and has it first."""
    log = tmp_path_factory.mktemp("languages") / "log"
    with (
        serving(
            log, "--bundle", "moonshine-tiny-en", "--bundle", f"tiny/whisper={bundle}"
        ) as program,
        openai.OpenAI(base_url=f"{program.url}/v1", api_key="none", timeout=WAIT_S) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def here(bundle: Path) -> SpeechRecognition:
    """The same network without a server."""
    return earlet.pipeline("automatic-speech-recognition", bundle)


@pytest.fixture(scope="module")
def sentence(golden: Path) -> Path:
    return golden / "whisper" / "1272-128104-0000.wav"


def heard(here: SpeechRecognition, file: Path, **options: Any) -> Segment:
    live = here.live(TranscriptionOptions(**options))
    waveform = load(file, None, here.sample_rate)
    (event,) = [*live.push(waveform, late=True), *live.flush()]
    assert isinstance(event, Final)
    return event.segment(here.sample_rate)


def same(told: Any, here: Segment) -> None:
    (segment,) = told.segments
    assert f" {told.text}" == segment.text == f" {here.text}"
    assert tuple(segment.tokens) == here.tokens
    assert segment.avg_logprob == pytest.approx(fmean(here.logprobs), abs=1e-6)
    assert segment.no_speech_prob == pytest.approx(here.no_speech, abs=1e-6)
    assert segment.temperature == here.temperature


@pytest.mark.parametrize(
    ("asked", "options", "language"),
    [
        ({}, {}, "german"),  # as it hears it
        ({"language": "en"}, {"language": "en"}, "english"),
        ({"language": "de-CH"}, {"language": "de"}, "german"),
        ({"prompt": "a"}, {"initial_prompt": "a"}, "german"),
        ({"temperature": 1}, {"temperatures": (1.0,)}, "german"),
    ],
)
def test_what_is_asked_for_reaches_the_network_unchanged(
    client: openai.OpenAI,
    here: SpeechRecognition,
    sentence: Path,
    asked: dict[str, Any],
    options: dict[str, Any],
    language: str,
) -> None:
    told = client.audio.transcriptions.create(
        file=sentence, model="tiny/whisper", response_format="verbose_json", **asked
    )
    same(told, heard(here, sentence, **options))
    assert told.language == language
    assert told.to_dict()["task"] == "transcribe"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of all that translates
def test_a_translation_goes_to_the_first_network_that_translates(
    client: openai.OpenAI, here: SpeechRecognition, sentence: Path
) -> None:
    create = client.audio.translations.create
    told = create(file=sentence, model="whisper-1", response_format="verbose_json")
    expected = heard(here, sentence, task="translate")
    assert expected.logprobs != heard(here, sentence).logprobs
    same(told, expected)
    assert told.language == "english"
    assert told.to_dict()["task"] == "translate"
    assert create(file=sentence, model="whisper-1").to_dict() == {"text": expected.text}


def test_a_language_that_the_network_does_not_know_is_refused(
    client: openai.OpenAI, sentence: Path
) -> None:
    with pytest.raises(openai.BadRequestError, match="there is no 'fr'; known are") as caught:
        client.audio.transcriptions.create(file=sentence, model="tiny/whisper", language="fr")
    assert caught.value.param == "language"


def test_languages_are_called_as_whisper_calls_them() -> None:
    assert NAMES == LANGUAGES
    assert name_of("tlh") == "tlh"  # Klingon, which it does not know
