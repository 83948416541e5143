"""How whole numbers are said in English.

    42 -> "42", "forty-two", "forty two"

Held to the normaliser of Whisper, which takes such words back to digits, in
`tests/decoding/phrases/test_spoken_numbers.py`.
"""

from collections.abc import Iterator

MAX_NUMBER = 999_999
_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six",
    "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def readings(number: int) -> list[tuple[str, ...]]:
    """The ways in which a recogniser may write a number of 0 to `MAX_NUMBER`, each as words."""
    digits = [str(number)] if number < 1_000 else [str(number), f"{number:,}"]
    spoken = [
        tuple(_words(number, hyphen=hyphen, conjunction=conjunction))
        for conjunction in (False, True)
        for hyphen in (True, False)
    ]
    return list(dict.fromkeys([*((word,) for word in digits), *spoken]))


def _words(number: int, *, hyphen: bool, conjunction: bool) -> Iterator[str]:
    """ "one hundred and forty-two": with `conjunction` the "and", with `hyphen` the "-"."""
    thousands, rest = divmod(number, 1_000)
    if thousands:
        yield from _words(thousands, hyphen=hyphen, conjunction=conjunction)
        yield "thousand"
    hundreds, below_hundred = divmod(rest, 100)
    if hundreds:
        yield from (_SMALL[hundreds], "hundred")
    if below_hundred or not number:
        if conjunction and number > below_hundred:
            yield "and"
        yield from _below_hundred(below_hundred, hyphen)


def _below_hundred(number: int, hyphen: bool) -> Iterator[str]:
    if number < len(_SMALL):
        yield _SMALL[number]
        return
    tens, ones = divmod(number, 10)
    words = [_TENS[tens - 2], *([_SMALL[ones]] if ones else [])]
    yield from ["-".join(words)] if hyphen else words
