"""What a caller may hand to a task, and what is told of everything else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

import earlet
from earlet.arrays import FloatArray
from earlet.errors import AudioFileError, InputError
from earlet.tasks import Listener
from earlet.tasks.audio_classification import AudioClassification
from earlet.tasks.speech_recognition import SpeechRecognition
from earlet.tasks.voice_activity import VoiceActivityDetection

RATE = 16_000


@pytest.fixture
def bad() -> Path:
    """Malformed files; tests/bad/README.md."""
    return Path(__file__).parents[1] / "bad"


@pytest.fixture(scope="module")
def classify() -> AudioClassification:
    return earlet.pipeline("audio-classification")


@pytest.fixture(scope="module")
def recognise() -> SpeechRecognition:
    return earlet.pipeline("automatic-speech-recognition")


@pytest.fixture(scope="module")
def segment() -> VoiceActivityDetection:
    return earlet.pipeline("voice-activity-detection")


@pytest.fixture(params=["classify", "recognise", "segment"])
def task(request: pytest.FixtureRequest) -> Listener:
    found: Listener = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(
    "inputs",
    [None, 7, 2.5, True, object()],
    ids=["none", "int", "float", "bool", "object"],
)
def test_another_type_of_input_is_refused_with_what_is_expected(
    task: Listener, inputs: Any
) -> None:
    expected = "expected a path, a data URL, the bytes of a sound file, a file object, an array of "
    with pytest.raises(InputError, match=expected):
        task(inputs)


@pytest.mark.parametrize(
    "inputs",
    [
        {"array": [0.0]},
        {"sampling_rate": RATE},
        {"array": [[0.0], [0.0, 0.0]], "sampling_rate": RATE},
        {},
        {"a.wav"},
        bytearray(b"RIFF"),
        np.array("x"),
    ],
)
def test_another_collection_is_refused(task: Listener, inputs: Any) -> None:
    with pytest.raises(InputError):
        task(inputs)


@pytest.mark.parametrize("key", ["array", "raw"])
def test_samples_come_with_their_rate_as_datasets_hands_them_about(
    task: Listener, speech: FloatArray, key: str
) -> None:
    both: Any = {key: speech, "sampling_rate": RATE, "path": None}
    assert task(both) == task(speech, sampling_rate=RATE)
    with pytest.raises(InputError, match="a mapping brings its own"):
        task(both, sampling_rate=RATE)


@pytest.mark.parametrize("start", ["https:", "HTTP:", "s3:", "file:"])
def test_an_address_is_not_fetched(task: Listener, start: str) -> None:
    address = f"{start}//example.org/clip.wav"
    with pytest.raises(InputError, match=f"{address}: earlet does not download"):
        task(address)


@pytest.mark.parametrize(
    "inputs",
    [(0.5, -0.5), range(5), (np.zeros(9), RATE), bytearray(b"RIFF"), {"x"}],
    ids=["samples", "range", "pair", "bytearray", "set"],
)
def test_what_yields_no_chunks_is_refused_with_what_to_do(task: Listener, inputs: Any) -> None:
    message = "expected chunks of samples, got .*; samples come as an array with its sampling_rate"
    with pytest.raises(InputError, match=message):
        task(inputs)


@pytest.mark.parametrize("rate", [None, 0, -1, 10**9, 16_000.0, "16000", True])
def test_samples_need_a_rate_in_whole_hertz(task: Listener, rate: Any) -> None:
    with pytest.raises(InputError, match=r"sampling_rate"):
        task(np.zeros(100, dtype=np.float32), sampling_rate=rate)


def test_a_file_has_its_own_rate(task: Listener, bad: Path) -> None:
    with pytest.raises(InputError, match="a file brings its own"):
        task(bad / "good_440hz_1s.wav", sampling_rate=RATE)


@pytest.mark.parametrize("n_samples", [0, 1, 100, 400])
def test_next_to_no_samples_give_next_to_nothing(
    classify: AudioClassification,
    recognise: SpeechRecognition,
    segment: VoiceActivityDetection,
    n_samples: int,
) -> None:
    clip = np.zeros(n_samples, dtype=np.float32)
    assert segment(clip, sampling_rate=RATE) == []
    assert recognise(clip, sampling_rate=RATE).text == ""
    best = classify(clip, sampling_rate=RATE)[0]
    assert best.label == "none"
    assert np.isfinite(best.score)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30, 32_767.0])
def test_a_sample_that_is_no_sound_is_refused(task: Listener, bad: float) -> None:
    clip = np.zeros(3 * RATE, dtype=np.float32)
    clip[40_000] = bad
    with pytest.raises(InputError, match=r"the samples: sample 40000 is .*expected finite samples"):
        task(clip, sampling_rate=RATE)
    with pytest.raises(InputError, match="the stream: sample 40000 is "):
        list(task.listen(np.split(clip, 30)))


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_speech_is_where_it_is_at_any_rate(
    segment: VoiceActivityDetection, speech: FloatArray, rate: int
) -> None:
    expected = segment(speech, sampling_rate=RATE)
    found = segment(soxr.resample(speech, RATE, rate), sampling_rate=rate)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        # Seconds: one window of 32 ms may fall on the other side of a threshold.
        assert abs(one.start_s - other.start_s) < 0.05
        assert abs(one.end_s - other.end_s) < 0.05


@pytest.mark.parametrize("n_channels", [2, 7])
def test_channels_that_say_the_same_are_one(
    segment: VoiceActivityDetection, speech: FloatArray, n_channels: int
) -> None:
    channels = np.repeat(speech[:, None], n_channels, axis=1)
    assert segment(channels, sampling_rate=RATE) == segment(speech, sampling_rate=RATE)


def test_a_list_gives_a_list_and_names_the_file_that_fails(
    recognise: SpeechRecognition, golden: Path, bad: Path
) -> None:
    path = golden / "whisper" / "1272-128104-0000.wav"
    assert recognise([]) == []
    assert recognise([path, path.read_bytes()]) == [recognise(path)] * 2
    with pytest.raises(AudioFileError, match=r"empty\.wav: is empty"):
        recognise([path, bad / "empty.wav"])
