"""A job that is stopped, however that happens, and started again."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from earlet.jobs.output import RECORD

TIMEOUT_S = 300  # ends a hang
MAX_DELAY_S = 0.05  # about what one of the clips takes


def command(clips: Path, out: Path, jobs: str) -> list[str]:
    program = [sys.executable, "-m", "earlet", "transcribe", str(clips), "--out", str(out)]
    return [*program, "--resume", "--jobs", jobs, "--format", "json", "--timestamps", "segment"]


@contextmanager
def running(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process, the first of a group of its own, which is not deaf to Ctrl-C."""
    with subprocess.Popen(
        argv,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def n_finished(out: Path) -> int:
    return sum(path.name != RECORD for path in out.rglob("*.json"))


def wait_until(started: subprocess.Popen[bytes], out: Path, n_files: int) -> bool:
    """Whether so many files are there before the process has ended."""
    deadline = time.monotonic() + TIMEOUT_S
    while n_finished(out) < n_files:
        assert time.monotonic() < deadline
        if started.poll() is not None:
            return False
        time.sleep(0.001)
    return started.poll() is None


def leaves_ctrl_c_to_others(pid: str) -> bool:
    """Whether a process blocks or ignores SIGINT; see proc_pid_status(5)."""
    status = Path(f"/proc/{pid}/status").read_text()
    masks = re.findall(r"^Sig(?:Blk|Ign):\s*(\w+)$", status, re.MULTILINE)
    return any(int(mask, base=16) & 1 << (signal.SIGINT - 1) for mask in masks)


@pytest.fixture(scope="module")
def undisturbed(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(
        command(clips, out, "1"), check=True, timeout=TIMEOUT_S, stderr=subprocess.DEVNULL
    )
    return files(out)


@pytest.mark.parametrize(("jobs", "n_kills"), [("1", 7), ("2", 3)])
def test_killed_at_random_moments_and_started_again_it_gives_the_same_files(
    clips: Path, tmp_path: Path, undisturbed: dict[str, bytes], jobs: str, n_kills: int
) -> None:
    chance = random.Random(f"moments of {jobs}")
    out = tmp_path / "out"
    n_killed = 0
    for _ in range(n_kills):
        with running(*command(clips, out, jobs)) as started:
            if wait_until(started, out, n_finished(out) + chance.randint(0, 2)):
                time.sleep(chance.uniform(0, MAX_DELAY_S))
                n_killed += started.poll() is None
    assert n_killed
    with running(*command(clips, out, jobs)) as started:
        _, told = started.communicate(timeout=TIMEOUT_S)
    assert (started.returncode, told.count(b"failed")) == (0, 0)
    assert files(out) == undisturbed


@pytest.fixture
def at_work(clips: Path, endless: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A job of two processes which has done one file, and will never come to an end."""
    (endless.parent / "clip.wav").symlink_to(clips / "day 0" / "clip-00.wav")
    (endless.parent / "endless 2.wav").symlink_to(endless)
    with running(*command(endless.parent, tmp_path / "out", "2")) as started:
        assert wait_until(started, tmp_path / "out", 1)
        yield started


def test_ctrl_c_ends_all_processes_without_a_word_and_nothing_half_written(
    at_work: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    children = Path(f"/proc/{at_work.pid}/task/{at_work.pid}/children").read_text().split()
    assert len(children) == 3  # two of ours, and multiprocessing's
    assert all(leaves_ctrl_c_to_others(pid) for pid in children)
    os.killpg(at_work.pid, signal.SIGINT)  # as a terminal does
    _, told = at_work.communicate(timeout=TIMEOUT_S)  # ends when nobody holds stderr any more
    assert (at_work.returncode, told) == (130, b"")
    assert set(files(tmp_path / "out")) == {RECORD, "clip.json"}


def test_processes_end_soon_after_the_one_that_started_them_is_killed(
    at_work: subprocess.Popen[bytes],
) -> None:
    at_work.kill()
    _, told = at_work.communicate(timeout=TIMEOUT_S)  # ends when nobody holds stderr any more
    assert told == b""
