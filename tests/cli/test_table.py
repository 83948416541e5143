"""Labels and scores as a terminal shows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet.cli.cells import cut, cut_front, width
from earlet.cli.inputs import Input
from earlet.cli.table import Table, chart
from earlet.errors import printable
from earlet.results import Classification

LABELS = [
    Classification("Egyptian cat", 0.871),
    Classification("tabby", 0.0833),
    Classification("lynx", 0.004),
]
NAMES = [label.label for label in LABELS]
LONG = Classification("black and tan coonhound", 0.9)
ANY_LABELS = st.lists(
    st.builds(Classification, st.text(min_size=1), st.floats(-100, 100)), min_size=1, max_size=6
)


def picture(name: str) -> Input:
    return Input(name, "image-classification", "file")


def text(name: str) -> Input:
    return Input(name, "text-classification", "text")


def test_bars_are_as_long_as_scores_are_high() -> None:
    assert chart(LABELS, 41).splitlines() == [
        "Egyptian cat   0.87  " + 17 * "█" + "▌",  # 0.871 of 20 cells
        "tabby          0.08  " + "█▌",
        "lynx           0.00",
    ]


def test_scores_that_are_no_shares_have_no_bars() -> None:
    logits = [Classification("cat", 12.3), Classification("dog", -0.5)]
    assert chart(logits, 80) == "cat  12.30\ndog  -0.50"


def test_where_there_is_no_room_bars_go_first_and_then_the_ends_of_labels() -> None:
    assert chart(LABELS, 28).splitlines()[0] == "Egyptian cat   0.87"
    assert chart(LABELS, 20).splitlines()[0] == "Egyptian …   0.87"


def test_names_are_aligned_and_what_has_no_room_is_cut() -> None:
    inputs = [picture("cat.png"), picture("photos/of/a/dog.png"), text("What a lovely day! 👍")]
    table = Table(inputs, NAMES, 45, dim=False)
    assert [table.line(item, LABELS) for item in inputs] == [
        "cat.png              0.87 Egyptian cat   0.0…",
        "…otos/of/a/dog.png   0.87 Egyptian cat   0.0…",
        "What a lovely day…   0.87 Egyptian cat   0.0…",
    ]


def test_short_labels_are_aligned_and_a_long_one_pushes_the_next_aside() -> None:
    item = picture("a.png")
    names = [*NAMES, "a label that is far too long for it"]
    table = Table([item], names, 99, dim=False)
    assert [table.line(item, labels) for labels in (LABELS, LABELS[::-1], [LONG, *LABELS[:1]])] == [
        "a.png   0.87 Egyptian cat       0.08 tabby              0.00 lynx",
        "a.png   0.00 lynx               0.08 tabby              0.87 Egyptian cat",
        "a.png   0.90 black and tan coonhound   0.87 Egyptian cat",
    ]


def test_short_names_take_no_more_room_than_they_need_and_the_next_labels_are_dim() -> None:
    line = Table([picture("a.png")], NAMES, 60, dim=True).line(picture("a.png"), LABELS)
    assert line == "a.png   0.87 Egyptian cat\x1b[2m   0.08 tabby          0.00 lynx\x1b[22m"


def test_for_lines_that_are_still_to_come_there_is_room() -> None:
    table = Table([Input("-", "text-classification", "pipe")], NAMES, 40, dim=False)
    line = table.line(text("What a lovely day!"), LABELS[:1])
    assert line == "What a lovely d…   0.87 Egyptian cat"


def test_wide_characters_take_the_room_of_two() -> None:
    inputs = [text("猫が居る"), text("cats")]
    table = Table(inputs, NAMES, 80, dim=False)
    first, second = (table.line(item, LABELS[:1]) for item in inputs)
    assert (first, second) == ("猫が居る   0.87 Egyptian cat", "cats       0.87 Egyptian cat")
    assert width(first) == width(second)


def test_codes_do_not_reach_the_terminal() -> None:
    labels = [Classification("a\x1b[2Jb\n", 0.5)]
    assert chart(labels, 80).startswith(r"a\x1b[2Jb\n   0.50")
    line = Table([text("x\r\n\x07")], [], 80, dim=False).line(text("x\r\n\x07"), labels)
    assert line == r"x\r\n\x07   0.50 a\x1b[2Jb\n"


@given(ANY_LABELS, st.text(), st.integers(20, 120))
def test_no_line_is_wider_than_the_terminal(
    labels: list[Classification], name: str, n_cells: int
) -> None:
    drawn = chart(labels, n_cells).splitlines()
    assert len(drawn) == len(labels)
    for item in (picture(name), text(name), Input("-", "text-classification", "pipe")):
        drawn.append(
            Table([item], [label.label for label in labels], n_cells, dim=False).line(item, labels)
        )
    for line in drawn:
        assert line.isprintable()
        assert width(line) <= n_cells


@given(st.text(), st.integers(1, 30))
def test_what_is_cut_says_so_and_is_a_beginning_or_an_end(words: str, n_cells: int) -> None:
    shown = printable(words)
    beginning, end = cut(shown, n_cells), cut_front(shown, n_cells)
    if width(shown) <= n_cells:
        assert beginning == end == shown
    else:
        assert shown.startswith(beginning.removesuffix("…"))
        assert shown.endswith(end.removeprefix("…"))
        for piece in (beginning, end):
            assert n_cells - 1 <= width(piece) <= n_cells


@pytest.mark.parametrize("n_cells", [1, 2, 7])
def test_there_is_no_terminal_too_narrow(n_cells: int) -> None:
    assert len(chart(LABELS, n_cells).splitlines()) == len(LABELS)
    line = Table([picture("a.png")], NAMES, n_cells, dim=True).line(picture("a.png"), LABELS)
    assert width(line) <= n_cells
