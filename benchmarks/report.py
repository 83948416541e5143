"""Lines as a table: RESULTS.md, and a line of the terminal.

lines of each group -> summary, tables, footnotes
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import provenance
from benchmarks.line import Curve, Line, Ratio
from benchmarks.speed import GROUPS
from earlet.files import write_whole

Groups = Mapping[str, Sequence[Line]]

HEADING = ("work", "earlet", "peer", "ratio", "aim", "")
HOW_TO_READ = """\
`make bench` writes this in a quarter of an hour or more, of the machine on which it runs;
`PEERS=light` leaves out peers that need torch, some gigabytes, and `make bench-quick` prints the
most of it in two minutes.

A ratio is what earlet takes over what the peer takes, of the CPU where nothing else is said: below
1 earlet is quicker, or smaller. It is the median of rounds in which both run one after the other in
one process, with the 95 % interval of that median; absolute times are of this machine on that day.
Peers are called in their own quickest way, on one thread where they can be told so. An aim is "at
most": of the ratio, or of what earlet takes where a unit is named. Nobody wins against a bound, or
where earlet is compared with itself."""


def write(path: Path, groups: Groups, curves: Sequence[Curve], took_s: float) -> None:
    """Write the whole report."""
    notes: list[str] = []
    tables = [
        f"## {GROUPS[group]}\n\n{_table(lines, notes)}" for group, lines in groups.items() if lines
    ]
    parts = [
        "# What earlet takes, beside its peers",
        HOW_TO_READ,
        f"**{summary(groups)}**",
        _head(took_s),
        "![Ratios with their intervals, by group](figures/ratios.png)",
        *tables,
        *(f"![{curve.title}](figures/{curve.name}.png)" for curve in curves),
        "\n".join(f"[^{i}]: {note}" for i, note in enumerate(notes, 1)),
    ]
    write_whole(path, ("\n\n".join(filter(None, parts)) + "\n").encode())


def summary(groups: Groups) -> str:
    """So many of so many, in a sentence or two."""
    lines = [line for lines in groups.values() for line in lines]
    aims = [line for line in lines if line.aim is not None]
    n_held = sum(line.is_held is True for line in aims)
    n_missing = sum(bool(line.missing) for line in lines)
    compared = [line for line in lines if line.ratio is not None and line.is_contest]
    n_quicker = sum(line.ratio is not None and line.ratio.high < 1 for line in compared)
    n_slower = sum(line.is_slower for line in compared)
    return (
        f"Aims held: {n_held} of {len(aims)}. Of {len(compared)} comparisons earlet wins "
        f"{n_quicker}, peers win {n_slower}, and {len(compared) - n_quicker - n_slower} are too "
        f"close to tell. Lines not measured: {n_missing}."
    )


def printed(line: Line) -> str:
    """For the terminal, on one line."""
    if line.missing:
        return f"  {line.what:<52} not measured: {line.missing}"
    against = f"{_number(line.ratio.median):>6} of {line.theirs}, {line.peer}" if line.ratio else ""
    return f"  {line.what:<52} {line.ours:>12}  {against}{_terminal_status(line)}"


def status(line: Line) -> str:
    """Whether the aim is held, and by how much not; where there is none, whether the peer wins."""
    if line.missing:
        return "not measured"
    if line.is_held is False and line.aim and line.reached is not None:
        percent = 100 * (line.reached / line.aim - 1)
        return f"**missed by {f'{percent:.0f}' if percent >= 1 else 'less than 1'} %**"
    if line.is_held is not None:
        return "held" if line.is_held else "**missed**"
    return "**the peer wins**" if line.is_slower else ""


def _terminal_status(line: Line) -> str:
    aim = f"  aim {_aim(line)}" if line.aim is not None else ""
    told = status(line).strip("*")
    return f"{aim}{f': {told}' if told else ''}"


def _head(took_s: float) -> str:
    """What was measured, where and when."""
    now = datetime.now(UTC)
    rows = {
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "measured": f"{now:%Y-%m-%d %H:%M} UTC, in {took_s / 60:.0f} minutes",
    }
    return "\n".join(["| | |", "|---|---|", *(_row([key, value]) for key, value in rows.items())])


def _table(lines: Sequence[Line], notes: list[str]) -> str:
    """As Markdown; what is to be told beside it is added to the notes."""
    rows = [list(HEADING), ["---"] * len(HEADING)]
    before: Line | None = None
    for line in lines:
        cells = list(_cells(line, notes))
        if before and (before.what, before.ours) == (line.what, line.ours):
            cells[:2] = ["", ""]  # another peer at the same work
        rows.append(cells)
        before = line
    return "\n".join(map(_row, rows))


def _cells(line: Line, notes: list[str]) -> Iterator[str]:
    yield line.what
    yield line.ours
    yield ", ".join(filter(None, [line.theirs, line.peer]))
    yield _interval(line.ratio) if line.ratio else ""
    yield _aim(line)
    note = line.missing or (line.why if line.is_explained else "")
    yield status(line) + (_footnote(note, notes) if note else "")


def _footnote(note: str, notes: list[str]) -> str:
    """Its mark; what was told already has one."""
    if note not in notes:
        notes.append(note)
    return f"[^{notes.index(note) + 1}]"


def _interval(ratio: Ratio) -> str:
    return f"{_number(ratio.median)} ({_number(ratio.low)}–{_number(ratio.high)})"  # noqa: RUF001


def _aim(line: Line) -> str:
    return "" if line.aim is None else " ".join(filter(None, [_number(line.aim), line.unit]))


def _number(value: float) -> str:
    """With three digits that count."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
