"""What is written under every option, token for token as transformers' `generate` writes it.

The cases and their answers: `tests/recipes/generation.py`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earlet.arrays import FloatArray
from earlet.decoding.generation import loops, rules
from earlet.decoding.generation.hypothesis import NOTHING
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.generation.search import generate
from earlet.errors import InputError

GOLDEN = Path(__file__).parents[2] / "golden" / "generation"
EOS, LIMIT, N_VOCAB = 3, 20, 61  # the recipe's
PLAIN = {"num_beams", "early_stopping", "length_penalty", "use_cache"}  # no rule changes the score
STRATEGIES: dict[str, dict[str, object]] = {
    "greedy": {},
    "uncached": {"use_cache": False},
    "sampling": {"do_sample": True, "seed": 0, "temperature": 1.5},
    "beams": {"num_beams": 3},
    "beam sampling": {"num_beams": 3, "do_sample": True, "seed": 0, "temperature": 1.5},
    "groups": {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
    "contrast": {"penalty_alpha": 0.6, "top_k": 4},
}
every_strategy = pytest.mark.parametrize("options", STRATEGIES.values(), ids=STRATEGIES)


def golden() -> Iterator[Any]:
    """Cases, and the rules that their callers have."""
    for path in sorted(GOLDEN.glob("transformers-*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for i, case in enumerate(document["cases"]):
            named = "-".join(f"{name}={value}" for name, value in case["options"].items())
            callers = document["rules"] if case["rules"] else None
            yield pytest.param(case, callers, id=f"{path.stem}-{i}-{named or 'greedy'}")


def as_rules(described: Mapping[str, Any] | None) -> list[rules.LogitRule]:
    if described is None:
        return []
    boost = described["boost"]

    def boosted(logits: FloatArray, written: Sequence[int]) -> None:
        if written and written[-1] == boost["after"]:
            logits[boost["token"]] += boost["by"]

    return [rules.never(described["never"]), rules.never_first(described["never_first"]), boosted]


@pytest.mark.parametrize(("case", "callers"), list(golden()))
def test_the_text_is_that_of_transformers(
    case: Mapping[str, Any], callers: Mapping[str, Any] | None, toy: Any
) -> None:
    asked = case["options"]
    text = toy.write(
        asked,
        case["prompt"],
        sound=case["sound"],
        limit=case["limit"],
        rules=as_rules(callers),
    )
    assert text.tokens == tuple(case["text"])
    assert text.ended == case["ended"]
    assert len(text.logprobs) == len(text.tokens) + text.ended
    if "logprobs" in case:
        np.testing.assert_allclose(text.logprobs, case["logprobs"], atol=2e-5)
    if "score" in case and asked.keys() <= PLAIN and callers is None:
        score = sum(text.logprobs) / len(text.logprobs) ** asked.get("length_penalty", 1.0)
        assert score == pytest.approx(case["score"], rel=1e-5)


@pytest.mark.parametrize(
    "strategy", ["greedy", "uncached", "sampling", "beams", "beam sampling", "groups"]
)
def test_what_was_fed_before_is_a_part_of_the_prompt(strategy: str, toy: Any) -> None:
    options = {**STRATEGIES[strategy], "max_length": 12, "min_length": 12}
    decoder = toy.decoder()
    decoder.prefill([0, 7])
    text = generate(
        decoder,
        [11, 7],
        eos=EOS,
        limit=LIMIT,
        options=GenerationOptions.from_mapping(options),
    )
    assert len(text.tokens) == 8
    assert text.tokens == toy.write(options, [0, 7, 11, 7]).tokens


@pytest.mark.parametrize("strategy", ["greedy", "sampling", "beams", "beam sampling", "contrast"])
def test_log_probabilities_are_those_among_the_tokens_that_rules_left(
    strategy: str, toy: Any
) -> None:
    text = toy.write(STRATEGIES[strategy], [0, 7], rules=[rules.never([38, 12])])
    tokens = [*text.tokens, EOS] if text.ended else [*text.tokens]
    logits = toy.decoder().feed([0, 7, *tokens])[1:-1].astype(np.float64)
    logits[:, [38, 12]] = -np.inf
    expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(text.logprobs, expected[range(len(tokens)), tokens], atol=1e-5)


@every_strategy
def test_a_text_ends_where_rules_forbid_all(options: dict[str, object], toy: Any) -> None:
    def four_at_most(logits: FloatArray, written: Sequence[int]) -> None:
        logits[EOS] = -np.inf
        if len(written) == 4:
            logits[:] = -np.inf

    text = toy.write(options, rules=[four_at_most])
    assert len(text.tokens) == len(text.logprobs) == 4
    assert not text.ended
    assert toy.write(options, rules=[rules.never(range(N_VOCAB))]).tokens == ()


@every_strategy
def test_a_text_that_repeats_itself_is_cut(options: dict[str, object], toy: Any) -> None:
    def again(logits: FloatArray, written: Sequence[int]) -> None:
        token = 5 + len(written) % 2
        logits[:token] = logits[token + 1 :] = -np.inf

    def stop(written: Sequence[int]) -> int | None:
        return loops.stuck(written, full=True)

    looping = toy.write(options, rules=[again])
    assert looping.tokens == (5, 6) * 10
    text = toy.write(options, rules=[again], stop=stop)
    assert text.tokens == (5, 6)
    assert len(text.logprobs) == 2
    assert not text.ended


def test_a_text_that_is_stopped_costs_no_more_steps(toy: Any) -> None:
    toy.write({"min_new_tokens": 20}, stop=lambda written: 2 if len(written) == 5 else None)
    assert toy.network.n_fed == 5  # the prompt's one, and four of five


def test_without_the_cache_everything_is_fed_again(toy: Any) -> None:
    text = toy.write({"use_cache": False, "min_new_tokens": 6, "max_new_tokens": 6}, [0, 7])
    assert len(text.tokens) == 6
    assert toy.network.n_fed == sum(2 + n for n in range(6))


def test_a_text_of_no_tokens_is_nothing(toy: Any) -> None:
    assert toy.write({}, limit=0) == NOTHING
    assert toy.network.n_fed == 0


def test_what_was_asked_for_is_refused_before_anything_is_fed(toy: Any) -> None:
    with pytest.raises(InputError, match="more than the 3 tokens of the prompt, got 3"):
        toy.write({"max_length": 3}, [0, 1, 2])
    assert toy.network.n_fed == 0
