"""What every command has in common: exit codes, pipes, terminals and signals."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import soundfile

import earlet
from earlet.errors import BackendError

Run = Callable[..., subprocess.CompletedProcess[str]]
# A shell's background jobs ignore SIGINT, and so would what they start.
HEED_CTRL_C = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
# What writes to stdout; the longer ones are told of a sound.
COMMANDS = [
    ["--help"],
    ["bundles"],
    ["listen", "--bundle", "vad", "--source"],
    ["classify", "--top-k", "1"],
]


@contextmanager
def closed_pipe() -> Iterator[int]:
    """The writing end of a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@contextmanager
def process(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """`earlet` with pipes at all ends; it does not outlive the test, nor inherit a deafness."""
    with subprocess.Popen(
        [sys.executable, "-m", "earlet", *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=HEED_CTRL_C,
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def interrupt(started: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """Ctrl-C; the exit code, and all that is still written."""
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    return started.returncode, out + err


def test_the_version_is_that_of_the_package(run: Run) -> None:
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, f"earlet {earlet.__version__}\n")


@pytest.mark.parametrize(
    ("argv", "unneeded"),
    [
        (["--version"], ["earlet.service.daemon", "earlet.tasks.listening"]),
        (["listen", "--bundle", "vad", "--source"], ["earlet.cli.explain", "earlet.cli.serve"]),
    ],
)
def test_a_command_imports_nothing_that_only_others_need(
    clip: Path, argv: list[str], unneeded: list[str]
) -> None:
    code = """
import contextlib, sys
from earlet.cli import main
with contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(*sys.modules)
"""
    given = [*argv, str(clip)] if len(argv) > 1 else argv
    ran = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, check=True)
    imported = ran.stdout.decode().split()
    assert "earlet.cli.listen" in imported
    parts = ("recordings", "installation", "actions")
    late = ("earlet.tuning.", *(f"earlet.service.{part}" for part in parts), *unneeded)
    assert [name for name in imported if name.startswith(late)] == []


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "the following arguments are required: COMMAND; see `earlet --help`"),
        (["lissten"], "invalid choice: 'lissten' (choose from "),
        (["listen", "--loud"], "unrecognized arguments: --loud; see `earlet"),
        (["listen", "--source"], "argument --source: expected one argument; see `earlet listen -"),
        (["transcribe"], "the following arguments are required: PATH; see `earlet transcribe --"),
        (["transcribe", "--format", "doc", "x"], "argument --format: invalid choice: 'doc'"),
        (["transcribe", "--threads", "two", "x"], "argument --threads: invalid int value: 'two'"),
        (["transcribe", "--threads", "0", "x"], "threads: expected 1 to 256, got 0"),
        (["transcribe", "-x.wav"], "the following arguments are required: PATH"),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_help_is(
    refused: Callable[..., str], argv: list[str], expected: str
) -> None:
    assert expected in refused(*argv)


def test_as_a_process_wrong_usage_exits_with_2_and_a_failed_input_with_1(run: Run) -> None:
    usage = run("listen", "--loud")
    assert (usage.returncode, usage.stdout, usage.stderr.count("\n")) == (2, "", 1)
    failed = run("listen", "--bundle", "vad", "--source", "nowhere.wav")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "earlet: nowhere.wav: cannot be read: No such file or directory\n"


def test_an_unknown_bundle_says_where_it_was_looked_for(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARLET_MODELS", f"{tmp_path}/one{os.pathsep}{tmp_path}/two")
    line = refused("listen", "--bundle", "commands-xx")
    assert line.startswith(f"no bundle named 'commands-xx' in {tmp_path}/one, {tmp_path}/two, ")


@pytest.mark.parametrize("argv", COMMANDS)
def test_a_reader_that_has_had_enough_is_no_error(run: Run, clip: Path, argv: list[str]) -> None:
    if len(argv) > 1:
        argv = [*argv, str(clip)]
    with closed_pipe() as stdout:
        result = run(*argv, stdout=stdout)
    assert (result.returncode, result.stderr) == (0, "")


def test_head_takes_a_line_and_hears_no_complaint(recordings: Path) -> None:
    path = recordings / "commands.flac"
    with process("listen", "--bundle", "vad", "--source", str(path)) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        assert started.stdout.readline().endswith(b"speech\n")
        started.stdout.close()
        assert started.stderr.read() == b""
        assert started.wait(60) == 0


@pytest.mark.parametrize("argv", COMMANDS)
def test_a_full_disk_is_one_line(run: Run, clip: Path, argv: list[str]) -> None:
    if len(argv) > 1:
        argv = [*argv, str(clip)]
    with Path("/dev/full").open("w") as stdout:
        result = run(*argv, stdout=stdout)
    assert result.returncode == 1
    assert result.stderr == ("earlet: standard input or output failed: No space left on device\n")


def test_without_stdout_and_stderr_it_runs(clip: Path) -> None:
    command = [sys.executable, "-m", "earlet", "listen", "--bundle", "vad", "--source", str(clip)]
    closed = subprocess.run(["/bin/sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command], check=False)
    assert closed.returncode == 0


def test_ctrl_c_ends_listening_with_130_and_no_word(clip: Path) -> None:
    samples, _ = soundfile.read(clip, dtype="int16")
    with process("listen", "--bundle", "vad", "--source", "-") as started:
        assert started.stdin is not None
        assert started.stdout is not None
        started.stdin.write(samples.tobytes() + bytes(64_000))
        started.stdin.flush()
        assert b"speech" in started.stdout.readline()  # by now it waits for more
        assert interrupt(started) == (130, b"")


def test_ctrl_c_ends_transcribing_and_what_is_done_is_out(clip: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(clip, dtype="int16")
    long = tmp_path / "long.wav"
    with soundfile.SoundFile(long, "w", rate, 1) as file:
        for _ in range(100):  # ten minutes
            file.write(samples)
    with process("transcribe", str(clip), str(long)) as started:
        assert started.stdout is not None
        assert b"Quilter" in started.stdout.readline()
        assert interrupt(started) == (130, b"")


def test_ctrl_c_ends_classifying_and_what_came_is_answered(imported: Callable[[str], Path]) -> None:
    argv = ["classify", "--top-k", "1", "--bundle", str(imported("distilbert")), "-"]
    with process(*argv) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        started.stdin.write(b"a lovely day\n")
        started.stdin.flush()
        assert started.stdout.readline().startswith(b"a lovely day\t")  # by now it waits for more
        assert interrupt(started) == (130, b"")


def test_ctrl_c_that_a_library_turns_into_its_own_error_is_still_one(
    call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        try:  # as an extension module that is being imported does
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt as problem:
                raise ImportError("initialization failed") from problem
        except ImportError:
            raise BackendError("needs onnxruntime") from None

    monkeypatch.setattr("earlet.service.daemon.Daemon", interrupted)
    assert call("listen") == (130, "", "")


def test_a_second_ctrl_c_ends_it_at_once_without_a_traceback() -> None:
    script = """
import atexit, os, signal, sys
from earlet.cli import inspect, main

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

atexit.register(interrupt)
inspect.bundles.installed = interrupt
sys.argv = ["earlet", "bundles"]
sys.exit(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, preexec_fn=HEED_CTRL_C
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


def test_progress_is_drawn_on_a_terminal_and_wiped(
    on_terminal: Callable[..., tuple[subprocess.CompletedProcess[str], str]], clip: Path
) -> None:
    result, drawn = on_terminal("stderr", "transcribe", str(clip), columns=60)
    assert result.stdout.startswith("Mr. Quilter")
    lines = drawn.split("\r\x1b[K")
    assert "%" in lines[1]
    assert "of 0:06" in lines[1]
    assert all(len(line) < 60 for line in lines)
    assert lines[-1] == ""


def test_progress_stays_out_of_pipes_and_files(run: Run, clip: Path) -> None:
    assert run("transcribe", str(clip)).stderr == ""
