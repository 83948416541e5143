"""The machine: what the kernel tells about processor, clock, heat and memory.

All of it is read from files of /proc and /sys; what is not there is None or empty. A Raspberry Pi's
firmware tells there, too, what `vcgencmd get_throttled` prints.
"""

import os
import platform
import re
import sys
from contextlib import suppress
from pathlib import Path

from earlet.backends import Backend
from earlet.bench.figures import Device, UnderLoad, Versions

ROOT = Path("/")
ENGINES: dict[Backend, tuple[str, ...]] = {  # the packages that may be one
    "onnxruntime": ("onnxruntime",),
    "litert": ("ai-edge-litert", "tflite-runtime"),
}
# Of get_throttled, from bit 0; 16 bits further up stands what has happened since the last boot.
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
THROTTLED = ("under-voltage", "clock capped", "throttled", "too hot")
SINCE_BOOT = 16
FIRMWARE = "sys/devices/platform/soc*/soc*firmware/get_throttled"  # soc@107c000000 on a Pi 5
CPUS = "sys/devices/system/cpu"
THERMAL = "sys/class/thermal"
OF_PROCESSOR = re.compile("cpu|soc|core|pkg", re.IGNORECASE)  # types of thermal zones
KB, MB = 1024, 1e6  # bytes; the "kB" of proc(5)


def look(root: Path = ROOT) -> Device:
    """The machine as it is now."""
    memory = _sizes(root / "proc/meminfo")
    load = _text(root / "proc/loadavg").split()
    return Device(
        model=_model(root),
        machine=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_mb=round(memory.get("MemTotal", 0) / MB),
        memory_available_mb=round(memory.get("MemAvailable", 0) / MB),
        load=float(load[0]) if load else 0.0,
        governor=_text(root / CPUS / "cpu0/cpufreq/scaling_governor") or None,
        clock_driver=_text(root / CPUS / "cpu0/cpufreq/scaling_driver") or None,
        clock_max_mhz=_clock_mhz(root, "cpuinfo_max_freq"),
    )


def under_load(root: Path = ROOT) -> UnderLoad:
    """How the processor is doing; to be asked while it works, or at once thereafter."""
    told = next((_text(path) for path in sorted(root.glob(FIRMWARE))), "")
    bits = int(told, 16) if re.fullmatch("(0x)?[0-9a-fA-F]{1,8}", told) else 0
    return UnderLoad(
        clock_mhz=_clock_mhz(root, "scaling_cur_freq"),
        temperature_c=_temperature_c(root),
        throttled=_named(bits),
        throttled_since_boot=_named(bits >> SINCE_BOOT),
    )


def peak_memory_mb(root: Path = ROOT) -> float:
    """The most that this process has had resident since it was started.

    getrusage(2) would count what its parent had when it forked.
    """
    return _sizes(root / "proc/self/status").get("VmHWM", 0) / MB


def versions(backend: Backend) -> Versions:
    """Of all that has a part in it, without importing it."""
    from importlib import metadata  # late: what it brings would show in a peak of memory

    from earlet import __version__

    return Versions(
        earlet=__version__,
        python=platform.python_version(),
        python_bits=64 if sys.maxsize > 2**32 else 32,
        numpy=metadata.version("numpy"),
        engine=_engine(backend),
    )


def _engine(backend: Backend) -> str:
    from importlib import metadata

    for package in ENGINES[backend]:
        with suppress(metadata.PackageNotFoundError):
            return f"{package} {metadata.version(package)}"
    return backend  # built by hand: without a version


def _model(root: Path) -> str:
    """As the board's maker calls it, or else the processor."""
    if board := _text(root / "proc/device-tree/model").strip("\0"):
        return board
    known = dict(re.findall(r"(?m)^(\w[\w ]*\w)\s*: (.+)$", _text(root / "proc/cpuinfo")))
    names = (known.get(key) for key in ("Model", "model name", "Hardware"))
    return next(filter(None, names), platform.machine())


def _clock_mhz(root: Path, name: str) -> int | None:
    """Of the core with the highest: the one that works."""
    paths = (root / CPUS).glob(f"cpu[0-9]*/cpufreq/{name}")
    return max((number // 1000 for path in paths if (number := _number(path))), default=None)


def _temperature_c(root: Path) -> float | None:
    """Of the hottest sensor of the processor; of any, where none is called so."""
    zones = [
        (_text(zone / "type"), thousandths / 1000)
        for zone in (root / THERMAL).glob("thermal_zone*")
        if (thousandths := _number(zone / "temp"))
    ]
    own = [degrees for kind, degrees in zones if OF_PROCESSOR.search(kind)]
    return max(own or [degrees for _, degrees in zones], default=None)


def _named(bits: int) -> tuple[str, ...]:
    return tuple(name for bit, name in enumerate(THROTTLED) if bits >> bit & 1)


def _sizes(path: Path) -> dict[str, int]:
    """The lines "Name:  123 kB" of a file, in bytes."""
    found = re.findall(r"(?m)^(\w+):\s+(\d+) kB$", _text(path))
    return {name: int(number) * KB for name, number in found}


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    """What a file says; nothing where it is not there or not told."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
