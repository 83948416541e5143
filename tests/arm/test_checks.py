"""What is tried on emulated machines must be able to fail; shown with this machine's Python."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.arm import checks

PYTHON = Path(sys.executable)
LEAVES_ANOTHER = """
import subprocess, sys
late = "import time; time.sleep(5); print('still here')"
with open(sys.argv[1], "w") as fifo:
    subprocess.Popen([sys.executable, "-c", late], stdout=fifo, stderr=subprocess.DEVNULL)
"""


def test_a_program_that_fails_is_told_with_what_it_wrote_last() -> None:
    with pytest.raises(checks.CheckError, match=r"exit status 3\nfirst\nlast"):
        checks.run(PYTHON, "-c", "print('first'); print('last'); raise SystemExit(3)")


def test_what_a_program_has_started_ends_with_it(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    checks.run(PYTHON, "-c", LEAVES_ANOTHER, str(fifo))
    os.set_blocking(reader, True)
    with os.fdopen(reader) as told:
        assert told.read() == ""  # which is known when nobody is left to write


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"label": "stop"}, "expected"),
        ({"start_s": 0.8}, "expected"),
        ({"score": 0.8}, "scores differ by 0.1"),
    ],
)
def test_a_command_that_is_heard_otherwise_is_found(
    change: dict[str, object], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    event: dict[str, object] = {"label": "go", "score": 0.9, "start_s": 0.76, "end_s": 1.56}
    events = {PYTHON: event, Path("other"): event | change}
    monkeypatch.setattr(checks, "run", lambda python, *_: json.dumps(events[python]) + "\n")
    assert checks.listen(PYTHON) == "1 commands, all as here; their scores differ by 0 at most"
    with pytest.raises(checks.CheckError, match=told):
        checks.listen(Path("other"))
