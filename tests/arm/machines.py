"""ARM machines, emulated: a Python for another processor, started like any other.

    python = build(AARCH64, folder)  # once, about half a minute
    subprocess.run([python, "-m", "earlet", "verify", "vad"])

QEMU in user mode runs one program of another processor, and looks each path up in a folder before
it takes the system's own (`-L`, https://www.qemu.org/docs/master/user/main.html). So a machine is a
folder with a Python and its libraries: nothing is mounted, nobody has to be root, and a program
that hangs is a process that can be ended. Debian's packages are unpacked and not installed, for
which nothing has to be emulated.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TOOLS = ("qemu-user-static", "mmdebstrap")  # Debian's packages that have what is called here
PROGRAMS = ("qemu-aarch64-static", "qemu-arm-static", "mmdebstrap")
BUILD_S = 600  # at most, for each step of building: the mirror may be slow
MAX_LINES = 10  # of what a step that failed wrote last

# It is `sys.executable` itself, so that what tests start with that is emulated, too.
PYTHON = """\
#!/bin/sh
here=$(dirname "$(realpath "$0")")
export PYTHONHOME="$here/usr" PYTHONPYCACHEPREFIX="$here/pycache"
export PYTHONPATH="$here/site${{PYTHONPATH:+:$PYTHONPATH}}"
export QEMU_CPU="${{QEMU_CPU:-{processor}}}"
exec {qemu} -L "$here" -0 "$0" "$here/usr/bin/python3" "$@"
"""
# What Linux says of a processor. ONNX Runtime reads it, and crashes on that of an x86.
CPUINFO = """\
processor\t: 0
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: {version}
CPU variant\t: 0x0
CPU part\t: {part}
CPU revision\t: 3
"""


class BuildError(Exception):
    """A machine could not be built."""


@dataclass(frozen=True, kw_only=True)
class Processor:
    """A processor, as QEMU calls it and as Linux describes it in /proc/cpuinfo."""

    name: str
    version: int  # of the architecture
    part: str
    features: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is on an ARM machine on which earlet is to run."""

    name: str
    processor: Processor
    qemu: str
    architecture: str  # as Debian calls it
    release: str  # of Debian
    packages: tuple[str, ...]  # of Debian
    wheels: tuple[str, ...] = ()  # of Python, as pip is asked for them
    pip_options: tuple[str, ...] = ()  # which of the wheels there are fit


# Raspberry Pi 4 and 2
CORTEX_A72 = Processor(
    name="cortex-a72", version=8, part="0xd08", features="fp asimd evtstrm crc32 cpuid"
)
CORTEX_A7 = Processor(
    name="cortex-a7",
    version=7,
    part="0xc07",
    features="half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm",
)
# Python 3.11 and all else from wheels, as `pip install earlet` has it; with the tests' oracles.
AARCH64 = Machine(
    name="aarch64",
    processor=CORTEX_A72,
    qemu="qemu-aarch64-static",
    architecture="arm64",
    release="bookworm",
    packages=("python3", "libstdc++6"),
    wheels=(
        *("numpy", "onnxruntime", "pyyaml", "soundfile", "soxr", "pillow"),
        *("pytest", "hypothesis", "onnx", "kaldi-native-fbank", "transformers>=4.57,<5"),
    ),
    pip_options=tuple(
        f"--platform=manylinux{version}_aarch64" for version in ("_2_28", "_2_27", "2014")
    ),
)
# 32 bits: the newest Debian has ONNX Runtime, which has no wheels for it.
ARMV7 = Machine(
    name="armv7",
    processor=CORTEX_A7,
    qemu="qemu-arm-static",
    architecture="armhf",
    release="trixie",
    packages=(
        *("python3-onnxruntime", "python3-numpy", "python3-yaml", "python3-soundfile"),
        *("python3-soxr", "python3-pil", "python3-pytest", "python3-hypothesis"),
    ),
)
# 32 bits with LiteRT: tflite-runtime was last built for Python 3.11 and NumPy 1, as bookworm has.
ARMV7_LITERT = Machine(
    name="armv7-litert",
    processor=CORTEX_A7,
    qemu="qemu-arm-static",
    architecture="armhf",
    release="bookworm",
    packages=(
        *("python3-numpy", "python3-yaml", "python3-soundfile"),
        *("python3-pil", "python3-pytest", "python3-hypothesis"),
    ),
    wheels=("tflite-runtime==2.14.0",),
    pip_options=("--platform=manylinux_2_34_armv7l", "--no-deps"),
)


