"""A spotter's network that is told what to say."""

from collections.abc import Mapping, Sequence

import numpy as np

from earlet.arrays import FloatArray, Snapshot


class Scripted:
    """`Posteriors` of which label is how likely at which hop, counted from 1; else of the last."""

    hop_length, sample_rate = 640, 16_000

    def __init__(self, labels: Sequence[str], said: Mapping[int, tuple[str, float]]) -> None:
        self._labels = labels
        self._said = said
        self._hop = 0

    def hear(self, _: FloatArray, /) -> None:
        self._hop += 1

    def look(self) -> FloatArray:
        row = np.zeros(len(self._labels), dtype=np.float32)
        if self._hop in self._said:
            label, posterior = self._said[self._hop]
            row[self._labels.index(label)] = posterior
        row[-1] = 1 - row.sum()
        return row

    def reset(self) -> None:
        self._hop = 0

    def snapshot(self) -> Snapshot:
        return {"hop": self._hop}

    def restore(self, snapshot: Snapshot, /) -> None:
        self._hop = snapshot["hop"]
