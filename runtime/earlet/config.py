"""config.yaml: what `earlet listen` does when no flag says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from earlet import schema
from earlet.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ListenConfig:
    """The keys of config.yaml; the file in the repository explains each."""

    bundle: str = "commands-en"
    source: str = "mic"
    device: int | str | None = None
    threads: int = 1
    thresholds: Mapping[str, float] = field(default_factory=dict)


def read_config(path: str | Path) -> ListenConfig:
    """Read config.yaml.

    Raises:
        ConfigError: no such file, or a key that is unknown or wrong; one line that names it.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(schema.MAX_BYTES + 1)
        text = data.decode("utf-8")
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{path}: not UTF-8 at byte {problem.start}") from None
    except ValueError as problem:  # a NUL in the path
        raise ConfigError(f"{path}: cannot be read: {problem}") from None
    document = schema.load_yaml(text, str(path), ConfigError)
    return schema.read(ListenConfig, document, str(path), ConfigError)
