"""When a text is not believed, and what is tried then: another draw, at a higher temperature.

    at temperature 0 the likeliest text -> repeats itself, or is improbable? -> drawn at 0.2 ...

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, section 4.5, and
`decode_with_fallback` of OpenAI's `whisper/transcribe.py`. Where every attempt fails, the most
probable one is taken of those that do not repeat themselves, as faster-whisper does.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from earlet.decoding.generation.hypothesis import Hypothesis
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.recogniser import TranscriptionOptions

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # Whisper's
SEED = 0  # any: the same sound is to give the same text
_KEPT = (  # options that hold for any way of choosing the next token
    "max_length", "max_new_tokens", "min_length", "min_new_tokens", "repetition_penalty",
    "no_repeat_ngram_size", "use_cache",
)  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """What was written at one temperature, and its text."""

    temperature: float
    hypothesis: Hypothesis
    text: str
    n_kept: int | None = None  # tokens before its end repeats itself (`loops.py`), if it does

    @property
    def tokens(self) -> tuple[int, ...]:
        """What is kept of it, whether or not it is believed."""
        return self.hypothesis.tokens[: self.n_kept]

    @property
    def logprobs(self) -> tuple[float, ...]:
        """Of these tokens, and of the end where they are all."""
        return self.hypothesis.logprobs[: self.n_kept]

    def repeats_itself(self, options: TranscriptionOptions) -> bool:
        """Whether it is in a loop, or its text compresses better than speech does."""
        ratio = compression_ratio(self.text)
        return self.n_kept is not None or ratio > options.compression_ratio_threshold

    def is_improbable(self, options: TranscriptionOptions) -> bool:
        """Whether the network itself hardly believes it."""
        return self.hypothesis.avg_logprob < options.logprob_threshold

    def is_believed(self, options: TranscriptionOptions) -> bool:
        """Whether it is neither."""
        return not (self.is_improbable(options) or self.repeats_itself(options))


def first_believed(
    attempt: Callable[[float], Attempt],
    temperatures: Iterable[float],
    no_speech: float | None,
    options: TranscriptionOptions,
) -> Attempt | None:
    """The first attempt that is believed, or the best of them; None for silence.

    Args:
        attempt: writes a text at a temperature.
        temperatures: to try in turn, one at least.
        no_speech: the probability that nobody speaks, where the network tells it.
        options: the thresholds.
    """
    failed = []
    for temperature in temperatures:
        latest = attempt(temperature)
        if latest.is_believed(options):
            return latest
        is_silent = no_speech is not None and no_speech > options.no_speech_threshold
        if is_silent and latest.is_improbable(options):
            return None
        failed.append(latest)
    varied = [attempt for attempt in failed if not attempt.repeats_itself(options)]
    return max(varied or failed, key=lambda attempt: attempt.hypothesis.avg_logprob)


def compression_ratio(text: str) -> float:
    """How many times smaller zlib makes a text: 1 for a sentence, 10 and more for a loop."""
    data = text.encode("utf-8")
    return len(data) / len(zlib.compress(data))


def greedy(options: GenerationOptions) -> GenerationOptions:
    """`options` for a quick text: lengths and penalties stay, the likeliest token is written."""
    return GenerationOptions(**{name: getattr(options, name) for name in _KEPT})


def drawn(options: GenerationOptions, temperature: float) -> GenerationOptions:
    """`options` for a further attempt: lengths and penalties stay, tokens are drawn from all.

    The draw is the same each time.
    """
    return replace(greedy(options), do_sample=True, temperature=temperature, top_k=0, seed=SEED)
