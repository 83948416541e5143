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
    device: str | None = None
    threads: int = 1
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ConfigError(f"threads: expected 1 or more, got {self.threads}")


def read_config(path: str | Path) -> ListenConfig:
    """Read config.yaml.

    Raises:
        ConfigError: no such file, or a key that is unknown or wrong; one line that names it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{path}: not UTF-8 at byte {problem.start}") from None
    document = schema.load_yaml(text, str(path), ConfigError)
    return schema.read(ListenConfig, document, str(path), ConfigError)
