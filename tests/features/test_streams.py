"""However a clip is cut, a stream gives the clip's features.

What a clip gives is held to outside oracles in the other files. Both run the same arithmetic, but a
matrix product may add in another order when it has another number of rows: hence the tolerance.
MFCC, sums over 40 log energies, come with more of it.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.features import Features
from earlet.features.fbank import Fbank, FbankConfig
from earlet.features.log_mel import LogMel, LogMelConfig
from earlet.features.mfcc import Mfcc, MfccConfig
from earlet.features.waveform import Waveform, WaveformConfig

TOLERANCE = 1e-5
MFCC_TOLERANCE = 5e-5

clip_lengths = st.integers(0, 6_000)
chunk_lengths = st.lists(st.one_of(st.integers(0, 3), st.integers(100, 1_000)), max_size=20)


def cut(waveform: FloatArray, lengths: list[int]) -> list[FloatArray]:
    """Chunks of these lengths, as far as the waveform goes, and the rest of it."""
    return np.split(waveform, np.minimum(np.cumsum(lengths, dtype=int), len(waveform)))


@pytest.mark.parametrize(
    ("features", "tolerance"),
    [
        (Fbank(FbankConfig()), TOLERANCE),
        (Fbank(FbankConfig(n_mels=40, win_length=480, hop_length=320)), TOLERANCE),
        (Fbank(FbankConfig(hop_length=400)), TOLERANCE),
        (Mfcc(MfccConfig(n_mels=40)), MFCC_TOLERANCE),
        (Mfcc(MfccConfig(n_mels=40, use_energy=True)), MFCC_TOLERANCE),
        (Waveform(WaveformConfig(sample_rate=16_000)), 0.0),
    ],
    ids=["fbank", "fbank-long", "fbank-no-overlap", "mfcc", "mfcc-energy", "waveform"],
)
@given(n_samples=clip_lengths, lengths=chunk_lengths)
def test_any_chunking_gives_the_features_of_the_clip(
    speech: FloatArray, features: Features, tolerance: float, n_samples: int, lengths: list[int]
) -> None:
    clip, stream = speech[:n_samples], features.stream()
    streamed = np.concatenate([stream.push(chunk) for chunk in cut(clip, lengths)])
    np.testing.assert_allclose(streamed, features(clip), rtol=0, atol=tolerance)


@pytest.mark.parametrize("pad_seconds", [0.0, 0.02, 0.2, 0.5])
@given(n_samples=clip_lengths, lengths=chunk_lengths)
def test_any_chunking_gives_the_log_mel_spectrogram_of_the_clip(
    speech: FloatArray, pad_seconds: float, n_samples: int, lengths: list[int]
) -> None:
    log_mel = LogMel(LogMelConfig(pad_seconds=pad_seconds))
    clip, stream = speech[:n_samples], log_mel.stream()
    streamed = [*(stream.push(chunk) for chunk in cut(clip, lengths)), stream.flush()]
    features = log_mel.normalize(np.concatenate(streamed))
    np.testing.assert_allclose(features, log_mel(clip), rtol=0, atol=TOLERANCE)


def test_log_mel_frames_come_as_soon_as_their_last_sample_is_there(speech: FloatArray) -> None:
    stream = LogMel(LogMelConfig()).stream()
    # Frame t is centred on sample 160 t and sees 200 samples to both sides of it; the first one
    # sees one sample more, reflected.
    counts = [len(stream.push(speech[i : i + 1])) for i in range(1_000)]
    assert np.flatnonzero(counts).tolist() == [200, 359, 519, 679, 839, 999]
    assert set(counts) == {0, 1}


@pytest.mark.parametrize("features", [Fbank(FbankConfig()), LogMel(LogMelConfig())])
def test_a_stream_that_was_reset_begins_anew(speech: FloatArray, features: Fbank | LogMel) -> None:
    stream = features.stream()
    first = stream.push(speech[:1_234])
    stream.reset()
    np.testing.assert_array_equal(stream.push(speech[:1_234]), first)


def test_a_log_mel_stream_begins_anew_after_its_flush(speech: FloatArray) -> None:
    stream = LogMel(LogMelConfig(pad_seconds=0.0)).stream()
    first = [stream.push(speech[:1_234]), stream.flush()]
    again = [stream.push(speech[:1_234]), stream.flush()]
    np.testing.assert_array_equal(np.concatenate(again), np.concatenate(first))
