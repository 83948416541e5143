"""Where and of what a table was measured: machine, versions, commit."""

import os
import platform
import re
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from benchmarks.setting import ROOT

RUNTIME = ("numpy", "onnxruntime", "soundfile", "soxr", "pillow")  # what earlet stands on
CPU = Path("/sys/devices/system/cpu/cpu0")
GIB = 2**30
INT8 = ("amx_int8", "avx512_vnni", "avx_vnni", "i8mm", "asimddp")  # what multiplies it quickly
# What a run writes itself is no change of what is measured.
WRITTEN = (":!benchmarks/RESULTS.md", ":!benchmarks/figures")


def machine() -> str:
    """Processor, its instructions for int8, caches, memory, governor: as Linux has them."""
    model = _found(r"model name\s*: (.+)", "/proc/cpuinfo") or platform.machine()
    flags = _found(r"(?:flags|Features)\s*: (.+)", "/proc/cpuinfo").split()
    int8 = [flag for flag in INT8 if flag in flags]
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    governor = _text(CPU / "cpufreq" / "scaling_governor")
    return ", ".join(
        [
            f"{model} ({platform.machine()}{''.join(f', {flag}' for flag in int8)})",
            f"{os.cpu_count()} cores",
            *_caches(),
            f"{memory_gib:.0f} GiB of memory",
            f"governor {governor or 'not told'}",
            platform.system(),
        ]
    )


def versions() -> str:
    """Python's and that of what earlet stands on; peers are named with theirs in their lines."""
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {v}" for name, v in _installed())]
    )


def commit() -> str:
    """Of the working tree, and whether it differs from it."""
    try:
        revision = _git("rev-parse", "HEAD").strip()
        changed = _git("status", "--porcelain", "--", ".", *WRITTEN).splitlines()
    except (OSError, subprocess.CalledProcessError):
        return "not told: this is no git working tree"
    return f"{revision[:12]}, {f'with {len(changed)} files changed since' if changed else 'clean'}"


def _installed() -> Iterator[tuple[str, str]]:
    for name in RUNTIME:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _caches() -> Iterator[str]:
    """Sizes, "L1 48K", "L2 1024K" ..., of the first core, without that of instructions."""
    for index in sorted(CPU.glob("cache/index*")):
        if _text(index / "type") != "Instruction":
            yield f"L{_text(index / 'level')} {_text(index / 'size')}"


def _found(pattern: str, path: str) -> str:
    found = re.search(pattern, _text(Path(path)))
    return found[1] if found else ""


def _text(path: Path) -> str:
    """Of a file of the kernel's, which other machines may not have."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
