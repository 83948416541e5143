"""What Whisper and Moonshine have in common: two networks, a tokenizer, streams in utterances.

The published graphs are read for their weights alone, see `earlet_quantize.networks`: what was
quantized becomes float again, to be quantized anew by `earlet-quantize quantize`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import onnx

from earlet_quantize.huggingface.draft import UTTERANCES, Draft
from earlet_quantize.huggingface.folder import TOKENIZER, Folder, Variant
from earlet_quantize.model_file import read_model

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"  # their names in the bundle
DECODERS = ("decoder_model", "decoder_model_merged")  # the first step's, alone or merged
MAX_LAYERS = 1_000  # of one network; large ones have 32


class Networks(NamedTuple):
    """Encoder and decoder."""

    encoder: onnx.ModelProto
    decoder: onnx.ModelProto


def read_networks(folder: Folder, variant: Variant) -> Networks:
    """The published graphs.

    Raises:
        FolderError: when one is not there.
        ModelFileError: when one cannot be read.
    """
    return Networks(
        read_model(folder.network(variant, "encoder_model")),
        read_model(folder.network(variant, *DECODERS)),
    )


def recogniser(
    networks: Networks,
    tokenizer: bytes,
    section: Mapping[str, object],
    decoding: Mapping[str, object],
) -> Draft:
    """A bundle of two networks that were written anew; `section` is its `input`."""
    return Draft(
        task="automatic-speech-recognition",
        model={
            "architecture": "encoder-decoder",
            "backend": "onnxruntime",
            "encoder": ENCODER,
            "decoder": DECODER,
        },
        input=section,
        output={"tokenizer": {"kind": "bpe", "file": TOKENIZER}},
        decoding=decoding,
        streaming=UTTERANCES,
        files={
            ENCODER: networks.encoder.SerializeToString(deterministic=True),
            DECODER: networks.decoder.SerializeToString(deterministic=True),
            TOKENIZER: tokenizer,
        },
    )
