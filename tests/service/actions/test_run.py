"""Programs: what they are given, and that nothing is left of them."""

import json
import os
import signal
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest

from earlet.config import Run
from earlet.errors import ConfigError
from earlet.results import Chunk, Detection
from earlet.service.actions.run import MAX_OUTPUT, RunProgram, environment
from earlet.service.actions.spool import Event
from earlet.service.actions.worker import ActionError

Told = Callable[[], str]
Until = Callable[[Callable[[], object]], None]
Performing = Callable[[RunProgram, Event], AbstractContextManager[list[ActionError]]]


def sh(script: str, *arguments: object, timeout_s: float = 60.0) -> RunProgram:
    return RunProgram(
        Run(run=("sh", "-c", script, "sh", *map(str, arguments)), timeout_s=timeout_s)
    )


def is_there(pid: str) -> bool:
    """Whether a process has that number, alive or not yet buried by its parent."""
    return Path("/proc", pid).exists()


def test_arguments_reach_the_program_as_they_are(tmp_path: Path, event: Event) -> None:
    name = "a b; $(touch c) `touch d` * \\ 'é"
    RunProgram(Run(run=("touch", str(tmp_path / name)))).perform(event)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_program_reads_the_event_from_its_environment_and_as_json(
    tmp_path: Path, event: Event
) -> None:
    script = (
        'printf "%s %s %s %s" "$EARLET_LABEL" "$EARLET_SCORE" "$EARLET_START_S" "$EARLET_END_S"'
    )
    sh(script + ' > "$1"; cat > "$2"', tmp_path / "variables", tmp_path / "input").perform(event)
    assert (tmp_path / "variables").read_text() == "go 0.98 1.25 1.75"
    text = (tmp_path / "input").read_text()
    assert text.endswith("}\n")
    assert json.loads(text) == event


def test_the_environment_holds_what_else_is_known() -> None:
    command = Detection("lights on", 0.9, 1, 2, text="lights on", slots={"room": "küche"})
    assert environment(command.to_json()) == {
        "EARLET_LABEL": "lights on",
        "EARLET_SCORE": "0.9",
        "EARLET_START_S": "1",
        "EARLET_END_S": "2",
        "EARLET_TEXT": "lights on",
        "EARLET_SLOTS": '{"room": "k\\u00fcche"}',
    }
    assert environment(Chunk("Guten Tag", (0.5, 1.5)).to_json()) == {
        "EARLET_TEXT": "Guten Tag",
        "EARLET_START_S": "0.5",
        "EARLET_END_S": "1.5",
    }


def test_what_no_environment_can_hold_is_escaped_or_cut_off() -> None:
    assert environment({"text": "a\0b\ud800"}) == {"EARLET_TEXT": r"a\x00b\ud800"}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo no lamp >&2; exit 3", "ended with 3; it said: no lamp"),
        ("exit 1", "ended with 1"),
        ("kill -SEGV $$", f"was ended by signal {signal.SIGSEGV.value}"),
        ("exec ./nowhere", "ended with 127; it said: .*not found"),
    ],
)
def test_a_program_that_fails_is_told_with_its_last_words(
    event: Event, script: str, expected: str
) -> None:
    with pytest.raises(ActionError, match=f"^{expected}$") as caught:
        sh(script).perform(event)
    assert not caught.value.again
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#!/nowhere/python\n", "it is gone, or what the #! of its first line names is not there"),
        (
            "#!/bin/sh\r\ntrue\r\n",
            "it is gone, or what the #! of its first line names is not there",
        ),
        ("echo go\n", "it is no program; the first line of a script is such as #!/bin/sh"),
    ],
)
def test_a_program_that_cannot_be_started_is_told(
    tmp_path: Path, event: Event, text: str, expected: str
) -> None:
    script = tmp_path / "script"
    script.write_text(text, newline="")
    script.chmod(0o700)
    with pytest.raises(ActionError, match=f"^cannot be started: {expected}$"):
        RunProgram(Run(run=(str(script),))).perform(event)


