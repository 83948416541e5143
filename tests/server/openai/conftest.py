"""The `openai` package, pointed at a server of ours: nothing else is changed."""

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.rig.virtual_microphone import WAIT_S
from tests.server.program import Program


@pytest.fixture(scope="session")
def client(server: Program) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=WAIT_S
    ) as client:
        yield client


@pytest.fixture(scope="session")
def talk(recordings: Path) -> Path:
    """13.6 s of read speech: two sentences."""
    return recordings / "speech.flac"


@pytest.fixture(scope="session")
def said(recordings: Path) -> list[str]:
    """The words of `talk`."""
    return (recordings / "speech.txt").read_text(encoding="utf-8").split()
