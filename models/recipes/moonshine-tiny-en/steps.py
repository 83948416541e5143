"""What each pass makes of the networks, one after the other, on the way to the bundle's."""

from collections.abc import Iterator
from pathlib import Path

import onnx
from make import read_clips, rebuild

from earlet_quantize.graph import save
from earlet_quantize.networks.moonshine_int8 import (
    FLOAT_CONVOLUTIONS,
    INT8_CONVOLUTIONS,
    nodes_with,
    quantize_encoder,
)
from earlet_quantize.passes.im2col import convolutions_as_products
from earlet_quantize.passes.row_scale import scale_rows
from earlet_quantize.schemes.dynamic import quantize_matmuls


def write_steps(
    scratch: Path, published: tuple[bytes, bytes], calibration: Path
) -> Iterator[tuple[str, list[Path]]]:
    """Each step's name, and its encoder and decoder in `scratch`.

    Args:
        scratch: a folder for the files.
        published: the float encoder and decoder.
        calibration: a folder of clips, for the last step.
    """
    models = rebuild(*published)
    clips = list(read_clips(calibration).values())
    for name, encoder_pass, decoder_pass in (
        ("rebuilt, float32", _nothing, _nothing),
        ("+ products in int8", quantize_matmuls, quantize_matmuls),
        ("+ convolutions in int8", _with_convolutions, quantize_matmuls),
        ("+ rows of one size", _with_rows, quantize_matmuls),
        ("+ smoothing", lambda model: quantize_encoder(model, clips), quantize_matmuls),
    ):
        paths = [scratch / f"{half}.{name}.onnx" for half in ("encoder", "decoder")]
        for path, model, change in zip(paths, models, (encoder_pass, decoder_pass), strict=True):
            changed = onnx.ModelProto()
            changed.CopyFrom(model)
            change(changed)
            save(changed, path)
        yield name, paths


def _nothing(_: onnx.ModelProto) -> None:
    pass


def _with_convolutions(encoder: onnx.ModelProto) -> None:
    convolutions_as_products(encoder)
    quantize_matmuls(encoder, exclude=nodes_with(encoder, *FLOAT_CONVOLUTIONS))


def _with_rows(encoder: onnx.ModelProto) -> None:
    convolutions_as_products(encoder)
    scale_rows(encoder, nodes_with(encoder, *INT8_CONVOLUTIONS))
    quantize_matmuls(encoder, exclude=nodes_with(encoder, *FLOAT_CONVOLUTIONS))
