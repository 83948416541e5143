"""Which of LiteRT's two packages is taken, and what is said where neither works.

Their stand-ins here behave as the packages do; `tests/tflite_runtime` tries the real one.
"""

import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
import pytest

from earlet.backends import litert, open_session
from earlet.errors import BackendError

Model = Callable[..., dict[int, Any]]
FlatBuffer = Callable[[Mapping[int, Any]], bytes]


def package(monkeypatch: pytest.MonkeyPatch, name: str, interpreter: object) -> None:
    """Make `name` a package with this Interpreter; None: one that is not installed."""
    module = None
    if interpreter is not None:
        module = types.ModuleType(f"{name}.interpreter")
        module.Interpreter = interpreter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module and types.ModuleType(name))
    monkeypatch.setitem(sys.modules, f"{name}.interpreter", module)


def built_for_numpy_1(**_: object) -> NoReturn:
    """As tflite-runtime 2.14 with NumPy 2."""
    sys.stderr.write("A module that was compiled using NumPy 1.x cannot be run in\n")
    raise SystemError("returned a result with an exception set")


def test_without_an_engine_one_line_says_what_to_install(
    reshaping: Model, flatbuffer: FlatBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(monkeypatch, "ai_edge_litert", None)
    package(monkeypatch, "tflite_runtime", None)
    with pytest.raises(BackendError, match=r"^net\.tflite: needs LiteRT \([^\n]*\)") as caught:
        open_session(flatbuffer(reshaping()), "net.tflite", "litert")
    for part in ("ai-edge-litert: ", "tflite-runtime: ", "pip install 'earlet[litert]'"):
        assert part in str(caught.value)


def test_the_wrong_pairing_with_numpy_is_one_line_that_says_so(
    reshaping: Model,
    flatbuffer: FlatBuffer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    package(monkeypatch, "ai_edge_litert", None)
    package(monkeypatch, "tflite_runtime", built_for_numpy_1)
    with pytest.raises(BackendError, match="needs LiteRT") as caught:
        open_session(flatbuffer(reshaping()), "net.tflite", "litert")
    assert f"tflite-runtime: does not start with numpy {np.__version__}" in str(caught.value)
    assert str(caught.value).isprintable()
    assert capfd.readouterr() == ("", "")


def test_the_second_package_is_taken_where_the_first_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interpreter:
        def __init__(self, **_: object) -> None: ...

        def allocate_tensors(self) -> None: ...

    package(monkeypatch, "ai_edge_litert", built_for_numpy_1)
    package(monkeypatch, "tflite_runtime", Interpreter)
    assert isinstance(litert._interpreter(b"", "net.tflite", 1), Interpreter)
