"""What `earlet serve` does: the key `serve`."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from earlet.config.checks import MAX_TIMEOUT_S, check_path, within
from earlet.errors import InputError

MAX_DEADLINE_S = 86_400.0  # a day of sound on a slow machine


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """What `earlet serve` answers, and within which limits."""

    host: str = "127.0.0.1"  # the address that is listened on; 0.0.0.0 is all of IPv4
    port: int = 8327  # of HTTP and WebSocket; 327 is EAR on a telephone. 0 takes a free one
    wyoming_port: int | None = None  # of Home Assistant's protocol; None: it is not spoken
    # It knows no token. None: where HTTP wants one, this machine alone; else `host`.
    wyoming_host: str | None = None
    zeroconf: bool = False  # announce Wyoming to the network
    bundles: tuple[str, ...] = ()  # names, paths, or NAME=PATH; none: all that are installed
    token_file: str | None = None  # what every request must bring: "Authorization: Bearer TOKEN"
    auth: bool = True  # false: whoever reaches the address may use it
    allow_origins: tuple[str, ...] = ()  # of pages elsewhere that may ask: https://example.org
    workers: int | None = None  # calls that run at once; None: one a core
    memory_mb: int | None = None  # of all networks together; None: half of the machine's
    queue: int = 64  # calls that wait
    deadline_s: float = 3600.0  # after which a call is given up
    drain_s: float = 10.0  # that what runs has to finish, from SIGTERM on
    max_connections: int = 256
    max_body_mb: int = 64
    max_audio_s: int = 3600  # of one recording, decoded

    def __post_init__(self) -> None:
        if not self.host:
            raise InputError("host: expected a name or an address, got an empty one")
        within("port", self.port, 0, 65_535)
        if self.wyoming_port is not None:
            within("wyoming_port", self.wyoming_port, 0, 65_535)
            if self.wyoming_port == self.port != 0:
                raise InputError(f"wyoming_port: {self.port} is the port of HTTP already")
        if self.zeroconf and self.wyoming_port is None:
            raise InputError("zeroconf: there is nothing to announce without wyoming_port")
        if self.wyoming_host is not None and (not self.wyoming_host or self.wyoming_port is None):
            raise InputError("wyoming_host: expected an address, beside a wyoming_port")
        if self.zeroconf and _is_loopback(self.wyoming_address):
            raise InputError(
                f"zeroconf: only this machine reaches {self.wyoming_address}; set wyoming_host, too"
            )
        if self.token_file is not None:
            check_path("token_file", self.token_file)
            if not self.auth:
                raise InputError("auth: false, and token_file names a token; take one of them")
        for origin in self.allow_origins:
            if not re.fullmatch(r"https?://[^/\s]+", origin):
                raise InputError(
                    f"allow_origins: expected such as https://example.org, got {origin!r}"
                )
        for name, least, most in (
            ("queue", 1, 10_000),
            ("drain_s", 0, MAX_TIMEOUT_S),
            ("max_connections", 1, 10_000),
            ("max_body_mb", 1, 2_000),
            ("max_audio_s", 1, 86_400),
            ("workers", 1, 64),
            ("memory_mb", 16, 10_000_000),
            ("deadline_s", 0.1, MAX_DEADLINE_S),
        ):
            if (value := getattr(self, name)) is not None:
                within(name, value, least, most)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it, but for Wyoming."""
        return _is_loopback(self.host)

    @property
    def wyoming_address(self) -> str:
        """The host of Wyoming, if it is spoken."""
        if self.wyoming_host is not None:
            return self.wyoming_host
        return self.host if self.is_local or not self.auth else "127.0.0.1"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False
