"""earlet as a service of systemd: put there, looked at, taken away.

Every word to systemd goes through `systemctl`, whose answers are looked at.
"""

import os
import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

from earlet.config import ListenConfig
from earlet.errors import InputError
from earlet.files import write_whole
from earlet.service import unit
from earlet.service.systemd import secrets

PACKAGE = Path(__file__).parents[1]
SYSTEM_UNITS = Path("/etc/systemd/system")
BOOTED = Path("/run/systemd/system")  # is there where systemd runs the machine: sd_booted(3)
HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))  # what ProtectHome= hides
LOG_LINES = 5  # looked at for the reason of a failure
READABLE = 0o644
COMMAND_S = 60.0  # systemctl, where it does not wait for a start
PASSED_ON = ("EARLET_MODELS",)  # variables that mean the same to the service


class Service:
    """The one service of the machine, or of a user."""

    def __init__(self, *, user: bool) -> None:
        """Raises InputError: there is no systemd."""
        self.user = user
        if shutil.which("systemctl") is None or not BOOTED.is_dir():
            raise InputError(
                "systemd does not run this machine; have what does run it start `earlet listen`"
            )
        self.path = (_config_home() / "systemd/user" if user else SYSTEM_UNITS) / unit.NAME

    def install(self, config_path: str | None, config: ListenConfig) -> bool:
        """Write the unit, have it started now and at every boot; whether it runs.

        Raises:
            InputError: the service could not read what it needs, or systemd refuses.
        """
        text = self._unit(config_path, config)
        self._systemctl("show", "--property=Version")  # whether it answers, before all else
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, text.encode(), READABLE)
        except OSError as problem:
            raise InputError(f"{self.path}: cannot be written: {problem.strerror}") from None
        self._systemctl("daemon-reload")
        self._systemctl("enable", unit.NAME)
        # Not `start`, for an earlier one may run; it returns when the service says that it listens.
        self._ask("restart", unit.NAME, within_s=unit.START_S + COMMAND_S)
        return self.is_running()

    def uninstall(self) -> None:
        """End it, and remove its unit.

        Raises:
            InputError: it is not installed, or systemd refuses.
        """
        self.check_installed()
        self._systemctl("disable", "--now", unit.NAME)
        try:
            self.path.unlink(missing_ok=True)
        except OSError as problem:
            raise InputError(f"{self.path}: cannot be removed: {problem.strerror}") from None
        self._systemctl("daemon-reload")

    def check_allowed(self) -> None:
        """Raises InputError where who asks may not change it."""
        if not self.user and os.geteuid() != 0:
            asked = shlex.join([sys.executable, "-m", "earlet", *sys.argv[1:]])
            raise InputError(
                f"a service of the machine is root's: sudo {asked}; or one of your own: --user"
            )

    def check_installed(self) -> None:
        """Raises InputError where it is not."""
        if not self.path.is_file():
            raise InputError(f"it is not installed: there is no {self.path}")

    def is_running(self) -> bool:
        """Whether systemd has it running."""
        return self.shown()["SubState"] == "running"

    def shown(self) -> Mapping[str, str]:
        """ActiveState, SubState, UnitFileState, StatusText ... as systemd knows them."""
        names = ("ActiveState", "SubState", "UnitFileState", "StatusText", "StateChangeTimestamp")
        answer = self._systemctl("show", unit.NAME, "--property=" + ",".join(names))
        found = dict(line.split("=", 1) for line in answer.splitlines() if "=" in line)
        return {name: found.get(name, "") for name in names}

    def last_words(self) -> str:
        """What it wrote to the journal in the end; "" where that cannot be read."""
        whose = "--user-unit" if self.user else "--unit"
        how = (f"--lines={LOG_LINES}", "--output=cat", "--identifier=earlet", "--quiet")
        try:
            answer = _run(["journalctl", f"{whose}={unit.NAME}", *how], COMMAND_S)
        except InputError:  # the service's own trouble is worth more than this one
            return ""
        lines = answer.stdout.splitlines() if answer.returncode == 0 else []
        return lines[-1].removeprefix("earlet: ") if lines else ""

    def _unit(self, config_path: str | None, config: ListenConfig) -> str:
        command = [sys.executable, "-m", "earlet", "listen"]
        needed = [Path(sys.executable), PACKAGE, Path(sysconfig.get_path("purelib"))]
        if config_path is not None:
            needed.append(Path(config_path).absolute())
            command += ["--config", str(needed[-1])]
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        reloads = config_path is not None
        if self.user:
            return unit.user_unit(command, environment, config.serve, reloads=reloads)
        _check_readable(needed)
        return unit.system_unit(
            command,
            environment,
            {
                name: str(Path(path).expanduser().absolute())
                for name, path in secrets(config).items()
            },
            config.serve,
            reloads=reloads,
            in_home=any(
                each.is_relative_to(home)
                for path in needed
                for each in (path, path.resolve())
                for home in HOMES
            ),
        )

    def _systemctl(self, *words: str) -> str:
        """Ask, and have it done."""
        answer = self._ask(*words, within_s=COMMAND_S)
        if answer.returncode != 0:
            reason = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
            raise InputError(f"systemctl {words[0]} failed: {reason[-1]}")
        return answer.stdout

    def _ask(self, *words: str, within_s: float) -> "subprocess.CompletedProcess[str]":
        return _run(["systemctl", *self._whose(), *words], within_s)

    def _whose(self) -> tuple[str, ...]:
        return ("--user",) if self.user else ()


def _run(words: list[str], within_s: float) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=within_s, errors="replace"
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{words[0]} has not answered for {within_s:g} s") from None
    except OSError as problem:
        raise InputError(f"{words[0]} cannot be run: {problem.strerror}") from None


def _check_readable(paths: Iterable[Path]) -> None:
    """The service has a user of its own, who belongs to nobody's group.

    Debian's Python names a folder of packages that need not be there.
    """
    for path in filter(Path.exists, paths):
        for each in {path, path.resolve()}:
            for part in (each, *each.parents):
                needed = stat.S_IXOTH if part != each else stat.S_IROTH
                if not part.stat().st_mode & needed:
                    raise InputError(
                        f"{path}: the service has a user of its own, who may not pass {part}; "
                        "install earlet where all may read it, such as /opt/earlet, or use --user"
                    )


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
