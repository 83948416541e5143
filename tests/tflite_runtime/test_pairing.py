"""tflite-runtime with the NumPy that it was built for, and with the one that it was not.

`make test-tflite-runtime` runs this folder, and the tests of LiteRT, in an environment of its own.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earlet.backends import litert

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tflite_runtime") is None,
    reason="has an environment of its own: make test-tflite-runtime",
)
NUMPY_2 = Path(sys.prefix) / "numpy-2"  # where the Makefile puts it, beside NumPy 1
PROGRAM = """
import pathlib, sys
import numpy
from earlet.backends import open_session
from earlet.errors import BackendError
try:
    open_session(pathlib.Path(sys.argv[1]).read_bytes(), "kws.tflite", "litert")
except BackendError as problem:
    print(numpy.__version__, problem, sep="\\n")
"""


@pytest.fixture
def network(shared_data: Path) -> Path:
    return shared_data / "tflite" / "kws_ref_model.tflite"


def test_with_numpy_1_it_is_what_runs_networks(network: Path) -> None:
    assert np.__version__.startswith("1.")
    interpreter = litert._interpreter(network.read_bytes(), "kws.tflite", 1)
    assert type(interpreter).__module__ == "tflite_runtime.interpreter"


def test_with_numpy_2_one_line_says_so_and_what_to_install(network: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(network)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(NUMPY_2)},
    )
    version, message = result.stdout.splitlines()
    assert version.startswith("2.")
    assert f"tflite-runtime: does not start with numpy {version}" in message
    assert "pip install 'earlet[litert]'" in message
    assert result.stderr == ""
