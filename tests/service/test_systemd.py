"""What the service manager is told, by a socket like its own."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from earlet.config import ListenConfig, MqttConfig, ServeConfig
from earlet.service.systemd import Systemd, secrets, with_credentials
from tests.service.manager import Manager

MINUTE_US = "60000000"


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    name = str(tmp_path / "notify")
    manager = Manager(name if request.param == "path" else f"@{name}")
    with manager.socket:
        yield manager


def test_what_happens_is_told_in_the_words_of_sd_notify(manager: Manager) -> None:
    systemd = Systemd({"NOTIFY_SOCKET": manager.address}, clock=lambda: 12.5)
    systemd.ready()
    systemd.status("listening")
    systemd.status("listening")  # which is known
    systemd.status("deaf (no card\nWATCHDOG=1)")  # as a driver may put it
    systemd.reloading()
    systemd.ready()
    systemd.stopping()
    systemd.close()
    assert manager.told() == [
        "READY=1",
        "STATUS=listening",
        "STATUS=deaf (no card\\nWATCHDOG=1)",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "READY=1",
        "STOPPING=1",
    ]


def test_the_watchdog_is_fed_four_times_in_its_time_at_most(manager: Manager) -> None:
    now = 0.0
    systemd = Systemd(
        {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": MINUTE_US}, clock=lambda: now
    )
    for now in range(61):  # noqa: B007, for the clock reads it
        systemd.alive()
    assert manager.told() == ["WATCHDOG=1"] * 4
    systemd.close()


def test_a_watchdog_of_another_process_is_not_fed(manager: Manager) -> None:
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}
    systemd = Systemd(environment)
    systemd.alive()
    systemd.close()
    assert manager.told() == []


def test_what_it_starts_does_not_speak_for_it(manager: Manager) -> None:
    environment = {
        "NOTIFY_SOCKET": manager.address,
        "WATCHDOG_USEC": MINUTE_US,
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    Systemd(environment).close()
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234", "/nowhere/notify"])
def test_where_nobody_listens_nothing_happens(address: str) -> None:
    systemd = Systemd({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    systemd.ready()
    systemd.alive()
    systemd.close()
    systemd.stopping()


def test_a_manager_that_does_not_read_is_not_waited_for(manager: Manager) -> None:
    systemd = Systemd({"NOTIFY_SOCKET": manager.address})
    for _ in range(10_000):  # more than any socket holds
        systemd.ready()
    systemd.close()


def test_the_password_is_read_from_the_copy_that_systemd_made(tmp_path: Path) -> None:
    config = ListenConfig(mqtt=MqttConfig(host="lamp", password_file="/etc/password"))  # noqa: S106
    assert with_credentials(config, None) == config
    assert with_credentials(config, str(tmp_path)) == config
    (tmp_path / "mqtt-password").write_text("secret")
    changed = with_credentials(config, str(tmp_path))
    assert config.mqtt is not None
    copy = str(tmp_path / "mqtt-password")
    assert changed == replace(config, mqtt=replace(config.mqtt, password_file=copy))


def test_the_token_of_the_server_is_a_secret_as_well(tmp_path: Path) -> None:
    config = ListenConfig(serve=ServeConfig(token_file="/etc/earlet/token"))  # noqa: S106
    assert secrets(config) == {"serve-token": "/etc/earlet/token"}
    (tmp_path / "serve-token").write_text("secret")
    changed = with_credentials(config, str(tmp_path))
    assert changed.serve == ServeConfig(token_file=str(tmp_path / "serve-token"))
