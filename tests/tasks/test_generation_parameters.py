"""Names and meaning are those of transformers' `generate`, Whisper's own among them."""

from typing import Any

import pytest

from earlet.decoding.recogniser import PLAIN
from earlet.errors import InputError
from earlet.tasks.generation_parameters import with_parameters


def test_nothing_asked_for_changes_nothing() -> None:
    assert with_parameters(PLAIN, {}) == PLAIN


def test_a_number_is_a_temperature_of_drawing_and_a_list_those_of_fallback() -> None:
    drawn = with_parameters(PLAIN, {"do_sample": True, "temperature": 0.5})
    assert (drawn.generation.temperature, drawn.temperatures) == (0.5, None)
    tried = with_parameters(PLAIN, {"temperature": [0, 0.4], "num_beams": 2})
    assert (tried.generation.temperature, tried.temperatures) == (None, (0.0, 0.4))
    assert tried.generation.num_beams == 2


@pytest.mark.parametrize(
    "name",
    [
        *("compression_ratio_threshold", "logprob_threshold", "no_speech_threshold"),
        *("condition_on_prev_tokens", "temperature", "top_k"),
    ],
)
def test_none_is_as_if_it_were_not_said(name: str) -> None:
    assert with_parameters(PLAIN, {name: None}) == PLAIN


def test_what_fallback_looks_at_can_be_set() -> None:
    options = with_parameters(
        PLAIN,
        {
            "compression_ratio_threshold": 2,
            "logprob_threshold": -0.5,
            "no_speech_threshold": 0.9,
            "condition_on_prev_tokens": False,
        },
    )
    assert options.compression_ratio_threshold == 2.0
    assert options.logprob_threshold == -0.5
    assert options.no_speech_threshold == 0.9
    assert options.condition_on_previous_text is False


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"logprob_treshold": -1.0}, "unknown key 'logprob_treshold'"),
        ({"logprob_threshold": "low"}, r"generation_parameters\.logprob_threshold"),
        ({"logprob_threshold": float("nan")}, r"logprob_threshold: expected a finite number"),
        ({"no_speech_threshold": float("inf")}, r"no_speech_threshold: expected a finite number"),
        ({"condition_on_prev_tokens": 1}, r"generation_parameters\.condition_on_prev_tokens"),
        ({"temperature": ["hot"]}, r"generation_parameters\.temperature"),
        ([("num_beams", 2)], "expected a mapping"),
    ],
)
def test_what_cannot_be_is_refused(parameters: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_parameters(PLAIN, parameters)
