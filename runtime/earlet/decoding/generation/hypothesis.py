"""What a decoder wrote, and how sure it was."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """Tokens without the prompt before them and the end token after them."""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]  # of each token, and of the end token where it came
    ended: bool  # by the end token, and not by the limit

    @property
    def avg_logprob(self) -> float:
        """Mean over the tokens and the end, as Whisper counts: the sum over n_tokens + 1."""
        return sum(self.logprobs) / (len(self.tokens) + 1)


NOTHING = Hypothesis((), (), ended=True)
