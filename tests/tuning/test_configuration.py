"""Thresholds written into a configuration."""

from dataclasses import replace
from pathlib import Path

import pytest

from earlet.config import Append, LabelConfig, read_config
from earlet.errors import ConfigError
from earlet.tuning.configuration import with_thresholds, write_thresholds

ROOT = Path(__file__).parents[2]
FOUND = {"go": 0.91, "left": 0.5}


def test_only_what_was_found_changes() -> None:
    text = (ROOT / "config.yaml").read_text()
    before, after = text.splitlines(), with_thresholds(text, FOUND, 3).splitlines()
    assert [line for line in before if line not in after] == ["smoothing: ~", "labels: {}"]
    assert [line for line in after if line not in before] == [
        *("smoothing: 3", "labels:", "  go:", "    threshold: 0.91", "  left:"),
        "    threshold: 0.5",
    ]
    assert [line for line in after if line in before] == [line for line in before if line in after]


def test_what_else_is_said_of_a_label_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "labels:\n  go: # green\n    refractory_ms: 2000\n    threshold: 0.1 # too low\n"
        "  '*': {threshold: 0.7, refractory_ms: 500, actions: [{append: heard}]}\n"
    )
    path.chmod(0o640)
    write_thresholds(path, FOUND, 2)
    config = read_config(path)
    others = LabelConfig(threshold=0.7, refractory_ms=500, actions=(Append(append="heard"),))
    assert config.labels == {
        "go": LabelConfig(threshold=0.91, refractory_ms=2000),
        "left": replace(others, threshold=0.5),  # what all others have is done for it, too
        "*": others,
    }
    assert config.smoothing == 2
    assert "# green" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640
    assert [*tmp_path.iterdir()] == [path]


def test_a_link_to_a_configuration_stays_one(tmp_path: Path) -> None:
    path, link = tmp_path / "mine.yaml", tmp_path / "config.yaml"
    path.write_text("confirm: off\n")
    link.symlink_to(path)
    write_thresholds(link, FOUND, 2)
    assert link.is_symlink()
    assert read_config(path).smoothing == 2


def test_a_new_configuration_is_begun(tmp_path: Path) -> None:
    write_thresholds(tmp_path / "new.yaml", FOUND, 2)
    assert read_config(tmp_path / "new.yaml").label("left").threshold == 0.5


def test_a_wrong_configuration_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("labels: 3\n")
    with pytest.raises(ConfigError, match="labels: expected a mapping, got 3"):
        write_thresholds(path, FOUND, 2)
    assert path.read_text() == "labels: 3\n"


def test_what_would_become_wrong_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("labels: {7: {threshold: 0.3}}\n")
    with pytest.raises(ConfigError, match="the key '7' is there twice"):
        write_thresholds(path, {"7": 0.5}, 2)
    assert path.read_text() == "labels: {7: {threshold: 0.3}}\n"


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none/config\.yaml: cannot be written: No such file"):
        write_thresholds(tmp_path / "none" / "config.yaml", FOUND, 2)
