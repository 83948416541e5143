"""What a client is told when it gets no answer, as a tree.

    Failure                     status
    ├── BadRequest              400  a parameter or the JSON is wrong; `field` names it
    ├── Unauthorized            401  no token, or a wrong one
    ├── Forbidden               403  a page of another site asks
    ├── NotFound                404  no such path, or no such model
    ├── MethodNotAllowed        405
    ├── TooSlow                 408  the body does not come
    ├── TooLarge                413  the body is too large, or what it holds
    ├── UnsupportedKind         415  no kind of file that the model takes
    ├── Misdirected             421  a Host that is not this server's
    ├── Damaged                 422  a file that breaks off or makes no sense
    ├── UpgradeRequired         426  the path is of a WebSocket
    ├── Overloaded              429  the queue is full
    ├── Left                    499  nobody is there any more; never sent
    ├── Internal                500  a fault of earlet, or of the machine
    │   └── WorkerLost          500  the process that computed has ended
    ├── Loading                 503  the model is being loaded, and the client does not wait
    ├── Draining                503  the server is about to end
    ├── DeadlinePassed          504  it takes too long
    └── Refused                 400, 413, 415, 422 or 500

`Refused` is the error that a task raised in its process, with the status of what it means. No other
exception's text ever reaches a client.
"""

import math
from collections.abc import Mapping

from earlet.errors import printable

SHOWN = 600  # characters of a message: it may quote what was sent
RETRY_S = 1  # after which it is worth to ask again


class Failure(Exception):  # noqa: N818  each says what it is
    """The root. `message` is one line for the client, `headers` go with the answer."""

    status: int = 500
    kind: str = "internal"  # for programs

    def __init__(
        self, message: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """`field` is the parameter that is to blame, as the client called it."""
        line = printable(message)
        self.message = line if len(line) <= SHOWN else line[: SHOWN - 4] + " ..."
        self.field = field
        self.headers = dict(headers or {})
        super().__init__(self.message)


class BadRequest(Failure):
    """A parameter or the JSON is wrong."""

    status = 400
    kind = "bad-request"


class Unauthorized(Failure):
    """No token, or a wrong one."""

    status = 401
    kind = "unauthorized"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Failure):
    """A page of another site asks."""

    status = 403
    kind = "forbidden"


class NotFound(Failure):
    """No such path, or no such model."""

    status = 404
    kind = "not-found"


class MethodNotAllowed(Failure):
    """The path is there for other methods."""

    status = 405
    kind = "method-not-allowed"


class TooSlow(Failure):
    """The body does not come, or not fast enough."""

    status = 408
    kind = "too-slow"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"Connection": "close"})


class TooLarge(Failure):
    """The body is too large, or the sound or the picture in it."""

    status = 413
    kind = "too-large"


class UnsupportedKind(Failure):
    """No kind of file that the model takes."""

    status = 415
    kind = "unsupported-kind"


class Misdirected(Failure):
    """The Host is not this server's: a page may have made its own name point here."""

    status = 421
    kind = "misdirected"


class Damaged(Failure):
    """A file that breaks off, or makes no sense."""

    status = 422
    kind = "damaged"


class UpgradeRequired(Failure):
    """The path is of a WebSocket, and was asked for as a page is."""

    status = 426
    kind = "upgrade-required"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"Upgrade": "websocket", "Connection": "Upgrade"})


class Overloaded(Failure):
    """As much waits as may wait."""

    status = 429
    kind = "overloaded"

    def __init__(
        self, message: str, *, retry_s: float = RETRY_S, headers: Mapping[str, str] | None = None
    ) -> None:
        """`retry_s` is after how many seconds it is worth to ask again."""
        self.retry_s = retry_s
        super().__init__(message, headers={**_retry(retry_s), **(headers or {})})


class Left(Failure):
    """Whoever asked is gone, so that nobody is told; the number is nginx's."""

    status = 499
    kind = "left"

    def __init__(self) -> None:
        super().__init__("the client has left")


class Internal(Failure):
    """A fault of earlet, or of the machine: the log says more."""

    status = 500
    kind = "internal"

    def __init__(self, message: str = "internal error; the server's log says more") -> None:
        super().__init__(message)


class WorkerLost(Internal):
    """The process that computed the answer has ended."""

    kind = "worker-lost"


class Loading(Failure):
    """The model is being loaded, and the client said that it does not wait."""

    status = 503
    kind = "loading"

    def __init__(self, message: str, *, estimated_s: float) -> None:
        """`estimated_s`: how long it will take."""
        self.estimated_s = estimated_s
        super().__init__(message, headers=_retry(estimated_s))


class Draining(Failure):
    """The server is about to end."""

    status = 503
    kind = "draining"

    def __init__(self) -> None:
        headers = {**_retry(RETRY_S), "Connection": "close"}
        super().__init__("the server is about to end", headers=headers)


class DeadlinePassed(Failure):
    """It takes longer than a call may."""

    status = 504
    kind = "deadline-passed"


# What an error of `earlet.errors`, `image/file.py` or `workers/loaded.py` is for a client. All
# others are of this machine: their text may name its folders.
_OF_TASKS: dict[str, type[Failure]] = {
    "InputError": BadRequest,
    "AudioFileError": Damaged,
    "DamagedFileError": Damaged,
    "PictureTooLargeError": TooLarge,
    "TooLongError": TooLarge,
    "UnsupportedKindError": UnsupportedKind,
}


class Refused(Failure):
    """What a task raised in its process: the client's fault, or else an internal error."""

    def __init__(self, error: str, message: str) -> None:
        """`error` is the class of the EarletError."""
        self.error = error
        meant = _OF_TASKS.get(error)
        super().__init__(message if meant else "the model cannot be used; the log says why")
        self.status, self.kind = (meant.status, meant.kind) if meant else (500, Internal.kind)


def _retry(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