def test_a_program_that_is_not_there_is_found_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("echo")
    with pytest.raises(ConfigError, match="run: no program 'aplai' is there"):
        RunProgram(Run(run=("aplai", "x.wav")))
    with pytest.raises(ConfigError, match=r"run: no program '.*/nowhere' is there"):
        RunProgram(Run(run=(str(tmp_path / "nowhere"),)))
    with pytest.raises(ConfigError, match=r"run: no program '.*' is there"):
        RunProgram(Run(run=(str(tmp_path),)))
    with pytest.raises(ConfigError, match=r"run: .*/text: may not be run; chmod"):
        RunProgram(Run(run=(str(tmp_path / "text"),)))


def test_a_program_whose_time_is_over_is_ended(event: Event) -> None:
    with pytest.raises(ActionError, match=r"^was ended: its time was over; it said: begun$"):
        sh("echo begun; exec sleep 1000", timeout_s=0.5).perform(event)


@pytest.mark.parametrize("trap", [":", "trap '' TERM"])
def test_a_program_is_ended_with_its_children_even_if_it_will_not(
    tmp_path: Path, event: Event, told: Told, until: Until, performing: Performing, trap: str
) -> None:
    program = sh(
        f"{trap}; sleep 1000 & echo $! > $1; echo $$ > $1; while :; do sleep 1000; done",
        tmp_path / "told",
    )
    with performing(program, event) as problems:
        child, leader = told(), told()
        assert is_there(child)
        assert is_there(leader)
        program.stop()
    assert [str(problem) for problem in problems] == ["was ended: earlet ends"]
    assert not is_there(leader)
    # Its parent is gone: it is for somebody else to bury it, some time.
    until(lambda: not is_there(child) or " Z " in Path("/proc", child, "stat").read_text())


def test_a_daemon_that_a_program_leaves_behind_is_left_alone(
    tmp_path: Path, event: Event, told: Told
) -> None:
    # It holds on to the output that it was given.
    sh("sleep 1000 & echo $! > $1", tmp_path / "told").perform(event)
    child = told()
    assert is_there(child)
    os.kill(int(child), signal.SIGKILL)


def test_a_program_that_does_not_read_its_input_is_none_the_worse(event: Event) -> None:
    long = {**event, "text": "word " * 100_000}  # more than a pipe holds
    sh("exit 0").perform(long)
    sh("exec 0<&-; exit 0").perform(long)
    sh('test "$(wc -c)" -gt 500000').perform(long)


def test_any_amount_of_output_is_read_and_its_end_kept(event: Event) -> None:
    tracemalloc.start()
    with pytest.raises(ActionError) as caught:
        sh("head -c 200000000 /dev/zero; echo; echo the end; exit 1").perform(event)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
    assert str(caught.value).endswith(r"\nthe end")
    assert len(caught.value.args[0]) < MAX_OUTPUT + 100


@pytest.mark.usefixtures("descriptors")
def test_nothing_is_left_of_many_programs(tmp_path: Path, event: Event) -> None:
    pids = tmp_path / "pids"
    for script in ("exit 0", "exit 1", "kill -9 $$", "sleep 1000"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("earlet.service.actions.run.GRACE_S", 0.1)
            for _ in range(3):
                with suppress(ActionError):
                    sh(f"echo $$ >> $1; {script}", pids, timeout_s=0.2).perform(event)
    assert not any(is_there(pid) for pid in pids.read_text().split())


def test_it_is_all_the_same_where_nobody_wants_to_bury_children(event: Event) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        sh("exit 0").perform(event)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_the_program_is_that_of_the_path_at_the_start(
    tmp_path: Path, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = RunProgram(Run(run=("touch", str(tmp_path / "x"))))
    monkeypatch.setenv("PATH", "/nowhere")
    program.perform(event)
    assert (tmp_path / "x").exists()


def test_python_is_a_program_like_others(event: Event) -> None:
    code = (
        "import json, os, sys; assert json.load(sys.stdin)['label'] == os.environ['EARLET_LABEL']"
    )
    RunProgram(Run(run=(sys.executable, "-c", code))).perform(event)
