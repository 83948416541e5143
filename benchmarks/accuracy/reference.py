"""What transformers makes of real inputs with a model folder; for `parity.py`.

Features come from its processors and tokenizers, here and now. What PyTorch computes of them is in
the golden files of tests/golden/huggingface; for any other folder onnxruntime runs its own network.
"""

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from transformers import AutoFeatureExtractor, AutoImageProcessor, AutoTokenizer

from benchmarks.inputs import GOLDEN
from earlet.arrays import AnyArray, FloatArray
from earlet.bundle import Bundle
from earlet.tasks import open_bundle
from earlet.tasks.trace import Example
from earlet_quantize.huggingface.folder import Folder, Variant

FAMILIES = GOLDEN / "huggingface"
NEEDS_TORCH = ("ASTFeatureExtractor",)
Tensors = Mapping[str, AnyArray]
Prepare = Callable[[Example], Tensors]  # what transformers feeds a network


class Reference(NamedTuple):
    """Examples, and what is known of them: features and answers may be of the first few only."""

    kind: str  # sounds, pictures, texts or pairs
    examples: Sequence[Example]
    features: Sequence[FloatArray]
    networks: Sequence[FloatArray]  # logits, or the log-probability of each token
    answers: Sequence[str]  # the best label, or the text


def reference(
    folder: Path, bundle: Bundle, given: Mapping[str, Sequence[Example]], variant: Variant
) -> Reference:
    """What transformers makes of `given`, by its kind."""
    golden = FAMILIES / f"{folder.name}.npz"
    prepare = processor(folder, bundle)
    if folder.parent == FAMILIES:
        return of_family(golden, prepare, given)
    if prepare is None or bundle.manifest.model.architecture != "classifier":
        raise SystemExit(f"{folder}: without a golden file this takes a classifier, AST with torch")
    kinds = {"text": "texts", "image": "pictures"}
    kind = kinds.get(str(bundle.manifest.input["kind"]), "sounds")
    feeds = [prepare(example) for example in given[kind]]
    path = Folder(folder).network(variant, "model")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in session.get_inputs()]
    logits = [session.run(None, {name: feed[name] for name in names})[0][0] for feed in feeds]
    task: Any = open_bundle(bundle)
    answers = [task.labels[int(values.argmax())] for values in logits]
    return Reference(kind, given[kind], list(map(first, feeds)), logits, answers)


def of_family(
    golden: Path, prepare: Prepare | None, given: Mapping[str, Sequence[Example]]
) -> Reference:
    """What a golden file holds, and features of all examples."""
    with np.load(golden) as stored:
        kind = str(stored["kind"])
        told = json.loads(str(stored["answers"]))
        networks = [stored[f"network.{i}"] for i in range(len(told))]
        features = [stored["features"]]
    if prepare is None:
        sys.stderr.write(f"{golden.stem}: its extractor needs torch; features of one example\n")
    else:
        features = [first(prepare(example)) for example in given[kind]]
    answers = [one["text"] if isinstance(one, dict) else one[0]["label"] for one in told]
    return Reference(kind, given[kind], features, networks, answers)


def first(tensors: Tensors) -> FloatArray:
    """The features among what a network is fed, without the batch."""
    features: FloatArray = np.asarray(next(iter(tensors.values())))[0]
    return features


def processor(folder: Path, bundle: Bundle) -> Prepare | None:
    """transformers' own, as its pipelines load it; None where it needs torch."""
    section = bundle.manifest.input
    if section["kind"] == "text":
        return text_processor(folder, section["max_length"])
    if section["kind"] == "image":
        look: Any = AutoImageProcessor.from_pretrained(folder, use_fast=False)
        return lambda picture: dict(look(picture, return_tensors="np"))
    hear: Any = AutoFeatureExtractor.from_pretrained(folder)
    if type(hear).__name__ in NEEDS_TORCH and importlib.util.find_spec("torch") is None:
        return None
    rate = section["sample_rate"]
    return lambda sound: dict(hear(sound, sampling_rate=rate, return_tensors="np"))


def text_processor(folder: Path, max_length: object) -> Prepare:
    """Ids of a text, or of a pair; what is too long is cut."""
    tokenize: Any = AutoTokenizer.from_pretrained(folder)

    def prepare(text: Any) -> Tensors:
        both = (text,) if isinstance(text, str) else tuple(text.values())
        options = {"truncation": True, "max_length": max_length}
        return dict(tokenize(*both, return_tensors="np", **options))

    return prepare
