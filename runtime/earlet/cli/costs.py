"""What bundles cost, drawn for people to read: a line each, or a screen for one."""

import math
import textwrap
from collections.abc import Iterator, Sequence

from earlet.bench.figures import Device, Figures, Turn, Versions
from earlet.bench.timing import MS
from earlet.cli.cells import cut, padded, width
from earlet.cli.open_line import DIM, PLAIN
from earlet.errors import printable

MAX_CELLS = 80  # of a line: in a wider one the columns would not stand further apart
GAP = "  "  # between columns
NAME, UNIT, FIGURE = 19, 15, 9  # cells of columns
N_TIMES = 2  # figures, from the left, that say nothing without their unit
DIGITS = 3  # of a number; more would be noise

Row = tuple[str, str, str]  # what was measured, the figure, and what else there is to say


class Costs:
    """Lines of `n_cells` at most; `dim` sets back what is not a figure."""

    def __init__(self, n_cells: int, *, dim: bool) -> None:
        self._n_cells = min(n_cells, MAX_CELLS)
        self._dim, self._plain = (DIM, PLAIN) if dim else ("", "")

    def machine(self, device: Device, versions: Versions) -> str:
        """What runs where: two lines."""
        board = (
            device.model,
            "1 core" if device.cores == 1 else f"{device.cores} cores",
            device.machine,
            f"{_short(device.memory_mb / 1000)} GB",
            "" if device.governor is None else f"governor {device.governor}",
        )
        python = f"Python {versions.python}" + ("" if versions.python_bits == 64 else " (32 bits)")
        programs = (f"earlet {versions.earlet}", python, f"NumPy {versions.numpy}", versions.engine)
        return f"{self._joined(board)}\n{self._joined(programs)}"

    def header(self) -> str:
        """What stands in the lines."""
        return self._set_back(self._columns("", "", "time", "95 % in", "speed", "memory", "start"))

    def line(self, figures: Figures) -> str:
        """A bundle in short."""
        return self._columns(
            printable(figures.bundle),
            _unit(figures),
            _time(figures.latency.p50_ms),
            _time(figures.latency.p95_ms),
            _speed(figures),
            f"{figures.memory_peak_mb:.0f} MB",
            _time(figures.start.total_s * MS),
        )

    def screen(self, figures: Figures) -> str:
        """All about one bundle, but what would help."""
        rows = [*_rows(figures), *_turns(figures.turns)]
        name = max(width(row[0]) for row in rows)
        figure = max(width(row[1]) for row in rows)
        title = printable(f"{figures.bundle} {figures.bundle_version}, {figures.task}")
        lines = [
            cut(title, self._n_cells),
            self.machine(figures.device, figures.versions),
            "",
        ]
        room = self._n_cells - name - figure - 2 * width(GAP)
        for what, value, rest in rows:
            line = padded(what, name) + GAP + padded(value, figure)
            more = cut(rest, room) if room > 0 else ""
            lines.append(line + GAP + self._set_back(more) if more else line.rstrip())
        return "\n".join(lines)

    def advice(self, sentences: Sequence[str]) -> str:
        """What would help."""
        told = [printable(sentence) for sentence in sentences] or ["Nothing was found."]
        return "\n".join(["What would help", *(self.wrapped(f"- {each}", "  ") for each in told)])

    def wrapped(self, sentence: str, indent: str = "") -> str:
        """A sentence in lines, all but the first after `indent`; a bundle's name is not cut."""
        return textwrap.fill(
            sentence, self._n_cells, subsequent_indent=indent, break_on_hyphens=False
        )

    def _columns(self, name: str, unit: str, *figures: str) -> str:
        """A line of as many columns as there is room for: half a figure would be another one."""
        unit = f" {unit:<{UNIT}}"
        if self._n_cells < NAME + len(unit) + N_TIMES * FIGURE:
            unit, figures = "", figures[N_TIMES:]
        n_figures = max(0, (self._n_cells - NAME - len(unit)) // FIGURE)
        shown = "".join(f"{figure:>{FIGURE}}" for figure in figures[:n_figures])
        return cut(padded(cut(name, NAME), NAME) + unit + shown, self._n_cells)

    def _joined(self, parts: Sequence[str]) -> str:
        line = " · ".join(filter(None, parts))
        return self._set_back(cut(printable(line), self._n_cells))

    def _set_back(self, text: str) -> str:
        return f"{self._dim}{text}{self._plain}"


def _rows(figures: Figures) -> Iterator[Row]:
    start, latency, live = figures.start, figures.latency, figures.live
    yield (
        "start",
        _time(start.total_s * MS),
        f"imports {_time(start.imports_s * MS)}, loading {_time(start.loading_s * MS)}, "
        f"answer {_time(start.first_answer_s * MS)}",
    )
    yield (
        _unit(figures),
        _time(latency.p50_ms),
        f"95 % in {_time(latency.p95_ms)}, 99 % in {_time(latency.p99_ms)}, "
        f"all in {_time(latency.max_ms)}",
    )
    speed = "one after the other"
    if figures.real_time_factor is not None:
        speed = f"real time (factor {_short(figures.real_time_factor)})"
    if figures.tokens_per_s is not None:
        speed += f", {_short(figures.tokens_per_s)} tokens/s"
    yield "speed", _speed(figures), speed
    if live is not None:
        yield (
            "live sound",
            f"{_short(live.cpu_percent)} %",
            f"of a core; {_time(live.lag_max_ms)} behind at most",
        )
    yield "memory", f"{figures.memory_peak_mb:.0f} MB", "at most"
    yield from _processor(figures)


def _processor(figures: Figures) -> Iterator[Row]:
    """How it was doing, where that is told."""
    loaded, highest = figures.under_load, figures.device.clock_max_mhz
    heat = "" if loaded.temperature_c is None else f"{loaded.temperature_c:.0f} °C"
    of_highest = "" if highest is None else f"of {highest} "
    clock = "" if loaded.clock_mhz is None else f"{loaded.clock_mhz} {of_highest}MHz"
    more = ", ".join(filter(None, (clock, *loaded.throttled)))
    if heat or more:
        yield "processor", heat, more


def _turns(turns: Sequence[Turn]) -> Iterator[Row]:
    """The contenders, against the first one."""
    for turn in turns[1:]:
        speed = f"{_short(turns[0].wall_ms / turn.wall_ms)}x"
        if turn.bundle == turns[0].bundle:
            price = _short(turn.cpu_ms / turns[0].cpu_ms)
            yield f"{turn.threads} threads", speed, f"as fast, for {price}x the processor time"
        else:
            yield cut(printable(turn.bundle), UNIT), speed, "as fast, at the same"


def _unit(figures: Figures) -> str:
    """What the times are of."""
    if figures.unit_s is None:
        return f"a {figures.unit}"
    ms = figures.unit_s * MS
    return f"{ms:.3g} ms of sound" if ms < MS else f"{ms / MS:.3g} s of sound"


def _speed(figures: Figures) -> str:
    if figures.real_time_factor is not None:
        return f"{_short(1 / figures.real_time_factor)}x"
    return f"{_short(figures.per_s or 0.0)} /s"


def _time(ms: float) -> str:
    if ms < 1:
        return f"{_short(ms * MS)} µs"
    return f"{_short(ms)} ms" if ms < MS else f"{_short(ms / MS)} s"


def _short(number: float) -> str:
    """Rounded to `DIGITS`, and never as 1e-05."""
    if number <= 0:
        return "0"
    number = float(f"{number:.{DIGITS}g}")  # first, for 0.9999 has a digit more than 1.00
    decimals = max(0, DIGITS - 1 - math.floor(math.log10(number)))
    return f"{number:.{decimals}f}"
