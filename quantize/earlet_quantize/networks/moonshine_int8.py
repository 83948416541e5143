"""Moonshine's graphs in int8: which passes, in which order, and what stays float.

Products are int8, with activations rounded as they come, and so are the second and the third
convolution. Float stay the first convolution, a thirtieth of the time, attention, norms, and
everything else that has no weights.

What the convolutions take is hundreds of times louder at some moments than at others: with one
scale for all of it, 75 % of the words of Moonshine tiny are wrong, and 12 % with scaled rows, as in
float. Smoothing then halves what noise is left in the encoder's other products.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import onnx

from earlet.arrays import FloatArray
from earlet_quantize.networks.stepwise import Rebuilt, greedy, head_states
from earlet_quantize.passes.head import two_stage_head
from earlet_quantize.passes.im2col import convolutions_as_products
from earlet_quantize.passes.row_scale import scale_rows
from earlet_quantize.passes.smooth import channel_maxima, smooth
from earlet_quantize.schemes.dynamic import quantize_matmuls

# Matrices as `convolutions_as_products` names them.
FLOAT_CONVOLUTIONS = ("conv1.0", "conv1.1")
INT8_CONVOLUTIONS = ("conv2.0", "conv2.1", "conv2.2", "conv3.0", "conv3.1")
PIECE_SAMPLES = 16_000  # a second: time for a word or two
NOISE_LEVEL = np.float32(0.1)  # its standard deviation, as in `decoding.phrases.prior`
PIECE_TOKENS = 14  # of a piece: as many as a bundle allows a second of sound


def quantize_encoder(encoder: onnx.ModelProto, calibration: Iterable[FloatArray]) -> None:
    """In place.

    Args:
        encoder: as `networks.moonshine.encoder` writes it.
        calibration: clips of speech, (n_samples,) each.

    Raises:
        DataError: when there are no clips.
    """
    convolutions_as_products(encoder)
    scale_rows(encoder, nodes_with(encoder, *INT8_CONVOLUTIONS))
    stays_float = nodes_with(encoder, *FLOAT_CONVOLUTIONS)
    maxima = channel_maxima(encoder, ({"waveform": clip[None]} for clip in calibration))
    smooth(encoder, maxima, exclude=stays_float)
    quantize_matmuls(encoder, exclude=stays_float)


def quantize_decoder(decoder: onnx.ModelProto, states: FloatArray) -> None:
    """In place.

    Args:
        decoder: as `networks.moonshine.decoder` writes it.
        states: what its head is given along real texts, (n, D), as `written` has it.
    """
    quantize_matmuls(decoder, exclude=nodes_with(decoder, "embedding"))
    two_stage_head(decoder, states)


def written(
    network: Rebuilt, clips: Sequence[FloatArray], *, bos: int, eos: int, max_tokens: int
) -> FloatArray:
    """What the head is given while the float network writes down clips and pieces of them, (n, D).

    Single words have other states than sentences, and the texts of pieces are also taken where
    there is only noise: how probable a text is there, typed commands are compared with.
    """
    pieces = [
        clip[start : start + PIECE_SAMPLES]
        for clip in clips
        for start in range(0, len(clip) - PIECE_SAMPLES, 2 * PIECE_SAMPLES)
    ]
    texts = [
        [bos, *greedy(network, piece, bos=bos, eos=eos, max_tokens=PIECE_TOKENS)]
        for piece in pieces
    ]
    noise = np.random.default_rng(0).standard_normal(PIECE_SAMPLES, dtype=np.float32)
    return np.concatenate(
        [
            head_states(network, clips, bos=bos, eos=eos, max_tokens=max_tokens),
            *map(network.states, pieces, texts),
            *(network.states(NOISE_LEVEL * noise, text) for text in texts),
        ]
    )


def nodes_with(model: onnx.ModelProto, *arrays: str) -> list[str]:
    """The names of the nodes that take one of these arrays."""
    return [node.name for node in model.graph.node if not set(arrays).isdisjoint(node.input)]
