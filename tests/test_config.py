"""config.yaml: the file in the repository, and files that are wrong."""

import os
import threading
from pathlib import Path

import pytest

from earlet.config import ListenConfig, read_config
from earlet.errors import ConfigError

ROOT = Path(__file__).parents[1]


def test_the_file_in_the_repository_says_what_happens_without_it() -> None:
    assert read_config(ROOT / "config.yaml") == ListenConfig()


def test_what_it_shows_commented_out_can_be_used(tmp_path: Path) -> None:
    text = (ROOT / "config.yaml").read_text()
    path = tmp_path / "config.yaml"
    path.write_text(text.replace("thresholds: {}\n#   go", "thresholds:\n    go"))
    assert read_config(path) == ListenConfig(thresholds={"go": 0.95})


@pytest.mark.parametrize(
    ("line", "device"), [("3", 3), ("USB Audio", "USB Audio"), ("'3'", "3"), ("~", None)]
)
def test_a_device_is_a_number_or_a_name(
    tmp_path: Path, line: str, device: int | str | None
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"device: {line}\n")
    assert read_config(path).device == device


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a mapping of keys to values, got nothing"),
        ("tresholds: {}", "unknown key 'tresholds'; did you mean 'thresholds'?"),
        ("threads: two", r"\.threads: expected a whole number, got 'two'"),
        ("threads: true", r"\.threads: expected a whole number, got True"),
        ("bundle: 3", r"\.bundle: expected a string, got 3"),
        ("source: [mic]", r"\.source: expected a string, got \['mic'\]"),
        ("device: 1.5", r"\.device: expected a string, got 1.5"),
        ("thresholds: 0.5", r"\.thresholds: expected a mapping, got 0.5"),
        ("thresholds: {go: high}", r"\.thresholds\.go: expected a number, got 'high'"),
        ("thresholds: {go: 1e999}", r"\.thresholds\.go: expected a finite number, got inf"),
        ("bundle: a\nbundle: b", "line 2: .*the key 'bundle' is there twice"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=expected) as caught:
        read_config(path)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).isprintable()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: cannot be read: No such file or directory"):
        read_config(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_config(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read: embedded null byte"):
        read_config("a\0b")
    latin1 = tmp_path / "latin1.yaml"
    latin1.write_bytes("bundle: Tür".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin1\.yaml: not UTF-8 at byte 9"):
        read_config(latin1)


def test_an_endless_file_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match="/dev/zero: 200001 characters; expected at most"):
        read_config("/dev/zero")


def test_a_pipe_is_as_good_as_a_file(tmp_path: Path) -> None:
    # As a shell's <(...) gives it.
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=["threads: 3\n"])
    writer.start()
    assert read_config(path).threads == 3
    writer.join()
