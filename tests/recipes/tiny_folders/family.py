"""What the families share: labels, sizes, examples."""

from pathlib import Path
from typing import Any, NamedTuple

import soundfile
from PIL import Image

GOLDEN = Path(__file__).parents[2] / "golden"
OUT = GOLDEN / "huggingface"
SPEECH = GOLDEN / "whisper" / "1272-128104-0000.wav"
START, N_SAMPLES = 16_000, 12_000  # of it: 0.75 s of words
PHOTO = OUT / "photo.png"
TEXT = "Naïve cafés in Zürich don't open before 10:30, do they? 北京 42"
PAIR = {"text": "How many people live here?", "text_pair": "About 3,500 live in the valley."}
LABELS = ["bird", "cat", "dog", "hot dog"]


class Family(NamedTuple):
    """A network, what prepares its input, and an example of it."""

    task: str
    model: Any
    processor: Any  # feature extractor, image processor or tokenizer
    example: Any
    writer: Any = None  # the tokenizer of a speech recogniser
    options: dict[str, Any] | None = None  # of an encoder-decoder that writes
    louder: tuple[str, int] | None = None  # weights and a factor, or all it writes is one token
    networks: tuple[str, ...] = ("model.onnx",)  # at the top as optimum, or as transformers.js


def with_labels(n: int = len(LABELS)) -> dict[str, Any]:
    """The labels of a config.json."""
    names = LABELS[:n]
    return {"id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}}


def transformer() -> dict[str, Any]:
    """The size of the transformers here."""
    return {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 48,
    }


def waveform() -> Any:
    """(n_samples,) at 16 kHz."""
    return soundfile.read(SPEECH, dtype="float32", start=START, frames=N_SAMPLES)[0]


def photo() -> Any:
    """A small photograph, wider than high."""
    return Image.open(PHOTO).convert("RGB")
