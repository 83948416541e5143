"""What is kept of answers, and what is dropped; oracle: functools.lru_cache, and counting."""

import random
from functools import lru_cache

import pytest

from earlet.server.cache import OVERHEAD_BYTES, ResultCache, key_of

ASKED = ("ears", "classify", {"top_k": 3}, b"sound")


def test_an_answer_comes_again_as_it_was() -> None:
    cache = ResultCache()
    cache.put(b"key", b'[{"label":"go"}]')
    assert cache.get(b"key") == b'[{"label":"go"}]'
    assert cache.get(b"another") is None


def test_it_drops_what_functools_would_drop() -> None:
    n_entries = 5
    computed: list[int] = []

    @lru_cache(maxsize=n_entries)
    def compute(number: int) -> bytes:
        computed.append(number)
        return b"%d" % number

    cache = ResultCache(max_entries=n_entries)
    missed = []
    for number in random.Random(7).choices(range(9), k=500):
        key = b"%d" % number
        if cache.get(key) is None:
            missed.append(number)
            cache.put(key, key)
        assert compute(number) == key
    assert missed == computed


def test_it_never_takes_more_memory_than_it_may() -> None:
    cache = ResultCache(max_bytes=10_000)
    lengths = random.Random(7).choices(range(4_000), k=300)
    for number, length in enumerate(lengths):
        cache.put(b"%d" % number, bytes(length))
        kept = [k for k in range(number + 1) if cache.get(b"%d" % k) is not None]
        sizes = [lengths[k] + OVERHEAD_BYTES for k in kept]
        assert sum(sizes) <= 10_000
        # Nothing was dropped for which there is room.
        assert kept == list(range(kept[0], number + 1))
        if kept[0]:
            assert sum(sizes) + lengths[kept[0] - 1] + OVERHEAD_BYTES > 10_000


def test_an_answer_that_is_larger_than_all_memory_drops_no_other() -> None:
    cache = ResultCache(max_bytes=1_000)
    cache.put(b"small", b"answer")
    cache.put(b"large", bytes(1_000))
    assert cache.get(b"small") == b"answer"
    assert cache.get(b"large") is None


def test_an_answer_that_is_given_twice_is_counted_once() -> None:
    cache = ResultCache()
    for _ in range(3):
        cache.put(b"key", b"answer")
    figures = {metric.name: metric.value for metric in cache.figures()}
    assert figures["earlet_serve_cache_entries"] == 1
    assert figures["earlet_serve_cache_bytes"] == len(b"answer") + OVERHEAD_BYTES


def test_figures_count_hits_and_misses() -> None:
    cache = ResultCache()
    cache.get(b"key")
    cache.put(b"key", b"answer")
    cache.get(b"key")
    cache.get(b"key")
    figures = {metric.name: metric.value for metric in cache.figures()}
    assert figures["earlet_serve_cache_requests_total"] == {"hit": 2, "miss": 1}


def test_the_order_of_arguments_does_not_matter() -> None:
    assert key_of("ears", "classify", {"a": 1, "b": 2}, b"") == key_of(
        "ears", "classify", {"b": 2, "a": 1}, b""
    )


@pytest.mark.parametrize(
    "other",
    [
        ("eyes", "classify", {"top_k": 3}, b"sound"),
        ("ears", "transcribe", {"top_k": 3}, b"sound"),
        ("ears", "classify", {"top_k": 4}, b"sound"),
        ("ears", "classify", {"top_k": "3"}, b"sound"),
        ("ears", "classify", {}, b"sound"),
        ("ears", "classify", {"top_k": 3}, b"sounds"),
        ("ears", "classify", {"top_k": 3}, b""),
    ],
)
def test_whatever_an_answer_depends_on_makes_another_question(
    other: tuple[str, str, dict[str, object], bytes],
) -> None:
    assert key_of(*other) != key_of(*ASKED)


def test_content_is_never_taken_for_arguments() -> None:
    assert key_of("ears", "classify", {}, b"}]") != key_of("ears", "classify", {}, b"")
