"""config.yaml: the file in the repository, and files that are wrong."""

import os
import re
import threading
from pathlib import Path

import pytest

from earlet.config import (
    Append,
    ConfirmConfig,
    LabelConfig,
    ListenConfig,
    Post,
    Publish,
    RecordConfig,
    Run,
    Send,
    ServeConfig,
    WakeConfig,
    read_config,
)
from earlet.errors import ConfigError

ROOT = Path(__file__).parents[1]


def test_the_file_in_the_repository_says_what_happens_without_it() -> None:
    assert read_config(ROOT / "config.yaml") == ListenConfig()


def test_what_it_shows_commented_out_can_be_used(tmp_path: Path) -> None:
    # Each example stands below its key, indented behind the #.
    text = (ROOT / "config.yaml").read_text()
    text = re.sub(r"^(\w+): \S+(?=\n#   )", r"\1:", text, flags=re.MULTILINE)
    path = tmp_path / "config.yaml"
    path.write_text(re.sub(r"^#   ", "    ", text, flags=re.MULTILINE))
    config = read_config(path)
    assert config.commands[0] == "lights on"
    assert config.slots == {"room": ("kitchen", "living room")}
    assert config.wake == WakeConfig(labels=("go",), then="commands")
    assert config.confirm == ConfirmConfig(score=-8)
    assert [type(action) for action in config.actions] == [Run, Post, Publish, Append, Send, Append]
    assert config.mqtt is not None
    assert config.mqtt.discovery_prefix == "homeassistant"
    assert config.record == RecordConfig(folder="/var/lib/earlet/recordings")
    assert config.serve == ServeConfig(wyoming_port=10300, token_file="/etc/earlet/token")  # noqa: S106


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        *(("127.0.0.1", True), ("127.8.9.10", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("kitchen.local", False)),  # noqa: S104
    ],
)
def test_what_only_this_machine_reaches_is_known(host: str, is_local: bool) -> None:
    assert ServeConfig(host=host).is_local == is_local


@pytest.mark.parametrize(
    ("config", "address"),
    [
        (ServeConfig(wyoming_port=1), "127.0.0.1"),
        (ServeConfig(wyoming_port=1, host="0.0.0.0"), "127.0.0.1"),  # noqa: S104  wants a token
        (ServeConfig(wyoming_port=1, host="0.0.0.0", auth=False), "0.0.0.0"),  # noqa: S104
        (ServeConfig(wyoming_port=1, wyoming_host="192.0.2.1"), "192.0.2.1"),
    ],
)
def test_wyoming_has_no_token_so_that_others_reach_it_only_where_that_was_said(
    config: ServeConfig, address: str
) -> None:
    assert config.wyoming_address == address


