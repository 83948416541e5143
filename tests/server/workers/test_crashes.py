"""Processes that end when they should not, and bundles that cannot be loaded."""

import asyncio
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from earlet.config import ServeConfig
from earlet.server.failures import Failure, Internal, Loading, WorkerLost
from earlet.server.models import open_models
from earlet.server.workers import crew
from earlet.server.workers import process as process_
from earlet.server.workers.pool import Pool
from tests.rig.virtual_microphone import until
from tests.server.workers.pools import MISBEHAVING, Run, figure, pid, processes, run

FRAME = struct.pack("<IIQ", 2**32 - 1, 2, 0).hex() + b"{}".hex()  # nobody's answer
SMALL = Path(__file__).parents[3] / "models" / "commands-en"


@pytest.mark.parametrize(
    ("operation", "arguments", "told"),
    [
        ("die", {"signal": signal.SIGKILL}, "was ended by signal 9"),
        ("die", {"signal": signal.SIGSEGV}, "was ended by signal 11"),
        ("die", {"signal": signal.SIGABRT}, "was ended by signal 6"),
        ("break off", {"n": 0}, "ended with 3"),
        ("break off", {"n": 100}, "ended with 3"),
        ("blunder", {}, "ended with 1"),
        ("babble", {"bytes": "00" * 16}, "was ended by signal 9"),
        ("babble", {"bytes": "ff" * 16}, "was ended by signal 9"),
        ("babble", {"bytes": b"Segmentation fault".hex()}, "was ended by signal 9"),
        # A whole frame, and the answer to another call.
        ("babble", {"bytes": FRAME}, "was ended by signal 9"),
    ],
)
def test_the_call_of_a_process_that_ends_fails_once_and_the_next_is_answered(
    shared_pool: Run, operation: str, arguments: dict[str, object], told: str
) -> None:
    async def test(pool: Pool) -> None:
        for model in ("vad", "commands-en"):
            await pool.call(model, "settle")
        n_crashes, n_loads = (figure(pool, name) for name in ("crashes_total", "loads_total"))
        with pytest.raises(WorkerLost, match=told) as caught:
            await pool.call("commands-en", operation, arguments)
        assert caught.value.status == 500
        assert "secret" not in caught.value.message
        assert "commands-en" not in pool.loaded
        assert "vad" in pool.loaded
        for model in ("vad", "commands-en"):
            await pool.call(model, "settle")
        assert figure(pool, "crashes_total") == n_crashes + 1
        assert figure(pool, "loads_total") == n_loads + 1

    shared_pool(test)


@pytest.mark.parametrize("answer", [b'{"error":5}', b'{"error":[]}', b'{"audio_s":"long"}'])
def test_an_answer_that_makes_no_sense_is_a_failure_and_its_process_is_replaced(
    shared_pool: Run, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    async def test(pool: Pool) -> None:
        for model in ("vad", "commands-en"):
            await pool.call(model, "settle")
        (process,) = (each for each in processes(pool) if each.model.name == "commands-en")
        frame = struct.pack("<IIQ", process._number + 1, len(answer), 0) + answer
        with pytest.raises(Internal):
            async with asyncio.timeout(10):
                await pool.call("commands-en", "babble", {"bytes": frame.hex()})
        await process.ended()
        await pool.call("commands-en", "settle")

    shared_pool(test)
    assert "makes no sense" in caplog.text


def test_a_model_whose_process_makes_no_sense_as_it_loads_cannot_be_loaded() -> None:
    answer = struct.pack("<IIQ", 1, 11, 0) + b'{"error":5}'
    program = (sys.executable, "-S", "-c", f"import os; os.write(0, {answer!r}); os.read(0, 99)")

    async def test(pool: Pool) -> None:
        with pytest.raises(Internal, match="cannot be loaded"):
            async with asyncio.timeout(10):
                await pool.call("commands-en", "settle")

    run(test, program=program)


def test_a_process_that_speaks_without_being_asked_is_replaced_before_it_is() -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "babble later", {"bytes": FRAME, "seconds": 0.2})
        while processes(pool):
            await asyncio.sleep(0.01)
        await pool.call("commands-en", "settle")
        assert figure(pool, "crashes_total") == 1

    run(test)


def test_calls_that_wait_for_a_process_that_ends_are_answered_by_the_next() -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        lost = asyncio.create_task(pool.call("commands-en", "die", {"signal": signal.SIGKILL}))
        others = [asyncio.create_task(pool.call("commands-en", "settle")) for _ in range(5)]
        assert await asyncio.gather(*others) == [None] * 5
        with pytest.raises(WorkerLost):
            await lost

    run(test, workers=1)


def test_a_call_that_could_not_be_handed_over_is_given_to_another_process() -> None:
    payload = bytes(20_000_000)  # more than waits in a socket

    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        (process,) = processes(pool)
        os.kill(pid(process), signal.SIGSTOP)
        call = asyncio.create_task(pool.call("commands-en", "sleep", {"seconds": 0}, payload))
        await asyncio.sleep(0.2)
        os.kill(pid(process), signal.SIGKILL)
        assert await call == len(payload)
        assert figure(pool, "loads_total") == 2

    run(test)


def test_a_process_that_ends_while_it_does_nothing_is_nobodys_failure() -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        (process,) = processes(pool)
        os.kill(pid(process), signal.SIGKILL)
        while processes(pool):
            await asyncio.sleep(0.01)
        await pool.call("commands-en", "settle")
        assert figure(pool, "loads_total") == 2
        assert figure(pool, "calls_total") == {"done": 2}

    run(test)


