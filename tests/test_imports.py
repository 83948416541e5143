"""What is imported, and when: nobody waits for, or keeps in memory, what is not used.

Oracle: the interpreter's own `-X importtime`. What it lists is compared with what may be there, and
no clock is read: a heavy import anywhere on the way fails the test, on a machine of any speed.
"""

import subprocess
import sys
from pathlib import Path

import pytest

# Of Python's own modules; `typing` brings all but the first.
LIGHT = {"importlib", "collections", "contextlib", "copyreg", "enum", "functools", "keyword"}
LIGHT |= {"abc", "itertools", "operator", "re", "reprlib", "types", "typing", "warnings"}
STDLIB = set(sys.stdlib_module_names)
EARLET = {  # parts of earlet that a spotter needs
    *("arrays", "audio", "backends", "bundle", "cli", "config", "decoding", "errors", "features"),
    *("files", "manifest", "results", "schema", "service", "streaming", "tasks"),
}


def imported(program: str) -> set[str]:
    """The modules that Python imports when it runs `program`, with nothing on standard input."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"{program}\nimport sys; print(*sys.modules)"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.rpartition("|") for line in done.stderr.splitlines() if "import time:" in line)
    own = {name for name in done.stdout.split() if name.startswith("earlet")}
    return own | {name.strip() for _, _, name in lines}  # without those of `import_module`


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """What is there without earlet: Python's own, and what hooks itself into its start."""
    return imported("")


def top(modules: set[str]) -> set[str]:
    """Their packages; private modules belong to others."""
    names = {name.partition(".")[0] for name in modules if not name.startswith("_")}
    return names - {"org"}  # of Jython, for which Python's `copy` looks


def test_importing_earlet_imports_its_errors_and_nothing_that_takes_long(bare: set[str]) -> None:
    found = imported("import earlet") - bare
    assert {name for name in found if name.startswith("earlet")} == {"earlet", "earlet.errors"}
    assert top(found) <= LIGHT | {"earlet"}


def test_asking_for_a_pipeline_imports_no_engine_and_no_task(bare: set[str]) -> None:
    found = imported("import earlet; earlet.pipeline") - bare
    assert top(found) - STDLIB == {"earlet", "numpy", "yaml"}
    parts = {name.split(".")[1] for name in found if name.startswith("earlet.")}
    assert parts == {"arrays", "backends", "bundle", "errors", "manifest", "schema", "tasks"}
    assert not {name for name in found if name.startswith("earlet.tasks.")}


def test_a_spotter_that_listens_to_a_pipe_imports_only_what_it_needs(
    bare: set[str], tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("confirm: off\n", encoding="utf-8")
    pipe = "import os; read, write = os.pipe(); os.close(write); os.dup2(read, 0)"
    listen = f"main(['listen', '--source', '-', '--config', {str(config)!r}])"
    found = imported(f"{pipe}; from earlet.cli import main; {listen}") - bare
    assert top(found) - STDLIB == {"earlet", "numpy", "onnxruntime", "yaml"}
    assert {name.split(".")[1] for name in found if name.startswith("earlet.")} <= EARLET
    commands = {name for name in found if name.startswith("earlet.cli.")}
    assert "earlet.cli.listen" in commands
    assert not commands & {"earlet.cli.transcribe", "earlet.cli.classify", "earlet.cli.serve"}
