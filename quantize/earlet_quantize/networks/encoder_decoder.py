"""What networks with an encoder and a decoder share: their inputs and outputs, and plain layers.

    encoder   ... -> of each decoder layer: cross.{i}.key (1, n_heads, head_size, n_frames)
                                            cross.{i}.value (1, n_heads, n_frames, head_size)
    decoder   token (1, n_tokens), n_past (1,), past.{i}.*, cross.{i}.* -> ...
                  -> logits (1, n_tokens, n_vocab), present.{i}.*,
                     hidden (1, n_tokens, D), attention (1, n_chosen, n_tokens, n_frames)

The encoder ends with what the decoder's cross-attention makes of its states: they depend on nothing
else, and no step does it again. Past and present are (1, n_heads, n_positions, cached_head_size).
`hidden` is what the head multiplies, and `attention` how much of each frame some heads of the
cross-attention took, from which the times of words are read. Both are there anyway. What stands
between is the networks' own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from earlet_quantize.graph import GraphBuilder, Shape
from earlet_quantize.networks import attention
from earlet_quantize.networks.modules import Weights

NORM_EPSILON = 1e-5  # torch.nn.LayerNorm's

KeysValues = tuple[str, str]


class Head(NamedTuple):
    """One of the decoder's cross-attention."""

    layer: int
    head: int


