"""`earlet service`: what it asks of systemd, and what it makes of the answers.

`systemctl` is one that writes down what it is asked, and answers as the test says.
"""

import os
import stat
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from earlet.service import installation

Call = Callable[..., tuple[int, str, str]]
RUNNING = """\
ActiveState=active
SubState=running
UnitFileState=enabled
StatusText=listening with commands-en
StateChangeTimestamp=Fri 2026-11-20 17:00:00 UTC
"""
SYSTEMCTL = """\
#!/bin/sh
cd "$(dirname "$0")"
echo "$(basename "$0") $*" >> asked
case "$*" in $(cat refused)) echo "Access denied" >&2; exit 1;; esac
case "$*" in *show\\ *) cat shown;; esac
"""


class Systemd:
    """What the commands find in place of systemd's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name, says in (("systemctl", SYSTEMCTL), ("journalctl", "#!/bin/sh\ncat log\n")):
            script = folder / name
            script.write_text(says.replace("cat log", f'cat "{folder}/log"'))
            script.chmod(0o755)
        self.shows(RUNNING)
        self.refuses("nothing")
        (folder / "asked").touch()
        (folder / "log").write_text("earlet: no microphone found; is one plugged in?\n")

    def shows(self, text: str) -> None:
        (self._folder / "shown").write_text(text)

    def refuses(self, pattern: str) -> None:
        """What a pattern of the shell says."""
        (self._folder / "refused").write_text(pattern)

    @property
    def asked(self) -> list[str]:
        """What it was asked to do."""
        lines = (self._folder / "asked").read_text().splitlines()
        return [line.removeprefix("systemctl ") for line in lines if " show " not in line]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """A machine that systemd runs, and this user's own folders."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(installation, "BOOTED", tmp_path)
    monkeypatch.setattr(installation, "SYSTEM_UNITS", tmp_path / "system")
    return Systemd(folder)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Where a user's unit goes."""
    return tmp_path / "home" / "systemd" / "user" / "earlet.service"


