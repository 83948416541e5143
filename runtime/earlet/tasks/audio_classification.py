"""audio-classification: what a clip is, and which commands are in a stream.

A bundle with a `streaming` section is a spotter: it hears commands in streams, and a clip is what
its most command-like moment is. One without classifies whole clips: one that is longer than the
network hears at once has the mean of its windows' scores.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import overload

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from earlet import features
from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.decoding.classify import FunctionToApply, top
from earlet.errors import BundleError, InputError
from earlet.results import Classification, Detection, shifted
from earlet.streaming.cascade import Gate, Posteriors, SecondStage, Spotter, Work
from earlet.streaming.spotter import PosteriorStream, SpotterConfig
from earlet.tasks.batch import each
from earlet.tasks.clips import ClipClassifier
from earlet.tasks.labels import ClassifierOutput, read_labels
from earlet.tasks.sound import AudioInput, Chunks, stream, tensor, unbroken
from earlet.tasks.trace import Trace

TAIL_S = 0.6  # silence after a clip, so that a word at its very end is seen whole


class AudioClassification:
    """What `earlet.pipeline("audio-classification")` returns."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """Raises BundleError when labels, features and network do not fit together."""
        self.bundle = bundle
        self.output = bundle.section("output", ClassifierOutput)
        self._streaming = (
            bundle.section("streaming", SpotterConfig) if bundle.manifest.streaming else None
        )
        self._features = features.from_manifest(bundle.manifest.input, bundle.where("input"))
        self._session = bundle.open_session(
            "network",
            threads,
            inputs=tensor(bundle.manifest.input),
            outputs={"logits": 2 if self._streaming is None else 3},
            lengths_vary=self._streaming is None,
        )
        self.labels = read_labels(bundle, self._session.outputs[0].shape[-1])
        self._clips: ClipClassifier | None = None
        if self._streaming is None:
            self._clips = ClipClassifier(bundle, self._features, self.network)
        else:
            self._check_streaming()

    @property
    def sample_rate(self) -> int:
        """Hz; what `listen` is to be given."""
        return self._features.sample_rate

    @property
    def config(self) -> SpotterConfig:
        """The bundle's `streaming` section.

        Raises:
            InputError: when the bundle has none: it classifies clips.
        """
        if self._streaming is None:
            raise InputError(
                f"{self.bundle.path}: classifies clips; a stream needs a bundle with a "
                "`streaming` section, such as commands-en"
            )
        return self._streaming

    @overload
    def __call__(
        self,
        inputs: AudioInput,
        *,
        sampling_rate: int | None = None,
        top_k: int | None = 5,
        function_to_apply: FunctionToApply | None = None,
    ) -> list[Classification]: ...
    @overload
    def __call__(
        self,
        inputs: list[AudioInput],
        *,
        sampling_rate: int | None = None,
        top_k: int | None = 5,
        function_to_apply: FunctionToApply | None = None,
    ) -> list[list[Classification]]: ...
    def __call__(
        self,
        inputs: AudioInput | list[AudioInput],
        *,
        sampling_rate: int | None = None,
        top_k: int | None = 5,
        function_to_apply: FunctionToApply | None = None,
    ) -> list[Classification] | list[list[Classification]]:
        """The labels of a clip, best first; a spotter's are those of its likeliest moment.

        Args:
            inputs: a path, a data URL, the bytes of a sound file, a file object, or samples; a
                list of these gives a list of results.
            sampling_rate: of samples, in Hz; required with an array.
            top_k: how many labels at most; None gives all.
            function_to_apply: makes scores of the network's outputs; None takes the bundle's own.
                A spotter scores commands against each other, by softmax alone.

        Raises:
            InputError: when the audio cannot be used.
        """
        function = self.output.function(function_to_apply, top_k)
        if self._clips is None and function != "softmax":
            raise InputError(
                f"function_to_apply: {self.bundle.path} scores commands against each other in a "
                f"stream, by softmax; got {function!r}"
            )

        def answer(item: AudioInput) -> list[Classification]:
            chunks = stream(item, sampling_rate, self.sample_rate)
            if self._clips is None:
                scores = self._command_scores(chunks)
            else:
                scores = self._clips.scores(chunks, function)
            return top(scores, self.labels, top_k)

        return each(inputs, answer) if isinstance(inputs, list) else answer(inputs)

    def listen(
        self, source: AudioInput | Chunks, *, sampling_rate: int | None = None
    ) -> Iterator[Detection]:
        """The commands in a stream, as soon as they are heard.

        `source` is a microphone or any iterable of mono chunks at `sample_rate`; a file or samples
        run through the same path as fast as they can.
        """
        spotter = self.spotter()
        for start_s, chunks in unbroken(source, sampling_rate, self.sample_rate):
            spotter.reset()
            for event in chain.from_iterable(map(spotter.push, chunks)):
                if isinstance(event, Detection):
                    yield shifted(event, start_s)

    def spotter(
        self,
        thresholds: Mapping[str, float] | None = None,
        *,
        smoothing: int | None = None,
        refractory_ms: Mapping[str, int] | None = None,
        gate: Gate | None = None,
        second: SecondStage | None = None,
        work: Work | None = None,
        posteriors: Posteriors | None = None,
    ) -> Spotter:
        """A fresh detector over this bundle's network, for those who push samples themselves.

        `thresholds` and `smoothing` are the bundle's own where nothing is said; all else is as for
        `Spotter`.
        """
        config = replace(
            self.config,
            thresholds=self.config.thresholds if thresholds is None else thresholds,
            smoothing=self.config.smoothing if smoothing is None else smoothing,
        )
        return Spotter(
            config,
            self.labels,
            self.posterior_stream() if posteriors is None else posteriors,
            refractory_ms=refractory_ms,
            gate=gate,
            second=second,
            work=work,
        )

    def posterior_stream(self) -> PosteriorStream:
        """What the network makes of a stream, hop by hop."""
        return PosteriorStream(self.config, self._features, self.network)

    def network(self, window: FloatArray) -> FloatArray:
        """Features of a clip or of a window -> logits (n_labels,)."""
        (logits,) = self._session.run({self._session.inputs[0].name: window[None]})
        return np.asarray(logits.reshape(-1, len(self.labels))[-1], dtype=np.float32)

    def posteriors(self, waveform: FloatArray) -> FloatArray:
        """(n_samples,) -> (n_hops, n_labels), smoothed: what the detector compares."""
        return self._smoothed([waveform])

    def trace(self, waveform: FloatArray) -> Trace:
        """Each stage of `waveform`: features; a spotter's smoothed posteriors and detected labels
        with their times, or the logits of each window and the best label."""
        if self._clips is not None:
            (best,) = self(waveform, sampling_rate=self.sample_rate, top_k=1)
            return Trace(*self._clips.trace(waveform), best.label)
        events = self.listen(waveform, sampling_rate=self.sample_rate)
        return Trace(
            self._features(waveform),
            self.posteriors(waveform),
            [[event.label, event.start_s, event.end_s] for event in events],
        )

    def _command_scores(self, chunks: Iterable[FloatArray]) -> FloatArray:
        """Of a spotter: a clip's chunks -> (n_labels,). Its sound is not held."""
        rows = self._smoothed(chunks)
        commands = [self.labels.index(label) for label in self.config.thresholds]
        return np.asarray(rows[int(rows[:, commands].max(axis=1).argmax())])

    def _smoothed(self, chunks: Iterable[FloatArray]) -> FloatArray:
        """A clip's chunks -> (n_hops, n_labels), with those of the silence after it."""
        posteriors = self.posterior_stream()
        tail = np.zeros(int(TAIL_S * self.sample_rate), dtype=np.float32)
        rows = np.stack([row for chunk in chain(chunks, [tail]) for row in posteriors.push(chunk)])
        windows = sliding_window_view(rows, min(self.config.smoothing, len(rows)), axis=0)
        return np.asarray(windows.mean(axis=-1), dtype=np.float32)

    def _check_streaming(self) -> None:
        if self.bundle.manifest.decoding:
            raise BundleError(f"{self.bundle.where('decoding')}: a spotter has none")
        if len(set(self.labels)) != len(self.labels):
            raise BundleError(f"{self.bundle.path}: a spotter's labels are all different")
        if self.output.function_to_apply != "softmax":
            raise BundleError(
                f"{self.bundle.where('output')}: a spotter's function_to_apply is softmax, "
                f"got {self.output.function_to_apply}"
            )
        try:
            self.spotter()
        except InputError as problem:
            raise BundleError(f"{self.bundle.where('streaming')}: {problem}") from None
