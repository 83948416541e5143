"""Sound to features, against the programs whose values they reproduce."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.compare import FAILURES, Peer, compared, difference, failure
from benchmarks.inputs import SAMPLE_RATE, read
from benchmarks.line import Line, MissingError, attempted, version
from benchmarks.setting import ROOT, Setting
from earlet.arrays import FloatArray
from earlet.features.fbank import Fbank, FbankConfig
from earlet.features.log_mel import LogMel, LogMelConfig
from earlet.features.mfcc import Mfcc, MfccConfig

SPEECH = ROOT / "tests" / "recordings" / "speech.flac"
LONG_S, SHORT_S = 30, 5  # seconds of sound
HOP = SAMPLE_RATE // 100  # samples: 10 ms
N_HOPS = 500  # pushed in a round
ROUNDS = 15
# Largest differences that are allowed: float32 and another order of sums.
WHISPER_WITHIN, KALDI_WITHIN = 2e-5, 5e-4
KALDI_TOLERANCE = 5e-3  # of a logarithm, for the few energies that lie next to the floor
TRANSFORMS = "More than half of it is NumPy's Fourier transform, which leaves little to gain."
CALLS = (
    "A hop is a dozen calls of NumPy on arrays that fit into the nearest cache: most of it is the "
    "calls, about half a microsecond each, and not their arithmetic."
)
NEAR_THE_FLOOR = (
    "The largest difference is in an energy a hair above the floor, 1.2e-7, where float32 has few "
    "digits left. From the same in double precision earlet is 3.3e-4 to 6.9e-4 away on two "
    "recordings, kaldi-native-fbank 8.3e-4 to 1.0e-3."
)

Work = Callable[[], Any]


def lines(setting: Setting) -> Iterator[Line]:
    """Whole clips, and hops of a stream."""
    speech = np.resize(read(SPEECH), LONG_S * SAMPLE_RATE)
    rounds = setting.rounds(ROUNDS)
    yield from whisper_long(speech, rounds)
    yield from whisper_short(speech[: SHORT_S * SAMPLE_RATE], rounds)
    yield from kaldi(speech, rounds)
    yield from mfcc(speech, rounds)
    yield from hops(speech[: N_HOPS * HOP], rounds)


def whisper_long(speech: FloatArray, rounds: int) -> Iterator[Line]:
    """As much as Whisper takes at once."""
    log_mel = LogMel(LogMelConfig())
    peers = [
        Peer(
            distribution="transformers",
            how="NumPy",
            make=partial(transformers_numpy, speech),
            aim=1 / 6,
            why=TRANSFORMS,
        ),
        Peer(distribution="transformers", how="torch", make=partial(transformers_torch, speech)),
        Peer(
            distribution="faster-whisper",
            make=partial(faster_whisper, speech),
            aim=1 / 2,
            why=TRANSFORMS,
        ),
        Peer(distribution="openai-whisper", how="torch", make=partial(openai_whisper, speech)),
        Peer(
            distribution="onnx-asr",
            how="as convolutions",
            make=partial(onnx_asr, speech, "whisper80_conv"),
        ),
        Peer(distribution="librosa", make=partial(librosa_whisper, speech)),
    ]
    what = f"Whisper's log-mel, {LONG_S} s"
    yield from compared(what, lambda: log_mel(speech).T, peers, rounds)
    yield from off(what, log_mel(speech).T, peers[0], WHISPER_WITHIN)


def whisper_short(speech: FloatArray, rounds: int) -> Iterator[Line]:
    """What is filled up with silence."""
    log_mel = LogMel(LogMelConfig())
    n_silent = (LONG_S - SHORT_S) * SAMPLE_RATE
    padded = np.pad(speech, (0, n_silent))  # which peers are given where they do not do it
    peers = [
        Peer(
            distribution="transformers",
            how="NumPy",
            make=partial(transformers_numpy, padded),
            aim=1 / 20,
            why=TRANSFORMS,
        ),
        Peer(distribution="transformers", how="torch", make=partial(transformers_torch, speech)),
        Peer(
            distribution="openai-whisper",
            how="torch",
            make=partial(openai_whisper, speech, n_silent),
        ),
    ]
    what = f"Whisper's log-mel, {SHORT_S} s filled up to {LONG_S}"
    yield from compared(what, lambda: log_mel(speech).T, peers, rounds)
    yield from off(what, log_mel(speech).T, peers[0], WHISPER_WITHIN)


def kaldi(speech: FloatArray, rounds: int) -> Iterator[Line]:
    """Filterbanks with Kaldi's options, and with those of two that differ in them."""
    fbank = Fbank(FbankConfig())
    peers = [
        Peer(
            distribution="kaldi-native-fbank",
            tolerance=KALDI_TOLERANCE,
            make=partial(kaldi_native, speech),
            aim=1 / 6,
            why=TRANSFORMS,
        ),
        Peer(
            distribution="torchaudio",
            make=partial(torchaudio, speech),
            tolerance=KALDI_TOLERANCE,
        ),
    ]
    what = f"Kaldi's fbank, {LONG_S} s"
    yield from compared(what, lambda: fbank(speech), peers, rounds)
    yield from off(what, fbank(speech), peers[0], KALDI_WITHIN, NEAR_THE_FLOOR)
    hamming = Fbank(FbankConfig(window="hamming"))
    peer = Peer(
        distribution="onnx-asr",
        how="NumPy",
        make=partial(onnx_asr_numpy, speech),
        tolerance=KALDI_TOLERANCE,
    )
    yield from compared(
        f"the same with Hamming's window, {LONG_S} s", lambda: hamming(speech), [peer], rounds
    )


