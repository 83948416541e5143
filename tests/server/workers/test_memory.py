import os
import subprocess
import sys
from pathlib import Path

import pytest

from earlet.server.workers import memory

MB = 1 << 20


def test_what_a_process_has_taken_is_seen() -> None:
    program = "import sys; kept = b'x' * (64 << 20); print(flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert 64 * MB < memory.process_bytes(child.pid) < 100 * MB
        child.communicate()
    assert memory.process_bytes(child.pid) == 0


def test_where_the_kernel_does_not_tell_shares_all_of_it_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_text = Path.read_text

    def without_rollup(path: Path, *arguments: str, **options: str) -> str:
        if path.name == "smaps_rollup":
            raise FileNotFoundError(path)
        return read_text(path, *arguments, **options)

    shared = memory.process_bytes(os.getpid())
    monkeypatch.setattr(Path, "read_text", without_rollup)
    assert memory.process_bytes(os.getpid()) > 0.8 * shared


def test_the_machines_memory_is_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP_LIMIT", Path("/nowhere"))
    line = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()[0]
    assert memory.machine_bytes() == pytest.approx(int(line.split()[1]) * 1024, rel=0.01)


@pytest.mark.parametrize(("limit", "is_less"), [("67108864", True), ("max", False)])
def test_a_containers_limit_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, is_less: bool
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n", encoding="ascii")
    monkeypatch.setattr(memory, "CGROUP_LIMIT", tmp_path / "memory.max")
    assert (memory.machine_bytes() == 64 * MB) == is_less
