"""Options of generation: what is read, and what is refused with which words."""

from typing import Any

import pytest

from earlet.decoding.generation.options import GREEDY, GenerationOptions
from earlet.errors import InputError

OF_THE_TASK = {  # those that go with each other
    "temperature": 0.7,
    "top_k": 40,
    "top_p": 0.9,
    "typical_p": 0.95,
    "epsilon_cutoff": 3e-4,
    "eta_cutoff": 2e-3,
    "max_length": 100,
    "max_new_tokens": 50,
    "min_length": 2,
    "min_new_tokens": 1,
    "do_sample": True,
    "early_stopping": "never",
    "num_beams": 4,
    "use_cache": True,
}


def read(**parameters: object) -> GenerationOptions:
    return GenerationOptions.from_mapping(parameters)


def test_the_tasks_parameters_are_read() -> None:
    options = read(**OF_THE_TASK)
    assert {name: getattr(options, name) for name in OF_THE_TASK} == OF_THE_TASK
    groups = read(num_beams=6, num_beam_groups=3, diversity_penalty=1, early_stopping=True)
    assert (groups.num_beam_groups, groups.diversity_penalty) == (3, 1.0)
    assert read(penalty_alpha=0.6, top_k=4).penalty_alpha == 0.6


def test_what_is_not_said_is_greedy() -> None:
    assert read() == GREEDY
    assert read(temperature=None, num_beams=1, num_beam_groups=1, do_sample=False) == GREEDY


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"num_beam": 2}, "unknown key 'num_beam'; did you mean 'num_beams'"),
        ({"num_beams": 0}, "num_beams: expected at least 1 and at most 64, got 0"),
        ({"num_beams": 65}, "at most 64, got 65"),
        ({"num_beams": 10**400}, "at most 64, got 1000"),
        ({"num_beams": True}, "num_beams: expected a whole number, got True"),
        ({"num_beams": 2.0}, "num_beams: expected a whole number, got 2.0"),
        ({"do_sample": 1}, "do_sample: expected true or false, got 1"),
        ({"use_cache": "no"}, "use_cache: expected true or false, got 'no'"),
        ({"early_stopping": "always"}, "one of True, False, never, got 'always'"),
        ({"early_stopping": 1}, "one of True, False, never, got 1"),
        ({"temperature": "hot"}, "temperature: expected a number, got 'hot'"),
        ({"temperature": float("nan")}, "temperature: expected a finite number, got nan"),
        ({"temperature": 10**400}, "temperature: expected a finite number, got 1000"),
        ({"temperature": -1}, "temperature: expected at least 0.001 and at most 1000, got -1"),
        ({"temperature": 0, "do_sample": True}, "temperature: expected at least 0.001"),
        ({"top_k": -1, "do_sample": True}, "top_k: expected at least 0"),
        ({"top_p": 0, "do_sample": True}, "top_p: expected more than 0 and at most 1, got 0.0"),
        ({"top_p": 2, "do_sample": True}, "top_p: expected more than 0 and at most 1, got 2.0"),
        ({"typical_p": 1.1, "do_sample": True}, "typical_p: expected more than 0 and at most 1"),
        ({"epsilon_cutoff": 1, "do_sample": True}, "at least 0 and less than 1, got 1.0"),
        ({"eta_cutoff": -0.1, "do_sample": True}, "eta_cutoff: expected at least 0"),
        ({"seed": -1, "do_sample": True}, "seed: expected at least 0"),
        ({"length_penalty": 11, "num_beams": 2}, "at least -10 and at most 10, got 11.0"),
        ({"penalty_alpha": 0, "top_k": 4}, "penalty_alpha: expected more than 0 and at most 1"),
        ({"repetition_penalty": 0}, "repetition_penalty: expected at least 0.001"),
        ({"no_repeat_ngram_size": -1}, "no_repeat_ngram_size: expected at least 0"),
        ({"max_length": 0}, "max_length: expected at least 1"),
        ({"max_new_tokens": 0}, "max_new_tokens: expected at least 1"),
        ({"min_new_tokens": 10**12}, "min_new_tokens: expected at least 0 and at most 10000"),
    ],
)
def test_a_value_that_cannot_be_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(**parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        *(
            ({name: 0.5}, f"{name}: applies where tokens are drawn; say do_sample, too")
            for name in ("temperature", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
        ),
        ({"seed": 1}, "seed: applies where tokens are drawn; say do_sample, too"),
        ({"top_k": 4}, "top_k: applies with do_sample or penalty_alpha"),
        ({"early_stopping": False}, "early_stopping: applies to beams; say num_beams above 1"),
        ({"length_penalty": 1.0}, "length_penalty: applies to beams; say num_beams above 1"),
        ({"num_beams": 4, "num_beam_groups": 2}, "diversity_penalty together, got 2 and None"),
        ({"num_beams": 4, "diversity_penalty": 1}, "diversity_penalty together, got 1 and 1.0"),
        (
            {"num_beams": 4, "num_beam_groups": 3, "diversity_penalty": 1},
            "expected what num_beams can be divided by, got 3 for 4",
        ),
        ({"num_beam_groups": 2, "diversity_penalty": 1}, "divided by, got 2 for 1"),
        (
            {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1, "do_sample": True},
            "need num_beam_groups or do_sample, got both",
        ),
        ({"penalty_alpha": 0.6}, "need top_k of 2 to 64, too, got None"),
        ({"penalty_alpha": 0.6, "top_k": 1}, "need top_k of 2 to 64, too, got 1"),
        ({"penalty_alpha": 0.6, "top_k": 100}, "need top_k of 2 to 64, too, got 100"),
        *(
            ({"penalty_alpha": 0.6, "top_k": 4, **other}, "penalty_alpha: goes with no do_sample")
            for other in ({"do_sample": True}, {"num_beams": 2}, {"use_cache": False})
        ),
        ({"min_length": 5, "max_length": 4}, "need min_length <= max_length, got 5 and 4"),
        ({"min_new_tokens": 5, "max_new_tokens": 4}, "need min_new_tokens <= max_new_tokens"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(**parameters)


@pytest.mark.parametrize(
    ("parameters", "lengths"),
    [
        ({}, (0, 20)),
        ({"max_length": 10, "min_length": 6}, (2, 6)),
        ({"max_new_tokens": 10, "min_new_tokens": 6}, (6, 10)),
        ({"max_length": 5, "max_new_tokens": 9}, (0, 9)),
        ({"min_length": 9, "min_new_tokens": 2}, (2, 20)),
        ({"max_new_tokens": 100, "min_length": 3}, (0, 20)),
    ],
)
def test_lengths_count_the_prompt_and_new_tokens_do_not(
    parameters: dict[str, Any], lengths: tuple[int, int]
) -> None:
    assert read(**parameters).lengths(n_prompt=4, limit=20) == lengths


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_length": 4}, "more than the 4 tokens of the prompt, got 4; max_new_tokens does not"),
        ({"min_length": 9, "max_new_tokens": 4}, "at least 5 and at most 4 tokens cannot be"),
    ],
)
def test_lengths_that_no_text_has_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(**parameters).lengths(n_prompt=4, limit=20)
