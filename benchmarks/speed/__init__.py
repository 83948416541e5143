"""Speed and memory: a module a group, each with `lines(setting)`."""

from collections.abc import Mapping
from types import MappingProxyType

# Of each module its heading in RESULTS.md, in the order in which they run.
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "features": "Sound to features",
        "pictures": "Pictures to features",
        "texts": "Texts to token ids",
        "decoding": "From logits to answers",
        "starting": "Starting, resting, memory",
        "classifying": "From an input to labels",
        "spotting": "Spotting words",
        "voice": "Voice activity",
        "recognition": "Speech recognition",
        "serving": "Serving",
        "limits": "How near to what the machine can do",
        "growth": "How cost grows",
    }
)
