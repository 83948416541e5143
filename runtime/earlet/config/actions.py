"""What is done when something was heard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from earlet.config.checks import MAX_TIMEOUT_S, check_path, within
from earlet.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Run:
    """Start a program."""

    run: tuple[str, ...]  # the program and its arguments: no shell reads them
    timeout_s: float = 10.0  # after which it is ended
    parallel: bool = False  # else it waits until the one before has ended

    def __post_init__(self) -> None:
        if not self.run or not self.run[0]:
            raise InputError("run: expected a program and its arguments, got an empty list")
        if any("\0" in word for word in self.run):
            raise InputError(f"run: no argument can hold a NUL, got {list(self.run)}")
        within("timeout_s", self.timeout_s, 0.1, MAX_TIMEOUT_S)


@dataclass(frozen=True, kw_only=True)
class Post:
    """Send the event as the JSON body of an HTTP POST."""

    post: str  # URL
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.post.startswith(("http://", "https://")):
            raise InputError(f"post: expected an http:// or https:// address, got {self.post!r}")
        within("timeout_s", self.timeout_s, 0.1, MAX_TIMEOUT_S)


@dataclass(frozen=True, kw_only=True)
class Publish:
    """Publish the event over MQTT; the broker is that of `mqtt`."""

    publish: str  # topic
    retain: bool = False
    qos: Literal[0, 1, 2] = 1


@dataclass(frozen=True, kw_only=True)
class Append:
    """Append the event as a line of JSON to a file."""

    append: str

    def __post_init__(self) -> None:
        check_path("append", self.append)


@dataclass(frozen=True, kw_only=True)
class Send:
    """Send the event as a line of JSON to a socket."""

    send: str  # tcp://HOST:PORT or unix:PATH
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.send.startswith(("tcp://", "unix:")):
            raise InputError(f"send: expected tcp://HOST:PORT or unix:PATH, got {self.send!r}")
        within("timeout_s", self.timeout_s, 0.1, MAX_TIMEOUT_S)


Action = Run | Post | Publish | Append | Send
