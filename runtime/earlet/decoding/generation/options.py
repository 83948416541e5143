"""How the next token is chosen: the task's `generation_parameters`, with transformers' meaning.

The task is automatic-speech-recognition as Hugging Face specifies it; what each option does is in
the documentation of transformers' `GenerationConfig`. Held to transformers' `generate`, token for
token, in `tests/decoding/generation/test_search.py`.

Where transformers warns and ignores, this refuses: an option that cannot apply is a mistake.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from earlet import schema
from earlet.errors import InputError

DEFAULT_TOP_K = 50  # transformers', when it samples
MAX_BEAMS = 64  # each has a decoder's cache of its own
MAX_TOP_K = 1_000_000  # more tokens than any network has
MAX_TOKENS = 10_000  # of a text: more than any network writes
MAX_EXPONENT = 10  # of a length of up to MAX_TOKENS, whose power stays a finite number
MIN_FACTOR, MAX_FACTOR = 0.001, 1_000  # beyond them tokens are all alike, or all but one


class _Range(NamedTuple):
    least: float
    most: float
    above: bool = False  # more than the least
    below: bool = False  # less than the most

    def __contains__(self, value: object) -> bool:
        return (
            isinstance(value, int | float)
            and self.least <= value <= self.most
            and not (self.above and value == self.least)
            and not (self.below and value == self.most)
        )

    def __str__(self) -> str:
        least = f"{'more than' if self.above else 'at least'} {self.least}"
        return f"{least} and {'less than' if self.below else 'at most'} {self.most}"


_RANGES: Mapping[str, _Range] = {
    "num_beams": _Range(1, MAX_BEAMS),
    "num_beam_groups": _Range(1, MAX_BEAMS),
    "diversity_penalty": _Range(0, MAX_FACTOR, above=True),
    "length_penalty": _Range(-MAX_EXPONENT, MAX_EXPONENT),
    "penalty_alpha": _Range(0, 1, above=True),
    "temperature": _Range(MIN_FACTOR, MAX_FACTOR),
    "top_k": _Range(0, MAX_TOP_K),
    "top_p": _Range(0, 1, above=True),
    "typical_p": _Range(0, 1, above=True),
    "epsilon_cutoff": _Range(0, 1, below=True),
    "eta_cutoff": _Range(0, 1, below=True),
    "max_length": _Range(1, MAX_TOKENS),
    "max_new_tokens": _Range(1, MAX_TOKENS),
    "min_length": _Range(0, MAX_TOKENS),
    "min_new_tokens": _Range(0, MAX_TOKENS),
    "repetition_penalty": _Range(MIN_FACTOR, MAX_FACTOR),
    "no_repeat_ngram_size": _Range(0, MAX_TOKENS),
    "seed": _Range(0, 2**64 - 1),
}
_OF_SAMPLING = ("temperature", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "seed")
_OF_BEAMS = ("early_stopping", "length_penalty")


@dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """None stands for "not said", so that an option that cannot apply is told from a default.

    What is said makes the strategy: `num_beams` above 1 searches with beams, and in groups of them
    with `num_beam_groups`; `penalty_alpha` and `top_k` search by contrast; `do_sample` draws, with
    beams or without; the rest is greedy.

    Raises:
        InputError: for a value out of its range, and for options that contradict each other.
    """

    do_sample: bool = False
    num_beams: int = 1
    num_beam_groups: int = 1  # into which the beams are divided
    diversity_penalty: float | None = None  # for what another group wrote at the same step
    # True: as soon as num_beams texts have ended; False: by the scores so far; "never": by what
    # the scores can still become.
    early_stopping: Literal[True, False, "never"] | None = None
    length_penalty: float | None = None  # a text's score is divided by its length to this power
    penalty_alpha: float | None = None  # weight of being unlike what was written, 0..1
    temperature: float | None = None  # logits are divided by it; for none, leave do_sample out
    top_k: int | None = None  # tokens to draw from, or to compare; 0: all
    top_p: float | None = None  # draw from the likeliest that have this probability together
    typical_p: float | None = None  # draw from the most typical that have it together
    epsilon_cutoff: float | None = None  # draw from those that have this probability each
    eta_cutoff: float | None = None  # the same, or less where the network is less certain
    max_length: int | None = None  # tokens, the prompt's counted
    max_new_tokens: int | None = None  # tokens of the text; goes before max_length
    min_length: int | None = None  # tokens, the prompt's counted
    min_new_tokens: int | None = None  # tokens of the text; goes before min_length
    repetition_penalty: float | None = None  # above 1: what is there already becomes less likely
    no_repeat_ngram_size: int | None = None  # so many tokens in a row never come twice; 0: may
    use_cache: bool = True  # False: everything is computed anew for each token, with the same text
    seed: int | None = None  # of drawing; None: another text each time

    def __post_init__(self) -> None:
        for name, allowed in _RANGES.items():
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise InputError(f"{name}: expected {allowed}, got {value!r:.60}")
        self._check_sampling()
        self._check_beams()
        if self.penalty_alpha is not None:
            self._check_contrast()
        for kind in ("length", "new_tokens"):
            least, most = getattr(self, f"min_{kind}"), getattr(self, f"max_{kind}")
            if least is not None and most is not None and least > most:
                raise InputError(f"need min_{kind} <= max_{kind}, got {least} and {most}")

    @classmethod
    def from_mapping(cls, parameters: Mapping[str, object]) -> "GenerationOptions":
        """From the JSON of the task.

        Raises:
            InputError: for an unknown key and a wrong type, and as the class does.
        """
        return schema.read(cls, parameters, "generation_parameters", InputError)

    def lengths(self, n_prompt: int, limit: int) -> tuple[int, int]:
        """The fewest and the most tokens of a text, eos not counted, after n_prompt of a prompt.

        `limit` is the most that there is room for, whatever is asked for.

        Raises:
            InputError: when no text is so long and so short.
        """
        least, most = self.min_new_tokens, self.max_new_tokens
        if most is None and self.max_length is not None:
            most = self.max_length - n_prompt
            if most < 1:
                raise InputError(
                    f"max_length: expected more than the {n_prompt} tokens of the prompt, got "
                    f"{self.max_length}; max_new_tokens does not count them"
                )
        if least is None:
            least = max(0, (self.min_length or 0) - n_prompt)
        if most is not None and least > most:
            raise InputError(f"a text of at least {least} and at most {most} tokens cannot be")
        return least, limit if most is None else min(limit, most)

    def _check_sampling(self) -> None:
        if self.do_sample:
            return
        for name in _OF_SAMPLING:
            if getattr(self, name) is not None:
                raise InputError(f"{name}: applies where tokens are drawn; say do_sample, too")
        if self.top_k is not None and self.penalty_alpha is None:
            raise InputError("top_k: applies with do_sample or penalty_alpha; say one of them, too")

    def _check_beams(self) -> None:
        if self.num_beams == 1:
            for name in _OF_BEAMS:
                if getattr(self, name) is not None:
                    raise InputError(f"{name}: applies to beams; say num_beams above 1, too")
        if (self.num_beam_groups > 1) != (self.diversity_penalty is not None):
            raise InputError(
                "need num_beam_groups above 1 and diversity_penalty together, got "
                f"{self.num_beam_groups} and {self.diversity_penalty}"
            )
        if self.num_beams % self.num_beam_groups:
            raise InputError(
                "num_beam_groups: expected what num_beams can be divided by, got "
                f"{self.num_beam_groups} for {self.num_beams}"
            )
        if self.num_beam_groups > 1 and self.do_sample:
            raise InputError("need num_beam_groups or do_sample, got both")

    def _check_contrast(self) -> None:
        if self.do_sample or self.num_beams > 1 or not self.use_cache:
            raise InputError("penalty_alpha: goes with no do_sample, num_beams or use_cache=False")
        if self.top_k is None or not 2 <= self.top_k <= MAX_BEAMS:
            raise InputError(
                f"penalty_alpha: need top_k of 2 to {MAX_BEAMS}, too, got {self.top_k}"
            )


GREEDY = GenerationOptions()
