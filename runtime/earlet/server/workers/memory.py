"""How much memory there is, and how much of it a process takes."""

import os
from pathlib import Path

KB = 1024  # bytes; the "kB" of proc(5)
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container; a number, or "max"


def machine_bytes() -> int:
    """That this machine has, or this container may take."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(machine, int(CGROUP_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no such limit
        return machine


def process_bytes(pid: int) -> int:
    """That a process takes: of what it shares with others its part (PSS), where the kernel tells
    it, and all of it otherwise (RSS). 0 for a process that is gone."""
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = Path(f"/proc/{pid}/{name}").read_text(encoding="ascii").splitlines()
        except OSError:  # proc(5): smaps_rollup is not in every kernel
            continue
        for line in lines:
            if line.startswith(key):
                return int(line.split()[1]) * KB
    return 0
