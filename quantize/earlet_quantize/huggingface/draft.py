"""What an importer makes of a folder: all of a bundle but its name and where it is from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from earlet.manifest import Task

# How a stream is cut is not of the network; these serve speech in general, see models/README.md.
UTTERANCES: dict[str, object] = {
    "vad": "vad",
    "min_silence_ms": 800,
    "speech_pad_ms": 400,
    "max_speech_s": 30.0,
}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Sections of bundle.yaml, and the files that they name."""

    task: Task
    model: Mapping[str, object]
    input: Mapping[str, object]
    output: Mapping[str, object]
    files: Mapping[str, bytes]
    decoding: Mapping[str, object] = field(default_factory=dict)
    streaming: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what whoever imports it should know, a sentence each
