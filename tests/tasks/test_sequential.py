"""Long form by a network's own times: what it writes where nobody speaks is not believed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import earlet
from earlet.arrays import FloatArray
from earlet.decoding.recogniser import Segment, TranscriptionOptions, Word
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser, Window
from earlet.tasks.speech_recognition import SpeechRecognition

MODELS = Path(__file__).parents[2] / "models"
RATE = 16_000
# Seconds of hiss, before, between and after two sentences of 5.8 s.
HISS_S = (12.0, 11.6, 4.8)
SPOKEN = ((12.0, 17.8), (29.4, 35.2))


class Rumour(Seq2SeqRecogniser):
    """Writes a word into every second of its window of ten, whether or not somebody speaks."""

    window_samples = 10 * RATE
    max_previous = 0
    sample_rate = RATE

    def __init__(self) -> None:
        """Has no network."""

    def check(self, options: TranscriptionOptions) -> None:
        """Can do anything."""

    def previous(self, _: TranscriptionOptions) -> Sequence[int]:
        return ()

    def window(
        self, waveform: FloatArray, _options: TranscriptionOptions, _previous: Sequence[int]
    ) -> Window:
        n_seconds = len(waveform) // RATE
        segments = [
            Segment(
                text="Thanks!",
                tokens=(7,),
                start_s=float(second),
                end_s=second + 1.0,
                words=(Word("Thanks!", second + 0.2, second + 0.7),),
            )
            for second in range(n_seconds)
        ]
        return Window(segments, len(waveform) / RATE, None, forget=False)


@pytest.fixture
def asr(monkeypatch: pytest.MonkeyPatch) -> SpeechRecognition:
    asr = earlet.pipeline("automatic-speech-recognition", MODELS / "moonshine-tiny-en")
    monkeypatch.setattr(asr, "_recogniser", Rumour())
    return asr


@pytest.fixture
def waveform(speech: FloatArray) -> FloatArray:
    generator = np.random.default_rng(0)
    before, between, after = (generator.normal(size=round(s * RATE)) * 1e-4 for s in HISS_S)
    sentence = speech[: round(5.8 * RATE)]
    return np.concatenate([before, sentence, between, sentence, after], dtype=np.float32)


def test_what_is_written_where_nobody_speaks_is_left_out(
    asr: SpeechRecognition, waveform: FloatArray
) -> None:
    chunks = asr(
        waveform, sampling_rate=RATE, return_timestamps=True, long_form="sequential"
    ).chunks
    assert chunks is not None
    starts = [chunk.timestamp[0] for chunk in chunks]
    assert starts == sorted(set(starts))
    # Within a second of a border, both is right: speech begins softly, and is padded.
    inside = [s for s in range(40) if any(a <= s - 1 and s + 2 <= b for a, b in SPOKEN)]
    near = [s for s in range(40) if any(a - 2 <= s <= b + 1 for a, b in SPOKEN)]
    assert len(inside) == 6
    assert set(inside) <= set(starts) <= set(near)


@pytest.mark.parametrize("chunk", [1_000, 77_777])
def test_any_chunking_gives_the_same_segments(
    asr: SpeechRecognition, waveform: FloatArray, chunk: int
) -> None:
    whole = list(asr.listen(waveform, sampling_rate=RATE, long_form="sequential"))
    chunks = (waveform[i : i + chunk] for i in range(0, len(waveform), chunk))
    assert list(asr.listen(chunks, long_form="sequential")) == whole


def test_words_count_from_the_beginning_of_the_stream(
    asr: SpeechRecognition, waveform: FloatArray
) -> None:
    asked = {"return_timestamps": "word", "long_form": "sequential"}
    words = list(asr.listen(waveform, sampling_rate=RATE, **asked))  # type: ignore[arg-type]
    segments = list(asr.listen(waveform, sampling_rate=RATE, long_form="sequential"))
    assert [w.timestamp for w in words] == [
        pytest.approx((s.timestamp[0] + 0.2, s.timestamp[0] + 0.7)) for s in segments
    ]
