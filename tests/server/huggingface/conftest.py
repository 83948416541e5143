"""Clips with one word or sentence, what each model makes of them, and clients of several years."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import soundfile

import earlet
from earlet.tasks import open_bundle
from tests.server.clients import Client, client_node, talking
from tests.server.huggingface.hub import VERSIONS, Hub, running
from tests.server.program import Program, serving

PACKAGE = "@huggingface/inference@4.13.30"
GO_S = (0.5, 2.0)  # of commands.flac, in seconds: "go"
SENTENCE_S = (0.0, 5.5)  # of speech.flac: its first line


@pytest.fixture(scope="session")
def go(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip in which somebody says "go"."""
    return _cut(recordings / "commands.flac", GO_S, tmp_path_factory.mktemp("clips") / "go.wav")


@pytest.fixture(scope="session")
def sentence(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of the first line of speech.txt."""
    folder = tmp_path_factory.mktemp("clips")
    return _cut(recordings / "speech.flac", SENTENCE_S, folder / "sentence.flac")


@pytest.fixture(scope="session")
def cat() -> Path:
    """A picture of an Egyptian cat."""
    return Path(__file__).parents[2] / "pictures" / "cat.jpg"


@pytest.fixture(scope="session")
def here() -> Callable[[str], Any]:
    """`here("efficientnet-lite0")`: the pipeline of a bundle, in this process."""
    return cache(lambda bundle: open_bundle(earlet.load(bundle)))


@pytest.fixture(scope="session")
def narrow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One with little room, and under several names a model that nobody has asked for yet."""
    folder = tmp_path_factory.mktemp("narrow")
    names = [f"feelings-{who}=sentiment-en" for who in (*VERSIONS, "raw")]
    limits = {"queue": 1, "workers": 1, "max_audio_s": 100}
    bundles = ["moonshine-tiny-en", *names]
    (folder / "config.yaml").write_text(json.dumps({"serve": {**limits, "bundles": bundles}}))
    with serving(folder / "log", "--config", folder / "config.yaml") as program:
        yield program


@pytest.fixture(scope="session", params=VERSIONS)
def hub(request: pytest.FixtureRequest) -> Iterator[Hub]:
    """A program with huggingface_hub, in one version after the other."""
    with running(request.param) as hub:
        yield hub


@pytest.fixture(scope="session")
def npm() -> Iterator[Client]:
    """A program with npm's @huggingface/inference (npm_client.mjs)."""
    script = Path(__file__).with_name("npm_client.mjs")
    with talking("node", script, client_node(PACKAGE)) as client:
        yield client


def _cut(source: Path, between_s: tuple[float, float], clip: Path) -> Path:
    waveform, rate = soundfile.read(source, dtype="int16")
    start, end = (int(at_s * rate) for at_s in between_s)
    soundfile.write(clip, waveform[start:end], rate)
    return clip
