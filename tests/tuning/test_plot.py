"""The plot of all settings: it can be drawn whatever was found."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from earlet.tuning import plot
from earlet.tuning.outcome import Outcome
from earlet.tuning.trial import Setting


def found(n_false: int = 20) -> list[Outcome]:
    """Two curves of five settings each: the stricter, the more is missed."""
    return [
        Outcome(
            Setting(smoothing, i / 6),
            100,
            5 * i + 20 * smoothing,
            0,
            n_false * (5 - i) // 4,
            hours=2.0,
        )
        for smoothing in (1, 2)
        for i in range(1, 6)
    ]


def share(path: Path, colour: str) -> float:
    """Of the pixels that have it."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return float((np.abs(pixels - wanted).max(axis=-1) <= 12).mean())


@pytest.mark.parametrize("target", [0.0, 0.001, 0.5, 1000.0])
@pytest.mark.parametrize("n_false", [0, 20])
def test_whatever_was_found_can_be_drawn(tmp_path: Path, target: float, n_false: int) -> None:
    path, outcomes = tmp_path / "det.png", found(n_false)
    plot.draw(path, outcomes, outcomes[-1], target)
    assert share(path, plot.CHOSEN) > 0.001
    assert share(path, plot.OTHERS[0]) > 0.0005
