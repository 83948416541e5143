"""The file of a recording: any player's WAV, whole or refused."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.config import ListenConfig
from earlet.errors import AudioFileError
from earlet.service.recordings import plain_data
from earlet.service.recordings.file import Recording, encode, is_recording, read_recording

Make = Callable[..., Recording]
HEAD = 58  # bytes, with the head of the chunk that is earlet's own


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "earlet-000001-x-go.wav"


def refused(path: Path) -> str:
    with pytest.raises(AudioFileError) as problem:
        read_recording(path)
    message = str(problem.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_what_was_written_comes_back_to_the_bit(make_recording: Make, path: Path) -> None:
    recording = make_recording()
    path.write_bytes(encode(recording))
    read = read_recording(path)
    assert is_recording(path)
    assert read.facts == recording.facts
    assert read.events == recording.events
    assert read.controls == recording.controls
    assert read.samples.tobytes() == recording.samples.tobytes()
    for name, array in asdict(recording.scores).items():
        found = getattr(read.scores, name)
        assert (found.dtype, found.shape, found.tobytes()) == (
            *(array.dtype, array.shape, array.tobytes()),
        )
    assert plain_data.pack(read.snapshot) == plain_data.pack(recording.snapshot)


@pytest.mark.parametrize("n_samples", [0, 1, 15_999, 32_000])
def test_libsndfile_plays_it(make_recording: Make, path: Path, n_samples: int) -> None:
    recording = make_recording()
    recording = replace(recording, samples=recording.samples[:n_samples])
    path.write_bytes(encode(recording))
    samples, rate = soundfile.read(path, dtype="float32")
    assert (rate, soundfile.info(path).subtype) == (16_000, "FLOAT")
    assert samples.tobytes() == recording.samples.tobytes()
    assert read_recording(path).samples.tobytes() == recording.samples.tobytes()


def test_what_is_done_with_an_event_is_not_in_the_file(
    make_recording: Make, path: Path, secretive: ListenConfig
) -> None:
    recording = make_recording()
    recording = replace(recording, facts=replace(recording.facts, config=secretive))
    data = encode(recording)
    assert b"hunter2" not in data
    assert b"example.org" not in data
    path.write_bytes(data)
    assert read_recording(path).facts.config.label("go").threshold == 0.7


def test_it_cannot_be_cut_off_anywhere(make_recording: Make, path: Path) -> None:
    data = encode(make_recording(seconds=0.1))
    packed = int.from_bytes(data[HEAD - 4 : HEAD], "little")
    n_json = int.from_bytes(data[HEAD + 32 : HEAD + 36], "little")
    borders = [12, 38, 50, HEAD, HEAD + 32, HEAD + 36, HEAD + 36 + n_json, HEAD + packed]
    borders += [HEAD + packed + 8, len(data)]
    for border in borders:
        for length in (border - 1, border, border + 1):
            if length < len(data):
                path.write_bytes(data[:length])
                told = refused(path)
                assert ("damaged or cut off" if length >= HEAD else "not a recording") in told
    path.write_bytes(data + b"\0")
    assert "damaged or cut off" in refused(path)


@settings(max_examples=50)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_bit_of_it_can_be_another(
    make_recording: Make, folder: Path, at: float, bit: int
) -> None:
    data = bytearray(encode(make_recording(seconds=0.1)))
    data[int(at * len(data))] ^= 1 << bit
    path = folder / "flipped.wav"
    path.write_bytes(data)
    refused(path)


@settings(max_examples=50)
@given(data=st.binary(max_size=200))
def test_any_bytes_behind_its_head_are_refused(
    make_recording: Make, folder: Path, data: bytes
) -> None:
    path = folder / "random.wav"
    path.write_bytes(encode(make_recording(seconds=0.1))[:HEAD] + data)
    refused(path)


@pytest.mark.parametrize("name", ["commands.flac", "commands.tsv", "nowhere.wav"])
def test_another_file_is_refused(name: str) -> None:
    refused(Path(__file__).parents[2] / "recordings" / name)


def test_a_sound_file_of_others_is_none(folder: Path) -> None:
    path = folder / "other.wav"
    soundfile.write(path, np.zeros(100), 16_000, subtype="FLOAT")
    assert not is_recording(path)


def vouched(data: bytes, old: bytes, new: bytes) -> bytes:
    """With other content, for which the digest vouches: what somebody might hand in on purpose."""
    assert data.count(old) >= 1
    assert len(old) == len(new)
    data = data.replace(old, new)
    digest = hashlib.sha256(data[:HEAD] + data[HEAD + 32 :]).digest()
    return data[:HEAD] + digest + data[HEAD + 32 :]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b'"version":1', b'"version":2', "a recording of version 2; this earlet reads version 1"),
        (
            b'"sample_rate":16000',
            b'"sample_rate":"six"',
            "facts.sample_rate: expected a whole numb",
        ),
        (b'"sample_rate":16000', b'"sample_rate":  999', "sample_rate: no recorder has 999 Hz"),
        (b'"is_end":false', b'"is_end":"yes"', "facts.is_end: expected true or false, got 'yes'"),
        (b'"kind":"Detection"', b'"kind":"Detectron"', "'Detectron'"),
        (b'"label":"go"', b'"label":"no"', "thresholds: 'no' has none"),
        (b'"smoothing":2', b'"smoothinG":2', "unknown key 'smoothinG'; did you mean 'smoothing'?"),
        (b'"score":0.75', b'"score":null', "Detection.score: expected a number"),
        (b'["|b1",[', b'["|u1",[', "scores.is_open: of another type or shape"),
        (b'"at":{"$array"', b'"aT":{"$array"', "scores.at: expected an array, got None"),
        (b'["<f4",[2,2],', b'["<f4",[4,1],', "scores."),
        (b'"stride":1', b'"stride":0', "a stride"),
        (b'"start":160000', b'"start":-60000', "the first sample is negative"),
    ],
)
def test_wrong_content_is_refused(
    make_recording: Make, path: Path, old: bytes, new: bytes, expected: str
) -> None:
    path.write_bytes(vouched(encode(make_recording(seconds=0.1)), old, new))
    assert expected in refused(path)


def test_a_sample_that_is_no_number_is_refused(make_recording: Make, path: Path) -> None:
    recording = make_recording(seconds=0.1)
    recording.samples[5] = np.inf
    path.write_bytes(encode(recording))
    assert "sample 5 is inf" in refused(path)
