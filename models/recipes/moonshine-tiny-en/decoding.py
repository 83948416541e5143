"""Greedy decoding with either form of the networks, so that they can be held against each other.

A step takes the tokens that are new and gives the logits that follow each: (n_tokens, n_vocab).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
import soundfile

BOS, EOS = 1, 2
SAMPLE_RATE = 16_000  # Hz
MAX_TOKENS_PER_SECOND = 6.5  # of audio: what the network was trained to stay below
EXTRA_TOKENS = 8  # short clips may say more
MIN_SAMPLES = 895  # what three convolutions need for one frame: 127 + 64 * (7 - 1 + 3 * (3 - 1))
N_LAYERS, N_HEADS, HEAD_SIZE = 6, 8, 36

FloatArray = npt.NDArray[np.float32]
Step = Callable[[Sequence[int]], FloatArray]


class Network(Protocol):
    """An encoder and a decoder."""

    def start(self, waveform: FloatArray) -> Step:
        """Encode a waveform; returns its decoder, before the first token."""


class Published:
    """The published pair: a decoder with an `If`, which is fed its cache and told to use it."""

    def __init__(self, encoder: bytes | Path, decoder: bytes | Path) -> None:
        self._encoder, self._decoder = open_session(encoder), open_session(decoder)
        self._outputs = [output.name for output in self._decoder.get_outputs()]

    def start(self, waveform: FloatArray) -> Step:
        """Encode a waveform (n_samples,); the step takes one token at a time."""
        (states,) = self._encoder.run(None, {"input_values": waveform[None]})
        cache = {
            f"past_key_values.{i}.{module}.{role}": _empty_cache()
            for i in range(N_LAYERS)
            for module in ("decoder", "encoder")
            for role in ("key", "value")
        }
        first = True

        def step(tokens: Sequence[int]) -> FloatArray:
            nonlocal first
            feeds = {
                "input_ids": np.array([tokens]),
                "encoder_hidden_states": states,
                "use_cache_branch": np.array([not first]),
            }
            results = self._decoder.run(None, feeds | cache)
            for name, value in zip(self._outputs[1:], results[1:], strict=True):
                # After the first step the encoder's part of the cache comes back empty.
                if first or ".decoder." in name:
                    cache[name.replace("present", "past_key_values")] = value
            first = False
            return np.asarray(results[0][0])

        return step


class Rebuilt:
    """The pair that the recipe makes, see `network.py`."""

    def __init__(self, encoder: bytes | Path, decoder: bytes | Path) -> None:
        self._encoder, self._decoder = open_session(encoder), open_session(decoder)
        self._cross = [output.name for output in self._encoder.get_outputs()]
        self._outputs = [output.name for output in self._decoder.get_outputs()]

    def start(self, waveform: FloatArray) -> Step:
        """Encode a waveform (n_samples,); the step takes any number of tokens."""
        keys_values = self._encoder.run(None, {"waveform": waveform[None]})
        cross = dict(zip(self._cross, keys_values, strict=True))
        past = {
            f"past.{i}.{role}": _empty_cache() for i in range(N_LAYERS) for role in ("key", "value")
        }

        def step(tokens: Sequence[int]) -> FloatArray:
            results = self._decoder.run(None, {"token": np.array([tokens])} | past | cross)
            by_name = dict(zip(self._outputs, results, strict=True))
            past.update({name: by_name[name.replace("past", "present")] for name in past})
            return np.asarray(by_name["logits"][0])

        return step


def greedy(network: Network, waveform: FloatArray) -> list[int]:
    """The most probable token, step by step, until the end or the limit; without bos and eos."""
    if len(waveform) < MIN_SAMPLES:
        return []
    step = network.start(waveform)
    tokens = [BOS]
    limit = int(len(waveform) / SAMPLE_RATE * MAX_TOKENS_PER_SECOND) + EXTRA_TOKENS
    for _ in range(limit):
        token = int(step(tokens[-1:])[-1].argmax())
        if token == EOS:
            break
        tokens.append(token)
    return tokens[1:]


def forced(network: Network, waveform: FloatArray, tokens: Sequence[int]) -> FloatArray:
    """The logits along given tokens, one at a time, (n_tokens + 1, n_vocab)."""
    step = network.start(waveform)
    return np.concatenate([step([token]) for token in [BOS, *tokens]])


def read_clip(path: Path) -> FloatArray:
    """A 16 kHz mono file, (n_samples,)."""
    waveform, _ = soundfile.read(path, dtype="float32")
    return np.asarray(waveform)


def open_session(model: bytes | Path) -> Any:
    """One thread that sleeps when it has nothing to do, as on the device."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # the published graphs are warned about at every load
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _empty_cache() -> FloatArray:
    return np.empty((1, N_HEADS, 0, HEAD_SIZE), dtype=np.float32)
