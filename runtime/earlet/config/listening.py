"""What `earlet listen` does: all keys but those of actions and of the server."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earlet import schema
from earlet.config.actions import Action, Publish
from earlet.config.checks import check_path, within
from earlet.config.serving import ServeConfig
from earlet.errors import ConfigError, InputError

ANY_LABEL = "*"  # in `labels`: what holds for every label that has no entry of its own
MAX_REFRACTORY_MS = 600_000
MAX_AGE_S = 7 * 86_400.0
LEAST_NEAR_MISS = 0.5  # share of a threshold: listening tells of nothing that is farther from it
MAX_COMMANDS = 1000  # typed ones; each is scored with every utterance


@dataclass(frozen=True, kw_only=True)
class LabelConfig:
    """What holds for one label; None is the bundle's own."""

    threshold: float | None = None  # posterior of a spotter, confidence of a typed command
    refractory_ms: int | None = None  # after it was heard, nothing is
    actions: tuple[Action, ...] = ()

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise InputError(f"threshold: expected above 0 and at most 1, got {self.threshold:g}")
        if self.refractory_ms is not None:
            within("refractory_ms", self.refractory_ms, 0, MAX_REFRACTORY_MS)


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """What must be heard before the spotter is woken."""

    energy: bool = True  # something louder than the room
    vad: bool = False  # a voice


@dataclass(frozen=True, kw_only=True)
class ConfirmConfig:
    """The second stage: a speech recogniser is asked whether the word was said."""

    bundle: str = "moonshine-tiny-en"
    score: float | None = None  # the least that confirms; None is the spotter bundle's own


@dataclass(frozen=True, kw_only=True)
class WakeConfig:
    """What a label of the spotter wakes: the next utterance is listened to."""

    labels: tuple[str, ...]
    then: Literal["commands", "speech"] = "speech"
    within_s: float = 5.0  # it begins so soon, or never

    def __post_init__(self) -> None:
        if not self.labels:
            raise InputError("labels: expected one or more, got an empty list")
        within("within_s", self.within_s, 0.5, 60)


@dataclass(frozen=True, kw_only=True)
class MqttConfig:
    """The broker of all `publish` actions."""

    host: str
    port: int = 1883
    username: str | None = None
    password_file: str | None = None
    tls: bool = False
    # Each device has its own: a broker lets go of one client where another has the same id.
    client_id: str = field(default_factory=lambda: f"earlet-{platform.node()}")
    # online, deaf or offline: retained, the last will
    status_topic: str = field(default_factory=lambda: f"earlet/{platform.node()}/status")
    discovery_prefix: str | None = None  # of Home Assistant: homeassistant; None announces nothing

    def __post_init__(self) -> None:
        if not self.host:
            raise InputError("host: expected a name or an address, got an empty one")
        within("port", self.port, 1, 65_535)
        if self.password_file is not None:
            check_path("password_file", self.password_file)


@dataclass(frozen=True, kw_only=True)
class RecordConfig:
    """What is kept of detections and near misses, so that they can be explained."""

    folder: str
    max_mb: float = 100.0  # of all recordings; the oldest are deleted
    near_miss: float = LEAST_NEAR_MISS  # share of its threshold that a label must reach to be kept
    before_s: float = 3.0
    after_s: float = 1.0

    def __post_init__(self) -> None:
        check_path("folder", self.folder)
        within("max_mb", self.max_mb, 1, 1_000_000)
        within("near_miss", self.near_miss, LEAST_NEAR_MISS, 1)
        within("before_s", self.before_s, 2, 30)
        within("after_s", self.after_s, 0, 30)


@dataclass(frozen=True, kw_only=True)
class ListenConfig:
    """The keys of config.yaml; the file in the repository explains each."""

    bundle: str | None = None  # None: commands-en, or the recogniser where commands are typed
    source: str = "mic"
    device: int | str | None = None
    channel: int | None = None  # from 0; None mixes all
    threads: int = 1
    commands: tuple[str, ...] = ()
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recogniser: str = "moonshine-tiny-en"  # of typed commands, and of what follows a wake word
    language: str | None = None  # that is spoken, "en"; None: the recogniser hears which
    gate: GateConfig = field(default_factory=GateConfig)
    confirm: ConfirmConfig | Literal["auto", "off"] = "auto"  # auto: where its bundle is there
    wake: WakeConfig | None = None
    smoothing: int | None = None  # posteriors averaged; None is the bundle's own
    budget: float | None = None  # share of one core that listening keeps to
    labels: Mapping[str, LabelConfig] = field(default_factory=dict)
    speech: tuple[Action, ...] = ()  # what is done with each transcript
    mqtt: MqttConfig | None = None
    queue: str | None = None  # folder in which failed actions wait; None: memory alone
    max_age_s: float = 300.0  # an action that could not be done so soon is not done any more
    record: RecordConfig | None = None
    metrics: str | None = None  # file for a collector of Prometheus
    serve: ServeConfig | None = None  # what `earlet serve` does, beside listening

    def __post_init__(self) -> None:
        for name in ("bundle", "source", "recogniser"):
            if getattr(self, name) == "":
                raise InputError(f"{name}: expected a name or a path, got an empty one")
        for name in ("queue", "metrics"):
            if (path := getattr(self, name)) is not None:
                check_path(name, path)
        if self.channel is not None:
            within("channel", self.channel, 0, 127)
        if len(self.commands) > MAX_COMMANDS:
            raise InputError(f"commands: expected at most {MAX_COMMANDS}, got {len(self.commands)}")
        said: dict[str, str] = {}
        for command in self.commands:
            words = " ".join(command.casefold().split())
            if words in said:
                raise InputError(f"commands: {said[words]!r} and {command!r} are the same words")
            said[words] = command
        if self.budget is not None:
            within("budget", self.budget, 0.001, 1)
        within("max_age_s", self.max_age_s, 1, MAX_AGE_S)
        if self.wake and self.wake.then == "commands" and not self.commands:
            raise InputError("wake.then is commands, and no commands are there")
        if self.mqtt is None and any(isinstance(action, Publish) for action in self.actions):
            raise InputError("publish needs a broker: the key mqtt is missing")

    @property
    def actions(self) -> tuple[Action, ...]:
        """Of all labels, and of transcripts."""
        labelled = (action for label in self.labels.values() for action in label.actions)
        return (*labelled, *self.speech)

    def label(self, name: str) -> LabelConfig:
        """What holds for a label: its own entry, else that of ANY_LABEL, else nothing special."""
        return self.labels.get(name) or self.labels.get(ANY_LABEL) or LabelConfig()


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