def mfcc(speech: FloatArray, rounds: int) -> Iterator[Line]:
    """Cepstra."""
    cepstra = Mfcc(MfccConfig(n_mels=23))  # Kaldi's usual number
    peer = Peer(
        distribution="kaldi-native-fbank",
        tolerance=KALDI_TOLERANCE,
        make=partial(kaldi_native_mfcc, speech),
    )
    yield from compared(f"Kaldi's MFCC, {LONG_S} s", lambda: cepstra(speech), [peer], rounds)


def hops(speech: FloatArray, rounds: int) -> Iterator[Line]:
    """What a spotter does a hundred times a second."""
    stream = Fbank(FbankConfig()).stream()
    pieces = np.split(speech, N_HOPS)

    def ours() -> FloatArray:
        stream.reset()
        return np.concatenate([stream.push(piece) for piece in pieces])

    peer = Peer(
        distribution="kaldi-native-fbank",
        tolerance=KALDI_TOLERANCE,
        how="online",
        make=partial(kaldi_native_online, pieces),
        aim=0.75,
        why=CALLS,
    )
    yield from compared(
        "Kaldi's fbank, a hop of 10 ms of a stream", ours, [peer], rounds, per=N_HOPS
    )


def off(what: str, ours: FloatArray, peer: Peer, at_most: float, why: str = "") -> Iterator[Line]:
    """The largest difference to what a peer gives."""

    def measure() -> Iterator[Line]:
        name = version(peer.distribution)
        try:
            value = difference(ours, peer.make()())
        except FAILURES as problem:
            raise MissingError(failure(name, problem)) from None
        yield Line(what=title, ours=f"{value:.1g}", peer=name, value=value, aim=at_most, why=why)

    title = f"{what}: largest difference"
    yield from attempted(title, measure, at_most)


def transformers_numpy(padded: FloatArray) -> Work:
    """Its NumPy path by name: where there is a torch, calling the extractor takes another."""
    from transformers import WhisperFeatureExtractor

    extractor: Any = WhisperFeatureExtractor()
    return lambda: extractor._np_extract_fbank_features(padded[None], "cpu")[0]


def transformers_torch(speech: FloatArray) -> Work:
    """As its documentation has it."""
    version("torch")  # without which the extractor takes its NumPy path
    from transformers import WhisperFeatureExtractor

    extractor: Any = WhisperFeatureExtractor()
    return lambda: extractor(speech, sampling_rate=SAMPLE_RATE, return_tensors="np")[
        "input_features"
    ][0]


