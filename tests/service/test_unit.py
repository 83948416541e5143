"""The unit files, as systemd itself reads and judges them."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from earlet.config import ServeConfig
from earlet.errors import InputError
from earlet.service import unit

COMMAND = [sys.executable, "-m", "earlet", "listen", "--config", "/etc/earlet/config.yaml"]
MAX_EXPOSURE = 2.0  # of 10; systemd calls up to 2.0 "OK", and what has no sandbox has 9.6


@pytest.fixture
def analyzed(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """`analyzed(text, "verify", ...)`: what systemd-analyze says of a unit."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze: apt install systemd")

    def analyzed(text: str, *words: str) -> "subprocess.CompletedProcess[str]":
        path = tmp_path / "earlet.service"
        path.write_text(text)
        command = ["/usr/bin/env", "systemd-analyze", *words, str(path)]
        home = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=home
        )

    return analyzed


def system(
    command: list[str] = COMMAND,
    serve: ServeConfig | None = None,
    *,
    reloads: bool = True,
    in_home: bool = False,
) -> str:
    environment = {"EARLET_MODELS": "/srv/50%:/x"}
    secrets = {"password": "/etc/earlet/50% secret"}
    return unit.system_unit(command, environment, secrets, serve, reloads=reloads, in_home=in_home)


@pytest.mark.parametrize("in_home", [False, True])
def test_systemd_finds_nothing_wrong(
    analyzed: Callable[..., "subprocess.CompletedProcess[str]"], in_home: bool
) -> None:
    result = analyzed(system(in_home=in_home), "verify")
    assert (result.returncode, result.stderr) == (0, "")


def test_systemd_finds_nothing_wrong_with_that_of_a_user(
    analyzed: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    result = analyzed(unit.user_unit(COMMAND, {}, reloads=True), "verify", "--user")
    ours = [line for line in result.stderr.splitlines() if "earlet.service" in line]
    assert (result.returncode, ours) == (0, [])


def test_systemd_waits_for_what_a_server_has_begun(
    analyzed: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    text = unit.user_unit(COMMAND, {}, ServeConfig(drain_s=10.5), reloads=True)
    assert "TimeoutStopSec=21\n" in text
    result = analyzed(text, "verify", "--user")
    ours = [line for line in result.stderr.splitlines() if "earlet.service" in line]
    assert (result.returncode, ours) == (0, [])


def test_who_announces_a_server_may_ask_which_networks_there_are(
    analyzed: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    serve = ServeConfig(wyoming_host="192.0.2.1", wyoming_port=10300, zeroconf=True)
    assert " AF_INET6 AF_NETLINK\n" in system(serve=serve)
    assert " AF_INET6\n" in system()
    assert analyzed(system(serve=serve), "verify").stderr == ""


def test_a_mistake_would_be_found(
    analyzed: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    result = analyzed(system().replace("ProtectSystem=strict", "ProtectSystem=stern"), "verify")
    assert "Failed to parse protect system value" in result.stderr


def test_systemd_calls_its_sandbox_ok(
    analyzed: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    security = ["security", "--offline=yes", f"--threshold={round(10 * MAX_EXPOSURE)}"]
    assert analyzed(system(), *security).returncode == 0
    with_root = system().replace("DynamicUser=yes\n", "").replace("CapabilityBoundingSet=\n", "")
    assert analyzed(with_root, *security).returncode != 0


def test_a_program_may_be_called_nearly_anything(
    analyzed: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    program = tmp_path / "a b 50%n $HOME ${x} ä:@-!+"
    program.touch(0o755)
    assert analyzed(system([str(program)]), "verify").stderr == ""
    program.unlink()
    assert "not executable" in analyzed(system([str(program)]), "verify").stderr


@pytest.mark.parametrize("name", ['a"b', "a'b", "a\\tb"])
def test_a_program_that_systemd_starts_under_no_circumstances_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="systemd starts no program with a quote or a backslash"):
        system([f"/opt/{name}"])


@pytest.mark.parametrize("name", ["a\nExecStartPre=/bin/rm", "a\0b", "a\x1b[2J"])
def test_what_no_unit_can_hold_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected a name that prints"):
        system([name])


def test_secrets_are_handed_over_by_systemd() -> None:
    assert "LoadCredential=password:/etc/earlet/50%% secret\n" in system()


def test_only_what_has_a_file_is_reloaded() -> None:
    assert "ExecReload=/bin/kill -HUP $MAINPID\n" in system()
    assert "ExecReload" not in system(reloads=False)


def test_homes_are_hidden_unless_the_program_is_in_one() -> None:
    assert "ProtectHome=yes\n" in system()
    assert "ProtectHome=read-only\n" in system(in_home=True)
