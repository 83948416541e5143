"""Whisper as two plain graphs: no control flow, and every weight stored once.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv:2212.04356
(2022). Shapes, with D = d_model; of 30 s, n_frames is 1,500:

    features (1, 2 * n_frames, n_mels)
        -> two convolutions, positions (1, n_frames, D) -> encoder layers
        -> of each decoder layer: cross.{i}.key (1, n_heads, head_size, n_frames),
           cross.{i}.value (1, n_heads, n_frames, head_size)
    token (1, n_tokens), n_past (1,), past.{i}.*, cross.{i}.*
        -> decoder layers -> logits (1, n_tokens, n_vocab), present.{i}.*

The encoder ends with what the decoder's cross-attention makes of its states, so that no step does
it again. Both graphs are written in float32, in operators that `passes` and `schemes` know how to
improve. Where the weights come from: `whisper_weights.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from earlet_quantize.errors import FolderError
from earlet_quantize.networks import attention
from earlet_quantize.networks.encoder_decoder import (
    DecoderSizes,
    EncoderDecoder,
    Head,
    KeysValues,
)
from earlet_quantize.networks.modules import Weights

KERNEL = 3  # frames that a convolution sees; one of padding at both ends


@dataclass(frozen=True, kw_only=True)
class WhisperConfig:
    """The network's sizes, and their names in Hugging Face's `config.json`."""

    n_mels: int  # num_mel_bins
    n_vocab: int  # vocab_size
    d_model: int
    encoder_layers: int
    encoder_heads: int  # encoder_attention_heads
    encoder_width: int  # encoder_ffn_dim
    decoder_layers: int
    decoder_heads: int  # decoder_attention_heads
    decoder_width: int  # decoder_ffn_dim
    n_frames: int  # max_source_positions
    n_positions: int  # max_target_positions: the most tokens, those of the prompt included

    def __post_init__(self) -> None:
        for n_heads in (self.encoder_heads, self.decoder_heads):
            if n_heads < 1 or self.d_model % (n_heads * attention.HEAD_MULTIPLE):
                raise FolderError(
                    f"expected heads of a multiple of {attention.HEAD_MULTIPLE} values, got "
                    f"{n_heads} heads for {self.d_model} values"
                )

    @property
    def head_size(self) -> int:
        """Values of a head of the decoder."""
        return self.d_model // self.decoder_heads


def encoder(config: WhisperConfig, weights: Weights) -> onnx.ModelProto:
    """features (1, 2 * n_frames, n_mels) -> cross-attention keys and values of the decoder."""
    net = _Whisper("encoder", config, weights)
    x = net.input("features", np.float32, [1, 2 * config.n_frames, config.n_mels])
    x = net.node("Gelu", net.conv("encoder.conv1", x, stride=1))
    x = net.node("Gelu", net.conv("encoder.conv2", x, stride=2))
    x = net.node("Add", x, net.constant(weights["encoder.embed_positions.weight"]))
    for i in range(config.encoder_layers):
        x = net.encoder_layer(f"encoder.layers.{i}", x)
    net.cross_outputs(net.norm("encoder.layer_norm", x))
    return net.model()


def decoder(
    config: WhisperConfig, weights: Weights, heads: Sequence[Head] | None = None
) -> onnx.ModelProto:
    """One step: token (1, n_tokens) and what came before -> logits (1, n_tokens, n_vocab).

    n_tokens is 1 when text is written, and more when a given text is scored; a token sees itself
    and those before it. Their keys and values are written into the cache from position n_past on.
    `heads` are those that follow the sound, from which times of words are read; None takes the
    upper half of the layers.
    """
    net = _Whisper("decoder", config, weights)
    step = net.step_inputs()
    embedding, x = net.embedding(step.token)
    x = net.node("Add", x, net.token_positions(step.token, step.n_past))
    at = attention.positions(net, step.token, step.n_past)
    for i in range(config.decoder_layers):
        name = f"decoder.layers.{i}"
        x, present = net.decoder_self_attention(name, x, step.past[i], at)
        net.present_output(i, present)
        x = net.decoder_cross_attention(name, x, step.cross[i])
        x = net.feed_forward(name, x)
    net.attention_output(heads)
    net.logits_output(net.norm("decoder.layer_norm", x), embedding)
    return net.model()


class _Whisper(EncoderDecoder):
    """The blocks of the network. `name` is a module's path, see `whisper_weights.py`."""

    def __init__(self, name: str, config: WhisperConfig, weights: Weights) -> None:
        sizes = DecoderSizes(
            n_vocab=config.n_vocab,
            n_layers=config.decoder_layers,
            n_heads=config.decoder_heads,
            head_size=config.head_size,
            cached_head_size=config.head_size,
            n_frames=config.n_frames,
        )
        super().__init__(name, weights, sizes)
        self._config = config

    def conv(self, name: str, x: str, stride: int) -> str:
        """A convolution over time, (1, n, n_in) -> (1, n', n_out), with zeros beyond both ends."""
        kernel = self.constant(self._weights[f"{name}.weight"], name)
        bias = self.constant(self._weights[f"{name}.bias"])
        x = self.node("Transpose", x, perm=[0, 2, 1])
        x = self.node("Conv", x, kernel, bias, strides=[stride], pads=[KERNEL // 2, KERNEL // 2])
        return self.node("Transpose", x, perm=[0, 2, 1])

    def encoder_layer(self, name: str, x: str) -> str:
        """(1, n_frames, D) -> the same shape: every frame attends to every frame."""
        h = self.norm(f"{name}.self_attn_layer_norm", x)
        q, k, v = (self.linear(f"{name}.self_attn.{p}_proj", h) for p in "qkv")
        attended = attention.self_attention(self, q, k, v, self._config.encoder_heads)
        x = self.node("Add", x, self.linear(f"{name}.self_attn.out_proj", attended))
        return self.feed_forward(name, x)

    def token_positions(self, token: str, n_past: str) -> str:
        """What is learned of the positions from n_past on, (n_tokens, D)."""
        positions = self.constant(self._weights["decoder.embed_positions.weight"])
        end = attention.total(self, token, n_past)
        return self.node("Slice", positions, n_past, end, self.integers(0))

    def decoder_self_attention(
        self, name: str, x: str, past: KeysValues, at: attention.Positions
    ) -> tuple[str, list[str]]:
        """(1, n_tokens, D) -> the same shape, and the keys and values of all tokens up to now."""
        h = self.norm(f"{name}.self_attn_layer_norm", x)
        name, config = f"{name}.self_attn", self._config
        side_by_side = [self._weights[f"{name}.{p}_proj.weight"] for p in "qkv"]
        q_bias, v_bias = (self._weights[f"{name}.{p}_proj.bias"] for p in "qv")
        qkv = self.node("MatMul", h, self.constant(np.hstack(side_by_side), f"{name}.qkv_proj"))
        no_bias = np.zeros_like(q_bias)  # of the keys: it would move all products of a query alike
        qkv = self.node("Add", qkv, self.constant(np.hstack([q_bias, no_bias, v_bias])))
        attended, *present = attention.cached_attention(
            self, qkv, past, at, n_heads=config.decoder_heads, scale=config.head_size**-0.5
        )
        return self.node("Add", x, self.linear(f"{name}.out_proj", attended)), present

    def decoder_cross_attention(self, name: str, x: str, cross: KeysValues) -> str:
        """(1, n_tokens, D) -> the same shape: tokens attend to all frames."""
        h = self.norm(f"{name}.encoder_attn_layer_norm", x)
        attended = self.cross_attention(f"{name}.encoder_attn", h, cross)
        return self.node("Add", x, self.linear(f"{name}.encoder_attn.out_proj", attended))

    def feed_forward(self, name: str, x: str) -> str:
        """(1, n, D) -> the same shape: each position by itself."""
        h = self.norm(f"{name}.final_layer_norm", x)
        h = self.node("Gelu", self.linear(f"{name}.fc1", h))
        return self.node("Add", x, self.linear(f"{name}.fc2", h))
