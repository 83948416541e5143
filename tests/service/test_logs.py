"""The log: whom it is for decides how it looks."""

import io
import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from earlet.results import Gap
from earlet.service import logs

LOG = logging.getLogger("earlet.anything")


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("earlet", *logs.LIBRARIES)]
    before = [(logger.handlers, logger.level) for logger in loggers]
    yield
    for logger, (handlers, level) in zip(loggers, before, strict=True):
        logger.handlers = handlers
        logger.setLevel(level)


def test_on_a_terminal_it_is_who_and_what() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        logs.set_up("text", terminal)
        LOG.warning("deaf: %s", "unplugged")
        assert os.read(ours, 100) == b"earlet: deaf: unplugged\r\n"
    os.close(ours)


def test_in_a_file_each_line_says_when() -> None:
    stream = io.StringIO()
    logs.set_up("text", stream)
    LOG.error("lost")
    when, rest = stream.getvalue().split(" ", 1)
    assert datetime.fromisoformat(when).tzinfo is not None
    assert rest == "error: lost\n"


def test_a_line_is_written_where_no_file_can_be_opened_any_more() -> None:
    program = (
        "import logging, resource; from earlet.service import logs; logs.set_up('text'); "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0)); "
        "logging.getLogger('asyncio').error('out of files:\\n socket')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stderr.endswith(" error: out of files:\\n socket\n")


def test_for_journald_the_level_is_a_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    with path.open("w") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        logs.set_up("text", stream)
        LOG.info("listening")
        LOG.warning("deaf")
        LOG.error("refused")
        LOG.error("a fault", exc_info=ValueError("of whose"))
    text = "<6>listening\n<4>deaf\n<3>refused\n<3>a fault\n<3>ValueError: of whose\n"
    assert path.read_text() == text


def test_json_is_an_object_a_line() -> None:
    stream = io.StringIO()
    logs.set_up("json", stream)
    LOG.info('"quoted"\n%s', "ä")
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert datetime.fromisoformat(told.pop("time")).tzinfo is not None
    assert told == {"level": "info", "logger": "earlet.anything", "message": '"quoted"\nä'}


def test_what_a_message_quotes_stays_on_its_line() -> None:
    stream = io.StringIO()
    logs.set_up("text", stream)
    LOG.info("program wrote %s", "one\ntwo\x1b[2J")
    assert stream.getvalue().endswith("info: program wrote one\\ntwo\\x1b[2J\n")


def test_what_a_library_warns_of_is_in_the_log_too() -> None:
    stream = io.StringIO()
    logs.set_up("text", stream)
    logging.getLogger("uvicorn.error").error("broken")
    logging.getLogger("asyncio").info("nobody asked")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("error: broken")


def test_a_log_that_cannot_be_written_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Path("/dev/full").open("w") as stream:
        logs.set_up("text", stream)
        LOG.error("nobody hears of it")
        with pytest.raises(OSError, match="No space left"):
            stream.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def gaps(caplog: pytest.LogCaptureFixture) -> Callable[[int, int], list[str]]:
    """`gaps(n, seconds)`: what is told of `n` gaps, one each so many seconds."""

    def told(n: int, seconds: int) -> list[str]:
        now = 1000.0
        log = logs.GapLog(lambda: now)
        for _ in range(n):
            log.add(Gap(0.0, 1600, 16_000, "overflow"))
            log.tell()
            now += seconds
        log.tell()
        return [record.getMessage() for record in caplog.records]

    return told


def test_a_gap_is_told_at_once(gaps: Callable[[int, int], list[str]]) -> None:
    assert gaps(1, 1) == ["0.10 s of sound were lost: overflow"]


def test_many_gaps_are_told_once_a_minute(gaps: Callable[[int, int], list[str]]) -> None:
    assert gaps(120, 1) == [
        "0.10 s of sound were lost: overflow",
        "6.00 s of sound were lost, 60 times: overflow",
        "5.90 s of sound were lost, 59 times: overflow",
    ]


def test_what_was_lost_in_the_last_minute_is_told_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logs.GapLog(lambda: 1000.0)
    for n_told in (1, 1, 2):
        log.add(Gap(0.0, 1600, 16_000, "overflow"))
        log.tell(is_end=n_told == 2)
        assert len(caplog.messages) == n_told
    assert caplog.messages[1] == "0.20 s of sound were lost, 2 times: overflow"


def test_where_nothing_was_lost_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    log = logs.GapLog()
    log.add(Gap(0.0, 0, 16_000, "another file"))
    log.tell()
    assert caplog.records == []


@pytest.mark.parametrize("kind", ["text", "json"])
def test_of_a_fault_in_earlet_the_log_says_where_it_is(kind: logs.LogFormat) -> None:
    stream = io.StringIO()
    logs.set_up(kind, stream)
    try:
        raise ValueError("one\x1b[2J")
    except ValueError as problem:
        LOG.error("a fault", exc_info=problem)
    told = stream.getvalue()
    if kind == "json":
        told = json.loads(told)["traceback"]
    *_, last = told.rstrip("\n").split("\n")
    assert last == "ValueError: one\\x1b[2J"
    assert "in test_of_a_fault_in_earlet_the_log_says_where_it_is" in told
