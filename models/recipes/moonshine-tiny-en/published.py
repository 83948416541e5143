"""What Useful Sensors published: the packages, and the weights in them by module name."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from earlet_quantize.graph import initializers
from earlet_quantize.sources import fetch_npm, fetch_wheel, read_member

# The float32 networks, exported by their authors. MIT.
NETWORKS = "@usefulsensors/moonshine-js@0.1.2"
NETWORKS_ARCHIVE = "usefulsensors-moonshine-js-0.1.2.tgz"
ENCODER = "package/dist/model/tiny/float/encoder_model.onnx"
ENCODER_SHA256 = "cbbf580f703b2af2137e0f6d14cd87f31cc67bd858bfd8715403a9489982d1a5"
DECODER = "package/dist/model/tiny/float/decoder_model_merged.onnx"
DECODER_SHA256 = "4131cef00b62942e9cdef691101f2cc7dbbcd828d71eee8c6c46c28fd051d6cb"

# The tokenizer and the licence's text. MIT.
TOKENIZER_PACKAGE = "useful-moonshine-onnx==20251121"
TOKENIZER_ARCHIVE = "useful_moonshine_onnx-20251121-py3-none-any.whl"
TOKENIZER = "moonshine_onnx/assets/tokenizer.json"
TOKENIZER_SHA256 = "b68b995a58b3373db6c4f46864a9db50cd1333d086150ffa2c1096581ede9c10"
LICENSE = "useful_moonshine_onnx-20251121.dist-info/LICENSE"
LICENSE_SHA256 = "29f60769d1779eb7e196d96b8d2dd471d0263cf8200c79e55c0c00183971ee1b"

Weights = dict[str, npt.NDArray[np.float32]]


def fetch_networks(cache: Path) -> tuple[bytes, bytes]:
    """The published encoder and decoder, as files of ONNX."""
    archive = fetch_npm(NETWORKS, cache, NETWORKS_ARCHIVE)
    return (
        read_member(archive, ENCODER, sha256=ENCODER_SHA256),
        read_member(archive, DECODER, sha256=DECODER_SHA256),
    )


def fetch_tokenizer(cache: Path) -> tuple[bytes, bytes]:
    """The published `tokenizer.json` and licence."""
    archive = fetch_wheel(TOKENIZER_PACKAGE, cache, TOKENIZER_ARCHIVE)
    return (
        read_member(archive, TOKENIZER, sha256=TOKENIZER_SHA256),
        read_member(archive, LICENSE, sha256=LICENSE_SHA256),
    )


def read_weights(encoder: bytes, decoder: bytes) -> Weights:
    """The weights of both networks, by module: `decoder.layers.0.self_attn.q_proj.weight`.

    The exporter kept no names for matrices, so a weight is named after the node that uses it:
    `/layers.0/mlp/fc1/Add` adds `layers.0.mlp.fc1.bias`. Matrices are stored (n_in, n_out).
    """
    graph = onnx.load_model_from_string(encoder).graph
    weights = {f"encoder.{k}": v for k, v in _by_module(graph, initializers(graph)).items()}
    merged = onnx.load_model_from_string(decoder).graph
    # Both branches of the decoder's `If` share the outer graph's arrays. The one for the first step
    # also holds the projections of the encoder's states.
    (first_step,) = (a.g for a in merged.node[0].attribute if a.name == "else_branch")
    stored = initializers(merged) | initializers(first_step)
    weights |= {k.removeprefix("model."): v for k, v in _by_module(first_step, stored).items()}
    return weights


def _by_module(graph: onnx.GraphProto, stored: dict[str, npt.NDArray[Any]]) -> Weights:
    """Arrays of more than one value that the graph's nodes use, by `module.weight` or `.bias`."""
    weights: Weights = {}
    for node in graph.node:
        module, _, operator = node.name.lstrip("/").replace("/", ".").rpartition(".")
        arrays = [stored[name] for name in node.input if name in stored and stored[name].size > 1]
        if operator in ("MatMul", "Mul", "Gather"):
            weights.update({f"{module}.weight": array for array in arrays})
        elif operator == "Add":
            weights.update({f"{module}.bias": array for array in arrays})
        elif operator == "Conv":
            weights.update(zip((f"{module}.weight", f"{module}.bias"), arrays, strict=False))
    return weights