def test_install_writes_the_unit_has_it_started_and_says_that_it_runs(
    systemd: Systemd, call: Call, unit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my config.yaml").write_text("bundle: vad\n")
    monkeypatch.chdir(tmp_path)
    code, out, err = call("service", "install", "--user", "--config", "my config.yaml")
    assert (code, err) == (0, "")
    assert out == (
        "earlet.service: active (running), enabled at boot, since Fri 2026-11-20 17:00:00 UTC, "
        "listening with commands-en\n"
    )
    assert systemd.asked == [
        "--user daemon-reload",
        "--user enable earlet.service",
        "--user restart earlet.service",
    ]
    assert f'"listen" "--config" "{tmp_path}/my config.yaml"\n' in unit.read_text()
    assert stat.S_IMODE(unit.stat().st_mode) & 0o444 == 0o444
    assert list(unit.parent.iterdir()) == [unit]


def test_an_installed_service_that_does_not_run_is_told_with_its_reason(
    systemd: Systemd, call: Call
) -> None:
    systemd.refuses("--user restart*")
    systemd.shows(RUNNING.replace("active", "activating").replace("running", "auto-restart"))
    code, out, err = call("service", "install", "--user")
    assert (code, out) == (1, "")
    assert err == (
        "earlet: earlet.service is installed, and does not run: no microphone found; is one "
        "plugged in?; it is tried again every 10 s\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bundel: vad\n", "unknown key 'bundel'"),
        ("bundle: nowhere\n", "nowhere"),
        ("labels: {gone: {}}\n", "labels: unknown 'gone'"),
        ("source: '-'\n", "source: a service listens to mic or tcp://HOST:PORT"),
        ("source: talk.wav\n", "which do not end; got talk.wav"),
        ("source: tcp://localhost:9\ndevice: 3\n", "device belongs to a microphone"),
    ],
)
def test_a_wrong_configuration_is_told_before_anything_is_written(
    systemd: Systemd,
    refused: Callable[..., str],
    unit: Path,
    tmp_path: Path,
    text: str,
    expected: str,
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    config = str(tmp_path / "config.yaml")
    assert expected in refused("service", "install", "--user", "--config", config)
    assert not unit.exists()
    assert systemd.asked == []


def test_a_manager_that_does_not_answer_is_told_before_anything_is_written(
    systemd: Systemd, refused: Callable[..., str], unit: Path
) -> None:
    systemd.refuses("*show*")
    assert refused("service", "install", "--user") == "systemctl show failed: Access denied"
    assert not unit.exists()


def test_what_systemd_refuses_is_told(systemd: Systemd, refused: Callable[..., str]) -> None:
    systemd.refuses("*enable*")
    assert refused("service", "install", "--user") == "systemctl enable failed: Access denied"


def test_status_says_whether_it_runs_and_what_it_hears(
    systemd: Systemd, call: Call, unit: Path
) -> None:
    unit.parent.mkdir(parents=True)
    unit.touch()
    assert call("service", "status", "--user")[0] == 0
    systemd.shows("ActiveState=failed\nSubState=failed\nUnitFileState=enabled\n")
    assert call("service", "status", "--user") == (
        *(1, "earlet.service: failed (failed), enabled at boot\n"),
        "",
    )


def test_uninstall_ends_it_and_removes_the_unit(systemd: Systemd, call: Call, unit: Path) -> None:
    call("service", "install", "--user")
    assert unit.exists()
    before = len(systemd.asked)
    code, out, err = call("service", "uninstall", "--user")
    assert (code, out, err) == (0, "earlet.service is removed; what it has kept stays\n", "")
    assert not unit.exists()
    assert systemd.asked[before:] == [
        "--user disable --now earlet.service",
        "--user daemon-reload",
    ]


@pytest.mark.parametrize("action", ["status", "uninstall"])
def test_what_is_not_installed_is_one_line(
    systemd: Systemd, refused: Callable[..., str], unit: Path, action: str
) -> None:
    line = refused("service", action, "--user")
    assert line == f"it is not installed: there is no {unit}"
    assert systemd.asked == []


def test_without_systemd_it_is_one_line(
    systemd: Systemd,
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(installation, "BOOTED", tmp_path / "nowhere")
    assert refused("service", "install").startswith("systemd does not run this machine; ")
    assert systemd.asked == []


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_a_service_of_the_machine_is_for_root(
    systemd: Systemd, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    line = refused("service", action)
    assert line.startswith("a service of the machine is root's: sudo /")
    assert line.endswith("; or one of your own: --user")
    assert systemd.asked == []


@pytest.mark.usefixtures("systemd")
def test_anybody_may_ask_how_the_service_of_the_machine_is(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    installation.SYSTEM_UNITS.mkdir()
    (installation.SYSTEM_UNITS / "earlet.service").touch()
    code, out, _ = call("service", "status")
    assert (code, out.startswith("earlet.service: active (running)")) == (0, True)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.usefixtures("as_root", "systemd")
def test_a_folder_of_packages_that_is_not_there_hinders_nothing(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/sh")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: "/nowhere/dist-packages")
    monkeypatch.setattr(installation, "PACKAGE", Path("/usr"))
    assert call("service", "install")[0] == 0
    assert (installation.SYSTEM_UNITS / "earlet.service").is_file()


@pytest.mark.usefixtures("as_root")
def test_a_configuration_that_the_services_own_user_cannot_read_is_refused(
    systemd: Systemd,
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Whether this interpreter can be read by all depends on where it is installed.
    monkeypatch.setattr(sys, "executable", "/bin/sh")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: "/usr")
    monkeypatch.setattr(installation, "PACKAGE", Path("/usr"))
    private = tmp_path / "private"
    private.mkdir(0o700)
    (private / "config.yaml").write_text("bundle: vad\n")
    line = refused("service", "install", "--config", str(private / "config.yaml"))
    assert "the service has a user of its own, who may not pass " in line
    assert line.endswith("or use --user")
    assert systemd.asked == []
