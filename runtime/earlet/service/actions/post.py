"""Send the event as the body of an HTTP POST.

No redirect is followed: to follow one with a POST is to send it twice, or as something else.
Proxies are those of the environment, as usual: http_proxy, https_proxy, no_proxy.
"""

import json
import re
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from earlet.config import Post
from earlet.errors import ConfigError
from earlet.service.actions.spool import Event
from earlet.service.actions.worker import ActionError

ASK_AGAIN = {408, 429}  # of the 4xx, which say that the request is wrong: these say "not now"
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110: a token


class PostEvent:
    """Post it; what counts is the status of the answer."""

    n_parallel = 1

    def __init__(self, action: Post) -> None:
        """Look at address and headers.

        Raises:
            ConfigError: when they are wrong.
        """
        self._url = _url(action.post)
        self.name = f"post {self._url.scheme}://{self._url.netloc}"  # a path may be a secret
        self._headers = {"content-type": "application/json", **_headers(action.headers)}
        self._timeout_s = action.timeout_s
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None
        self._socket: socket.socket | None = None
        self._is_stopped = False

    def perform(self, event: Event) -> None:
        """Post it, and wait for the status."""
        until = time.monotonic() + self._timeout_s
        connection, target, headers = self._connection()
        try:
            connection.connect()
            self._socket = connection.sock
            if self._is_stopped:
                raise ActionError("earlet ends")
            # A server that sends a byte now and then could keep us for ever.
            limit = threading.Timer(max(0.0, until - time.monotonic()), self._cut)
            limit.start()
            try:
                body = json.dumps(event).encode()
                connection.request("POST", target, body, {**self._headers, **headers})
                status = connection.getresponse().status
            finally:
                limit.cancel()
                limit.join()
            if time.monotonic() >= until:  # http.client takes an end for the end of the headers
                raise TimeoutError
        except (OSError, HTTPException, UnicodeError) as problem:  # the last: no name of a host
            if time.monotonic() >= until:
                raise ActionError(f"no answer within {self._timeout_s:g} s") from None
            raise ActionError(f"no answer: {_reason(problem)}") from None
        finally:
            self._socket = None
            connection.close()
        _check(status)

    def stop(self) -> None:
        """Wait for no answer any longer."""
        self._is_stopped = True
        self._cut()

    def _cut(self) -> None:
        """Who waits for an answer finds the connection at its end."""
        if (connected := self._socket) is not None:
            with suppress(OSError):  # it has just been closed
                # That of SSLSocket would take the lock of who reads.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def _connection(self) -> tuple[HTTPConnection, str, Mapping[str, str]]:
        """To the server or a proxy, not open yet; what to ask for there; headers for a proxy."""
        url, host = self._url, str(self._url.hostname)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        proxy = None if proxy_bypass(host) else getproxies().get(url.scheme)
        if proxy is None:
            return self._to(url), target, {}
        try:
            through = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            connection = self._to(through)
        except ValueError:
            raise ActionError(f"the proxy of the environment for {url.scheme} is none") from None
        headers = _authorization(through)
        if self._tls is None:
            return connection, url.geturl(), headers
        connection.set_tunnel(host, url.port or HTTPSConnection.default_port, headers)
        return connection, target, {}

    def _to(self, where: SplitResult) -> HTTPConnection:
        # With a port, for without one http.client looks for it in the name: ::1 has colons.
        host, port = str(where.hostname), where.port
        if self._tls is None:
            port = port or HTTPConnection.default_port
            return HTTPConnection(host, port, timeout=self._timeout_s)
        port = port or HTTPSConnection.default_port
        return HTTPSConnection(host, port, timeout=self._timeout_s, context=self._tls)


def _check(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise ActionError(f"answered {status}: it has another address now", again=False)
    raise ActionError(f"answered {status}", again=status >= 500 or status in ASK_AGAIN)


def _url(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        port = url.port  # raises for one that is no number
    except ValueError as problem:
        # Without the address, which may hold a password.
        raise ConfigError(f"post: expected http://HOST:PORT/PATH: {problem}") from None
    if url.username is not None:
        raise ConfigError("post: an address without a password was expected; it goes into headers")
    if not url.hostname or port == 0:
        raise ConfigError(f"post: expected http://HOST:PORT/PATH, got {text!r}")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ConfigError(
            f"post {url.scheme}://{url.netloc}: write what is no ASCII as %C3%A9, and spaces as %20"
        )
    return url


def _headers(given: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in given.items():
        if not _HEADER.fullmatch(name):
            raise ConfigError(f"post: {name!r} cannot be the name of a header")
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"post: the header {name} must be ASCII that prints")
    return {name.lower(): value for name, value in given.items()}


def _authorization(proxy: SplitResult) -> Mapping[str, str]:
    if proxy.username is None:
        return {}
    credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"proxy-authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


def _reason(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
