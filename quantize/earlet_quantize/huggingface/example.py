"""The example of a bundle's golden file, where whoever imports a network gives none.

A recogniser gets a sentence, which every earlet has in its own bundles. All others get something
made of arithmetic, which is the same everywhere: it proves that a network computes the same on
another device, not that it is a good one.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from earlet.arrays import ByteArray, FloatArray
from earlet.image import file as image
from earlet.manifest import Task
from earlet.tasks import load, sound
from earlet.tasks.trace import Example
from earlet.verify import read_golden

CLIP_S = 3.0
CHIRP_HZ = (120.0, 3_600.0)  # from the pitch of a voice to where telephones end
NOISE = 0.01  # standard deviation, so that no feature is the logarithm of nothing
SEED = 20_240
HEIGHT, WIDTH = 240, 320  # pixels; not square, so that a crop shows
SPEAKING = "vad"  # the bundle whose golden example is a sentence
SENTENCE_ATTRIBUTION = (
    "golden input: LibriSpeech ASR corpus, (c) 2014 Vassil Panayotov, CC BY 4.0, "
    "https://creativecommons.org/licenses/by/4.0/, utterance 6880-216547-0000 between silence"
)
TEXT = "The quick brown fox jumps over the lazy dog, and nobody minds at all."


class Default(NamedTuple):
    """An example, and what must be said of where it is from."""

    example: Example
    attribution: str | None = None


def default_example(task: Task, section: Mapping[str, object]) -> Default:
    """A sound, a picture or a text, by the task and the `input` section of a bundle."""
    match section["kind"]:
        case "text":
            return Default(TEXT)
        case "image":
            return Default(picture())
    sample_rate = int(str(section["sample_rate"]))
    if task == "automatic-speech-recognition":
        return Default(sentence(sample_rate), SENTENCE_ATTRIBUTION)
    return Default(chirp(sample_rate))


def sentence(sample_rate: int) -> FloatArray:
    """Read speech: (n_samples,)."""
    bundle = load(SPEAKING)
    rate = int(str(bundle.manifest.input["sample_rate"]))
    waveform = np.asarray(read_golden(bundle).example)
    return sound.load(waveform, rate, sample_rate)


def chirp(sample_rate: int) -> FloatArray:
    """A tone that rises and pulses, in a little noise: (n_samples,)."""
    t = np.arange(int(CLIP_S * sample_rate)) / sample_rate
    low, high = CHIRP_HZ
    phase = 2 * np.pi * (low * t + (high - low) * t**2 / (2 * CLIP_S))
    pulses = 0.5 - 0.5 * np.cos(2 * np.pi * 4 * t)  # four a second, the pace of syllables
    noise = np.random.default_rng(SEED).normal(0, NOISE, len(t))
    return (0.3 * pulses * np.sin(phase) + noise).astype(np.float32)


def picture() -> ByteArray:
    """Stripes, narrower to the right, whose colour changes downwards: (height, width, 3)."""
    x, y = np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT)[:, None]
    stripes = 0.5 + 0.5 * np.cos(2 * np.pi * 20 * x**2)
    channels = [stripes * (1 - y), stripes * y, 0.5 + 0.5 * (x - y)]
    return np.rint(255 * np.stack(channels, axis=-1)).astype(np.uint8)


def read_example(given: str, section: Mapping[str, object]) -> Example:
    """What somebody gives: a text itself, or the path of a sound or a picture.

    Raises:
        InputError: when the file cannot be read as what the network takes.
    """
    match section["kind"]:
        case "text":
            return given
        case "image":
            return image.load(given)
    return sound.load(given, None, int(str(section["sample_rate"])))
