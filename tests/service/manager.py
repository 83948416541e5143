"""The socket of a service manager, to which its services speak."""

import socket

TIMEOUT_S = 60.0  # ends a hang


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.address = address

    def told(self) -> list[str]:
        """All messages since the last call."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def waits_for(self, beginning: str, within_s: float = TIMEOUT_S) -> str:
        """The next message that begins so; others before it are dropped.

        Raises:
            TimeoutError: none comes within that time.
        """
        self.socket.settimeout(within_s)
        try:
            while not (message := self.socket.recv(4096).decode()).startswith(beginning):
                pass
        finally:
            self.socket.setblocking(False)
        return message
