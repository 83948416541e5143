"""What was measured, as `earlet bench --json` gives it: the units are in the names.

A key is never renamed, and never means something else, as long as `format` stays. What could not be
measured, or has no meaning for the bundle, is null. Nothing here says whose device it is.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

FORMAT = 1  # of the object
DIGITS = 4  # that numbers are rounded to: more would be noise

Unit = Literal["hop", "window", "clip", "picture", "text"]


@dataclass(frozen=True, kw_only=True)
class Start:
    """From starting a process to its first answer; the bundle may lie in the page cache."""

    imports_s: float  # Python, NumPy and earlet
    loading_s: float  # of the bundle: hashing its files, opening its networks
    first_answer_s: float
    total_s: float


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Of one unit of work after the other, as fast as they go."""

    n_calls: int
    mean_ms: float
    p50_ms: float  # percentiles: so many per cent of the calls took no longer
    p95_ms: float
    p99_ms: float
    max_ms: float
    cpu_ms: float  # mean, of all threads


@dataclass(frozen=True, kw_only=True)
class Live:
    """A stream in real time: processor and caches have gone to sleep between two chunks."""

    duration_s: float
    cpu_percent: float  # of one core
    lag_max_ms: float  # from the arrival of a chunk until it is dealt with, at most


@dataclass(frozen=True, kw_only=True)
class UnderLoad:
    """How the processor was doing while it worked."""

    clock_mhz: int | None = None
    temperature_c: float | None = None
    throttled: tuple[str, ...] = ()  # why it runs slower than it could
    throttled_since_boot: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Single:
    """What a process of its own found out about one bundle with one thread."""

    unit: Unit  # of work: what a latency is of
    unit_s: float | None  # seconds of sound in it
    n_tokens: int | None  # that a recogniser writes for it
    start: Start
    latency: Latency
    live: Live | None
    memory_peak_mb: float
    under_load: UnderLoad


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The bundle's example, once, of a recogniser's four times: medians of several contenders that
    took turns."""

    bundle: str
    threads: int
    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True, kw_only=True)
class Device:
    """The machine, before anything was measured."""

    model: str
    machine: str  # of instructions: "aarch64"
    cores: int  # that a process may use
    memory_mb: int
    memory_available_mb: int
    load: float  # mean number of processes that ran or wanted to, of the last minute
    governor: str | None  # that sets the clock
    clock_driver: str | None  # that it uses
    clock_max_mhz: int | None


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Of what runs."""

    earlet: str
    python: str
    python_bits: int
    numpy: str
    engine: str  # "onnxruntime 1.23.2"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All about one bundle."""

    format: int = FORMAT
    bundle: str
    bundle_version: str
    task: str
    input: Literal["golden", "given"]  # the bundle's own example, or another
    unit: Unit
    unit_s: float | None
    start: Start
    latency: Latency
    real_time_factor: float | None  # seconds of work for a second of sound
    per_s: float | None  # pictures or texts
    tokens_per_s: float | None
    live: Live | None
    memory_peak_mb: float
    turns: tuple[Turn, ...]  # this bundle with one thread first
    under_load: UnderLoad
    device: Device
    versions: Versions
    advice: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        rounded: dict[str, Any] = _rounded(asdict(self))
        return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
