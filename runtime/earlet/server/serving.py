"""A server in a thread of its own: begun, waited for, and ended in peace.

Signals, and a daemon that listens in the same process, stay in the main thread.
"""

import asyncio
import errno
import importlib.util
import logging
import os
import resource
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from earlet.config import ServeConfig
from earlet.errors import BackendError, ConfigError, EarletError
from earlet.files import read_plain
from earlet.server.models import open_models
from earlet.service.metrics import Metric

if TYPE_CHECKING:
    from earlet.server.served import Served

log = logging.getLogger("earlet.serve")

TOKEN_VARIABLE = "EARLET_TOKEN"  # noqa: S105  what holds the token where no file does
MAX_TOKEN = 4_096  # bytes
STEP_S = 0.01  # from one look to the next
SPARE_FILES = 512  # beside connections: processes, libraries, and what waits to be accepted
LAST_S = 5.0  # that the thread has to end, after what runs was given up


class Server:
    """Answers between enter and exit."""

    def __init__(
        self,
        config: ServeConfig,
        daemon_metrics: Callable[[], Sequence[Metric]] | None = None,
    ) -> None:
        """Find everything that is needed; nobody is answered yet.

        Raises:
            ConfigError: an address that cannot be had, no token where one is demanded, or more
                connections than this process may have.
            BundleError: a bundle is missing or damaged.
            BackendError: a package is missing.
        """
        _check_installed(config)
        _allow_files(config)
        self._config = config
        self._daemon_metrics = daemon_metrics
        self._models = open_models(config.bundles)
        with ExitStack() as undo:
            self._socket = undo.enter_context(_listening(config.host, config.port))
            self._wyoming_socket = None
            if config.wyoming_port is not None:
                self._wyoming_socket = undo.enter_context(
                    _listening(config.wyoming_address, config.wyoming_port, "wyoming_")
                )
            self._token = _token(config)  # only now: where there is no such host, none helps
            self._undo = undo.pop_all()
        self._thread = threading.Thread(target=self._run, name="earlet-serve", daemon=True)
        self._is_up = threading.Event()
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """Where HTTP is answered."""
        return f"http://{_shown(self._socket)}"

    def __enter__(self) -> Self:
        """Raises EarletError when it cannot begin."""
        self._thread.start()
        self._is_up.wait()
        if self._failure is not None:
            self._undo.close()
        self._raise()
        log.info("%s", self._description())
        return self

    def __exit__(self, *_exception: object) -> None:
        """End: what runs may finish within the configuration's `drain_s`."""
        if self._loop is not None and self._ending is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(self._config.drain_s + LAST_S)
        self._undo.close()

    def wait(self) -> None:
        """Until it ends by itself, which it does not do unless something is wrong; a signal's
        handler may raise out of this."""
        self._is_over.wait()  # a thread whose `join` is interrupted is taken for one that has ended
        self._raise()

    def _description(self) -> str:
        wyoming = self._wyoming_socket
        also = "" if wyoming is None else f", Wyoming on tcp://{_shown(wyoming)}"
        return f"serving on {self.url}{also}: {', '.join(self._models)}"

    def _raise(self) -> None:
        if isinstance(self._failure, EarletError):
            raise self._failure
        if self._failure is not None:
            raise BackendError("the server has ended, which is a fault of earlet; the log says why")

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except EarletError as problem:
            self._failure = problem
        except BaseException as problem:  # noqa: BLE001  told to whoever waits
            log.error("the server has ended", exc_info=problem)
            self._failure = problem
        finally:
            self._is_up.set()
            self._is_over.set()

    async def _serve(self) -> None:
        from earlet.server.cache import ResultCache
        from earlet.server.served import Served
        from earlet.server.traffic import Traffic
        from earlet.server.workers.pool import Pool

        served = Served(
            config=self._config,
            pool=Pool(self._models, self._config),
            cache=ResultCache(),
            traffic=Traffic(),
            token=self._token,
            daemon_metrics=self._daemon_metrics,
        )
        try:
            await self._answer(served)
        finally:
            await served.pool.close(0.0)  # what may finish has finished, or has been given up

    async def _answer(self, served: "Served") -> None:
        """Until somebody ends it, and for `drain_s` from then on."""
        import uvicorn

        from earlet.server.app import create_app
        from earlet.server.connections import QUEUE, uvicorn_config

        http = uvicorn.Server(uvicorn_config(create_app(served), served.config))
        wyoming = None
        if self._wyoming_socket is not None:
            from earlet.server.wyoming.server import serve_wyoming

            wyoming = await serve_wyoming(served, self._wyoming_socket)
        answering = asyncio.create_task(http.serve(sockets=[self._socket]))
        while not (http.started or answering.done()):
            await asyncio.sleep(STEP_S)  # uvicorn tells nobody
        self._socket.listen(QUEUE)
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        self._is_up.set()
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait((ending, answering), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        served.is_draining = http.should_exit = True
        if served.traffic.running:
            log.info("what is being answered has %g s to finish", served.config.drain_s)
        closing = () if wyoming is None else (wyoming.close(served.config.drain_s),)
        await asyncio.gather(answering, *closing)  # both have the same time


def _check_installed(config: ServeConfig) -> None:
    """Raises BackendError that says what to install."""
    wanted: dict[str, tuple[str, ...]] = {
        "serve": ("starlette", "uvicorn", "websockets", "python_multipart")
    }
    if config.wyoming_port is not None:
        wanted["wyoming"] = ("wyoming",)
    if config.zeroconf:
        wanted["zeroconf"] = ("zeroconf",)
    missing = {
        name: extra
        for extra, packages in wanted.items()
        for name in packages
        if importlib.util.find_spec(name) is None
    }
    if missing:
        extras = ",".join(dict.fromkeys(missing.values()))
        raise BackendError(f"serving needs {', '.join(missing)}: pip install 'earlet[{extras}]'")


def _allow_files(config: ServeConfig) -> None:
    """As many open files as connections take: Linux gives more to a process that asks.

    Raises:
        ConfigError: it does not give so many.
    """
    n_ports = 1 if config.wyoming_port is None else 2
    wanted = n_ports * config.max_connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < wanted:
        raise ConfigError(
            f"max_connections: {config.max_connections} need {wanted} open files, and this process "
            f"may have {hard}: see `ulimit -Hn`, or allow fewer connections"
        )
    if resource.RLIM_INFINITY != soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _token(config: ServeConfig) -> bytes | None:
    """What every request must bring.

    Raises:
        ConfigError: there is none, and others than this machine's can reach the address.
    """
    if not config.auth:
        return None
    text, where = os.environ.get(TOKEN_VARIABLE), TOKEN_VARIABLE
    if config.token_file is not None:
        path = Path(config.token_file).expanduser()
        data = read_plain(path, MAX_TOKEN + 1, "a token", ConfigError)
        text, where = data.decode("ascii", "replace"), f"token_file: {path}"
    if text is None:
        if config.is_local:
            return None
        raise ConfigError(
            f"host: {config.host} is reached from elsewhere, and there is no token: set "
            f"{TOKEN_VARIABLE} or token_file; or say --no-auth (auth: false)"
        )
    token = text.strip()
    is_word = token.isascii() and token.isprintable() and " " not in token
    if not (is_word and 1 <= len(token) <= MAX_TOKEN):
        raise ConfigError(
            f"{where}: expected one word of ASCII letters, digits and signs, at most {MAX_TOKEN}"
        )
    return token.encode()


def _listening(host: str, port: int, key: str = "") -> socket.socket:
    """A socket on which whoever connects waits until somebody answers; `key` is what the keys of
    the configuration begin with. Raises ConfigError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as problem:  # the latter for a part of more than 63 characters
        why = problem.strerror if isinstance(problem, OSError) else "it cannot be a name"
        raise ConfigError(f"{key}host: {host!r:.100} is no address here: {why}") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a restart, at once
        listening.bind(address)
        listening.listen()  # until then another could bind it, too
    except OSError as problem:
        listening.close()
        if problem.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(f"{key}host: {host} is no address of this machine") from None
        raise ConfigError(
            f"{key}port: {host}:{port} cannot be had: {problem.strerror}; take another port"
        ) from None
    return listening


def _shown(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
