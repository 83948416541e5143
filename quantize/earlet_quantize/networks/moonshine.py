"""Moonshine as two plain graphs: no control flow, and every weight stored once.

Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands",
arXiv:2410.15608 (2024). Shapes, with D = d_model and a frame for every 384 samples:

    waveform (1, n_samples) -> three convolutions (1, n_frames, D) -> encoder layers
        -> of each decoder layer: cross.{i}.key (1, n_heads, head_size, n_frames)
                                  cross.{i}.value (1, n_heads, n_frames, head_size)
    token (1, n_tokens), n_past (1,), past.{i}.*, cross.{i}.* -> decoder layers
        -> logits (1, n_tokens, n_vocab), present.{i}.*

The published decoder projects the encoder's states to keys and values itself, on its first step,
and so needs an `If`. Here the encoder ends with these projections: they depend on nothing else.

Both graphs are written in float32, in operators that `passes` and `schemes` know how to improve.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from earlet.arrays import FloatArray
from earlet_quantize.graph import ORT_DOMAIN
from earlet_quantize.networks import attention
from earlet_quantize.networks.encoder_decoder import (
    NORM_EPSILON,
    DecoderSizes,
    EncoderDecoder,
    Head,
    KeysValues,
)
from earlet_quantize.networks.modules import Weights

ROTATION_BASE = 10_000.0  # rope_theta of both published configurations
# The three convolutions: samples or frames that each sees, and from one window to the next.
WIDTHS, STRIDES = (127, 7, 3), (64, 3, 2)
# Of text: twice max_position_embeddings, two and a half minutes of the fastest speech. The
# encoder's frames are not limited.
MAX_TOKENS = 1024


@dataclass(frozen=True, kw_only=True)
class MoonshineConfig:
    """The network's sizes, and their names in Hugging Face's `config.json`."""

    n_vocab: int = 32_768  # vocab_size
    d_model: int  # hidden_size
    width: int  # intermediate_size, of the layers between the attentions
    n_heads: int = 8  # encoder_ and decoder_num_attention_heads
    n_rotated: int = 32  # values of a head that turn: head_size * partial_rotary_factor, by 16
    encoder_layers: int  # encoder_num_hidden_layers
    decoder_layers: int  # decoder_num_hidden_layers

    @property
    def head_size(self) -> int:
        """Values of a head."""
        return self.d_model // self.n_heads

    @property
    def cached_head_size(self) -> int:
        """The same in the decoder's cache."""
        return attention.padded_head_size(self.head_size, rotated=True)


TINY = MoonshineConfig(d_model=288, width=1152, encoder_layers=6, decoder_layers=6)
BASE = MoonshineConfig(d_model=416, width=1664, encoder_layers=8, decoder_layers=8)
# Of the published English networks: heads that follow the sound, as found by
# models/recipes/moonshine-tiny-en/heads.py.
ALIGNMENT_HEADS = {TINY: (Head(4, 1), Head(4, 2)), BASE: (Head(5, 1), Head(5, 3))}


def encoder(config: MoonshineConfig, weights: Weights) -> onnx.ModelProto:
    """waveform (1, n_samples) -> cross-attention keys and values of every decoder layer."""
    net = _Moonshine("encoder", config, weights)
    waveform = net.input("waveform", np.float32, [1, "n_samples"])
    x = net.front_end(waveform)
    angles = net.frame_angles(x)
    for i in range(config.encoder_layers):
        x = net.encoder_layer(f"encoder.layers.{i}", x, angles)
    net.cross_outputs(net.norm("encoder.layer_norm", x))
    return net.model()


