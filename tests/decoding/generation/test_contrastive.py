"""Contrastive search at its edges; which texts it finds is in `test_search.py`."""

from typing import Any

import pytest

from earlet.decoding.generation import rules
from earlet.errors import InputError

K = 4


def test_a_network_without_hidden_states_is_refused(toy_without_hidden: Any) -> None:
    with pytest.raises(InputError, match="penalty_alpha: needs a network with the output 'hidden'"):
        toy_without_hidden.write({"penalty_alpha": 0.6, "top_k": K})
    assert toy_without_hidden.write({}).tokens


def test_without_weight_it_is_greedy_and_feeds_nothing_twice(toy: Any) -> None:
    greedy = toy.write({})
    toy.network.n_fed = 0
    text = toy.write({"penalty_alpha": 1e-9, "top_k": K})
    assert text.tokens == greedy.tokens
    assert toy.network.n_fed == 1 + K * len(text.logprobs)  # the prompt, and K for each token


def test_a_token_that_is_forbidden_is_not_compared(toy: Any) -> None:
    # transformers takes it where it is less like the others, with a probability of 0.
    allowed = {5, 6}
    text = toy.write(
        {"penalty_alpha": 1.0, "top_k": K}, rules=[rules.never([*{*range(61)} - allowed])]
    )
    assert set(text.tokens) == allowed