def upper_half(n_layers: int, n_heads: int) -> tuple[Head, ...]:
    """The heads of the upper half of the layers: those to take where it is not known which follow
    the sound, as openai-whisper does (`model.py`, `alignment_heads`)."""
    return tuple(Head(i, j) for i in range(n_layers // 2, n_layers) for j in range(n_heads))


class DecoderSizes(NamedTuple):
    """The sizes that the graphs' inputs and outputs have."""

    n_vocab: int
    n_layers: int
    n_heads: int
    head_size: int
    cached_head_size: int  # see `attention.padded_head_size`
    n_frames: int | str  # a string where there may be any number


class Step(NamedTuple):
    """What the decoder is given: names of inputs."""

    token: str  # (1, n_tokens) int64
    n_past: str  # (1,) int64
    past: list[KeysValues]  # of each layer
    cross: list[KeysValues]


class EncoderDecoder(GraphBuilder):
    """One of both graphs. `name` is a module's path in `weights`."""

    def __init__(self, name: str, weights: Weights, sizes: DecoderSizes) -> None:
        super().__init__(name)
        self._weights = weights
        self._sizes = sizes
        self._attention: list[str] = []  # of each layer, (1, n_heads, n_tokens, n_frames)

    def cross_outputs(self, x: str) -> None:
        """End the encoder: its states (1, n_frames, D) as keys and values of all layers."""
        for i in range(self._sizes.n_layers):
            names = self._cross_projections(f"decoder.layers.{i}.encoder_attn", x)
            self._keys_values_output(f"cross.{i}", names, *self._cross_shapes())

    def step_inputs(self) -> Step:
        """Begin the decoder."""
        layers, cache = range(self._sizes.n_layers), self._cache_shape()
        return Step(
            token=self.input("token", np.int64, [1, "n_tokens"]),
            n_past=self.input("n_past", np.int64, [1]),
            past=[self._keys_values_input(f"past.{i}", cache, cache) for i in layers],
            cross=[self._keys_values_input(f"cross.{i}", *self._cross_shapes()) for i in layers],
        )

    def embedding(self, token: str) -> tuple[str, str]:
        """The matrix of all tokens' embeddings (D, n_vocab), and those of a step (1, n_tokens, D).

        One matrix for both ends: a token's column is its embedding, and scores it in the end.
        """
        matrix = self.constant(self._weights["decoder.embed_tokens.weight"].T, "embedding")
        x = self.node("Gather", matrix, token, axis=1)  # (D, 1, n_tokens)
        return matrix, self.node("Transpose", x, perm=[1, 2, 0])

    def present_output(self, i: int, present: Sequence[str]) -> None:
        """The cache of layer i after the step: keys and values."""
        self._keys_values_output(f"present.{i}", present, self._cache_shape(), self._cache_shape())

    def logits_output(self, x: str, embedding: str) -> None:
        """End the decoder: the scores of all tokens after each of the step's (1, n_tokens, D), and
        as `hidden` what they are made of."""
        sizes = self._sizes
        logits = self.node("MatMul", x, embedding)
        self.output("logits", logits, np.float32, [1, "n_tokens", sizes.n_vocab])
        self.output("hidden", x, np.float32, [1, "n_tokens", sizes.n_heads * sizes.head_size])

    def attention_output(self, heads: Sequence[Head] | None) -> None:
        """What these heads of the layers so far attended to, those of the lowest layer first.

        None takes the upper half of the layers.
        """
        if heads is None:
            heads = upper_half(self._sizes.n_layers, self._sizes.n_heads)
        chosen = [
            self.node("Gather", weights, self.integers(*indices), axis=1)
            for i, weights in enumerate(self._attention)
            if (indices := [head for layer, head in heads if layer == i])
        ]
        found = chosen[0] if len(chosen) == 1 else self.node("Concat", *chosen, axis=1)
        shape: Shape = 1, len(heads), "n_tokens", self._sizes.n_frames
        self.output("attention", found, np.float32, shape)

    def cross_attention(self, name: str, x: str, cross: KeysValues) -> str:
        """(1, n_tokens, D) -> the same shape: tokens attend to all frames; not projected yet."""
        q = self.linear(f"{name}.q_proj", x)
        attended, weights = attention.cross_attention(
            self, q, *cross, self._sizes.n_heads, self._sizes.head_size
        )
        self._attention.append(weights)
        return attended

    def linear(self, name: str, x: str) -> str:
        """x W, and + b where the module has a bias."""
        y = self.node("MatMul", x, self.constant(self._weights[f"{name}.weight"], name))
        bias = self._weights.get(f"{name}.bias")
        return y if bias is None else self.node("Add", y, self.constant(bias))

    def norm(self, name: str, x: str) -> str:
        """LayerNorm over the last axis, with a bias where the module has one."""
        parts = (self._weights.get(f"{name}.{part}") for part in ("weight", "bias"))
        scale_and_bias = [self.constant(part) for part in parts if part is not None]
        return self.node("LayerNormalization", x, *scale_and_bias, axis=-1, epsilon=NORM_EPSILON)

    def _cross_projections(self, name: str, x: str) -> KeysValues:
        heads = self._sizes.n_heads, self._sizes.head_size
        scaled = self._weights[f"{name}.k_proj.weight"] * np.float32(self._sizes.head_size**-0.5)
        key = self.node("MatMul", x, self.constant(scaled, f"{name}.k_proj"))
        value = self.linear(f"{name}.v_proj", x)
        return (
            attention.transposed_keys(self, key, *heads),
            attention.split_heads(self, value, *heads),
        )

    def _cross_shapes(self) -> tuple[Shape, Shape]:
        sizes = self._sizes
        return (
            (1, sizes.n_heads, sizes.head_size, sizes.n_frames),
            (1, sizes.n_heads, sizes.n_frames, sizes.head_size),
        )

    def _cache_shape(self) -> Shape:
        return 1, self._sizes.n_heads, "n_positions", self._sizes.cached_head_size

    def _keys_values_input(self, name: str, key: Shape, value: Shape) -> KeysValues:
        return (
            self.input(f"{name}.key", np.float32, key),
            self.input(f"{name}.value", np.float32, value),
        )

    def _keys_values_output(
        self, name: str, keys_values: Sequence[str], key: Shape, value: Shape
    ) -> None:
        for role, found, shape in zip(("key", "value"), keys_values, (key, value), strict=True):
            self.output(f"{name}.{role}", found, np.float32, shape)
