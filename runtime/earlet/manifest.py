"""What `bundle.yaml` says: task, architecture, networks, files, and a section for every part.

`models/README.md` is the specification. A section that is a plain mapping here is read by the part
that it configures (`Bundle.section`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from earlet.backends import Backend
from earlet.errors import ManifestError

FORMAT = 1  # of bundle.yaml; models/README.md
Task = Literal[
    "audio-classification",
    "automatic-speech-recognition",
    "image-classification",
    "text-classification",
    "voice-activity-detection",
]
Architecture = Literal["classifier", "ctc", "encoder-decoder", "vad"]
_ARCHITECTURES: dict[Task, tuple[Architecture, ...]] = {  # that can answer each task
    "audio-classification": ("classifier",),
    "automatic-speech-recognition": ("ctc", "encoder-decoder"),
    "image-classification": ("classifier",),
    "text-classification": ("classifier",),
    "voice-activity-detection": ("vad",),
}
_ROLES: dict[str, tuple[str, ...]] = {  # the files that a model of each architecture consists of
    "classifier": ("network",),
    "ctc": ("network",),
    "encoder-decoder": ("encoder", "decoder"),
    "vad": ("network",),
}


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """What a file of the bundle must be."""

    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """The network or networks, by their role, and what runs them."""

    architecture: Architecture
    backend: Backend
    network: str | None = None
    encoder: str | None = None
    decoder: str | None = None

    def __post_init__(self) -> None:
        if self.backend == "litert" and self.architecture != "classifier":
            raise ManifestError(f"litert runs the architecture classifier, not {self.architecture}")
        wanted = _ROLES[self.architecture]
        for role in sorted(self.networks.keys() ^ set(wanted)):
            raise ManifestError(
                f"architecture {self.architecture} has the files {', '.join(wanted)}; {role!r} is "
                f"{'missing' if role in wanted else 'not one of them'}"
            )

    @property
    def networks(self) -> dict[str, str]:
        """The file of each role that is there."""
        files = {"network": self.network, "encoder": self.encoder, "decoder": self.decoder}
        return {role: name for role, name in files.items() if name is not None}


@dataclass(frozen=True, kw_only=True)
class Golden:
    """The stored answer that `earlet verify` compares with."""

    file: str
    features_tolerance: float  # largest absolute difference
    network_tolerance: float  # the same, of the network's outputs


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """bundle.yaml. What is a plain mapping here is read by the part that it configures."""

    format: int
    name: str
    version: str
    task: Task
    license: str
    attribution: str
    source: str
    model: Model
    files: Mapping[str, FileEntry]
    input: Mapping[str, object]
    golden: Golden
    description: str = ""
    output: Mapping[str, object] = field(default_factory=dict)
    decoding: Mapping[str, object] = field(default_factory=dict)
    streaming: Mapping[str, object] = field(default_factory=dict)
    quantization: Mapping[str, object] = field(default_factory=dict)
    evaluation: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        if self.model.architecture not in _ARCHITECTURES[self.task]:
            raise ManifestError(
                f"a model for {self.task} has the architecture "
                f"{' or '.join(_ARCHITECTURES[self.task])}, got {self.model.architecture}"
            )
