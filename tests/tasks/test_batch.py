"""A list in gives a list out, and what fails names itself."""

import pytest

from earlet.errors import AudioFileError
from earlet.tasks.batch import each


def test_every_item_is_answered_in_its_place() -> None:
    assert each(["one", "three"], len) == [3, 5]
    assert each([], len) == []


def test_an_item_that_fails_is_named() -> None:
    def answer(item: str) -> str:
        if item == "bad":
            raise AudioFileError("not a sound file")
        return item

    with pytest.raises(AudioFileError, match=r"^item 1: not a sound file$"):
        each(["good", "bad"], answer)
