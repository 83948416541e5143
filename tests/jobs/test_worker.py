"""One file after another: what goes wrong with one is told and keeps none of the others."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.arrays import FloatArray
from earlet.errors import BundleError, InputError
from earlet.jobs.plan import Item, Settings
from earlet.jobs.worker import Worker

RATE = 16_000


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker(Settings())


def ignored(_done_s: float, _all_s: float) -> None:
    """Nobody looks."""


def test_an_item_without_an_output_hands_its_text_back(
    worker: Worker, tmp_path: Path, speech: FloatArray
) -> None:
    soundfile.write(tmp_path / "x.flac", speech, RATE)
    item = Item(source=str(tmp_path / "x.flac"), output=None)
    heard: list[tuple[float, float]] = []
    outcome = worker.run(item, lambda *seconds: heard.append(seconds))
    assert outcome.text is not None
    assert outcome.text.startswith("Mr. Quilter")
    assert (outcome.item, outcome.error, outcome.disk_full) == (item, None, False)
    duration_s = len(speech) / RATE
    assert outcome.audio_s == heard[-1][0] == pytest.approx(duration_s, abs=1e-6)
    assert heard[0][0] == 0.0
    assert [done_s for done_s, _ in heard] == sorted(done_s for done_s, _ in heard)
    assert {all_s for _, all_s in heard} == {duration_s}


def test_an_item_with_an_output_is_written_there(worker: Worker, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros(RATE), RATE)
    output = tmp_path / "a" / "x.txt"
    outcome = worker.run(Item(source=str(tmp_path / "x.wav"), output=str(output)))
    assert (outcome.text, outcome.error, output.read_text()) == (None, None, "\n")


def vanish(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half : half + 4_000] = bytes(4_000)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (vanish, "cannot be read: No such file or directory"),
        (empty, "is empty; expected a sound file"),
        (cut, "damaged at about "),
        (damage, "damaged at about "),
    ],
)
def test_of_a_file_that_is_not_sound_to_its_end_nothing_is_written(
    worker: Worker,
    tmp_path: Path,
    speech: FloatArray,
    spoil: Callable[[Path], None],
    expected: str,
) -> None:
    path, output = tmp_path / "x.flac", tmp_path / "x.txt"
    soundfile.write(path, np.tile(speech, 3), RATE)
    spoil(path)
    outcome = worker.run(Item(source=str(path), output=str(output)))
    assert outcome.error is not None
    assert outcome.error.startswith(f"{path}: {expected}")
    assert (outcome.text, output.exists()) == (None, False)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(2 * RATE))


@pytest.mark.parametrize("change", [grow, cut, vanish])
def test_a_file_that_changes_while_it_is_read_is_not_done(
    worker: Worker, tmp_path: Path, speech: FloatArray, change: Callable[[Path], None]
) -> None:
    path, output = tmp_path / "x.wav", tmp_path / "x.txt"
    soundfile.write(path, np.tile(speech, 3), RATE)

    def heard(done_s: float, _: float) -> None:
        if done_s == 1.0:
            change(path)

    outcome = worker.run(Item(source=str(path), output=str(output)), heard)
    assert outcome.error == f"{path}: was changed while it was read; transcribe it again"
    assert not output.exists()
    assert worker.run(Item(source=str(path), output=str(output))).error == (
        f"{path}: cannot be read: No such file or directory" if change is vanish else None
    )


def test_a_bundle_that_is_none_is_refused_before_the_first_file() -> None:
    with pytest.raises(BundleError, match="not for automatic-speech-recognition"):
        Worker(Settings(bundle="vad"))


def test_an_option_that_the_bundle_does_not_know_is_refused_before_the_first_file() -> None:
    with pytest.raises(InputError, match="language: there is no 'tlh'"):
        Worker(Settings(language="tlh"))
