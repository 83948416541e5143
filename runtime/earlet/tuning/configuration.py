"""What was found goes into config.yaml, whose comments and order stay as they are."""

import io
import os
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from earlet.config import ANY_LABEL, ListenConfig, read_config
from earlet.errors import BackendError, ConfigError
from earlet.files import write_whole
from earlet.schema import load_yaml, read


def with_thresholds(text: str, thresholds: Mapping[str, float], smoothing: int) -> str:
    """The text of a config.yaml with these thresholds in `labels`, and this `smoothing`.

    Raises:
        BackendError: ruamel.yaml, which keeps comments, is not installed.
    """
    yaml = _yaml()
    document = yaml.load(text) or {}
    document["smoothing"] = smoothing
    labels = document.get("labels") or {}
    for label, threshold in thresholds.items():
        # Its own entry takes the place of that of all others, so it begins as a copy of that.
        entry = labels[label] if label in labels else deepcopy(labels.get(ANY_LABEL, {}))
        entry["threshold"] = threshold
        labels[label] = entry
    document["labels"] = labels
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def write_thresholds(path: Path, thresholds: Mapping[str, float], smoothing: int) -> None:
    """Change a configuration, or begin one; a wrong one is left as it is.

    Raises:
        ConfigError: it is wrong, or cannot be written.
        BackendError: as `with_thresholds`.
    """
    text = ""
    if path.exists():
        read_config(path)
        path = path.resolve()  # a link stays one
        text = path.read_text(encoding="utf-8")
    changed = with_thresholds(text, thresholds, smoothing)
    # To ruamel.yaml a label such as 7 is a number, and another one than "7".
    read(ListenConfig, load_yaml(changed, str(path), ConfigError), str(path), ConfigError)
    try:
        before = path.stat() if path.exists() else None
        write_whole(path, changed.encode("utf-8"))
        if before is not None:
            path.chmod(before.st_mode & 0o777)
            if os.geteuid() == 0:  # who tunes a service may not be who edits its configuration
                os.chown(path, before.st_uid, before.st_gid)
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be written: {problem.strerror}") from None


def _yaml() -> Any:
    try:
        from ruamel.yaml import YAML
    except ImportError:
        raise BackendError(
            "ruamel.yaml, which keeps a configuration's comments, is not installed: "
            "pip install 'earlet[tune]'"
        ) from None
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1000  # a long line stays one
    # It would write an empty value, which reads like one that was forgotten.
    yaml.representer.add_representer(
        type(None), lambda to, _: to.represent_scalar("tag:yaml.org,2002:null", "~")
    )
    return yaml
