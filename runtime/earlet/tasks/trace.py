"""What each stage of a task makes of one example: what `earlet verify` compares.

A golden file holds the example under the name of what it is:

    waveform  int16 (n_samples,), at the rate of the bundle's input
    image     uint8 (height, width, 3), RGB
    text      JSON: a string, or {"text": ..., "text_pair": ...}
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from earlet.arrays import INT16_SCALE, AnyArray, FloatArray, as_waveform
from earlet.manifest import Task

INT16 = np.iinfo(np.int16)
Text = str | Mapping[str, str]
Example = AnyArray | Text  # a waveform (n_samples,) in float32, an image in uint8, or a text


class Trace(NamedTuple):
    """Features, the network's outputs and the answer."""

    features: FloatArray
    network: FloatArray
    result: object  # plain JSON


def to_golden(example: Example) -> dict[str, AnyArray]:
    """An example as a golden file keeps it; a waveform is rounded to 16 bits."""
    if not isinstance(example, np.ndarray):
        return {"text": np.array(json.dumps(example))}
    if example.dtype == np.uint8:
        return {"image": example}
    samples = np.clip(np.rint(example / INT16_SCALE), INT16.min, INT16.max)
    return {"waveform": samples.astype(np.int16)}


def from_golden(golden: Mapping[str, AnyArray], task: Task) -> Example:
    """The example of a golden file, of the kind that the task takes.

    Raises:
        KeyError: when it holds none of that kind.
        ValueError: when it cannot be used.
    """
    match task:
        case "text-classification":
            text: Text = json.loads(str(golden["text"]))
            return text
        case "image-classification":
            return golden["image"]
        case _:
            return as_waveform(golden["waveform"])
