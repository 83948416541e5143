"""Build the wheel, install it alone in a new venv of each Python that is there, and try it."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "tests" / "recordings"
VERSIONS = ("3.11", "3.12", "3.13")
INSIDE = (
    "earlet/py.typed",
    "earlet_quantize/py.typed",
    "earlet/models/commands-en/bundle.yaml",
    "earlet/models/moonshine-tiny-en/bundle.yaml",
    "earlet/models/vad/bundle.yaml",
    "earlet/server/page/index.html",
)


def run(*command: str | Path, cwd: Path) -> None:
    """Run it, away from the repository, with nothing of this process's Python in its way."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "EARLET", "XDG"))}
    subprocess.run([str(part) for part in command], cwd=cwd, env=clean, check=True)


def interpreters() -> list[str]:
    """One for each of VERSIONS that is there: on the PATH, or kept by pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = []
    for version in VERSIONS:
        name = f"python{version}"
        kept = sorted(pyenv.glob(f"{version}.*/bin/{name}"))
        candidates = [shutil.which(name), *map(str, kept)]
        # A version manager's stand-in on the PATH may not start.
        found += [path for path in candidates if path and _starts(path)][:1]
    return found or [sys.executable]


def _starts(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def main() -> None:
    """Raise CalledProcessError or AssertionError where anything fails."""
    with tempfile.TemporaryDirectory(prefix="earlet-wheel-") as scratch:
        outside = Path(scratch)
        pip = ["-m", "pip", "--quiet", "--disable-pip-version-check"]
        build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", scratch]
        run(sys.executable, *build, ROOT, cwd=outside)
        (wheel,) = outside.glob("earlet-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
        assert names.issuperset(INSIDE), set(INSIDE) - names
        strays = [name for name in names if not name.startswith(("earlet", "earlet_quantize"))]
        assert not strays, strays
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
        for number, interpreter in enumerate(interpreters()):
            venv = outside / f"venv{number}"
            run(interpreter, "-m", "venv", venv, cwd=outside)
            run(venv / "bin" / "python", *pip, "install", wheel, cwd=outside)
            recordings = [
                RECORDINGS / name
                for name in ("commands.flac", "commands.tsv", "speech.flac", "speech.txt")
            ]
            smoke = shutil.copy(ROOT / "tests" / "wheel" / "smoke.py", outside)
            run(venv / "bin" / "python", smoke, *recordings, cwd=outside)


if __name__ == "__main__":
    main()
