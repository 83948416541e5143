"""automatic-speech-recognition: what is said in a file, and in a stream.

    chunks -> utterances (voice activity, at most max_speech_s each) -> token ids -> text

A file takes the same way as a microphone, so that hours of sound need no more memory than the
longest utterance.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, overload

import numpy as np

from earlet import bundle as bundles
from earlet import features
from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.decoding.classify import softmax
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.errors import BundleError
from earlet.results import Chunk, Transcript
from earlet.tasks.sound import AudioInput, Chunks, Trace, stream
from earlet.tasks.voice_activity import VoiceActivityDetection
from earlet.tokenizers.bpe import BpeTokenizer


@dataclass(frozen=True, kw_only=True)
class TokenizerEntry:
    """How token ids become text."""

    kind: Literal["bpe"]
    file: str


@dataclass(frozen=True, kw_only=True)
class RecogniserOutput:
    """The bundle's `output` section."""

    tokenizer: TokenizerEntry


@dataclass(frozen=True, kw_only=True)
class UtteranceConfig:
    """How a stream is cut for this network; the bundle's `streaming` section."""

    vad: str  # the name of the voice activity bundle
    min_silence_ms: int  # a shorter pause does not end an utterance
    speech_pad_ms: int  # of sound kept at both ends
    max_speech_s: float  # what the network was trained for


class SpeechRecognition:
    """What `earlet.pipeline("automatic-speech-recognition")` returns."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """Raises BundleError when graphs, tokenizer and manifest do not fit together."""
        self.bundle = bundle
        self._features = features.from_manifest(bundle.manifest.input, bundle.where("input"))
        self._seq2seq = Seq2Seq(
            bundle.open_session("encoder", threads, inputs={"waveform": 2}),
            bundle.open_session("decoder", threads),
            bundle.section("decoding", Seq2SeqConfig),
            self.sample_rate,
        )
        tokenizer = bundle.section("output", RecogniserOutput).tokenizer
        self._tokenizer = BpeTokenizer.from_json(
            bundle.read_text(tokenizer.file), f"{bundle.path}/{tokenizer.file}"
        )
        if self._seq2seq.n_vocab not in (None, self._tokenizer.n_vocab):
            raise BundleError(
                f"{bundle.path}: the tokenizer has {self._tokenizer.n_vocab} tokens, "
                f"and the network {self._seq2seq.n_vocab}"
            )
        cut = bundle.section("streaming", UtteranceConfig)
        self._vad = VoiceActivityDetection(Bundle(bundles.find(cut.vad)), threads)
        self._vad_config = replace(
            self._vad.config,
            min_silence_ms=cut.min_silence_ms,
            speech_pad_ms=cut.speech_pad_ms,
            max_speech_s=cut.max_speech_s,
        )

    @property
    def sample_rate(self) -> int:
        """Hz; what `listen` is to be given."""
        return self._features.sample_rate

    @overload
    def __call__(
        self,
        inputs: AudioInput,
        *,
        sampling_rate: int | None = None,
        return_timestamps: bool = False,
    ) -> Transcript: ...
    @overload
    def __call__(
        self,
        inputs: list[AudioInput],
        *,
        sampling_rate: int | None = None,
        return_timestamps: bool = False,
    ) -> list[Transcript]: ...
    def __call__(
        self,
        inputs: AudioInput | list[AudioInput],
        *,
        sampling_rate: int | None = None,
        return_timestamps: bool = False,
    ) -> Transcript | list[Transcript]:
        """The text of a clip of any length.

        Args:
            inputs: a path, the bytes of a sound file, a file object, or samples; a list of these
                gives a list of results.
            sampling_rate: of samples, in Hz; required with an array.
            return_timestamps: give `chunks`, one for each utterance, too.

        Raises:
            InputError: when the audio cannot be used.
        """
        if isinstance(inputs, list):
            return [
                self(item, sampling_rate=sampling_rate, return_timestamps=return_timestamps)
                for item in inputs
            ]
        chunks = tuple(self.listen(inputs, sampling_rate=sampling_rate))
        text = " ".join(chunk.text for chunk in chunks)
        return Transcript(text, chunks if return_timestamps else None)

    def listen(
        self, source: AudioInput | Chunks, *, sampling_rate: int | None = None
    ) -> Iterator[Chunk]:
        """The utterances of a stream, each as soon as it has ended; those without text left out.

        `source` is a microphone or any iterable of mono chunks at `sample_rate`; a file or samples
        run through the same path as fast as they can.
        """
        rate = self.sample_rate
        chunks = stream(source, sampling_rate, rate)
        for span, waveform in self._vad.utterances(chunks, self._vad_config):
            text = self.transcribe(waveform)
            if text:
                yield Chunk(text, (round(span.start / rate, 3), round(span.end / rate, 3)))

    def transcribe(self, waveform: FloatArray) -> str:
        """One utterance, (n_samples,) of at most what the network was trained for, as text."""
        return self._tokenizer.decode(self._seq2seq.generate(self._features(waveform))).strip()

    def trace(self, waveform: FloatArray) -> Trace:
        """Each stage of one utterance: samples, the log-probability of each token, the text."""
        samples = self._features(waveform)
        logprobs = [np.log(softmax(logits).max()) for logits in self._seq2seq.steps(samples)]
        return Trace(samples, np.array(logprobs, dtype=np.float32), self.transcribe(waveform))
