"""automatic-speech-recognition: what is said in a file, and in a stream.

    chunks -> utterances (voice activity, at most max_speech_s each) -> recogniser -> text
    chunks -> windows (where the times of the one before end)        -> recogniser -> text

A file takes the same way as a microphone, so that hours of sound need no more memory than the
longest utterance, or one window; or a few utterances, where several threads are at them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal, overload

from earlet import bundle as bundles
from earlet import features
from earlet.arrays import FloatArray
from earlet.backends import check_threads
from earlet.bundle import Bundle
from earlet.decoding.recogniser import PLAIN, Recogniser, Segment, TranscriptionOptions
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.errors import InputError
from earlet.results import Chunk, Partial, Transcript, shifted
from earlet.streaming.endpointer import ROUND_DIGITS
from earlet.streaming.long_form import LongForm
from earlet.streaming.partials import Final, LiveTranscriber
from earlet.streaming.vad import Utterance, UtteranceStream
from earlet.streaming.voices import Voices
from earlet.tasks.batch import each
from earlet.tasks.in_order import in_order
from earlet.tasks.matching import Matcher
from earlet.tasks.recogniser import UtteranceConfig, cutting, recogniser
from earlet.tasks.sound import AudioInput, Chunks, stream, unbroken
from earlet.tasks.trace import Trace
from earlet.tasks.transcription_options import ReturnTimestamps, transcription_options
from earlet.tasks.voice_activity import VoiceActivityDetection

LongFormKind = Literal["vad", "sequential"]
MAX_BACKLOG_S = 0.25  # seconds of sound that wait in the source: partial results must wait, too


class SpeechRecognition:
    """What `earlet.pipeline("automatic-speech-recognition")` returns."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """`threads`: utterances that are recognised at once, where there are several.

        So two threads take 0.65 times the time of one. Both within one network would take 1.1 times
        the time with Moonshine tiny, and 0.9 times with Whisper tiny: too little to share.

        Raises:
            InputError: for an impossible number of threads.
            BundleError: when its parts, or it and its voice activity, do not fit together.
        """
        check_threads(threads)
        self.bundle = bundle
        self._threads = threads
        self._features = features.from_manifest(bundle.manifest.input, bundle.where("input"))
        self._recogniser = recogniser(bundle, self._features)
        cut = bundle.section("streaming", UtteranceConfig)
        self.vad = VoiceActivityDetection(Bundle(bundles.find(cut.vad)))
        self.vad_config = cutting(bundle, cut, self.vad, self.sample_rate)
        self.match = Matcher(self._recogniser, self.vad, cut.max_speech_s)

    @property
    def sample_rate(self) -> int:
        """Hz; what `listen` is to be given."""
        return self._features.sample_rate

    @property
    def recogniser(self) -> Recogniser:
        """The network with its tokenizer."""
        return self._recogniser

    @overload
    def __call__(
        self,
        inputs: AudioInput,
        *,
        sampling_rate: int | None = None,
        return_timestamps: ReturnTimestamps = False,
        generation_parameters: Mapping[str, object] | None = None,
        language: str | None = None,
        task: str = "transcribe",
        initial_prompt: str | None = None,
        hotwords: Sequence[str] = (),
        long_form: LongFormKind = "vad",
    ) -> Transcript: ...
    @overload
    def __call__(
        self,
        inputs: list[AudioInput],
        *,
        sampling_rate: int | None = None,
        return_timestamps: ReturnTimestamps = False,
        generation_parameters: Mapping[str, object] | None = None,
        language: str | None = None,
        task: str = "transcribe",
        initial_prompt: str | None = None,
        hotwords: Sequence[str] = (),
        long_form: LongFormKind = "vad",
    ) -> list[Transcript]: ...
    def __call__(
        self,
        inputs: AudioInput | list[AudioInput],
        *,
        sampling_rate: int | None = None,
        return_timestamps: ReturnTimestamps = False,
        generation_parameters: Mapping[str, object] | None = None,
        language: str | None = None,
        task: str = "transcribe",
        initial_prompt: str | None = None,
        hotwords: Sequence[str] = (),
        long_form: LongFormKind = "vad",
    ) -> Transcript | list[Transcript]:
        """The text of a clip of any length.

        Args:
            inputs: a path, a data URL, the bytes of a sound file, a file object, or samples; a
                list of these gives a list of results.
            sampling_rate: of samples, in Hz; required with an array.
            return_timestamps: give `chunks`, too: True for one a segment, "word" for one a word.
            generation_parameters: how tokens are chosen, by the names and with the meaning of the
                Hugging Face task: `num_beams`, `do_sample`, `temperature`, `max_new_tokens` ...,
                and of Whisper's fallback, `logprob_threshold` ... (`generation_parameters.py`).
            language: what is spoken, "en", where the network knows several; None: it hears which.
            task: "transcribe", or "translate" into English where the network can.
            initial_prompt: what was said before, for names and style, where the network takes it.
            hotwords: words and phrases that are likely to be said, and if wanted the bonus of each
                of their tokens: "crayfish", "crayfish :1.5" (`decoding/phrases/hotwords.py`).
            long_form: what cuts long sound: "vad" at pauses, "sequential" where the network's own
                timestamps say, which only Whisper has.

        Raises:
            InputError: when the audio cannot be used, or the network has no use for an option.
        """
        options = transcription_options(
            self._recogniser,
            return_timestamps=return_timestamps,
            generation_parameters=generation_parameters,
            language=language,
            task=task,
            initial_prompt=initial_prompt,
            hotwords=hotwords,
        )

        def answer(item: AudioInput) -> Transcript:
            chunks = stream(item, sampling_rate, self.sample_rate)
            segments = list(self._segments(chunks, options, long_form))
            text = " ".join(segment.text for segment in segments)
            if not return_timestamps:
                return Transcript(text)
            timed = (_chunks(segment, return_timestamps) for segment in segments)
            return Transcript(text, tuple(chain.from_iterable(timed)))

        return each(inputs, answer) if isinstance(inputs, list) else answer(inputs)

    def listen(
        self,
        source: AudioInput | Chunks,
        *,
        sampling_rate: int | None = None,
        partials: bool = False,
        return_timestamps: ReturnTimestamps = True,
        generation_parameters: Mapping[str, object] | None = None,
        language: str | None = None,
        task: str = "transcribe",
        initial_prompt: str | None = None,
        hotwords: Sequence[str] = (),
        long_form: LongFormKind = "vad",
    ) -> Iterator[Chunk | Partial]:
        """What is said in a stream, each segment as soon as it has ended: a `Chunk`.

        `source` is a microphone or any iterable of mono chunks at `sample_rate`; a file or samples
        run through the same path as fast as they can. With `partials`, what is being said comes
        while somebody speaks, as a `Partial`; they get rarer where the device is too slow. All
        else is as for `__call__`.
        """
        options = transcription_options(
            self._recogniser,
            return_timestamps=return_timestamps,
            generation_parameters=generation_parameters,
            language=language,
            task=task,
            initial_prompt=initial_prompt,
            hotwords=hotwords,
        )
        if partials and long_form != "vad":
            raise InputError("partials: come with long_form vad, which knows the pauses")

        def heard(chunks: Iterator[FloatArray]) -> Iterator[Chunk | Partial]:
            events: Iterator[Segment | Partial] = self._segments(chunks, options, long_form)
            if partials:
                events = self._while_it_is_said(
                    chunks, options, lambda: getattr(source, "backlog_s", 0.0) > MAX_BACKLOG_S
                )
            for event in events:
                if isinstance(event, Partial):
                    yield event
                else:
                    yield from _chunks(event, return_timestamps)

        for start_s, chunks in unbroken(source, sampling_rate, self.sample_rate):
            for event in heard(chunks):
                yield shifted(event, start_s)

    def transcribe(self, waveform: FloatArray, language: str | None = None) -> str:
        """One utterance, (n_samples,) of at most what the network was trained for, as text."""
        options = TranscriptionOptions(language=language)
        self._recogniser.check(options)
        segments = self._recogniser.recognise(waveform, options)
        return " ".join(segment.text for segment in segments)

    def live(
        self, options: TranscriptionOptions = PLAIN, utterances: UtteranceStream | None = None
    ) -> LiveTranscriber:
        """What takes a stream in chunks, for those who push samples themselves.

        `utterances` is what cuts it: by default at pauses, as is best for this network.

        Raises:
            InputError: when the network has no use for an option.
        """
        return LiveTranscriber(
            utterances or self.vad.utterance_stream(self.vad_config),
            self._recogniser,
            self._for_utterances(options),
        )

    def heard(self, event: Partial | Final) -> Partial | Chunk:
        """What `live` gives rise to as `listen` tells it."""
        if isinstance(event, Partial):
            return event
        segment = event.segment(self.sample_rate)
        (chunk,) = _chunks(segment, True)
        return chunk

    def trace(self, waveform: FloatArray) -> Trace:
        """Each stage of one utterance: its features, the log-probability of each step's best
        token, the text."""
        return Trace(
            self._features(waveform),
            self._recogniser.step_logprobs(waveform),
            self.transcribe(waveform),
        )

    def _segments(
        self,
        chunks: Iterator[FloatArray],
        options: TranscriptionOptions,
        long_form: LongFormKind,
    ) -> Iterator[Segment]:
        """The segments of a stream, with times from its first sample on.

        Raises:
            InputError: when the network has no use for an option.
        """
        match long_form:
            case "vad":
                return self._cut_at_pauses(chunks, options)
            case "sequential":
                return self._cut_by_times(chunks, options)
        raise InputError(f"long_form: expected vad or sequential, got {long_form!r}")

    def _cut_at_pauses(
        self, chunks: Iterator[FloatArray], options: TranscriptionOptions
    ) -> Iterator[Segment]:
        """The utterances that have a text."""
        options = self._for_utterances(options)

        def heard() -> Iterator[list[Utterance]]:
            utterances = self.vad.utterance_stream(self.vad_config)
            for chunk in chunks:
                yield utterances.push(chunk)
            yield utterances.flush()

        def write(utterance: Utterance) -> Final:
            return Final(utterance, self._recogniser.recognise(utterance.waveform, options))

        for final in in_order(write, heard(), self._threads):
            if final.segments:
                yield final.segment(self.sample_rate)

    def _while_it_is_said(
        self,
        chunks: Iterator[FloatArray],
        options: TranscriptionOptions,
        is_late: Callable[[], bool],
    ) -> Iterator[Segment | Partial]:
        """The utterances, and what is being said in between, unless the reader `is_late`."""
        live = self.live(options)
        for chunk in chunks:
            yield from map(self._final, live.push(chunk, late=is_late()))
        yield from map(self._final, live.flush())

    def _final(self, event: Partial | Final) -> Segment | Partial:
        if isinstance(event, Partial):
            return event
        return event.segment(self.sample_rate)

    def _for_utterances(self, options: TranscriptionOptions) -> TranscriptionOptions:
        """Times of segments are those of the utterances, which the cut knows.

        Raises:
            InputError: when the network has no use for an option.
        """
        if options.timestamps == "segment":
            options = replace(options, timestamps="none")
        self._recogniser.check(options)
        return options

    def _cut_by_times(
        self, chunks: Iterator[FloatArray], options: TranscriptionOptions
    ) -> Iterator[Segment]:
        if not isinstance(self._recogniser, Seq2SeqRecogniser):
            raise InputError("long_form: sequential is for networks that write times; use vad")
        if self._threads > 1:
            raise InputError(
                f"threads: {self._threads} are for long_form vad; with sequential, where a window "
                "begins is not known until the one before has its text"
            )
        windows = LongForm(self._recogniser, options)
        voices = Voices(self.vad.utterance_stream(self.vad_config))
        for chunk in chunks:
            yield from voices.push(chunk, windows.push(chunk))
        yield from voices.flush(windows.flush())


def _chunks(segment: Segment, asked: ReturnTimestamps) -> Iterator[Chunk]:
    """The segment, or its words."""
    pieces = segment.words if asked == "word" else (segment,)
    for piece in pieces:
        yield Chunk(
            piece.text, (round(piece.start_s, ROUND_DIGITS), round(piece.end_s, ROUND_DIGITS))
        )
