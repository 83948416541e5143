"""A text that repeats itself without end: where it began to.

    Zero , zero , zero , zero , zero ,   -> keep the first 2 tokens

What a network repeats gets likelier with each time (Holtzman et al., "The Curious Case of Neural
Text Degeneration", 2020, figure 4). People repeat themselves, too, but they stop: of a word that is
said up to 24 times, Moonshine writes about as many and ends, or goes on until the limit.
"""

from collections.abc import Sequence

MAX_PERIOD = 32  # tokens of what is repeated: a long sentence
# How much must repeat what stood a period before it, in tokens and in rounds.
ON_THE_WAY = (48, 3)  # a word with its comma 25 times, a long sentence four times
AT_THE_LIMIT = (4, 2)  # either three times


def stuck(written: Sequence[int], *, full: bool = False) -> int | None:
    """How many of the tokens to keep where their end repeats itself; None where it does not.

    What is repeated is kept once.

    Args:
        written: the text so far.
        full: it has reached the limit of the network. People do not speak so fast, and fewer
            repetitions are enough.
    """
    tokens, rounds = AT_THE_LIMIT if full else ON_THE_WAY
    for period in range(1, min(MAX_PERIOD, len(written) - tokens) + 1):
        if written[-1] == written[-1 - period]:
            first = _first_repeated(written, period)
            if len(written) - first >= max(tokens, rounds * period):
                return first
    return None


def _first_repeated(written: Sequence[int], period: int) -> int:
    """The first token from which on all stand where the same one stood a period before."""
    first = len(written)
    while first > period and written[first - 1] == written[first - 1 - period]:
        first -= 1
    return first
