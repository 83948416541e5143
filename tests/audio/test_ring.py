"""The ring against a list that never forgets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.audio.ring import Loss, Ring

CAPACITY = 7
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 20)),
        st.tuples(st.just("lose"), st.integers(0, 5)),
        st.tuples(st.just("read"), st.integers(1, 9)),
    ),
    max_size=60,
)


def frames(first: int, n: int) -> FloatArray:
    """Each holds its own number, and in the second channel its negative."""
    numbers = np.arange(first, first + n, dtype=np.float32)
    return np.stack([numbers, -numbers], axis=1)


@given(steps)
def test_every_frame_is_read_in_its_place_or_counted_as_lost(steps: list[tuple[str, int]]) -> None:
    ring = Ring(CAPACITY, 2)
    n_given = n_taken = 0  # frames, those that the device lost too

    def take(most: int) -> None:
        nonlocal n_taken
        item = ring.read(most)
        if isinstance(item, Loss):
            n_taken += item.n_frames
        else:
            assert len(item) <= most
            np.testing.assert_array_equal(item, frames(n_taken, len(item)))
            n_taken += len(item)

    for step, n in steps:
        if step == "write":
            ring.write(frames(n_given, n))
            n_given += n
        elif step == "lose":
            ring.lose(Loss(n, "overflow", 1))
            n_given += n
        elif not ring.is_empty:
            take(n)
        assert len(ring) <= CAPACITY
        assert ring.behind == n_given - n_taken
    while not ring.is_empty:
        take(CAPACITY)
    assert n_taken == n_given


@given(steps)
def test_no_overflow_is_forgotten(steps: list[tuple[str, int]]) -> None:
    ring = Ring(CAPACITY, 1)
    n_lost = n_told = 0
    for step, n in steps:
        if step == "write":
            ring.write(np.zeros((n, 1)))
        elif step == "lose":
            ring.lose(Loss(n, "overflow", 1))
            n_lost += 1
    while not ring.is_empty:
        item = ring.read(CAPACITY)
        n_told += item.n_overflows if isinstance(item, Loss) else 0
    assert n_told == n_lost


def test_without_reading_no_more_is_kept_than_fits() -> None:
    ring = Ring(CAPACITY, 1)
    for _ in range(1_000):
        ring.lose(Loss(1, "overflow", 1))
        ring.write(np.ones((2, 1)))
    items = []
    while not ring.is_empty:
        items.append(ring.read(CAPACITY))
    assert len(items) <= 2 * CAPACITY
    assert sum(loss.n_overflows for loss in items if isinstance(loss, Loss)) == 1_000


def test_what_is_read_is_not_written_over() -> None:
    ring = Ring(CAPACITY, 1)
    ring.write(np.ones((5, 1)))
    item = ring.read(5)
    ring.write(np.zeros((5, 1)))
    assert not isinstance(item, Loss)
    assert item.all()


def test_of_two_losses_the_larger_tells_the_reason() -> None:
    assert Loss(1, "overflow", 1) + Loss(5, "slow") == Loss(6, "slow", 1)
    assert Loss(5, "slow") + Loss(1, "overflow", 1) == Loss(6, "slow", 1)
