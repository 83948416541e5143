"""Moonshine tiny as two plain graphs: no control flow, and every weight stored once.

Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands",
arXiv:2410.15608 (2024). Shapes, with D = 288 (8 heads of 36) and one frame per 384 samples:

    waveform (1, n_samples) -> three convolutions (1, n_frames, D) -> 6 encoder layers
                            -> of 6 decoder layers: cross.{i}.key, .value (1, 8, n_frames, 36)
    token (1, n_tokens), past.{i}.*, cross.{i}.* -> 6 decoder layers
                            -> logits (1, n_tokens, n_vocab), present.{i}.*

The published decoder projects the encoder's states to keys and values itself, on its first step,
and so needs an `If`. Here the encoder ends with these projections: they depend on nothing else.

Both graphs are written in float32; `make.py` makes them int8.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx

from earlet_quantize.graph import ORT_DOMAIN, GraphBuilder

N_LAYERS = 6
N_HEADS = 8
HEAD_SIZE = 36
N_VOCAB = 32_768
ROTATED = 32  # of a head's 36 values, the first 32 turn with the position
NORM_EPSILON = 1e-5

Weights = Mapping[str, npt.NDArray[np.float32]]


def encoder(weights: Weights) -> onnx.ModelProto:
    """waveform (1, n_samples) -> cross-attention keys and values of every decoder layer."""
    net = _Moonshine("encoder", weights)
    waveform = net.input("waveform", np.float32, [1, "n_samples"])
    x = net.front_end(waveform)
    angles = net.rotary_angles(net.constant(np.int64(0)), net.size(x, axis=1))
    for i in range(N_LAYERS):
        x = net.encoder_layer(f"encoder.layers.{i}", x, angles)
    x = net.norm("encoder.layer_norm", x)
    for i in range(N_LAYERS):
        for role, projection in (("key", "k_proj"), ("value", "v_proj")):
            projected = net.linear(f"decoder.layers.{i}.encoder_attn.{projection}", x)
            name = f"cross.{i}.{role}"
            net.output(name, net.split_heads(projected), np.float32, _per_head("n_frames"))
    return net.model()


def decoder(weights: Weights) -> onnx.ModelProto:
    """One step: token (1, n_tokens) and what came before -> logits (1, n_tokens, n_vocab).

    n_tokens is 1 when text is written, and more when a given text is scored; a token sees itself
    and those before it. Position 0 is the first step, with empty past keys and values.
    """
    net = _Moonshine("decoder", weights)
    token = net.input("token", np.int64, [1, "n_tokens"])
    past = net.keys_and_values("past", "n_past")
    cross = net.keys_and_values("cross", "n_frames")
    # One matrix for both ends: a token's column is its embedding, and scores it in the end.
    embedding = net.constant(weights["decoder.embed_tokens.weight"].T, "embedding")  # (D, n_vocab)
    x = net.node("Gather", embedding, token, axis=1)  # (D, 1, n_tokens)
    x = net.node("Transpose", x, perm=[1, 2, 0])
    angles = net.rotary_angles(net.size(past[0][0], axis=2), net.size(token, axis=1))
    for i in range(N_LAYERS):
        x, present = net.decoder_layer(f"decoder.layers.{i}", x, angles, past[i], cross[i])
        for role, value in zip(("key", "value"), present, strict=True):
            name = f"present.{i}.{role}"
            net.output(name, value, np.float32, _per_head("n_past + n_tokens"))
    x = net.norm("decoder.norm", x)
    net.output("logits", net.node("MatMul", x, embedding), np.float32, [1, "n_tokens", N_VOCAB])
    return net.model()


def _per_head(length: str) -> tuple[int, int, str, int]:
    """The shape of keys and of values."""
    return 1, N_HEADS, length, HEAD_SIZE


class _Moonshine(GraphBuilder):
    """The blocks of the network. `name` is a module's path in the published model."""

    def __init__(self, name: str, weights: Weights) -> None:
        super().__init__(name)
        self._weights = weights

    def keys_and_values(self, kind: str, length: str) -> list[tuple[str, str]]:
        """Inputs `{kind}.{i}.key` and `.value` for every layer of the decoder."""
        shape = _per_head(length)
        return [
            (
                self.input(f"{kind}.{i}.key", np.float32, shape),
                self.input(f"{kind}.{i}.value", np.float32, shape),
            )
            for i in range(N_LAYERS)
        ]

    def front_end(self, waveform: str) -> str:
        """(1, n_samples) -> (1, n_frames, D): windows of 127, 7 and 3, each 64, 3 and 2 apart."""
        x = self.node("Unsqueeze", waveform, self.integers(1))
        x = self.node("Tanh", self.conv("encoder.conv1", x, stride=64))
        x = self.group_norm("encoder.groupnorm", x)
        x = self.node("Gelu", self.conv("encoder.conv2", x, stride=3))
        x = self.node("Gelu", self.conv("encoder.conv3", x, stride=2))
        return self.node("Transpose", x, perm=[0, 2, 1])

    def encoder_layer(self, name: str, x: str, angles: tuple[str, str]) -> str:
        """(1, n_frames, D) -> the same shape: every frame attends to every frame."""
        h = self.norm(f"{name}.input_layernorm", x)
        q, k, v = self.rotated_projections(f"{name}.self_attn", h, angles)
        attended = self.attention(q, k, v)
        x = self.node("Add", x, self.linear(f"{name}.self_attn.dense", attended))
        h = self.norm(f"{name}.post_attention_layernorm", x)
        h = self.node("Gelu", self.linear(f"{name}.mlp.fc1", h))
        return self.node("Add", x, self.linear(f"{name}.mlp.fc2", h))

    def decoder_layer(
        self,
        name: str,
        x: str,
        angles: tuple[str, str],
        past: tuple[str, str],
        cross: tuple[str, str],
    ) -> tuple[str, list[str]]:
        """(1, n_tokens, D) -> the same shape, and the keys and values of all tokens up to now."""
        h = self.norm(f"{name}.input_layernorm", x)
        q, k, v = self.rotated_projections(f"{name}.self_attn", h, angles)
        attended, *present = self.causal_attention(q, k, v, past)
        x = self.node("Add", x, self.linear(f"{name}.self_attn.dense", attended))
        h = self.norm(f"{name}.post_attention_layernorm", x)
        q = self.linear(f"{name}.encoder_attn.q_proj", h)
        attended = self.attention(q, *cross)
        x = self.node("Add", x, self.linear(f"{name}.encoder_attn.dense", attended))
        h = self.norm(f"{name}.final_layernorm", x)
        up, gate = self.nodes(
            "Split", self.linear(f"{name}.mlp.up_proj", h), n_outputs=2, axis=-1, num_outputs=2
        )
        silu = self.node("Mul", gate, self.node("Sigmoid", gate))
        h = self.node("Mul", up, silu)
        return self.node("Add", x, self.linear(f"{name}.mlp.down_proj", h)), present

    def linear(self, name: str, x: str) -> str:
        """x W, and + b where the module has a bias."""
        y = self.node("MatMul", x, self.constant(self._weights[f"{name}.weight"], name))
        bias = self._weights.get(f"{name}.bias")
        return y if bias is None else self.node("Add", y, self.constant(bias))

    def conv(self, name: str, x: str, stride: int) -> str:
        """An unpadded convolution over time, channels first."""
        inputs = [self.constant(self._weights[f"{name}.weight"])]
        if f"{name}.bias" in self._weights:
            inputs.append(self.constant(self._weights[f"{name}.bias"]))
        return self.node("Conv", x, *inputs, strides=[stride])

    def norm(self, name: str, x: str) -> str:
        """LayerNorm over the last axis, without a bias."""
        scale = self.constant(self._weights[f"{name}.weight"])
        return self.node("LayerNormalization", x, scale, axis=-1, epsilon=NORM_EPSILON)

    def group_norm(self, name: str, x: str) -> str:
        """GroupNorm with one group: over all channels and all of the time."""
        flat = self.node("Reshape", x, self.integers(0, 1, -1))
        one, zero = (self.constant(np.full(1, value, np.float32)) for value in (1, 0))
        flat = self.node("InstanceNormalization", flat, one, zero, epsilon=NORM_EPSILON)
        x = self.node("Reshape", flat, self.node("Shape", x))
        x = self.node("Mul", x, self.constant(self._weights[f"{name}.weight"]))
        return self.node("Add", x, self.constant(self._weights[f"{name}.bias"]))

    def size(self, x: str, axis: int) -> str:
        """The length of one axis, as a scalar."""
        length = self.node("Shape", x, start=axis, end=axis + 1)
        return self.node("Squeeze", length)

    def rotary_angles(self, start: str, count: str) -> tuple[str, str]:
        """Cosines and sines for `count` positions from `start`, (count, ROTATED / 2) each."""
        one = self.constant(np.int64(1))
        positions = self.node("Range", start, self.node("Add", start, count), one)
        positions = self.node("Cast", positions, to=onnx.TensorProto.FLOAT)
        column = self.node("Unsqueeze", positions, self.integers(1))
        frequencies = self._weights[
            "encoder.rotary_emb.weight"
        ].ravel()  # the decoder's are the same
        angles = self.node("Mul", column, self.constant(frequencies))
        return self.node("Cos", angles), self.node("Sin", angles)

    def rotated_projections(self, name: str, h: str, angles: tuple[str, str]) -> list[str]:
        """Queries, keys and values (1, n, D); each head of the first two turned by its position."""
        origin = self.integers(0)  # `angles` begin at the first position already
        projected = [self.linear(f"{name}.{p}_proj", h) for p in "qkv"]
        for i in (0, 1):
            projected[i] = self.node(
                "RotaryEmbedding",
                projected[i],
                origin,
                *angles,
                domain=ORT_DOMAIN,
                num_heads=N_HEADS,
                rotary_embedding_dim=ROTATED,
                interleaved=1,
            )
        return projected

    def attention(self, q: str, k: str, v: str) -> str:
        """Scaled dot-product attention to all of k and v, (1, n_queries, D)."""
        return self.node("MultiHeadAttention", q, k, v, domain=ORT_DOMAIN, num_heads=N_HEADS)

    def causal_attention(self, q: str, k: str, v: str, past: tuple[str, str]) -> list[str]:
        """Attention to `past` and to the tokens up to the own one; also gives the new past."""
        absent = ("", "", "")  # bias, padding mask, attention bias
        return self.nodes(
            "MultiHeadAttention",
            *(q, k, v, *absent, *past),
            n_outputs=3,
            domain=ORT_DOMAIN,
            num_heads=N_HEADS,
            unidirectional=1,
        )

    def split_heads(self, x: str) -> str:
        """(1, n, D) -> (1, N_HEADS, n, HEAD_SIZE)."""
        heads = self.node("Reshape", x, self.integers(0, 0, N_HEADS, HEAD_SIZE))
        return self.node("Transpose", heads, perm=[0, 2, 1, 3])