def decoder(
    config: MoonshineConfig, weights: Weights, heads: Sequence[Head] | None = None
) -> onnx.ModelProto:
    """One step: token (1, n_tokens) and what came before -> logits (1, n_tokens, n_vocab).

    n_tokens is 1 when text is written, and more when a given text is scored; a token sees itself
    and those before it. Their keys and values are written into the cache from position n_past on.
    `heads` are those that follow the sound, from which times of words are read; None takes those
    of `ALIGNMENT_HEADS`, or the upper half of the layers.
    """
    net = _Moonshine("decoder", config, weights)
    step = net.step_inputs()
    embedding, x = net.embedding(step.token)
    at = attention.positions(net, step.token, step.n_past)
    angles = net.token_angles()
    for i in range(config.decoder_layers):
        name = f"decoder.layers.{i}"
        x, present = net.decoder_self_attention(name, x, step.past[i], at, angles)
        net.present_output(i, present)
        x = net.decoder_cross_attention(name, x, step.cross[i])
        x = net.gated_feed_forward(name, x)
    net.attention_output(ALIGNMENT_HEADS.get(config) if heads is None else heads)
    net.logits_output(net.norm("decoder.norm", x), embedding)
    return net.model()


class _Moonshine(EncoderDecoder):
    """The blocks of the network. `name` is a module's path in the published model."""

    def __init__(self, name: str, config: MoonshineConfig, weights: Weights) -> None:
        sizes = DecoderSizes(
            n_vocab=config.n_vocab,
            n_layers=config.decoder_layers,
            n_heads=config.n_heads,
            head_size=config.head_size,
            cached_head_size=config.cached_head_size,
            n_frames="n_frames",
        )
        super().__init__(name, weights, sizes)
        self._config = config

    def front_end(self, waveform: str) -> str:
        """(1, n_samples) -> (1, n_frames, D): three convolutions without padding."""
        x = self.node("Unsqueeze", waveform, self.integers(2))
        weights = self._weights
        x = self.conv("conv1", x, weights["encoder.conv1.weight"], None, STRIDES[0])
        x = self.group_norm(self.node("Tanh", x))
        # The scale and shift of that norm are part of the next convolution, which is not padded.
        scale = weights["encoder.groupnorm.weight"][:, None]
        shift = weights["encoder.groupnorm.bias"][:, None]
        kernel = weights["encoder.conv2.weight"]
        bias = weights["encoder.conv2.bias"] + (kernel * shift).sum(axis=(1, 2))
        x = self.node("Gelu", self.conv("conv2", x, kernel * scale, bias, STRIDES[1]))
        kernel, bias = (weights[f"encoder.conv3.{part}"] for part in ("weight", "bias"))
        return self.node("Gelu", self.conv("conv3", x, kernel, bias, STRIDES[2]))

    def conv(
        self, name: str, x: str, kernel: FloatArray, bias: FloatArray | None, stride: int
    ) -> str:
        """An unpadded convolution over time, (1, n, n_in) -> (1, n', n_out)."""
        x = self.node("Transpose", x, perm=[0, 2, 1])
        inputs = [self.constant(kernel, name)]
        if bias is not None:
            inputs.append(self.constant(bias))
        return self.node(
            "Transpose", self.node("Conv", x, *inputs, strides=[stride]), perm=[0, 2, 1]
        )

    def group_norm(self, x: str) -> str:
        """GroupNorm with one group: over all channels and all of the time; not scaled."""
        flat = self.node("Reshape", x, self.integers(0, 1, -1))
        one, zero = (self.constant(np.full(1, value, np.float32)) for value in (1, 0))
        flat = self.node("InstanceNormalization", flat, one, zero, epsilon=NORM_EPSILON)
        return self.node("Reshape", flat, self.node("Shape", x))

    def encoder_layer(self, name: str, x: str, angles: tuple[str, str]) -> str:
        """(1, n_frames, D) -> the same shape: every frame attends to every frame."""
        h = self.norm(f"{name}.input_layernorm", x)
        q, k, v = (self.linear(f"{name}.self_attn.{p}_proj", h) for p in "qkv")
        q, k = (self.rotate(part, angles) for part in (q, k))
        attended = attention.self_attention(self, q, k, v, self._config.n_heads)
        x = self.node("Add", x, self.linear(f"{name}.self_attn.dense", attended))
        h = self.norm(f"{name}.post_attention_layernorm", x)
        h = self.node("Gelu", self.linear(f"{name}.mlp.fc1", h))
        return self.node("Add", x, self.linear(f"{name}.mlp.fc2", h))

    def decoder_self_attention(
        self,
        name: str,
        x: str,
        past: KeysValues,
        at: attention.Positions,
        angles: tuple[str, str],
    ) -> tuple[str, list[str]]:
        """(1, n_tokens, D) -> the same shape, and the keys and values of all tokens up to now."""
        name, config = f"{name}.self_attn", self._config
        n_heads, padded = config.n_heads, config.cached_head_size
        side_by_side = np.concatenate(
            [
                attention.pad_heads(self._weights[f"{name}.{p}_proj.weight"], n_heads, padded)
                for p in "qkv"
            ],
            axis=1,
        )
        dense = attention.pad_heads(self._weights[f"{name}.dense.weight"].T, n_heads, padded).T
        h = self.norm(f"{name.removesuffix('self_attn')}input_layernorm", x)
        qkv = self.node("MatMul", h, self.constant(side_by_side, f"{name}.qkv_proj"))
        attended, *present = attention.cached_attention(
            self, qkv, past, at, n_heads=n_heads, scale=config.head_size**-0.5, angles=angles
        )
        attended = self.node("MatMul", attended, self.constant(dense, f"{name}.dense"))
        return self.node("Add", x, attended), present

    def decoder_cross_attention(self, name: str, x: str, cross: KeysValues) -> str:
        """(1, n_tokens, D) -> the same shape: tokens attend to all frames."""
        h = self.norm(f"{name}.post_attention_layernorm", x)
        attended = self.cross_attention(f"{name}.encoder_attn", h, cross)
        return self.node("Add", x, self.linear(f"{name}.encoder_attn.dense", attended))

    def gated_feed_forward(self, name: str, x: str) -> str:
        """(1, n_tokens, D) -> the same shape: each token by itself."""
        h = self.norm(f"{name}.final_layernorm", x)
        h = self.linear(f"{name}.mlp.up_proj", h)
        up, gate = self.nodes("Split", h, n_outputs=2, axis=-1, num_outputs=2)
        silu = self.node("Mul", gate, self.node("Sigmoid", gate))
        return self.node("Add", x, self.linear(f"{name}.mlp.down_proj", self.node("Mul", up, silu)))

    def rotate(self, x: str, angles: tuple[str, str]) -> str:
        """(1, n_frames, D) -> the same shape, each head turned by its position."""
        return self.node(
            "RotaryEmbedding",
            *(x, self.integers(0), *angles),  # `angles` begin at the first position
            domain=ORT_DOMAIN,
            num_heads=self._config.n_heads,
            rotary_embedding_dim=self._config.n_rotated,
            interleaved=1,
        )

    def frame_angles(self, x: str) -> tuple[str, str]:
        """Cosines and sines for each frame of x (1, n_frames, D), (n_frames, n_rotated / 2)."""
        zero, one = (self.constant(np.int64(value)) for value in (0, 1))
        n_frames = self.node("Squeeze", self.node("Shape", x, start=1, end=2))
        positions = self.node("Range", zero, n_frames, one)
        positions = self.node("Cast", positions, to=onnx.TensorProto.FLOAT)
        column = self.node("Unsqueeze", positions, self.integers(1))
        angles = self.node("Mul", column, self.constant(self._frequencies()))
        return self.node("Cos", angles), self.node("Sin", angles)

    def token_angles(self) -> tuple[str, str]:
        """The same for all tokens that there may be, stored, (MAX_TOKENS, n_rotated / 2)."""
        angles = np.arange(MAX_TOKENS, dtype=np.float32)[:, None] * self._frequencies()
        return self.constant(np.cos(angles), "cosines"), self.constant(np.sin(angles), "sines")

    def _frequencies(self) -> FloatArray:
        """Su et al., arXiv:2104.09864: radians from one position to the next, (n_rotated / 2,)."""
        exponents = np.arange(0, self._config.n_rotated, 2) / self._config.n_rotated
        return (ROTATION_BASE**-exponents).astype(np.float32)