def test_memory_that_is_not_there_ends_the_process_and_not_the_server() -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        (process,) = processes(pool)
        resource.prlimit(pid(process), resource.RLIMIT_AS, (1 << 30, 1 << 30))
        with pytest.raises(WorkerLost):
            await pool.call("commands-en", "eat", {"bytes": 2 << 30})
        assert await pool.call("commands-en", "eat", {"bytes": 1 << 20}) == 1 << 20

    run(test)


def test_where_memory_runs_out_the_kernel_ends_a_worker_rather_than_the_server() -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        (process,) = processes(pool)
        scores = [
            int(Path(f"/proc/{number}/oom_score").read_text("ascii"))
            for number in (pid(process), os.getpid())
        ]
        assert scores[0] > scores[1] + 300

    run(test)


def test_the_end_of_a_process_is_the_end_of_its_streams() -> None:
    async def test(pool: Pool) -> None:
        stream = await pool.open("vad", {})
        await stream.push(bytes(2_048))
        (process,) = processes(pool)
        os.kill(pid(process), signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(WorkerLost):
                await stream.push(bytes(2_048))
        await stream.close()
        async with await pool.open("vad", {}) as stream:
            assert await stream.push(bytes(2_048)) == []

    run(test, "vad")


def test_sigterm_and_ctrl_c_are_for_the_pool() -> None:
    async def test(pool: Pool) -> None:
        call = asyncio.create_task(pool.call("commands-en", "sleep", {"seconds": 0.5}))
        while not pool.loaded:
            await asyncio.sleep(0.01)
        (process,) = processes(pool)
        assert os.getpgid(pid(process)) != os.getpgid(0)  # a terminal's Ctrl-C does not reach it
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(pid(process), number)
        assert await call == 0

    run(test)


def test_a_bundle_that_was_damaged_since_fails_its_own_calls(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = Path(shutil.copytree(SMALL, tmp_path / "copy"))
    network = next(copy.glob("*.onnx"))

    async def test(pool: Pool) -> None:
        whole = network.read_bytes()
        network.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        calls = [pool.call("copy", "settle") for _ in range(3)]
        for problem in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(problem, Internal)
            assert str(tmp_path) not in problem.message
        await pool.call("vad", "settle")
        network.write_bytes(whole)
        await pool.call("copy", "settle")

    run(test, f"copy={copy}", "vad")
    assert "expected sha256" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_model_that_ends_its_process_as_it_loads_is_left_alone_for_a_while() -> None:
    program = (sys.executable, "-c", "import sys; sys.exit(5)")

    async def test(pool: Pool) -> None:
        for _ in range(3):
            with pytest.raises(Internal, match="cannot be loaded"):
                await pool.call("commands-en", "settle")
        began = time.monotonic()
        for _ in range(50):
            with pytest.raises(Loading) as caught:
                await pool.call("commands-en", "settle")
            assert 0 < caught.value.estimated_s <= 10
            assert caught.value.status == 503
        assert time.monotonic() - began < 2
        assert figure(pool, "load_failures_total") == 3

    run(test, program=program)


def test_who_waits_for_a_process_that_ends_is_told_where_there_will_be_no_other() -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        lost = asyncio.create_task(pool.call("commands-en", "die", {"signal": signal.SIGKILL}))
        waits = asyncio.create_task(pool.call("commands-en", "settle"))
        await asyncio.sleep(0)
        for _ in range(3):  # as of a second process, for which there was no memory after all
            pool._crew.roster.history["commands-en"].failed()
        with pytest.raises(WorkerLost):
            await lost
        with pytest.raises(Loading, match="tried again later"):
            async with asyncio.timeout(5):
                await waits

    run(test, workers=1)


def test_a_program_that_cannot_be_started_fails_the_call() -> None:
    async def test(pool: Pool) -> None:
        with pytest.raises(Internal):
            await pool.call("commands-en", "settle")

    run(test, program=("/no/such/program",))


def test_a_model_that_never_gets_ready_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "LOAD_S", 0.3)

    async def test(pool: Pool) -> None:
        with pytest.raises(Internal):
            await pool.call("commands-en", "settle")

    run(test, program=(sys.executable, "-c", "import time; time.sleep(60)"))


def test_a_process_that_hangs_up_and_stays_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_, "END_S", 0.2)
    program = (sys.executable, "-c", "import os, time; os.close(0); time.sleep(60)")

    async def test(pool: Pool) -> None:
        with pytest.raises(Failure):
            await pool.call("commands-en", "settle")

    run(test, program=program)


def test_a_process_whose_parent_is_gone_ends_even_amid_a_call(tmp_path: Path) -> None:
    numbers = tmp_path / "pid"
    script = f"""
import asyncio, pathlib
from earlet.config import ServeConfig
from earlet.server.models import open_models
from earlet.server.workers.pool import Pool

async def main():
    pool = Pool(open_models(["commands-en"]), ServeConfig(), program={MISBEHAVING!r})
    await pool.call("commands-en", "settle")
    (process,) = pool._crew.roster
    call = asyncio.create_task(pool.call("commands-en", "sleep", {{"seconds": 600}}))
    await asyncio.sleep(0.1)
    pathlib.Path({str(numbers)!r}).write_text(str(process._child.pid))
    await call

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        until(lambda: numbers.exists() and bool(numbers.read_text()), "a call runs")
        worker = int(numbers.read_text())
        parent.kill()
    until(lambda: not _runs(worker), "the process has ended")


def test_no_process_is_started_by_a_pool_that_nobody_asks() -> None:
    async def make() -> None:
        pool = Pool(open_models(["commands-en"]), ServeConfig())
        assert processes(pool) == []
        await pool.close(0.0)

    asyncio.run(make())


def _runs(number: int) -> bool:
    try:
        return (
            "Z" not in Path(f"/proc/{number}/stat").read_text("ascii").rpartition(")")[2].split()[0]
        )
    except FileNotFoundError:
        return False
