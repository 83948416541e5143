"""A pool that many tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.workers.pools import Run, running


@pytest.fixture(scope="session")
def clip(golden: Path) -> bytes:
    """5.9 s of read speech, as a file."""
    return (golden / "whisper" / "1272-128104-0000.wav").read_bytes()


@pytest.fixture(scope="module")
def shared_pool() -> Iterator[Run]:
    """`shared_pool(test)`: with all that is served, and one call at a time; for tests that leave
    its processes as they were."""
    bundles = ("commands-en", "efficientnet-lite0", "moonshine-tiny-en", "sentiment-en", "vad")
    with running(*bundles, "yamnet", workers=1) as run:
        yield run
