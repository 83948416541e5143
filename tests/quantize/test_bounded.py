"""Foreign networks run where they can neither hang, crash nor fill the memory of this process."""

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earlet.arrays import AnyArray
from earlet_quantize.bounded import run_bounded
from earlet_quantize.errors import ModelFileError

Arrays = Mapping[str, AnyArray]


@pytest.fixture
def function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Callable[[Arrays], Arrays]]:
    """`function("return arrays")`: one that another process can find."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    def function(body: str) -> Callable[[Arrays], Arrays]:
        (tmp_path / "foreign.py").write_text(f"def run(arrays):\n    {body}\n")

        def run(_: Arrays) -> Arrays:
            raise AssertionError("it must not run here")

        run.__module__, run.__qualname__ = "foreign", "run"
        return run

    return function


def test_arrays_of_any_name_and_type_come_through(function: Any) -> None:
    half = np.array([[1.5]], np.float16)
    sent: dict[str, AnyArray] = {"file": np.arange(3), "a/b c": half, "": np.array("ä")}
    received = run_bounded(function("return arrays"), sent, name="m")
    assert list(received) == list(sent)
    for name, array in sent.items():
        np.testing.assert_array_equal(received[name], array, strict=True)


@pytest.mark.parametrize("body", ["while True: pass", "import time; time.sleep(60)"])
def test_what_does_not_end_is_refused_within_the_deadline(function: Any, body: str) -> None:
    with pytest.raises(
        ModelFileError, match=r"^m\.onnx: did not come to an end within 0\.5 s; a loop in it may be"
    ):
        run_bounded(function(body), {}, name="m.onnx", seconds=0.5)


def test_an_error_that_says_what_is_wrong_is_told_as_it_is(function: Any) -> None:
    run = function("from earlet.errors import BackendError; raise BackendError('no such operator')")
    with pytest.raises(ModelFileError, match=r"^no such operator$"):
        run_bounded(run, {}, name="m")


def test_objects_are_refused_on_either_side(function: Any) -> None:
    with pytest.raises(ModelFileError, match="'x': expected an array of numbers"):
        run_bounded(function("return arrays"), {"x": np.array(["a"], object)}, name="m")
    texts = function("import numpy; return {'y': numpy.array(['a'], object)}")
    with pytest.raises(ModelFileError, match="'y': expected an array of numbers"):
        run_bounded(texts, {}, name="m")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", f"signal {signal.SIGSEGV:d}"),
        ("raise RuntimeError('oops')", "RuntimeError: oops"),
        ("bytearray(1 << 30)", "MemoryError"),
    ],
)
def test_a_crash_is_told_with_its_reason(function: Any, body: str, reason: str) -> None:
    with pytest.raises(ModelFileError, match=f"^m: crashed when it was first run: {reason}$"):
        run_bounded(function(body), {}, name="m", memory=1 << 30)


def test_what_is_printed_on_the_way_is_not_taken_for_arrays(function: Any) -> None:
    run = function("import os; print('hello'); os.write(1, b'hello'); return arrays")
    assert run_bounded(run, {}, name="m") == {}


def test_modules_of_the_current_folder_are_not_imported(
    function: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stranger").mkdir()
    (tmp_path / "stranger" / "numpy.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path / "stranger")
    assert run_bounded(function("return arrays"), {}, name="m") == {}
