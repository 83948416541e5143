"""What keys of several sections are held to."""

from pathlib import Path

from earlet.errors import InputError

MAX_TIMEOUT_S = 3600.0


def within(name: str, value: float, least: float, most: float) -> None:
    """Raises InputError where the key `name` has a value that is not."""
    if not least <= value <= most:
        # A whole number may be too large to be a float.
        shown = (f"{n:g}" if isinstance(n, float) else str(n)[:60] for n in (least, most, value))
        raise InputError("{}: expected {} to {}, got {}".format(name, *shown))


def check_path(name: str, path: str) -> None:
    """Raises InputError where the key `name` has what cannot be a path."""
    if not path or "\0" in path:
        raise InputError(f"{name}: expected a path, got {path!r}")
    try:
        Path(path).expanduser()
    except RuntimeError:
        raise InputError(f"{name}: {path}: nobody knows whose folder ~ is") from None
