"""What beams cost, and how several are drawn; which texts they find is in `test_search.py`."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from earlet.decoding.generation.beam import Beam, Candidate, Ended, advance, candidates
from earlet.decoding.generation.decoder import Decoder
from earlet.decoding.generation.options import GenerationOptions


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Decoder, Decoder]]:
    """What was copied: from, to."""
    made: list[tuple[Decoder, Decoder]] = []
    copy_from = Decoder.copy_from

    def watched(self: Decoder, other: Decoder) -> None:
        made.append((other, self))
        copy_from(self, other)

    monkeypatch.setattr(Decoder, "copy_from", watched)
    return made


@pytest.fixture
def beams(toy: Any) -> list[Beam]:
    """Two texts of one token each."""
    made = []
    for token in (5, 6):
        decoder = toy.decoder()
        decoder.prefill([0])
        made.append(Beam((token,), (-1.0,), -1.0, decoder, decoder.feed((token,))[0]))
    return made


def test_beams_that_go_on_copy_nothing(
    beams: list[Beam], copies: list[tuple[Decoder, Decoder]]
) -> None:
    going = [Candidate(beams[1], 7, -1.0, -2.0), Candidate(beams[0], 8, -1.0, -2.5)]
    after = advance(beams, going, [0], use_cache=True)
    assert not copies
    assert [beam.decoder for beam in after] == [beams[1].decoder, beams[0].decoder]
    assert [beam.tokens for beam in after] == [(6, 7), (5, 8)]


def test_a_second_text_of_a_beam_takes_a_decoder_that_is_free(
    beams: list[Beam], copies: list[tuple[Decoder, Decoder]], toy: Any
) -> None:
    going = [Candidate(beams[0], token, -1.0, -2.0) for token in (7, 8, 9)]
    after = advance(beams, going, [0], use_cache=True)
    first, second, third = (beam.decoder for beam in after)
    assert (first, second) == (beams[0].decoder, beams[1].decoder)
    assert third not in (first, second)
    assert copies == [(first, second), (first, third)]
    for beam, token in zip(after, (7, 8, 9), strict=True):
        alone = toy.decoder().feed([0, 5, token])[-1]
        np.testing.assert_allclose(beam.logits, alone, atol=1e-5)


@pytest.mark.parametrize(
    ("early_stopping", "length_penalty", "still_good", "too_bad"),
    [
        (False, 1.0, -5.9, -6.1),  # -6 / 3 is -4 / 2
        (False, 2.0, -8.9, -9.1),  # -9 / 9 is -4 / 4
        (False, -1.0, -2.6, -2.7),  # -8/3 * 3 is -4 * 2
        ("never", 1.0, -19.9, -20.1),  # -20 / 10 is -4 / 2
        ("never", 0.0, -3.9, -4.1),
        ("never", -1.0, -2.6, -2.7),  # it will be no better for being longer
    ],
)
def test_a_text_is_waited_for_while_it_can_still_become_the_best(
    beams: list[Beam],
    early_stopping: Any,
    length_penalty: float,
    still_good: float,
    too_bad: float,
) -> None:
    options = GenerationOptions(
        num_beams=2, early_stopping=early_stopping, length_penalty=length_penalty
    )
    ended = Ended(1, 10, options)
    assert not ended.is_final(too_bad, 3)  # nothing has ended yet
    ended.add(Candidate(beams[0], 3, -3.0, -4.0), eos=3)
    assert not ended.is_final(still_good, 3)
    assert ended.is_final(too_bad, 3)


def test_several_are_drawn_in_turn_without_putting_them_back(toy: Any) -> None:
    probabilities = np.array([0.5, 0.3, 0.15, 0.05])
    beam = Beam((), (), 0.0, toy.decoder(), np.log(probabilities, dtype=np.float32))
    rng, n = np.random.default_rng(0), 4_000
    drawn = Counter(
        tuple(candidate.token for candidate in candidates([beam], 2, (), rng=rng)) for _ in range(n)
    )
    for first in range(4):
        for second in {0, 1, 2, 3} - {first}:
            p = probabilities[first] * probabilities[second] / (1 - probabilities[first])
            # Within four standard deviations of a binomial distribution.
            assert abs(drawn[first, second] - n * p) < 4 * np.sqrt(n * p * (1 - p))
    assert sum(drawn.values()) == n
    assert not any(drawn[token, token] for token in range(4))
