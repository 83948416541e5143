"""automatic-speech-recognition: what is said in a file, and in a stream.

    chunks -> utterances (voice activity, at most max_speech_s each) -> token ids -> text

A file takes the same way as a microphone, so that hours of sound need no more memory than the
longest utterance.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, overload

import numpy as np

from earlet import bundle as bundles
from earlet import features, tokenizers
from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.decoding.ctc import Ctc, CtcConfig
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.errors import BundleError, InputError
from earlet.results import Chunk, Transcript
from earlet.tasks.batch import each
from earlet.tasks.sound import AudioInput, Chunks, stream, tensor
from earlet.tasks.trace import Trace
from earlet.tasks.voice_activity import VoiceActivityDetection
from earlet.tokenizers import Detokenizer
from earlet.tokenizers.characters import CharacterTokenizer


@dataclass(frozen=True, kw_only=True)
class TokenizerEntry:
    """How token ids become text."""

    kind: Literal["bpe", "characters"]
    file: str  # tokenizer.json, or vocab.json of characters
    word_delimiter: str = "|"  # of characters: what stands for a space
    special: tuple[str, ...] = ()  # of characters: what stands for no text


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
        self._recogniser = _recogniser(bundle, self._features, threads)
        self._tokenizer = _tokenizer(bundle)
        if self._recogniser.n_vocab > self._tokenizer.n_vocab:
            raise BundleError(
                f"{bundle.path}: the tokenizer has {self._tokenizer.n_vocab} tokens, "
                f"and the network writes {self._recogniser.n_vocab}"
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
        language: str | None = None,
    ) -> Transcript: ...
    @overload
    def __call__(
        self,
        inputs: list[AudioInput],
        *,
        sampling_rate: int | None = None,
        return_timestamps: bool = False,
        language: str | None = None,
    ) -> list[Transcript]: ...
    def __call__(
        self,
        inputs: AudioInput | list[AudioInput],
        *,
        sampling_rate: int | None = None,
        return_timestamps: bool = False,
        language: str | None = None,
    ) -> Transcript | list[Transcript]:
        """The text of a clip of any length.

        Args:
            inputs: a path, the bytes of a sound file, a file object, or samples; a list of these
                gives a list of results.
            sampling_rate: of samples, in Hz; required with an array.
            return_timestamps: give `chunks`, one for each utterance, too.
            language: what is spoken, "en", where the network knows several; None: it hears which.

        Raises:
            InputError: when the audio cannot be used, or there is no such language.
        """

        def answer(item: AudioInput) -> Transcript:
            chunks = tuple(self.listen(item, sampling_rate=sampling_rate, language=language))
            text = " ".join(chunk.text for chunk in chunks)
            return Transcript(text, chunks if return_timestamps else None)

        return each(inputs, answer) if isinstance(inputs, list) else answer(inputs)

    def listen(
        self,
        source: AudioInput | Chunks,
        *,
        sampling_rate: int | None = None,
        language: str | None = None,
    ) -> Iterator[Chunk]:
        """The utterances of a stream, each as soon as it has ended; those without text left out.

        `source` is a microphone or any iterable of mono chunks at `sample_rate`; a file or samples
        run through the same path as fast as they can.
        """
        rate = self.sample_rate
        generate = self._generate_in(language)
        chunks = stream(source, sampling_rate, rate)
        for span, waveform in self._vad.utterances(chunks, self._vad_config):
            text = self._tokenizer.decode(generate(waveform)).strip()
            if text:
                yield Chunk(text, (round(span.start / rate, 3), round(span.end / rate, 3)))

    def transcribe(self, waveform: FloatArray, language: str | None = None) -> str:
        """One utterance, (n_samples,) of at most what the network was trained for, as text."""
        return self._tokenizer.decode(self._generate_in(language)(waveform)).strip()

    def trace(self, waveform: FloatArray) -> Trace:
        """Each stage of one utterance: its features, the log-probability of each step's best
        token, the text."""
        recogniser = self._recogniser
        if isinstance(recogniser, Seq2Seq):
            logprobs = recogniser.generate(waveform).logprobs
        else:
            logprobs = tuple(recogniser.logprobs(waveform))
        return Trace(
            self._features(waveform),
            np.array(logprobs, dtype=np.float32),
            self.transcribe(waveform),
        )

    def _generate_in(self, language: str | None) -> Callable[[FloatArray], Sequence[int]]:
        """What turns an utterance into token ids.

        Raises:
            InputError: when the network has no such language.
        """
        recogniser = self._recogniser
        if isinstance(recogniser, Seq2Seq):
            if language is not None:
                recogniser.language_id(language)
            return lambda waveform: recogniser.generate(waveform, language=language).tokens
        if language is not None:
            raise InputError(f"language: there is no {language!r}; this network has no choice")
        return recogniser.generate


def _recogniser(bundle: Bundle, front_end: features.Features, threads: int) -> Ctc | Seq2Seq:
    inputs = tensor(bundle.manifest.input)
    if bundle.manifest.model.architecture == "ctc":
        return Ctc(
            bundle.section("decoding", CtcConfig),
            front_end,
            bundle.open_session("network", threads, inputs=inputs, outputs={"logits": 3}),
        )
    config = bundle.section("decoding", Seq2SeqConfig)
    encoder = bundle.open_session("encoder", threads, inputs=inputs)
    decoder = bundle.open_session("decoder", threads)
    try:
        return Seq2Seq(config, front_end, encoder, decoder)
    except BundleError as problem:  # which knows networks and their ids, and no files
        raise BundleError(f"{bundle.path}: {problem}") from None


def _tokenizer(bundle: Bundle) -> Detokenizer | CharacterTokenizer:
    entry = bundle.section("output", RecogniserOutput).tokenizer
    text, name = bundle.read_text(entry.file), f"{bundle.path}/{entry.file}"
    if entry.kind == "characters":
        return CharacterTokenizer.from_json(text, name, entry.word_delimiter, entry.special)
    return tokenizers.detokenizer_from_json(text, name)
