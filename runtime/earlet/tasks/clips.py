"""Whole clips of any length, by a network that hears so much at once.

chunks (n_samples,) -> windows (length,) -> features -> logits (n_labels,)
    -> scores (n_labels,) of each window -> their mean
"""

from collections.abc import Callable, Iterable

import numpy as np

from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.decoding.classify import FunctionToApply, scores
from earlet.errors import BundleError, InputError
from earlet.features import Features
from earlet.streaming.windows import WindowConfig, Windows

Network = Callable[[FloatArray], FloatArray]  # features of a window -> logits (n_labels,)


class ClipClassifier:
    """Scores of clips. What is held of one is a window, however long it is."""

    def __init__(self, bundle: Bundle, front_end: Features, network: Network) -> None:
        """Raises BundleError when the bundle's windows do not fit its features."""
        config = bundle.section("decoding", WindowConfig)
        try:
            self._windows = Windows(config, front_end.sample_rate, front_end.max_samples)
        except InputError as problem:
            raise BundleError(f"{bundle.where('decoding')}: {problem}") from None
        self._features = front_end
        self._network = network

    def scores(self, chunks: Iterable[FloatArray], function: FunctionToApply) -> FloatArray:
        """A clip's chunks -> scores (n_labels,), the mean over its windows.

        Scores are averaged and not logits, of which a single one may outweigh all others.

        Raises:
            InputError: for a clip that is too short, and what `chunks` raises.
        """
        total, n_windows = np.zeros(1), 0  # float64, so that the mean of one is itself
        for window in self._windows.cut(chunks):
            total = total + scores(self._network(self._features(window)), function)
            n_windows += 1
        return (total / n_windows).astype(np.float32)

    def trace(self, waveform: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The features and the logits of a clip's windows, one window after the other."""
        heard = [self._features(window) for window in self._windows.cut([waveform])]
        return np.concatenate(heard), np.concatenate([self._network(frames) for frames in heard])
