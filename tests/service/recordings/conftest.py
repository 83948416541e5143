"""Recordings that were never heard, for what only reads and writes them."""

from collections.abc import Callable

import numpy as np
import pytest

from earlet.config import ConfirmConfig, LabelConfig, ListenConfig, Post
from earlet.results import Chunk, Detection, Rejection
from earlet.service.recordings.file import Control, Facts, Recording, Rules, Scores

RATE = 16_000
HOP = 640  # samples


def made(seed: int = 0, seconds: float = 2.0, start: int = 160_000, n_labels: int = 2) -> Recording:
    """A recording of random numbers; without labels it has no scores."""
    generator = np.random.default_rng(seed)
    n_hops = int(seconds * RATE) // HOP if n_labels else 0
    posteriors = generator.uniform(0, 1, (n_hops, n_labels)).astype(np.float32)
    posteriors[:1] = np.nan  # not looked at
    return Recording(
        facts=Facts(
            heard_at="2026-11-20T17:20:31+00:00",
            earlet="0.1.0",
            engine="onnxruntime 1.23.2",
            machine="aarch64",
            sample_rate=RATE,
            start=start,
            is_end=False,
            about=0,
            config=ListenConfig(
                confirm=ConfirmConfig(score=-9.5),
                labels={"go": LabelConfig(threshold=0.7)},
                commands=("lights on",),
            ),
            bundles={"commands-en": "00" * 32},
            rules=Rules(
                labels=("go", "left")[:n_labels],
                thresholds={"go": 0.7, "left": 0.985},
                smoothing=2,
                confirmation=-9.5,
            ),
        ),
        samples=generator.normal(0, 0.1, int(seconds * RATE)).astype(np.float32),
        snapshot={"window": generator.normal(size=(3, 4)).astype(np.float32), "hop": 7, "x": None},
        controls=(Control(start, 1), Control(start + HOP, 2)),
        events=(
            Detection("go", 0.75, 10.6, 11.4, confirmation=-3.25),
            Rejection("left", 0.5, 11.0, 11.8, "below threshold"),
            Chunk("Turn it on.", (11.0, 11.9)),
        ),
        scores=Scores(
            at=start + HOP * np.arange(1, n_hops + 1, dtype=np.int64),
            posteriors=posteriors,
            smoothed=posteriors.copy(),
            is_open=generator.uniform(size=n_hops) < 0.5,
            deaf_until=np.zeros(n_hops, dtype=np.int64),
        ),
    )


@pytest.fixture(scope="session")
def make_recording() -> Callable[..., Recording]:
    """`make_recording(seed=1, seconds=2.0)`: of random numbers."""
    return made


@pytest.fixture
def secretive() -> ListenConfig:
    """A configuration with what is nobody's business."""
    actions = (Post(post="https://example.org/hook", headers={"Authorization": "Bearer hunter2"}),)
    return ListenConfig(labels={"go": LabelConfig(threshold=0.7, actions=actions)}, speech=actions)