def faster_whisper(speech: FloatArray) -> Work:
    """Its extractor, without the hop of silence that it appends by itself."""
    from faster_whisper.feature_extractor import FeatureExtractor

    extractor = FeatureExtractor()
    return lambda: extractor(speech, padding=0)


def openai_whisper(speech: FloatArray, n_silent: int = 0) -> Work:
    """As its `transcribe` calls it."""
    import torch
    from whisper.audio import log_mel_spectrogram

    samples = torch.from_numpy(speech)
    return lambda: log_mel_spectrogram(samples, padding=n_silent).numpy()


def librosa_whisper(speech: FloatArray) -> Work:
    """Its spectrogram, and Whisper's last steps in NumPy."""
    import librosa

    def whole() -> FloatArray:
        mel = librosa.feature.melspectrogram(
            y=speech, sr=SAMPLE_RATE, n_fft=400, hop_length=HOP, n_mels=80, pad_mode="reflect"
        )
        log_mel: FloatArray = np.log10(np.maximum(mel[:, :-1], 1e-10))
        features: FloatArray = (np.maximum(log_mel, log_mel.max() - 8) + 4) / 4
        return features

    return whole


def onnx_asr(speech: FloatArray, name: str) -> Work:
    """One of its graphs in ONNX Runtime."""
    import onnxruntime
    from onnx_asr.preprocessors.preprocessor import OnnxPreprocessor

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    extractor = OnnxPreprocessor(
        name, {"sess_options": options, "providers": ["CPUExecutionProvider"]}
    )
    clip, length = speech[None], np.array([len(speech)])
    return lambda: extractor(clip, length)[0][0]


def onnx_asr_numpy(speech: FloatArray) -> Work:
    """Its NumPy path, the quicker of its two here that cut frames as Kaldi does."""
    from onnx_asr.preprocessors.numpy_preprocessor import KaldiPreprocessorNumpy

    extractor = KaldiPreprocessorNumpy("wespeaker")
    clip, length = speech[None], np.array([len(speech)])
    return lambda: extractor(clip, length)[0][0]


def kaldi_native(speech: FloatArray) -> Work:
    """All samples at once, and all frames."""
    import kaldi_native_fbank

    return lambda: _frames(kaldi_native_fbank.OnlineFbank(_options()), speech)


def kaldi_native_mfcc(speech: FloatArray) -> Work:
    """The same for cepstra."""
    import kaldi_native_fbank

    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.dither = 0
    options.use_energy = False
    options.mel_opts.high_freq = SAMPLE_RATE / 2
    return lambda: _frames(kaldi_native_fbank.OnlineMfcc(options), speech)


def kaldi_native_online(pieces: list[FloatArray]) -> Work:
    """A hop at a time, each frame taken as soon as it is there, and forgotten."""
    import kaldi_native_fbank

    def features() -> FloatArray:
        fbank = kaldi_native_fbank.OnlineFbank(_options())
        frames: list[FloatArray] = []
        for piece in pieces:
            fbank.accept_waveform(SAMPLE_RATE, piece)
            while len(frames) < fbank.num_frames_ready:
                frames.append(fbank.get_frame(len(frames)))
        return np.array(frames)

    return features


def torchaudio(speech: FloatArray) -> Work:
    """Its port of Kaldi's."""
    import torch
    from torchaudio.compliance.kaldi import fbank

    samples = torch.from_numpy(speech)[None]
    return lambda: fbank(samples, num_mel_bins=80, high_freq=SAMPLE_RATE / 2).numpy()


def _options() -> Any:
    """Those of `FbankConfig()`."""
    import kaldi_native_fbank

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 80
    options.mel_opts.high_freq = SAMPLE_RATE / 2
    return options


def _frames(extractor: Any, speech: FloatArray) -> FloatArray:
    extractor.accept_waveform(SAMPLE_RATE, speech)
    extractor.input_finished()
    return np.array([extractor.get_frame(i) for i in range(extractor.num_frames_ready)])
