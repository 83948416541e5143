"""Transcription with the bundle that ships, held to what was really said."""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import earlet
from earlet.arrays import Float64Array, FloatArray
from earlet.errors import InputError
from earlet.results import Chunk, Partial, Transcript
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


def test_several_threads_write_what_one_writes(
    asr: SpeechRecognition, recording: FloatArray
) -> None:
    pause = np.zeros(20_000, dtype=np.float32)
    parts = [recording[start:] for start in range(0, len(recording), 16_000)]
    waveform = np.concatenate([part for speech in parts for part in (speech, pause)])
    alone = list(asr.listen(waveform, sampling_rate=16_000))
    assert len(alone) > 3
    together = earlet.pipeline("automatic-speech-recognition", asr.bundle.path, threads=3)
    assert list(together.listen(waveform, sampling_rate=16_000)) == alone


@pytest.fixture(scope="module")
def long(asr: SpeechRecognition, shared_data: Path) -> tuple[Float64Array, Float64Array]:
    """True and found segments of a long recording, each (n, start and end) in seconds."""
    folder = shared_data / "speech" / "long"
    rows = (folder / "segments.tsv").read_text(encoding="utf-8").splitlines()[1:]
    chunks = asr(next(folder.glob("*.flac")), return_timestamps=True).chunks
    assert chunks is not None
    true = np.array([row.split("\t")[:2] for row in rows], dtype=float)
    return true, np.array([chunk.timestamp for chunk in chunks])


def test_segments_lie_where_the_speech_is(long: tuple[Float64Array, Float64Array]) -> None:
    true, found = long
    for start_s, end_s in found:
        # Each lies within one utterance and the padding around it.
        assert any(a - 0.3 <= start_s and end_s <= b + 0.3 for a, b in true), start_s
    assert np.diff(found).sum() >= 0.85 * np.diff(true).sum()


def test_segments_begin_and_end_where_the_speech_does(
    long: tuple[Float64Array, Float64Array],
) -> None:
    true, found = long
    # The nearest border to each true one: an utterance may be cut at a pause within it.
    distances = np.abs(found[None] - true[:, None]).min(axis=1)
    assert np.median(distances) <= 0.3  # seconds


def test_words_follow_one_another_inside_their_segments(asr: SpeechRecognition) -> None:
    segments = asr(RECORDING, return_timestamps=True)
    timed = asr(RECORDING, return_timestamps="word")
    assert timed.text == segments.text
    assert timed.chunks is not None
    assert segments.chunks is not None
    assert [chunk.text for chunk in timed.chunks] == timed.text.split()
    times = [time for chunk in timed.chunks for time in chunk.timestamp]
    assert times == sorted(times)
    first, second = (chunk.timestamp for chunk in segments.chunks)
    n_first = len(segments.chunks[0].text.split())
    # The padding of 0.4 s is heard, too; words may begin and end in it.
    for words_, (start_s, end_s) in ((times[: 2 * n_first], first), (times[2 * n_first :], second)):
        assert start_s - 0.4 <= words_[0] <= start_s + 0.4
        assert end_s - 0.4 <= words_[-1] <= end_s + 0.4


def _spans(chunks: Sequence[Chunk | Partial]) -> list[tuple[str, tuple[float, float]]]:
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


def partials_and_finals(
    asr: SpeechRecognition, source: object
) -> list[tuple[list[Partial], Chunk]]:
    """Each utterance of a stream."""
    utterances: list[tuple[list[Partial], Chunk]] = []
    partials: list[Partial] = []
    for event in asr.listen(source, partials=True):  # type: ignore[arg-type]
        if isinstance(event, Partial):
            partials.append(event)
        else:
            utterances.append((partials, event))
            partials = []
    assert not partials
    return utterances


def test_what_is_promised_while_somebody_speaks_is_never_withdrawn(asr: SpeechRecognition) -> None:
    utterances = partials_and_finals(asr, RECORDING)
    assert len(utterances) == 2
    for partials, final in utterances:
        assert len(partials) >= 3
        for earlier, later in pairwise(partials):
            assert later.stable.startswith(earlier.stable)
        for partial in partials:
            assert partial.text.startswith(partial.stable)
            assert final.text.startswith(partials[-1].stable)
            assert final.timestamp[0] == partial.timestamp[0]
            assert partial.timestamp[1] <= final.timestamp[1]
        assert partials[-1].stable  # all but the last words were known before the end


