"""What a client may ask of a live stream, as it comes in JSON.

`schema.read(StreamOptions, ...)` checks it; `earlet serve` does so before a worker is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earlet.config import ConfirmConfig, LabelConfig, ListenConfig, WakeConfig
from earlet.errors import InputError

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000  # from telephones to studios
MAX_CHANNELS = 8

SampleFormat = Literal["f32le", "s16le"]
SAMPLE_BYTES: Mapping[SampleFormat, int] = {"f32le": 4, "s16le": 2}


@dataclass(frozen=True, kw_only=True)
class ConfirmOptions:
    """The second stage of a spotter, by another score than its bundle's own."""

    score: float  # the least that confirms


@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """What holds for one label; None is the bundle's own."""

    threshold: float | None = None
    refractory_ms: int | None = None

    def __post_init__(self) -> None:
        self.config()

    def config(self) -> LabelConfig:
        """The same for `Listening`; raises InputError for what is out of range."""
        return LabelConfig(threshold=self.threshold, refractory_ms=self.refractory_ms)


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """What is pushed, and what is listened for; config.yaml explains what has the same name."""

    rate: int | None = None  # Hz of what is pushed; None: the network's
    format: SampleFormat = "f32le"
    channels: int = 1  # side by side in each frame; they are mixed
    partials: bool = False  # what is being said, while somebody speaks
    rejections: bool = False  # what came near to a command, and was none
    scores: bool = False  # what a spotter makes of each hop
    commands: tuple[str, ...] = ()
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recogniser: str | None = None  # of what follows a wake word
    language: str | None = None
    confirm: ConfirmOptions | Literal["auto", "off"] = "auto"
    wake: WakeConfig | None = None
    labels: Mapping[str, LabelOptions] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rate is not None and not MIN_RATE_HZ <= self.rate <= MAX_RATE_HZ:
            raise InputError(f"rate: expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, got {self.rate}")
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise InputError(f"channels: expected 1 to {MAX_CHANNELS}, got {self.channels}")
        if self.recogniser is not None and self.wake is None:
            raise InputError("recogniser: hears what follows a wake word, and wake is missing")

    def config(self, bundle: Path) -> ListenConfig:
        """What `Listening` is put together from; raises InputError for what cannot be."""
        confirm = self.confirm
        return ListenConfig(
            bundle=str(bundle),
            commands=self.commands,
            slots=self.slots,
            recogniser=ListenConfig.recogniser if self.recogniser is None else self.recogniser,
            language=self.language,
            confirm=confirm if isinstance(confirm, str) else ConfirmConfig(score=confirm.score),
            wake=self.wake,
            labels={name: label.config() for name, label in self.labels.items()},
        )

    @property
    def frame_bytes(self) -> int:
        """A sample of each channel."""
        return SAMPLE_BYTES[self.format] * self.channels
