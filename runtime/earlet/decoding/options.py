"""How the next token is chosen: the task's `generation_parameters`, with transformers' meaning.

https://huggingface.co/docs/transformers/main_classes/text_generation
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """None stands for "not said", so that an option that cannot apply is told from a default."""

    do_sample: bool = False
    num_beams: int = 1
    num_beam_groups: int = 1
    diversity_penalty: float | None = None
    early_stopping: bool | Literal["never"] | None = None
    length_penalty: float | None = None
    penalty_alpha: float | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    typical_p: float | None = None
    epsilon_cutoff: float | None = None
    eta_cutoff: float | None = None
    max_length: int | None = None
    max_new_tokens: int | None = None
    min_length: int | None = None
    min_new_tokens: int | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    use_cache: bool = True
    seed: int | None = None  # of sampling; None draws another text each time


GREEDY = GenerationOptions()
