"""A list in gives a list out."""

from collections.abc import Callable
from typing import TypeVar

from earlet.errors import InputError

T = TypeVar("T")
R = TypeVar("R")


def each(inputs: list[T], answer: Callable[[T], R]) -> list[R]:
    """The answer to every item of a list.

    Raises:
        InputError: what `answer` raises, naming the item.
    """
    answers = []
    for i, item in enumerate(inputs):
        try:
            answers.append(answer(item))
        except InputError as problem:
            raise type(problem)(f"item {i}: {problem}") from None
    return answers
