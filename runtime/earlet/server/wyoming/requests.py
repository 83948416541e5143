"""What clients ask for, as far as it is answered."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

from wyoming.event import Event

from earlet import schema
from earlet.errors import InputError
from earlet.server.failures import BadRequest

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Transcribe:
    """What follows is to be written down."""

    name: str | None = None  # of a model
    language: str | None = None


@dataclass(frozen=True, kw_only=True)
class Detect:
    """In what follows, words are to be found."""

    names: tuple[str, ...] | None = None  # None, or none: any


@dataclass(frozen=True, kw_only=True)
class SelectProgram:
    """Which program answers what follows."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When the sound of a message was heard."""

    timestamp: float | None = None  # milliseconds, by the client's clock


@dataclass(frozen=True, kw_only=True)
class Ping:
    """Is anybody there?"""

    text: str | None = None  # to be said again


def told(cls: type[T], event: Event) -> T:
    """The data of a message; what newer versions of the protocol say beyond is passed over.

    Raises:
        BadRequest: something is missing, or of another type.
    """
    known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    data: Mapping[str, object] = {k: v for k, v in event.data.items() if k in known}
    try:
        return schema.read(cls, data, event.type, InputError)
    except InputError as problem:
        raise BadRequest(str(problem)) from None
