"""Malformed files at every door: refused in one line that names the file, or recovered from.

The files of tests/bad, and mutants of sound ones, are opened in a process of their own with little
memory, so that a crash, a hang or a huge allocation is a failed test and not a dead test run.
"""

import io
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

import earlet
from earlet import bundle as bundles
from earlet import tokenizers
from earlet.backends import open_session
from earlet.bundle import Bundle
from earlet.config import read_config
from earlet.errors import (
    AudioFileError,
    BackendError,
    BundleError,
    ConfigError,
    EarletError,
    InputError,
)
from earlet.image import file as picture
from earlet.tasks.sound import load

Alter = Callable[..., Path]  # tests/conftest.py
BAD = Path(__file__).parent / "bad"
RATE = 16_000
MEMORY = 4 << 30  # bytes of address space; ONNX Runtime and NumPy take about one
TIMEOUT_S = 300  # ends a hang; all of it takes seconds
N_MUTANTS = 150  # of each kind of file

# What is not refused, and what is made of it: the number of samples, always the same.
RECOVERED = {
    "good_440hz_1s.wav": 16_000,  # the control
    "bits_17.wav": 666,  # as 24 bits: WAV fills whole bytes, and the lowest bits are 0
    "flac_named.wav": 10_922,  # the content counts, not the name
    "wav_named.flac": 4_000,  # the same; what is there of a file that was cut off
    "truncated_mid_data.wav": 4_500,  # what is there; half a sample is dropped
    "lying_data_size_huge.wav": 16_000,  # what is there
    "lying_data_size_small.wav": 50,  # what the header says: anything may follow the sound
    "lying_riff_size_zero.wav": 16_000,  # the data chunk counts
}
DOORS: dict[str, tuple[str, type[EarletError]]] = {  # door -> suffixes, and what it must raise
    "audio": (".wav .flac .txt .json", AudioFileError),
    "speech": (".wav .flac", AudioFileError),
    "voice": (".wav .flac", AudioFileError),
    "network": (".onnx .txt .json", BackendError),
    "litert": (".tflite .onnx .txt .json", BackendError),
    "manifest": (".yaml .txt .json .wav", BundleError),
    "zip": (".zip .txt .wav", BundleError),
    "config": (".yaml .txt .json .wav", ConfigError),
    "tokenizer": (".json .txt", BundleError),
    "picture": (".jpg .png .wav .txt .json", InputError),
}
CASES = [
    (door, path.name)
    for door, (suffixes, _) in DOORS.items()
    for path in sorted(BAD.iterdir())
    if path.suffix in suffixes.split()
]


def openers(scratch: Path) -> dict[str, Callable[[Path], object]]:
    """For each door, what opens a file through it and tells what came of it."""
    speech = earlet.pipeline("automatic-speech-recognition")
    voice = earlet.pipeline("voice-activity-detection")

    def manifest(path: Path) -> object:
        folder = scratch / path.name
        folder.mkdir()
        (folder / "bundle.yaml").write_bytes(path.read_bytes())
        return Bundle(folder)

    return {
        "audio": lambda path: len(load(path, None, RATE)),
        "speech": lambda path: speech(path).text,
        "voice": lambda path: len(voice(path)),
        "network": lambda path: open_session(path.read_bytes(), str(path), "onnxruntime"),
        "litert": lambda path: open_session(path.read_bytes(), str(path), "litert"),
        "manifest": manifest,
        "zip": Bundle,
        "config": read_config,
        "tokenizer": lambda path: tokenizers.from_json(
            path.read_bytes().decode("utf-8", "replace"), str(path)
        ),
        "picture": lambda path: picture.load(path).shape,
    }


