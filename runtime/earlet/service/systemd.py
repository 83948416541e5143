"""What systemd is told: that the daemon is ready, what it does, and that it is alive.

The protocol of sd_notify(3) and sd_watchdog_enabled(3): a datagram of `KEY=value` lines to the
socket that NOTIFY_SOCKET names, whose `@` stands for an abstract one.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from pathlib import Path

from earlet.config import ListenConfig
from earlet.errors import printable

log = logging.getLogger("earlet.systemd")

PINGS = 4  # within the time after which systemd gives the daemon up
MICROSECONDS = 1_000_000
PASSWORD, TOKEN = "mqtt-password", "serve-token"  # what copies of those files are called


class Systemd:
    """The service manager that started this process, or nobody, who is told nothing."""

    def __init__(
        self,
        environment: MutableMapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what is meant for this process out of the environment: what it starts does not
        speak for it."""
        self._clock = clock
        self._socket: socket.socket | None = None
        address = environment.pop("NOTIFY_SOCKET", "")
        watchdog_us = environment.pop("WATCHDOG_USEC", "")
        pid = environment.pop("WATCHDOG_PID", str(os.getpid()))
        if address.startswith(("/", "@")):
            self._address = "\0" + address[1:] if address.startswith("@") else address
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)  # a manager that hangs must not hang the daemon
        is_watched = watchdog_us.isdecimal() and pid == str(os.getpid())
        self._ping_s = int(watchdog_us) / MICROSECONDS / PINGS if is_watched else None
        self._pinged_at = clock()
        self._status = ""

    def ready(self) -> None:
        """It listens; also after a configuration was read again."""
        self._notify("READY=1")

    def reloading(self) -> None:
        """It reads its configuration again; `ready` ends that."""
        self._notify("RELOADING=1", f"MONOTONIC_USEC={int(self._clock() * MICROSECONDS)}")

    def stopping(self) -> None:
        """It is about to end."""
        self._notify("STOPPING=1")

    def status(self, text: str) -> None:
        """What `systemctl status` shows; told when it has changed."""
        if text != self._status:
            self._status = text
            self._notify(f"STATUS={printable(text)}")  # another line would be another message

    def alive(self) -> None:
        """The daemon gets on: call it as often as that is so, and never because time has passed."""
        if self._ping_s is not None and self._clock() - self._pinged_at >= self._ping_s:
            self._pinged_at = self._clock()
            self._notify("WATCHDOG=1")

    def close(self) -> None:
        """Let the socket go."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _notify(self, *lines: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as problem:  # the next one may arrive
            log.debug("systemd was not told %s: %s", lines[0], problem.strerror)


def secrets(config: ListenConfig) -> dict[str, str]:
    """The files of secrets that a configuration names, by what their copies are called."""
    files = {
        PASSWORD: None if config.mqtt is None else config.mqtt.password_file,
        TOKEN: None if config.serve is None else config.serve.token_file,
    }
    return {name: path for name, path in files.items() if path is not None}


def with_credentials(config: ListenConfig, folder: str | None) -> ListenConfig:
    """The configuration, its files of secrets replaced by the copies that systemd made.

    The user of a service with DynamicUser= may not read a file of root's; LoadCredential= hands
    it a copy, in the folder that CREDENTIALS_DIRECTORY names.
    """
    if folder is None:
        return config
    copies = {name: str(Path(folder, name)) for name in secrets(config)}
    copies = {name: path for name, path in copies.items() if os.access(path, os.R_OK)}
    if config.mqtt is not None and PASSWORD in copies:
        config = replace(config, mqtt=replace(config.mqtt, password_file=copies[PASSWORD]))
    if config.serve is not None and TOKEN in copies:
        config = replace(config, serve=replace(config.serve, token_file=copies[TOKEN]))
    return config
