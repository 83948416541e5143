"""What is foreign runs in a process of its own, with a deadline and a limit on its memory.

A stranger's network may loop for ever, ask for all the memory there is, or crash the engine: none
of that can be caught from within the process that runs it.

    arrays -> .npz on stdin -> `python -m earlet_quantize.bounded` -> function(arrays)
        -> .npz on stdout -> arrays
"""

import importlib
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from earlet.arrays import AnyArray
from earlet.errors import EarletError
from earlet_quantize.errors import ModelFileError
from earlet_quantize.staging import scratch_folder

Arrays = Mapping[str, AnyArray]

DEADLINE_S = 300.0  # from the start of the process; networks for small devices take seconds
MEMORY = 8 << 30  # bytes of address space; a session holds a network several times while it opens
MAX_RESULT = 1 << 30  # bytes
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # each reserves address space
REFUSED = 3  # exit code: an EarletError, told on stderr; Python's own crash gives 1


def run_bounded(
    function: Callable[[Arrays], Arrays],
    arrays: Arrays,
    *,
    name: str,
    seconds: float = DEADLINE_S,
    memory: int = MEMORY,
) -> dict[str, AnyArray]:
    """`function(arrays)`, in a process that cannot hang, crash or fill the memory of this one.

    Args:
        function: one that a module has at its top, for it is found there again by its name.
        arrays: numbers and text, no objects.
        name: what messages call that which is run.
        seconds: how long the process may take, its start included.
        memory: how many bytes of address space it may have.

    Raises:
        ModelFileError: when the process takes longer, needs more, or crashes, and with the message
            of any EarletError that the function raises.
    """
    what = f"{function.__module__}:{function.__qualname__}"
    # -P: the folder that it is started in is a stranger's, perhaps, and no place to import from.
    command = [sys.executable, "-P", "-m", __name__, what, str(seconds), str(memory)]
    request = _to_npz(arrays)
    with scratch_folder() as folder:
        # Files and not pipes, for the process can be held to a size of its files.
        out, err = folder / "result.npz", folder / "messages"
        try:
            with out.open("wb") as stdout, err.open("wb") as stderr:
                code = subprocess.run(
                    command,
                    input=request,
                    stdout=stdout,
                    stderr=stderr,
                    timeout=seconds,
                    env={**os.environ, **ONE_THREAD},
                    check=False,
                ).returncode
        except subprocess.TimeoutExpired:
            raise ModelFileError(
                f"{name}: did not come to an end within {seconds:g} s; a loop in it may be endless"
            ) from None
        if code == 0:
            return _from_npz(out.read_bytes())
        told = err.read_text(errors="replace").splitlines() or ["no message"]
    if code == REFUSED:
        raise ModelFileError(told[-1])
    reason = f"signal {-code}" if code < 0 else told[-1]
    raise ModelFileError(f"{name}: crashed when it was first run: {reason}")


def _to_npz(arrays: Arrays) -> bytes:
    for key, array in arrays.items():
        if array.dtype.hasobject:  # such as onnxruntime's tensors of text
            raise ModelFileError(f"{key!r}: expected an array of numbers, got one of objects")
    buffer = io.BytesIO()
    # A prefix, for an array may be called "file", like np.savez's own argument.
    named: dict[str, Any] = {f"array {key}": array for key, array in arrays.items()}
    np.savez(buffer, **named)
    return buffer.getvalue()


def _from_npz(data: bytes) -> dict[str, AnyArray]:
    with np.load(io.BytesIO(data)) as archive:
        return {key.removeprefix("array "): archive[key] for key in archive.files}


def main() -> int:
    """The process: limit it, run the function that the arguments name, write what comes of it."""
    what, seconds, memory = sys.argv[1:]
    for limit, value in (
        (resource.RLIMIT_AS, int(memory)),
        (resource.RLIMIT_CPU, int(float(seconds)) + 1),  # should the parent be gone
        (resource.RLIMIT_FSIZE, MAX_RESULT),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody else writes among the arrays
    module, function = what.split(":")
    try:
        run = getattr(importlib.import_module(module), function)
        result = _to_npz(run(_from_npz(sys.stdin.buffer.read())))
    except EarletError as problem:
        sys.stderr.write(f"{problem}\n")
        return REFUSED
    with os.fdopen(out, "wb") as file:
        file.write(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