def test_a_label_without_an_entry_has_that_of_all_others() -> None:
    own, others = LabelConfig(threshold=0.5), LabelConfig(threshold=0.9)
    config = ListenConfig(labels={"go": own, "*": others})
    assert (config.label("go"), config.label("left")) == (own, others)
    assert ListenConfig(labels={"go": own}).label("left") == LabelConfig()


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
        ("lables: {}", r"unknown key 'lables'; did you mean 'labels'\? \(line 1\)"),
        ("threads: two", r"\.threads: expected a whole number, got 'two'"),
        ("threads: true", r"\.threads: expected a whole number, got True"),
        ("bundle: 3", r"\.bundle: expected a string, got 3"),
        ("source: [mic]", r"\.source: expected a string, got \['mic'\]"),
        ("device: 1.5", r"\.device: expected a string, got 1.5"),
        ("labels: 0.5", r"\.labels: expected a mapping, got 0.5"),
        ("labels: {go: 0.5}", r"\.labels\.go: expected a mapping, got 0.5"),
        (
            "labels:\n  go:\n    threshold: high",
            r"\.labels\.go\.threshold: expected a number, got 'high' \(line 3\)",
        ),
        ("labels: {go: {threshold: 1e999}}", "threshold: expected a finite number, got inf"),
        (
            "threads: 1\nlabels: {go: {threshold: 2}}",
            r"threshold: expected above 0 and at most 1, got 2 \(line 2\)",
        ),
        ("labels: {go: {refractory_ms: -1}}", "refractory_ms: expected 0 to 600000, got -1"),
        (
            "labels: {go: {actions: [{rum: [a]}]}}",
            r"\[0\]: expected one of the keys run, post, publish, append, send, got \['rum'\]",
        ),
        ("speech: [{run: [a], post: 'http://b'}]", r"expected one of the keys .* got \['run', 'p"),
        ("speech: [{run: []}]", "run: expected a program and its arguments, got an empty list"),
        ("speech: [{run: aplay x.wav}]", "run: expected a list, got 'aplay x.wav'"),
        ("speech: [{run: [a], timeout: 3}]", "unknown key 'timeout'; did you mean 'timeout_s'"),
        ("speech: [{run: [a], timeout_s: 0}]", "timeout_s: expected 0.1 to 3600, got 0"),
        ("speech: [{post: ftp://a}]", "post: expected an http:// or https:// address, got 'ftp"),
        ("speech: [{send: a}]", "send: expected tcp://HOST:PORT or unix:PATH, got 'a'"),
        ("speech: [{publish: a}]", "publish needs a broker: the key mqtt is missing"),
        ("mqtt: {host: a, port: 0}", "port: expected 1 to 65535, got 0"),
        ("confirm: on", "confirm: expected one of auto, off, got 'on'"),
        ("confirm: {score: low}", r"confirm\.score: expected a number, got 'low'"),
        ("wake: {labels: []}", "labels: expected one or more, got an empty list"),
        ("wake: {labels: [go], then: commands}", "wake.then is commands, and no commands are the"),
        ("budget: 2", "budget: expected 0.001 to 1, got 2"),
        ("max_age_s: 0", "max_age_s: expected 1 to 604800, got 0"),
        ("channel: -1", "channel: expected 0 to 127, got -1"),
        ("record: {folder: a, max_mb: 0}", "max_mb: expected 1 to 1000000, got 0"),
        ("record: {folder: a, near_miss: 0.4}", "near_miss: expected 0.5 to 1, got 0.4"),
        (f"channel: {'9' * 400}", "channel: expected 0 to 127, got 9999"),
        ("bundle: ''", "bundle: expected a name or a path, got an empty one"),
        ("source: ''", "source: expected a name or a path, got an empty one"),
        ('queue: "a\\0b"', r"queue: expected a path, got 'a\\x00b'"),
        ("metrics: ''", "metrics: expected a path, got ''"),
        ("mqtt: {host: ''}", "host: expected a name or an address, got an empty one"),
        (
            "record:\n  folder: ~nobody-of-that-name/a",
            r"folder: ~nob.* whose folder ~ is \(line 1\)",
        ),
        ('speech: [{append: "a\\0b"}]', r"append: expected a path, got 'a\\x00b' \(line 1\)"),
        ('speech: [{run: [a, "b\\0"]}]', "run: no argument can hold a NUL"),
        ("serve: {port: 70000}", "port: expected 0 to 65535, got 70000"),
        ("serve: {host: ''}", "host: expected a name or an address, got an empty one"),
        ("serve: {wyoming_port: 8327}", "wyoming_port: 8327 is the port of HTTP already"),
        ("serve: {zeroconf: true}", "zeroconf: there is nothing to announce without wyoming_port"),
        ("serve: {zeroconf: true, wyoming_port: 0}", "zeroconf: only this machine reaches 127"),
        ("serve: {wyoming_host: 0.0.0.0}", "wyoming_host: expected an address, beside a wyomin"),
        ("serve: {token_file: a, auth: false}", "auth: false, and token_file names a token"),
        ("serve: {allow_origins: [example.org]}", "allow_origins: expected such as https://exam"),
        ("serve: {memory_mb: 1}", "memory_mb: expected 16 to 10000000, got 1"),
        ("serve: true", r"serve: expected a mapping, got True"),
        ("commands: [a b, 'A  b ']", "commands: 'a b' and 'A  b ' are the same words"),
        ("commands: [a, b, a]", "commands: 'a' and 'a' are the same words"),
        (
            "labels: {}\n  go: {}",
            "line 2: .*; is the line indented as its neighbours are, and what",
        ),
        ("mqtt: ~\n  host: a", "line 2: .*; a text with a colon in it needs quotes, and nothing"),
        ("gate:\n\tenergy: true", "line 2: .*; indent with spaces, not with tabs"),
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