def open_all() -> dict[str, list[object]]:
    """Every case: the type and the message of its error, or ["", what came of it]."""
    outcomes: dict[str, list[object]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        doors = openers(Path(scratch))
        for door, name in CASES:
            try:
                outcomes[f"{door}/{name}"] = ["", doors[door](BAD / name)]
            except EarletError as problem:
                outcomes[f"{door}/{name}"] = [type(problem).__name__, str(problem)]
    return outcomes


def mutants(data: bytes, seed: str) -> Iterator[bytes]:
    """`data` with a few bytes changed, and often cut short."""
    rng = random.Random(seed)
    for _ in range(N_MUTANTS):
        mutant = bytearray(data)
        reach = rng.choice([64, 512, len(data)])  # heads and tails are where it hurts
        for _ in range(rng.randint(1, 8)):
            at = rng.randrange(min(reach, len(data)))
            mutant[rng.choice([at, -1 - at])] = rng.randrange(256)
        yield bytes(mutant[: rng.choice([len(data), rng.randrange(1, len(data))])])


def survive_mutants() -> None:
    """Open mutants of good files; what is not an EarletError goes through."""
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE // 4) / RATE)
    sounds = {"WAV": "PCM_16", "FLAC": "PCM_16", "OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}
    for container, subtype in sounds.items():
        sound = io.BytesIO()
        soundfile.write(sound, tone, RATE, format=container, subtype=subtype)
        for mutant in mutants(sound.getvalue(), container):
            with suppress(EarletError):
                load(mutant, None, RATE)
    painting = Image.effect_noise((60, 40), 50).convert("RGB")
    for form in picture.FORMATS:
        painted = io.BytesIO()
        painting.save(painted, form)
        for mutant in mutants(painted.getvalue(), form):
            with suppress(EarletError):
                picture.load(mutant)
    vad = Bundle(bundles.find("vad"))
    network = vad.read_bytes(vad.manifest.model.network or "")
    for mutant in mutants(network, "onnx"):
        with suppress(EarletError):
            open_session(mutant, "vad", "onnxruntime")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "vad.zip"
        for mutant in mutants(zipped(vad), "zip"):
            path.write_bytes(mutant)
            with suppress(EarletError):
                read_all(path)
        folder = Path(shutil.copytree(vad.path, Path(scratch) / "vad"))
        for mutant in mutants((vad.path / "bundle.yaml").read_bytes(), "yaml"):
            (folder / "bundle.yaml").write_bytes(mutant)
            with suppress(EarletError):
                Bundle(folder)


def read_all(path: Path) -> None:
    bundle = Bundle(path)
    for name in bundle.manifest.files:
        bundle.read_bytes(name)


def zipped(bundle: Bundle) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("bundle.yaml", *bundle.manifest.files):
            file.write(bundle.path / name, name)
    return archive.getvalue()


def run_alone(what: str) -> str:
    """Run this file as a program, with a limit on its memory; what it prints."""

    def limit_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    result = subprocess.run(
        [sys.executable, __file__, what],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        preexec_fn=limit_memory,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2_000:]
    return result.stdout


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[str, Any]]:
    return {case: tuple(outcome) for case, outcome in json.loads(run_alone("files")).items()}


@pytest.mark.parametrize(("door", "name"), CASES)
def test_a_malformed_file_is_refused_by_name_or_recovered_from(
    outcomes: dict[str, tuple[str, Any]], door: str, name: str
) -> None:
    kind, told = outcomes[f"{door}/{name}"]
    if name in RECOVERED and door in ("audio", "speech", "voice"):
        assert kind == ""
        assert door != "audio" or told == RECOVERED[name]
        return
    expected = {DOORS[door][1].__name__, *(sub.__name__ for sub in DOORS[door][1].__subclasses__())}
    assert kind in expected, told
    assert name in told
    assert told.isprintable()
    assert len(told) < 400


def test_mutants_of_good_files_are_accepted_or_refused() -> None:
    assert run_alone("mutants") == ""


@pytest.mark.parametrize(
    "name", ["long_token.txt", "not_utf8.txt", "nul_and_controls.txt", "utf16.txt", "empty.wav"]
)
def test_a_bundle_whose_labels_are_no_labels_is_refused(altered: Alter, name: str) -> None:
    folder = altered(bundles.find("commands-en"), {"labels.txt": (BAD / name).read_bytes()})
    with pytest.raises(BundleError, match="commands-en") as caught:
        earlet.pipeline("audio-classification", folder)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", [path.name for path in sorted(BAD.glob("*.onnx"))])
def test_a_bundle_whose_network_is_none_is_refused(altered: Alter, name: str) -> None:
    folder = altered(bundles.find("vad"), {"vad.onnx": (BAD / name).read_bytes()})
    with pytest.raises(BackendError, match=r"vad/vad\.onnx: ") as caught:
        earlet.pipeline("voice-activity-detection", folder)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_a_bundle_with_the_network_of_another_is_refused(altered: Alter) -> None:
    other = (bundles.find("commands-en") / "network.int8.onnx").read_bytes()
    folder = altered(bundles.find("vad"), {"vad.onnx": other})
    with pytest.raises(EarletError, match="vad") as caught:
        earlet.pipeline("voice-activity-detection", folder)(BAD / "good_440hz_1s.wav")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("path", ["x" * 300, "x/" * 3_000, "a\0b", "", "/dev/zero", "/etc", "~"])
def test_what_cannot_be_a_bundle_is_refused(path: str) -> None:
    for door in (Bundle, earlet.load):
        with pytest.raises(BundleError) as caught:
            door(path)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("task", [None, 7, [], "speech", "automatic-speech-recognitoin"])
def test_another_task_is_refused_with_those_there_are(task: Any) -> None:
    with pytest.raises(InputError, match=r"task: there is no .*automatic-speech-recognition"):
        earlet.pipeline(task)


@pytest.mark.parametrize("threads", [0, -1, 10**9, "2", None])
def test_an_impossible_number_of_threads_is_refused(threads: Any) -> None:
    with pytest.raises(InputError, match="threads: expected 1 to 256, got "):
        earlet.pipeline("voice-activity-detection", threads=threads)


def to_itself(path: Path) -> None:
    path.symlink_to(path)


def to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [to_itself, to_nowhere, to_a_device, os.mkfifo])
@pytest.mark.parametrize("name", ["bundle.yaml", "vad.onnx"])
def test_a_bundle_of_links_and_pipes_is_refused(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    folder = Path(shutil.copytree(bundles.find("vad"), tmp_path / "vad"))
    (folder / name).unlink()
    make(folder / name)
    with pytest.raises(BundleError, match=re.escape(str(folder))):
        Bundle(folder)


def test_a_manifest_outside_the_bundle_is_not_read(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundles.find("vad"), tmp_path / "vad"))
    (folder / "bundle.yaml").rename(tmp_path / "bundle.yaml")
    (folder / "bundle.yaml").symlink_to(tmp_path / "bundle.yaml")
    with pytest.raises(BundleError, match=r"'bundle\.yaml' is a link that leads outside"):
        Bundle(folder)


if __name__ == "__main__":
    if sys.argv[1] == "files":
        json.dump(open_all(), sys.stdout, default=repr)
    else:
        survive_mutants()