def missing_tools() -> str:
    """What to install before a machine can be built, or nothing."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"needs {', '.join(missing)}: sudo apt install {' '.join(TOOLS)}" if missing else ""


def build(machine: Machine, folder: Path) -> Path:
    """The machine's Python, an executable; built in `folder` where it is not there yet.

    Raises:
        BuildError: when Debian's packages or the wheels cannot be had.
    """
    # Another description is another machine.
    digest = hashlib.sha256((repr(machine) + PYTHON + CPUINFO).encode()).hexdigest()[:12]
    root = folder.resolve() / f"{machine.name}-{digest}"
    if not root.is_dir():
        for old in folder.glob(f"{machine.name}-{'[0-9a-f]' * len(digest)}*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="new-") as scratch:
            new = Path(scratch, machine.name)
            new.mkdir()
            _unpack_packages(machine, new)
            _unpack_wheels(machine, new / "site")
            _describe(machine.processor, new)
            _write_python(machine, new / "python")
            new.rename(root)
    return root / "python"


def _unpack_packages(machine: Machine, root: Path) -> None:
    """/usr, and /lib, which is a part of it; all else is taken from the system."""
    archive = root / "packages.tar"
    _step(
        *("mmdebstrap", "--quiet", "--variant=extract", f"--architectures={machine.architecture}"),
        *("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", '--aptopt=Acquire::Retries "3"'),
        *(f"--include={','.join(machine.packages)}", machine.release, str(archive), *_mirror()),
    )
    _step("tar", "--extract", "--file", str(archive), "--directory", str(root), "./usr", "./lib")
    archive.unlink()
    # What Debian's scripts would have chosen.
    for library in ("blas", "lapack"):
        for path in root.glob(f"usr/lib/*/{library}/lib{library}.so.3"):
            path.parent.with_name(path.name).symlink_to(f"{library}/{path.name}")


def _unpack_wheels(machine: Machine, site: Path) -> None:
    if machine.wheels:
        _step(
            *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"),
            *("--target", str(site), "--only-binary=:all:", "--no-compile"),
            *("--implementation=cp", "--python-version=3.11"),
            *machine.pip_options,
            *machine.wheels,
        )


def _describe(processor: Processor, root: Path) -> None:
    description = CPUINFO.format(
        features=processor.features, version=processor.version, part=processor.part
    )
    processors = root / "sys" / "devices" / "system" / "cpu"
    for file, text in (
        (root / "proc" / "cpuinfo", description),
        (processors / "possible", "0\n"),
        (processors / "present", "0\n"),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="ascii")


def _write_python(machine: Machine, path: Path) -> None:
    text = PYTHON.format(processor=machine.processor.name, qemu=machine.qemu)
    path.write_text(text, encoding="ascii")
    path.chmod(0o755)


def _mirror() -> list[str]:
    """Where apt has Debian's packages from; nothing where it has others, and mmdebstrap knows."""
    wanted = ("Created-By: Packages", "Origin: Debian", "Label: Debian")
    return _step("apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted).split()[:1]


def _step(*command: str) -> str:
    """What a program writes to stdout.

    Raises:
        BuildError: when it fails, or is not done in time.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BUILD_S)
    except subprocess.TimeoutExpired:
        raise BuildError(f"{command[0]}: not done after {BUILD_S} s") from None
    if done.returncode:
        reason = "\n".join(done.stderr.splitlines()[-MAX_LINES:])
        raise BuildError(f"{' '.join(command)}\nfailed:\n{reason}")
    return done.stdout
