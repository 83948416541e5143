"""voice-activity-detection: where somebody speaks, in a clip or a stream."""

from collections.abc import Iterator

from earlet import features
from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.errors import BundleError, InputError
from earlet.results import Segment, shifted
from earlet.streaming.vad import SpeechProbability, Utterance, UtteranceStream, VadConfig
from earlet.tasks.sound import AudioInput, Chunks, unbroken
from earlet.tasks.trace import Trace


class VoiceActivityDetection:
    """What `earlet.pipeline("voice-activity-detection")` returns."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """Raises BundleError when network and manifest do not fit together."""
        self.bundle = bundle
        self.config = bundle.section("streaming", VadConfig)
        self._features = features.from_manifest(bundle.manifest.input, bundle.where("input"))
        self._session = bundle.open_session(
            "network",
            threads,
            inputs={"waveform": 2, "state": len(self.config.state_shape)},
            outputs={"probability": 2, "next_state": len(self.config.state_shape)},
        )
        n_windows = self._session.inputs[0].shape[0]
        if n_windows is not None:
            raise BundleError(
                f"{bundle.path}: the network takes {n_windows} windows at a time; expected one "
                "that takes any number"
            )
        try:
            self.utterance_stream()
        except InputError as problem:
            raise BundleError(f"{bundle.where('streaming')}: {problem}") from None

    @property
    def sample_rate(self) -> int:
        """Hz; what `listen` is to be given."""
        return self._features.sample_rate

    def __call__(self, inputs: AudioInput, *, sampling_rate: int | None = None) -> list[Segment]:
        """The segments of a clip in which somebody speaks, in order.

        Args:
            inputs: a path, a data URL, the bytes of a sound file, a file object, or samples.
            sampling_rate: of samples, in Hz; required with an array.

        Raises:
            InputError: when the audio cannot be used.
        """
        return list(self.listen(inputs, sampling_rate=sampling_rate))

    def listen(
        self, source: AudioInput | Chunks, *, sampling_rate: int | None = None
    ) -> Iterator[Segment]:
        """The segments of a stream, each as soon as its end is certain."""
        for start_s, chunks in unbroken(source, sampling_rate, self.sample_rate):
            for utterance in self.utterances(chunks):
                yield shifted(segment(utterance, self.sample_rate), start_s)

    def utterances(
        self, chunks: Iterator[FloatArray], config: VadConfig | None = None
    ) -> Iterator[Utterance]:
        """The segments with their samples, from mono chunks at `sample_rate`."""
        segments = self.utterance_stream(config)
        for chunk in chunks:
            yield from segments.push(chunk)
        yield from segments.flush()

    def utterance_stream(self, config: VadConfig | None = None) -> UtteranceStream:
        """What cuts a stream at `sample_rate` into utterances, chunk by chunk."""
        return UtteranceStream(config or self.config, self.sample_rate, self.network)

    def network(self, waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(n_windows, context + window), state -> probabilities (n_windows,), next state."""
        probabilities, state = self._session.run({"waveform": waveform, "state": state})
        return probabilities.reshape(-1), state

    def trace(self, waveform: FloatArray) -> Trace:
        """Each stage of `waveform`: samples, the probability of each window, segments."""
        probability = SpeechProbability(self.config, self.network)
        segments = self(waveform, sampling_rate=self.sample_rate)
        return Trace(
            self._features(waveform),
            probability.push(waveform),
            [segment.to_json() for segment in segments],
        )


def segment(utterance: Utterance, sample_rate: int) -> Segment:
    """Where somebody speaks, with the padding."""
    start, end = utterance.span
    return Segment(round(start / sample_rate, 6), round(end / sample_rate, 6))
