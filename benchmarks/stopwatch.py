"""How time and memory are measured: by turns in one process, and in processes of their own. Linux.

Machines drift, and other programs come and go: two figures compare only where both works ran one
after the other, round by round. `in_turn` gives those rounds, `Ratio.of` what they say.
"""

import io
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import numpy as np

from earlet.arrays import Float64Array

ROUNDS = 15  # what a median and its interval are taken of

Work = Callable[[], object]

# `earlet` in a process of its own, which tells at its end what it took.
EARLET = """
import json, resource, sys
from earlet.cli import main
code = main(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_SELF)
status = open("/proc/self/status").read()
print(json.dumps([usage.ru_utime + usage.ru_stime, status]), file=sys.stderr)
sys.exit(code)
"""


class Finished(NamedTuple):
    """What a run of `earlet` printed, and what it took."""

    output: str
    first_line_s: float  # of the clock, since its start
    cpu_s: float
    peak_mb: float


def in_turn(
    works: Sequence[Work],
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.process_time,
) -> Float64Array:
    """Seconds of each work, one after the other in every round: (rounds, n_works).

    By `clock`, of the CPU unless told otherwise. Who begins is another in every round: what one
    leaves in the caches is not always for the same to pay.
    """
    for work in works:
        work()  # not measured: memory is claimed, caches are filled
    times = np.zeros((rounds, len(works)))
    for i_round, row in enumerate(times):
        for step in range(len(works)):
            i = (i_round + step) % len(works)
            start = clock()
            works[i]()
            row[i] = clock() - start
    return times


def run_earlet(*arguments: str | Path, stdin: bytes = b"") -> Finished:
    """Run the command line in a process of its own, all of `stdin` in its pipe at once."""
    command = [sys.executable, "-c", EARLET, *map(str, arguments)]
    start = time.perf_counter()
    process: Any  # the type of whose pipes has it that there may be none
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        Thread(target=feed, args=(process.stdin, stdin)).start()
        first_line = process.stdout.readline()
        first_line_s = time.perf_counter() - start
        output = (first_line + process.stdout.read()).decode()
        told = process.stderr.read().decode()
    if process.returncode:
        raise RuntimeError(f"earlet {' '.join(map(str, arguments))}: {told}")
    cpu_s, status = json.loads(told.splitlines()[-1])
    (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return Finished(output, first_line_s, cpu_s, int(peak_kb) * 1024 / 1e6)


def feed(pipe: io.BufferedWriter, data: bytes) -> None:
    """Write everything and close, as a program at the other end of a pipe does."""
    with pipe:
        pipe.write(data)


def child_cpu_s(program: str) -> float:
    """CPU seconds of a fresh interpreter that runs a line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def children(process_id: int) -> set[int]:
    """The processes that a process has started, and that run."""
    tasks = Path(f"/proc/{process_id}/task").glob("*/children")
    return {int(word) for path in tasks for word in path.read_text(encoding="ascii").split()}


def cpu_s_of(process_id: int) -> float:
    """CPU seconds that all threads of a process have used."""
    # Its clock has a number that is made of its own: Linux, clock_getcpuclockid(3).
    return time.clock_gettime(~process_id << 3 | 2)