def test_the_words_of_finals_are_those_of_the_file(asr: SpeechRecognition) -> None:
    finals = [final for _, final in partials_and_finals(asr, RECORDING)]
    # Where a comma was promised, the file may have a full stop.
    assert [words(final.text) for final in finals] == [
        words(chunk.text) for chunk in asr.listen(RECORDING)
    ]


def test_the_longest_text_that_was_asked_for_holds_for_partial_results(
    asr: SpeechRecognition,
) -> None:
    asked = {"max_new_tokens": 3}
    events = list(asr.listen(RECORDING, partials=True, generation_parameters=asked))
    finals = [event for event in events if isinstance(event, Chunk)]
    assert finals == list(asr.listen(RECORDING, generation_parameters=asked))
    assert max(len(words(event.text)) for event in events) <= 3


@settings(max_examples=2)
@given(cuts=st.lists(st.integers(0, 200_000), max_size=30).map(sorted))
def test_any_chunking_gives_the_same_partial_results(
    asr: SpeechRecognition, recording: FloatArray, cuts: list[int]
) -> None:
    chunks = np.split(recording[:100_000], cuts)
    whole = list(asr.listen(recording[:100_000], sampling_rate=16_000, partials=True))
    assert list(asr.listen(chunks, partials=True)) == whole


class Slow:
    """A source in which sound is waiting, as in a microphone that is read too slowly."""

    backlog_s = 1.0

    def __init__(self, recording: FloatArray) -> None:
        self._recording = recording

    def __iter__(self) -> Iterator[FloatArray]:
        yield from np.array_split(self._recording, 100)


def test_who_is_too_slow_gets_no_partial_results_but_the_same_finals(
    asr: SpeechRecognition, recording: FloatArray
) -> None:
    assert list(asr.listen(Slow(recording), partials=True)) == list(asr.listen(RECORDING))


def test_beams_write_a_sentence_that_is_as_likely_or_more(asr: SpeechRecognition) -> None:
    reference = words(RECORDING.with_suffix(".txt").read_text(encoding="utf-8"))
    text = asr(RECORDING, generation_parameters={"num_beams": 3}).text
    assert n_errors(reference, words(text)) <= 0.15 * len(reference)


def test_a_seed_repeats_what_is_drawn(asr: SpeechRecognition, recording: FloatArray) -> None:
    drawn = {"do_sample": True, "temperature": 1.5, "seed": 3}
    texts = [
        asr(recording[:80_000], sampling_rate=16_000, generation_parameters=drawn).text
        for _ in range(2)
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"generation_parameters": {"num_beam": 2}}, "'num_beam'.*did you mean 'num_beams'"),
        ({"generation_parameters": {"num_beams": 0}}, "num_beams: expected at least 1"),
        ({"generation_parameters": {"num_beams": "2"}}, "num_beams"),
        ({"generation_parameters": {"temperature": 0.5}}, "say do_sample, too"),
        ({"generation_parameters": []}, r"expected a mapping, got \[\]"),
        ({"language": ["en"]}, r"language: expected a string, got \['en'\]"),
        ({"task": None}, "task: expected a string, got None"),
        ({"initial_prompt": 5}, "initial_prompt: expected a string, got 5"),
        ({"hotwords": "apostle"}, "hotwords: expected a list, got 'apostle'"),
        ({"hotwords": [5]}, r"hotwords\[0\]: expected a string, got 5"),
        ({"hotwords": np.array(["a", "b"])}, "hotwords: expected a list, got array"),
        ({"return_timestamps": "words"}, "expected True, False or 'word', got 'words'"),
        ({"long_form": "sequential"}, "this network writes no times"),
        ({"long_form": "chunked"}, "expected vad or sequential, got 'chunked'"),
        ({"initial_prompt": "Names: Anna."}, "initial_prompt: this network cannot be told"),
        ({"task": "translate"}, "there is no 'translate'; this network has no choice"),
    ],
)
def test_an_option_that_cannot_apply_is_an_error(
    asr: SpeechRecognition, asked: dict[str, Any], message: str
) -> None:
    # Even where the audio has no speech: a mistake must not wait for the first word.
    with pytest.raises(InputError, match=message):
        asr(np.zeros(1_600, dtype=np.float32), sampling_rate=16_000, **asked)


def test_partial_results_need_the_pauses(asr: SpeechRecognition) -> None:
    with pytest.raises(InputError, match="partials: come with long_form vad"):
        list(asr.listen([], partials=True, long_form="sequential"))
