"""Published encoder-decoder networks and ours, a token at a time, to hold one against the other.

    step = network.start(waveform)   the encoder
    logits = step(token)             the decoder: of what may follow, (n_vocab,)

Logits are the decoder's own memory: what is to outlast the next step must be copied.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import Session, TensorSpec

Step = Callable[[int], FloatArray]

MAX_TOKENS = 512  # room in the cache


class Network(Protocol):
    """An encoder and a decoder."""

    def start(self, waveform: FloatArray) -> Step:
        """Encode a waveform (n_samples,); returns its decoder, before the first token."""


class Merged:
    """A pair as optimum exports it, with an `If` in the decoder for its first step."""

    def __init__(self, encoder: Session, decoder: Session) -> None:
        self._encoder, self._decoder = encoder, decoder

    def start(self, waveform: FloatArray) -> Step:
        """Encode a waveform (n_samples,)."""
        (states,) = self._encoder.run({self._encoder.inputs[0].name: waveform[None]})
        cache = {spec.name: _empty(spec, 0) for spec in _cached(self._decoder, "past_key_values.")}
        n_steps = 0

        def step(token: int) -> FloatArray:
            nonlocal n_steps
            feeds: dict[str, AnyArray] = {
                "input_ids": np.array([[token]]),
                "encoder_hidden_states": states,
                "use_cache_branch": np.array([n_steps > 0]),
            }
            logits, *present = self._decoder.run(feeds | cache)
            for spec, array in zip(self._decoder.outputs[1:], present, strict=True):
                # After the first step the encoder's part of the cache comes back empty.
                if n_steps == 0 or ".decoder." in spec.name:
                    cache[spec.name.replace("present", "past_key_values")] = array
            n_steps += 1
            return np.asarray(logits[0, -1])

        return step


class Rebuilt:
    """A pair as `earlet_quantize.networks` writes it, see models/README.md."""

    def __init__(self, encoder: Session, decoder: Session) -> None:
        self._encoder, self._decoder = encoder, decoder

    def start(self, waveform: FloatArray) -> Step:
        """Encode a waveform (n_samples,)."""
        cross = self._encode(waveform)
        past = {spec.name: _empty(spec, MAX_TOKENS) for spec in _cached(self._decoder, "past.")}
        token, n_past = np.zeros((1, 1), dtype=np.int64), np.zeros(1, dtype=np.int64)
        (n_vocab,) = (s.shape[-1] for s in self._decoder.outputs if s.name == "logits")
        logits = np.empty((1, 1, n_vocab or 1), dtype=np.float32)
        present = {name.replace("past", "present"): array for name, array in past.items()}
        run = self._decoder.bind(
            {"token": token, "n_past": n_past, **past, **cross},
            {"logits": logits, **present},
        )

        def step(new: int) -> FloatArray:
            token[0, 0] = new
            run()
            n_past[0] += 1
            after: FloatArray = logits[0, 0]
            return after

        return step

    def states(self, waveform: FloatArray, tokens: Sequence[int]) -> FloatArray:
        """What the head is given after each of the tokens, (n_tokens, size)."""
        past = {s.name: _empty(s, len(tokens)) for s in _cached(self._decoder, "past.")}
        token, n_past = np.array([tokens], dtype=np.int64), np.zeros(1, dtype=np.int64)
        results = self._decoder.run(
            {"token": token, "n_past": n_past, **past, **self._encode(waveform)}
        )
        names = [spec.name for spec in self._decoder.outputs]
        return np.asarray(results[names.index("hidden")][0], dtype=np.float32)

    def _encode(self, waveform: FloatArray) -> dict[str, AnyArray]:
        names = [spec.name for spec in self._encoder.outputs]
        return dict(zip(names, self._encoder.run({"waveform": waveform[None]}), strict=True))


def _cached(decoder: Session, prefix: str) -> list[TensorSpec]:
    return [spec for spec in decoder.inputs if spec.name.startswith(prefix)]


def _empty(spec: TensorSpec, length: int) -> FloatArray:
    """Keys or values (1, n_heads, length, head_size)."""
    return np.zeros((1, spec.shape[1] or 1, length, spec.shape[3] or 1), dtype=np.float32)


def greedy(
    network: Network, waveform: FloatArray, *, bos: int, eos: int, max_tokens: int
) -> list[int]:
    """The most probable token, step by step, until the end or the limit; without bos and eos."""
    step = network.start(waveform)
    tokens = [bos]
    for _ in range(max_tokens):
        token = int(step(tokens[-1]).argmax())
        if token == eos:
            break
        tokens.append(token)
    return tokens[1:]


def head_states(
    network: Rebuilt, waveforms: Iterable[FloatArray], *, bos: int, eos: int, max_tokens: int
) -> FloatArray:
    """What the head is given while the network writes down some waveforms, (n, size)."""
    found = []
    for waveform in waveforms:
        tokens = greedy(network, waveform, bos=bos, eos=eos, max_tokens=max_tokens)
        found.append(network.states(waveform, [bos, *tokens]))
    return np.concatenate(found)


def forced(network: Network, waveform: FloatArray, tokens: Sequence[int]) -> FloatArray:
    """The logits after each of the tokens, one at a time, (n_tokens, n_vocab)."""
    step = network.start(waveform)
    return np.stack([step(token).copy() for token in tokens])
