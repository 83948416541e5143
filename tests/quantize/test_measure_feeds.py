"""What a network was fed: copies, evenly spaced, within bounds."""

import numpy as np
import pytest

from earlet_quantize.measure.feeds import MAX_KEPT, Recorded


def test_what_a_network_was_fed_is_kept_evenly_and_within_bounds() -> None:
    recorded = Recorded()
    buffer = np.zeros(1)
    for i in range(10 * MAX_KEPT):
        buffer[0] = i
        recorded.add({"x": buffer})
    kept = [int(feed["x"][0]) for feed in recorded.feeds]
    assert recorded.n_runs == 10 * MAX_KEPT
    assert MAX_KEPT / 2 <= len(kept) <= MAX_KEPT
    assert kept == list(range(0, 10 * MAX_KEPT, kept[1]))  # copies, and evenly spaced
    first, middle, last = (int(feed["x"][0]) for feed in recorded.some(3))
    assert (first, last) == (kept[0], kept[-1])
    assert middle in kept[len(kept) // 2 - 1 : len(kept) // 2 + 1]


def test_large_feeds_are_bounded_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earlet_quantize.measure.feeds.MAX_BYTES", 1_000)
    recorded = Recorded()
    for _ in range(100):
        recorded.add({"x": np.zeros(100, dtype=np.uint8)})
    assert 5 <= len(recorded.feeds) <= 10
