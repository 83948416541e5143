"""The event as a line of JSON: appended to a file, or sent to a socket."""

import json
import os
import socket
import stat
from pathlib import Path

from earlet.audio.tcp import host_and_port
from earlet.config import Append, Send
from earlet.errors import ConfigError, InputError
from earlet.service.actions.spool import PRIVATE_FILE, Event
from earlet.service.actions.worker import ActionError


class AppendLine:
    """Append it to a file that is opened for each line, so that it may be moved away."""

    n_parallel = 1

    def __init__(self, action: Append) -> None:
        """Look whether the file can be written.

        Raises:
            ConfigError: when it cannot, or is no plain file.
        """
        self.name = f"append {action.append}"
        self._path = Path(action.append).expanduser()
        try:
            os.close(self._open())
        except OSError as problem:
            raise ConfigError(f"append: {self._path}: {problem.strerror}") from None

    def perform(self, event: Event) -> None:
        """Write the whole line, or nothing."""
        line = json.dumps(event).encode() + b"\n"
        try:
            descriptor = self._open()
            try:
                _append(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as problem:
            raise ActionError(f"cannot be written: {problem.strerror}") from None

    def stop(self) -> None:
        """Nothing is going on for long."""

    def _open(self) -> int:
        # Not to wait, where somebody names a serial line without a carrier.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self._path, flags, PRIVATE_FILE)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(None, "expected a plain file")
        return descriptor


def _append(descriptor: int, line: bytes) -> None:
    """A line that a power cut has broken off is ended first."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    try:
        n_written = os.write(descriptor, line)
        if n_written < len(line):  # the disk is full now: say so
            os.write(descriptor, line[n_written:])
    except OSError:
        os.ftruncate(descriptor, size)
        raise


class SendLine:
    """Send it over a connection of its own, to `tcp://HOST:PORT` or `unix:PATH`."""

    n_parallel = 1

    def __init__(self, action: Send) -> None:
        """Read the address.

        Raises:
            ConfigError: when it is none.
        """
        self.name = f"send {action.send}"
        self._timeout_s = action.timeout_s
        self._address = _address(action.send)

    def perform(self, event: Event) -> None:
        """Send it; whether anybody understood it is not asked."""
        try:
            with self._connected() as connection:
                connection.sendall(json.dumps(event).encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
        except (OSError, UnicodeError) as problem:  # UnicodeError: no name of a host
            reason = getattr(problem, "strerror", None) or problem
            raise ActionError(f"cannot be sent: {reason}") from None

    def stop(self) -> None:
        """What is going on ends with its limit of time, at the latest."""

    def _connected(self) -> socket.socket:
        if isinstance(self._address, tuple):
            return socket.create_connection(self._address, self._timeout_s)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(self._timeout_s)
            connection.connect(self._address)
        except OSError:
            connection.close()
            raise
        return connection


def _address(text: str) -> tuple[str, int] | str:
    if text.startswith("unix:") and len(text) > len("unix:"):
        return text.removeprefix("unix:")
    try:
        return host_and_port(text)
    except InputError:
        raise ConfigError(f"send: expected tcp://HOST:PORT or unix:PATH, got {text!r}") from None
