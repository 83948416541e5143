"""Whisper's graphs in int8: which passes, in which order, and what stays float.

Products are int8, with activations rounded as they come; so are the scores of the encoder's
attention. Float stay probabilities of attention and their product with the values, the decoder's
attention, norms, and everything else that has no weights.

Of tiny.en: smoothing takes the encoder's error from -20 to -25 dB of what it gives. The head is one
product. In two stages (`passes.head`) it is no faster where the processor's cache holds it, and the
coarse scores are too coarse for 8 candidates: 17.6 % of words are wrong instead of 14.1.
"""

from collections.abc import Iterable

import onnx

from earlet.arrays import FloatArray
from earlet_quantize.passes.im2col import convolutions_as_products
from earlet_quantize.passes.instance_norm import norms_by_instance
from earlet_quantize.passes.integer_scores import integer_scores
from earlet_quantize.passes.smooth import channel_maxima, smooth
from earlet_quantize.schemes.dynamic import quantize_matmuls


def quantize_encoder(
    encoder: onnx.ModelProto, calibration: Iterable[FloatArray], head_size: int
) -> None:
    """In place.

    Args:
        encoder: as `networks.whisper.encoder` writes it.
        calibration: log-mel features of speech, (2 * n_frames, n_mels) each.
        head_size: of its attention, 64 in all that are published.

    Raises:
        DataError: when there are none.
    """
    convolutions_as_products(encoder)
    norms_by_instance(encoder)
    smooth(encoder, channel_maxima(encoder, ({"features": x[None]} for x in calibration)))
    integer_scores(encoder, head_size)
    quantize_matmuls(encoder)


def quantize_decoder(decoder: onnx.ModelProto) -> None:
    """In place; `decoder` as `networks.whisper.decoder` writes it."""
    quantize_matmuls(decoder)
