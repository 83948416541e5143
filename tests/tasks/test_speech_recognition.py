"""Transcription with the bundle that ships, held to what was really said."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import earlet
from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.results import Chunk, Transcript
from earlet.tasks.speech_recognition import SpeechRecognition

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "tests" / "recordings" / "speech.flac"


@pytest.fixture(scope="module")
def asr() -> SpeechRecognition:
    return earlet.pipeline("automatic-speech-recognition", ROOT / "models" / "moonshine-tiny-en")


@pytest.fixture(scope="module")
def recording() -> FloatArray:
    waveform, _ = soundfile.read(RECORDING, dtype="float32")
    return np.asarray(waveform)


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def n_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Levenshtein distance over words."""
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, start=1):
        above, row[0] = row[0], i
        for j, other in enumerate(hypothesis, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (word != other))
    return row[-1]


def test_what_is_said_is_written(asr: SpeechRecognition) -> None:
    reference = words(RECORDING.with_suffix(".txt").read_text(encoding="utf-8"))
    assert n_errors(reference, words(asr(RECORDING).text)) <= 0.15 * len(reference)


def test_forty_unseen_utterances_stay_within_the_promised_error_rate(
    asr: SpeechRecognition, shared_data: Path
) -> None:
    folder = shared_data / "speech" / "librispeech-test-other"
    lines = (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t")[:2] for line in lines]
    paths = {path.stem: path for path in folder.rglob("*.flac")}
    assert len(pairs) == 40
    errors = sum(n_errors(words(text), words(asr(paths[name]).text)) for name, text in pairs)
    # 12.6 % where the bundle was made. Rounding noise alone moves it between 12.1 and 13.7 %, so
    # another processor is allowed one percent more than the 13.5 % that are promised.
    assert errors / sum(len(words(text)) for _, text in pairs) <= 0.145


def test_timestamps_lie_where_the_speech_is(asr: SpeechRecognition, shared_data: Path) -> None:
    folder = shared_data / "speech" / "long"
    rows = (folder / "segments.tsv").read_text(encoding="utf-8").splitlines()[1:]
    truth = [tuple(map(float, row.split("\t")[:2])) for row in rows]
    transcript = asr(next(folder.glob("*.flac")), return_timestamps=True)
    assert transcript.chunks is not None
    for chunk in transcript.chunks:
        start_s, end_s = chunk.timestamp
        # Each chunk lies within one utterance and the padding around it.
        assert any(a - 0.3 <= start_s and end_s <= b + 0.3 for a, b in truth), chunk
    covered = sum(end_s - start_s for _, (start_s, end_s) in _spans(transcript.chunks))
    assert covered >= 0.85 * sum(b - a for a, b in truth)


def _spans(chunks: Sequence[Chunk]) -> list[tuple[str, tuple[float, float]]]:
    return [(chunk.text, chunk.timestamp) for chunk in chunks]


def test_timestamps_come_only_when_asked_for(asr: SpeechRecognition) -> None:
    plain, timed = asr(RECORDING), asr(RECORDING, return_timestamps=True)
    assert plain == Transcript(timed.text)
    assert timed.chunks is not None
    assert " ".join(chunk.text for chunk in timed.chunks) == timed.text
    assert json.loads(json.dumps(timed.to_json()))["chunks"][0]["timestamp"]


@settings(max_examples=3)
@given(cuts=st.lists(st.integers(0, 200_000), max_size=30).map(sorted))
def test_any_chunking_gives_the_utterances_of_the_file(
    asr: SpeechRecognition, recording: FloatArray, cuts: list[int]
) -> None:
    assert list(asr.listen(np.split(recording, cuts))) == list(asr.listen(RECORDING))


def test_a_list_gives_a_list(asr: SpeechRecognition, recording: FloatArray) -> None:
    clip = recording[:80_000]
    one = asr(clip, sampling_rate=16_000)
    assert asr([clip, clip], sampling_rate=16_000) == [one, one]


@pytest.mark.parametrize("clip", [RECORDING, np.zeros(100, dtype=np.float32)])
def test_a_language_where_the_network_has_no_choice_is_refused(
    asr: SpeechRecognition, clip: Path | FloatArray
) -> None:
    rate = None if isinstance(clip, Path) else 16_000
    with pytest.raises(InputError, match="there is no 'en'; this network has no choice"):
        asr(clip, sampling_rate=rate, language="en")


@pytest.mark.parametrize("level", [0.0, 1e-3, 0.1])
def test_nobody_speaking_gives_no_text(asr: SpeechRecognition, level: float) -> None:
    noise = np.random.default_rng(0).normal(size=20 * 16_000).astype(np.float32) * np.float32(level)
    assert asr(noise, sampling_rate=16_000) == Transcript("")


@pytest.mark.parametrize("n_samples", [0, 1, 894, 895, 1600])
def test_audio_without_room_for_a_word_is_no_error(asr: SpeechRecognition, n_samples: int) -> None:
    assert asr(np.zeros(n_samples, dtype=np.float32), sampling_rate=16_000).text == ""
    assert isinstance(asr.transcribe(np.full(n_samples, 0.1, dtype=np.float32)), str)


def test_speech_without_a_pause_is_cut_before_it_is_too_long(asr: SpeechRecognition) -> None:
    waveform, _ = soundfile.read(RECORDING, dtype="float32")
    speech = waveform[16_000:48_000]  # 2 s from the midst of a sentence
    chunks = list(asr.listen(np.tile(speech, 25), sampling_rate=16_000))
    assert len(chunks) >= 2
    assert all(end_s - start_s <= 30.0 for _, (start_s, end_s) in _spans(chunks))
