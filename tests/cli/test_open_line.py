"""What is being said, drawn in one line of a terminal."""

import re
import sys

import pytest

from earlet.cli.open_line import DIM, PLAIN, WIPE, OpenLine, drawn
from earlet.results import Partial

TIMES = "    1.00 -    2.50 s  "


def visible(line: str) -> str:
    """Without the codes for the terminal."""
    return re.sub(r"\x1b\[\d*[mK]", "", line)


def partial(text: str, stable: str = "") -> Partial:
    return Partial(text, stable, (1.0, 2.5))


def test_what_may_still_change_is_dim() -> None:
    assert drawn(partial("the cat sat", "the cat"), 60) == f"{TIMES}the cat{DIM} sat{PLAIN}"
    assert drawn(partial("the cat"), 60) == f"{TIMES}{DIM}the cat{PLAIN}"
    assert drawn(partial("the cat", "the cat"), 60) == f"{TIMES}the cat{DIM}{PLAIN}"


def test_of_a_long_text_the_end_is_shown() -> None:
    line = partial("the cat sat on the mat of the house", "the cat sat on the")
    assert drawn(line, len(TIMES) + 23) == f"{TIMES}…n the{DIM} mat of the house{PLAIN}"
    assert drawn(line, len(TIMES) + 20) == f"{TIMES}…he{DIM} mat of the house{PLAIN}"
    assert drawn(line, 12) == f"…{DIM}f the house{PLAIN}"


def test_where_there_is_no_room_for_both_the_text_goes_before_its_times() -> None:
    assert visible(drawn(partial("the cat"), len(TIMES) + 20)) == f"{TIMES}the cat"
    assert visible(drawn(partial("the cat"), len(TIMES) + 19)) == "the cat"


@pytest.mark.parametrize(
    ("text", "n_cells", "expected"),
    [
        ("猫が居る", 5, "…居る"),  # two cells each
        ("猫が居る", 4, "…る"),
        ("cafe\u0301s", 4, "…fe\u0301s"),  # an accent of its own takes none
        ("한국어", 5, "…국어"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}", 1, "…"),
    ],
)
def test_wide_characters_and_accents_take_the_cells_that_a_terminal_gives_them(
    text: str, n_cells: int, expected: str
) -> None:
    assert visible(drawn(partial(text), n_cells)) == expected


@pytest.mark.parametrize("n_cells", [0, 1, 2, 3])
def test_there_is_no_terminal_too_narrow(n_cells: int) -> None:
    assert len(visible(drawn(partial("the cat sat"), n_cells))) <= max(1, n_cells)


def test_codes_within_a_text_do_not_reach_the_terminal() -> None:
    line = drawn(partial("a\x1b[2Jb\r\nc", "a\x1b[2Jb"), 60)
    assert visible(line) == f"{TIMES}a\\x1b[2Jb\\r\\nc"


def test_an_open_line_is_wiped_whatever_ends_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted() -> None:
        with OpenLine(sys.stdout) as line:
            line.draw("the cat")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert capsys.readouterr().out == f"{WIPE}the cat{WIPE}"
    with OpenLine(sys.stdout) as line:
        line.wipe()
    assert capsys.readouterr().out == ""  # nothing was drawn, nothing is wiped


def test_a_partial_result_without_text_takes_back_what_was_shown() -> None:
    assert drawn(partial(""), 60) == ""
