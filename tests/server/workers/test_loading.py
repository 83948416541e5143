import time

import pytest

from earlet.server.models import open_models
from earlet.server.workers.loading import LoadHistory


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> LoadHistory:
    (model,) = open_models(["commands-en"]).values()
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    return LoadHistory(model)


def test_what_was_measured_is_expected_again(history: LoadHistory) -> None:
    assert history.expected_s > 0
    assert history.expected_bytes > 0
    history.succeeded(0.25, 40_000_000)
    assert (history.expected_s, history.expected_bytes) == (0.25, 40_000_000)


def test_a_larger_bundle_is_expected_to_take_longer_and_more(history: LoadHistory) -> None:
    (large,) = open_models(["moonshine-tiny-en"]).values()
    assert LoadHistory(large).expected_s > history.expected_s
    assert LoadHistory(large).expected_bytes > history.expected_bytes


def test_after_three_failures_in_a_row_there_is_a_pause_which_grows(history: LoadHistory) -> None:
    pauses = []
    for _ in range(10):
        history.failed()
        pauses.append(history.pause_s)
    assert pauses == [0, 0, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_success_forgets_the_failures(
    history: LoadHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        history.failed()
    monkeypatch.setattr(time, "monotonic", lambda: 1010.0)
    assert history.pause_s == 0
    history.succeeded(0.2, 1)
    history.failed()
    assert history.pause_s == 0
