"""Which tokens may be drawn, held to transformers' warpers; and the draw, to its distribution."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from earlet.arrays import AnyArray
from earlet.decoding.generation.beam import KEPT
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.generation.sampling import Sampler, warpers

CHI_SQUARE_60 = 99.6  # its 99.9 % quantile with 60 degrees of freedom, as tables give it


@pytest.fixture(scope="module")
def warped(golden: Any) -> Mapping[str, AnyArray]:
    """Logits, and by options as JSON what became of them; `tests/recipes/generation.py`."""
    return dict(np.load(golden / "generation" / "warpers.npz"))


def test_warpers_leave_what_those_of_transformers_leave(warped: Mapping[str, AnyArray]) -> None:
    logits = warped["logits"]
    cases = warped.keys() - {"logits"}
    assert len(cases) == 26
    for case in cases:
        options = GenerationOptions.from_mapping(json.loads(case))
        keep = KEPT if options.num_beams > 1 else 1
        for row, expected in zip(logits.copy(), warped[case], strict=True):
            for warp in warpers(options, keep):
                warp(row, ())
            np.testing.assert_allclose(row, expected, rtol=1e-6, err_msg=case)


def test_draws_follow_the_distribution(warped: Mapping[str, AnyArray]) -> None:
    logits = warped["logits"][1]
    sample = Sampler(GenerationOptions(do_sample=True, top_k=0, seed=0))
    n = 10_000
    drawn = np.bincount([sample(logits) or 0 for _ in range(n)], minlength=len(logits))
    expected = n * np.exp(logits) / np.exp(logits).sum()
    assert len(logits) == 61
    assert ((drawn - expected) ** 2 / expected).sum() < CHI_SQUARE_60


def test_the_same_seed_draws_the_same_again(warped: Mapping[str, AnyArray]) -> None:
    logits = warped["logits"][0]

    def drawn(seed: int | None) -> list[int | None]:
        sample = Sampler(GenerationOptions(do_sample=True, seed=seed))
        return [sample(logits) for _ in range(30)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert drawn(None) != drawn(None)  # alike once in 10^40


def test_what_is_forbidden_is_not_drawn() -> None:
    logits = np.full(6, -np.inf, dtype=np.float32)
    sample = Sampler(GenerationOptions(do_sample=True, top_p=0.9, typical_p=0.9, eta_cutoff=0.1))
    assert sample(logits) is None
    logits[4] = -3
    assert {sample(logits) for _ in range(20)} == {4}
