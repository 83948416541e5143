"""audio-classification: which command is in a clip, and which are in a stream."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from earlet import features
from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.decoding.classify import top
from earlet.errors import BundleError, InputError
from earlet.results import Classification, Detection
from earlet.streaming.spotter import PosteriorStream, Spotter, SpotterConfig
from earlet.tasks.sound import AudioInput, Chunks, Trace, load, stream

TAIL_S = 0.6  # silence after a clip, so that a word at its very end is seen whole


@dataclass(frozen=True, kw_only=True)
class ClassifierOutput:
    """The bundle's `output` section."""

    labels: str  # a file, one label a line in the order of the network's outputs
    rejection: str | None = None  # the label that says: none of the others


class AudioClassification:
    """What `earlet.pipeline("audio-classification")` returns."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """Raises BundleError when labels, features and network do not fit together."""
        self.bundle = bundle
        self.labels = _read_labels(bundle)
        self.config = bundle.section("streaming", SpotterConfig)
        self._features = features.from_manifest(bundle.manifest.input, bundle.where("input"))
        self._session = bundle.open_session(
            "network", threads, inputs={"features": 3}, outputs={"logits": 3}
        )
        width = self._session.outputs[0].shape[-1]
        if width is not None and width != len(self.labels):
            raise BundleError(
                f"{bundle.path}: {len(self.labels)} labels, and the network has {width} outputs"
            )
        try:
            self.spotter()
        except InputError as problem:
            raise BundleError(f"{bundle.where('streaming')}: {problem}") from None

    @property
    def sample_rate(self) -> int:
        """Hz; what `listen` is to be given."""
        return self._features.sample_rate

    @overload
    def __call__(
        self, inputs: AudioInput, *, sampling_rate: int | None = None, top_k: int | None = 5
    ) -> list[Classification]: ...
    @overload
    def __call__(
        self, inputs: list[AudioInput], *, sampling_rate: int | None = None, top_k: int | None = 5
    ) -> list[list[Classification]]: ...
    def __call__(
        self,
        inputs: AudioInput | list[AudioInput],
        *,
        sampling_rate: int | None = None,
        top_k: int | None = 5,
    ) -> list[Classification] | list[list[Classification]]:
        """The labels of a clip, best first: those of the moment at which a command was likeliest.

        Args:
            inputs: a path, the bytes of a sound file, a file object, or samples; a list of these
                gives a list of results.
            sampling_rate: of samples, in Hz; required with an array.
            top_k: how many labels at most; None gives all.

        Raises:
            InputError: when the audio cannot be used.
        """
        if isinstance(inputs, list):
            return [self(item, sampling_rate=sampling_rate, top_k=top_k) for item in inputs]
        waveform = load(inputs, sampling_rate, self.sample_rate)
        rows = self.posteriors(waveform)
        commands = [self.labels.index(label) for label in self.config.thresholds]
        return top(rows[int(rows[:, commands].max(axis=1).argmax())], self.labels, top_k)

    def listen(
        self, source: AudioInput | Chunks, *, sampling_rate: int | None = None
    ) -> Iterator[Detection]:
        """The commands in a stream, as soon as they are heard.

        `source` is a microphone or any iterable of mono chunks at `sample_rate`; a file or samples
        run through the same path as fast as they can.
        """
        spotter = self.spotter()
        for chunk in stream(source, sampling_rate, self.sample_rate):
            yield from spotter.push(chunk)

    def spotter(self, thresholds: Mapping[str, float] | None = None) -> Spotter:
        """A fresh detector over this bundle's network, for those who push samples themselves."""
        config = self.config
        if thresholds is not None:
            config = replace(config, thresholds=thresholds)
        return Spotter(config, self.labels, self._features, self.network)

    def network(self, window: FloatArray) -> FloatArray:
        """(n_frames, n_features) -> logits (n_labels,)."""
        (logits,) = self._session.run({"features": window[None]})
        return np.asarray(logits[0, -1], dtype=np.float32)

    def posteriors(self, waveform: FloatArray) -> FloatArray:
        """(n_samples,) -> (n_hops, n_labels), smoothed: what the detector compares."""
        posteriors = PosteriorStream(self.config, self._features, self.network)
        tail = np.zeros(int(TAIL_S * self.sample_rate), dtype=np.float32)
        rows = np.stack(posteriors.push(np.concatenate([waveform, tail])))
        windows = sliding_window_view(rows, min(self.config.smoothing, len(rows)), axis=0)
        return np.asarray(windows.mean(axis=-1), dtype=np.float32)

    def trace(self, waveform: FloatArray) -> Trace:
        """Each stage of `waveform`: features, smoothed posteriors, detected labels and times."""
        events = self.listen(waveform, sampling_rate=self.sample_rate)
        return Trace(
            self._features(waveform),
            self.posteriors(waveform),
            [[event.label, event.start_s, event.end_s] for event in events],
        )


def _read_labels(bundle: Bundle) -> tuple[str, ...]:
    name = bundle.section("output", ClassifierOutput).labels
    labels = tuple(bundle.read_text(name).splitlines())
    if len(set(labels)) != len(labels) or not all(label.strip() for label in labels):
        raise BundleError(f"{bundle.path}/{name}: has an empty or repeated label")
    return labels
