"""What the families share: labels, sizes, examples."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import soundfile
from PIL import Image

GOLDEN = Path(__file__).parents[2] / "golden"
OUT = GOLDEN / "huggingface"
EXAMPLES = json.loads((OUT / "examples.json").read_text(encoding="utf-8"))
TEXT, PAIR = EXAMPLES["texts"][0], EXAMPLES["pairs"][0]
LABELS = ["bird", "cat", "dog", "hot dog"]


class Family(NamedTuple):
    """A network, what prepares its input, and an example of it."""

    task: str
    model: Any
    processor: Any  # feature extractor, image processor or tokenizer
    example: Any
    writer: Any = None  # the tokenizer of a speech recogniser
    options: dict[str, Any] | None = None  # of an encoder-decoder that writes
    louder: tuple[str, float] | None = None  # weights and a factor, or all answers are the same
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


def waveform(i: int = 0) -> Any:
    """(n_samples,) at 16 kHz."""
    sound = EXAMPLES["sounds"][i]
    path, start, n_samples = GOLDEN / sound["file"], sound["start"], sound["n_samples"]
    return soundfile.read(path, dtype="float32", start=start, frames=n_samples)[0]


def photo(i: int = 0) -> Any:
    """A small photograph."""
    return Image.open(OUT / EXAMPLES["pictures"][i]).convert("RGB")


def kind(family: Family) -> str:
    """What it takes, as examples.json names it."""
    match family.task:
        case "text-classification":
            return "pairs" if isinstance(family.example, dict) else "texts"
        case "image-classification":
            return "pictures"
        case _:
            return "sounds"


def examples(family: Family) -> list[Any]:
    """A family's own example, and others of its kind."""
    of_kind = EXAMPLES[kind(family)]
    load = {"sounds": waveform, "pictures": photo}.get(kind(family), of_kind.__getitem__)
    return [family.example, *(load(i) for i in range(1, len(of_kind)))]
