"""Which of several texts is believed."""

import zlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from earlet.decoding.fallback import TEMPERATURES, Attempt, compression_ratio, drawn, first_believed
from earlet.decoding.generation.hypothesis import Hypothesis
from earlet.decoding.generation.options import GREEDY, GenerationOptions
from earlet.decoding.recogniser import PLAIN

LOOP = "the sound of the " * 20
SPEECH = "It was the best of times."


class Attempts:
    """What is written at each temperature, and which were asked for."""

    def __init__(self, *written: tuple[str, float]) -> None:
        self._written = dict(zip(TEMPERATURES, written, strict=False))
        self.asked: list[float] = []

    def __call__(self, temperature: float) -> Attempt:
        self.asked.append(temperature)
        text, logprob = self._written[temperature]
        return Attempt(temperature, Hypothesis((1,), (logprob, logprob), ended=True), text)


def believed(attempts: Attempts, no_speech: float = 0.0, n: int = 6) -> Attempt | None:
    return first_believed(attempts, TEMPERATURES[:n], no_speech, PLAIN)


def test_a_text_that_is_believed_is_the_only_attempt() -> None:
    attempts = Attempts((SPEECH, -0.2))
    best = believed(attempts)
    assert best is not None
    assert (best.text, attempts.asked) == (SPEECH, [0.0])


@pytest.mark.parametrize("first", [(LOOP, -0.1), (SPEECH, -1.01)], ids=["repeats", "improbable"])
def test_what_is_not_believed_is_drawn_again_at_the_next_temperature(
    first: tuple[str, float],
) -> None:
    attempts = Attempts(first, (SPEECH, -0.9))
    best = believed(attempts)
    assert best is not None
    assert (best.temperature, attempts.asked) == (0.2, [0.0, 0.2])


def test_where_all_fail_the_likeliest_of_those_that_do_not_repeat_is_taken() -> None:
    attempts = Attempts((LOOP, -0.1), ("a", -3.0), ("b", -1.5), ("c", -2.0), (LOOP, -0.2))
    best = believed(attempts, n=5)  # as faster-whisper
    assert best is not None
    assert (best.text, best.is_believed(PLAIN)) == ("b", False)
    only_loops = Attempts((LOOP, -0.3), (LOOP, -0.2))
    best = believed(only_loops, n=2)
    assert best is not None
    assert best.temperature == 0.2


@pytest.mark.parametrize(
    ("logprob", "no_speech", "silent"),
    [(-1.1, 0.7, True), (-0.9, 0.7, False), (-1.1, 0.5, False)],
)
def test_silence_is_improbable_and_told_by_the_network(
    logprob: float, no_speech: float, silent: bool
) -> None:
    attempts = Attempts(*[(SPEECH, logprob)] * 6)
    assert (believed(attempts, no_speech) is None) == silent
    assert len(attempts.asked) == (1 if silent or logprob > -1 else 6)


def test_speech_compresses_less_than_the_limit_and_a_loop_more() -> None:
    assert compression_ratio(SPEECH) < compression_ratio("no no no no no") < 2.4 < 5
    assert compression_ratio(LOOP) > 10
    for text in (SPEECH, LOOP, "", "ü" * 30):  # bytes, not characters: as openai-whisper
        data = text.encode()
        assert compression_ratio(text) == pytest.approx(len(data) / len(zlib.compress(data)))


def test_a_text_that_was_stopped_in_a_loop_is_not_believed_and_cut() -> None:
    text = Hypothesis((7, 8, 8, 8), (-0.1, -0.2, -0.3, -0.4), ended=False)
    stopped = Attempt(0.0, text, SPEECH, n_kept=2)
    assert not stopped.is_believed(PLAIN)
    assert (stopped.tokens, stopped.logprobs) == ((7, 8), (-0.1, -0.2))
    whole = replace(stopped, n_kept=None)
    assert whole.is_believed(PLAIN)
    assert (whole.tokens, whole.logprobs) == (text.tokens, text.logprobs)


def test_a_further_attempt_keeps_lengths_and_penalties_only() -> None:
    asked = GenerationOptions(num_beams=4, length_penalty=0.5, max_new_tokens=9)
    asked = replace(asked, repetition_penalty=1.1, no_repeat_ngram_size=3, use_cache=False)
    assert drawn(asked, 0.4) == GenerationOptions(
        do_sample=True, temperature=0.4, top_k=0, seed=0, max_new_tokens=9,
        repetition_penalty=1.1, no_repeat_ngram_size=3, use_cache=False,
    )  # fmt: skip


def test_every_option_is_kept_or_belongs_to_a_way_of_choosing() -> None:
    choosing: Sequence[str] = (
        "do_sample", "num_beams", "num_beam_groups", "diversity_penalty", "early_stopping",
        "length_penalty", "penalty_alpha", "temperature", "top_k", "top_p", "typical_p",
        "epsilon_cutoff", "eta_cutoff", "seed",
    )  # fmt: skip
    asked = GenerationOptions(
        max_length=9, max_new_tokens=8, min_length=2, min_new_tokens=1, repetition_penalty=1.1,
        no_repeat_ngram_size=3, use_cache=False,
    )  # fmt: skip
    kept = drawn(asked, 1.0)
    for name in set(GREEDY.__dataclass_fields__) - set(choosing):
        assert getattr(kept, name) == getattr(asked, name) != getattr(GREEDY, name), name
