"""Whisper's weights, from the forms in which people have them.

    ONNX, as optimum and transformers.js write it    from_onnx
    CTranslate2, as faster-whisper loads it          from_ctranslate2

Names are those of transformers' `WhisperForConditionalGeneration`, without `model.` in front:
`decoder.layers.0.encoder_attn.q_proj.weight`. Matrices are (n_in, n_out), as products take them.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.errors import FolderError
from earlet_quantize.networks.ctranslate2 import Variables
from earlet_quantize.networks.modules import Shapes, Weights, select, weights_by_module
from earlet_quantize.networks.whisper import KERNEL, WhisperConfig

# The head is the embedding, or is meant to be: int8 forms may round each by itself.
TIED_WITHIN = 0.02  # of the largest weight: rounding to int8 gives 0.004


def from_onnx(config: WhisperConfig, encoder: onnx.ModelProto, decoder: onnx.ModelProto) -> Weights:
    """Of two published graphs, float or int8; `decoder` is that of the first step, or merged.

    Raises:
        FolderError: when a weight is missing or has another shape than `config` says.
    """
    weights: dict[str, FloatArray] = {}
    for half, model in (("encoder", encoder), ("decoder", decoder)):
        for name, array in weights_by_module(model.graph).items():
            module = name.removeprefix("model.").removeprefix(f"{half}.")
            # Exporters fold the encoder's positions into an addition outside of all modules.
            weights[f"{half}.{'embed_positions.weight' if module == 'weight' else module}"] = array
    return _checked(config, weights)


def from_ctranslate2(variables: Variables) -> tuple[WhisperConfig, Weights]:
    """Of the variables of `model.bin`, which tell the sizes, too.

    Raises:
        FolderError: when a weight is missing, or was stored in int8.
    """
    try:
        weights = {
            module: part for name in variables for module, part in _renamed(name, variables[name])
        }
        layers = [name.split(".")[0] for name in weights if name.endswith(".fc1.bias")]
        n_vocab, d_model = weights["decoder.embed_tokens.weight"].shape
        config = WhisperConfig(
            n_mels=weights["encoder.conv1.weight"].shape[1],
            n_vocab=n_vocab,
            d_model=d_model,
            encoder_layers=layers.count("encoder"),
            encoder_heads=int(variables["encoder/num_heads"]),
            encoder_width=weights["encoder.layers.0.fc1.bias"].size,
            decoder_layers=layers.count("decoder"),
            decoder_heads=int(variables["decoder/num_heads"]),
            decoder_width=weights["decoder.layers.0.fc1.bias"].size,
            n_frames=len(weights["encoder.embed_positions.weight"]),
            n_positions=len(weights["decoder.embed_positions.weight"]),
        )
    except FolderError as problem:
        raise FolderError(f"model.bin: {problem}") from None
    except (KeyError, IndexError, TypeError, ValueError) as problem:
        raise FolderError(f"model.bin: expected a Whisper network: {problem!r}") from None
    return config, _checked(config, weights)


# Modules of CTranslate2, and those of transformers that its matrices hold side by side.
_TOP = {
    "conv1": ["conv1"],
    "conv2": ["conv2"],
    "layer_norm": ["layer_norm"],
    "position_encodings": ["embed_positions"],
    "embeddings": ["embed_tokens"],
}
_LAYER = {
    "self_attention/layer_norm": ["self_attn_layer_norm"],
    "self_attention/linear_0": [f"self_attn.{p}_proj" for p in "qkv"],
    "self_attention/linear_1": ["self_attn.out_proj"],
    "attention/layer_norm": ["encoder_attn_layer_norm"],
    "attention/linear_0": ["encoder_attn.q_proj"],
    "attention/linear_1": [f"encoder_attn.{p}_proj" for p in "kv"],
    "attention/linear_2": ["encoder_attn.out_proj"],
    "ffn/layer_norm": ["final_layer_norm"],
    "ffn/linear_0": ["fc1"],
    "ffn/linear_1": ["fc2"],
}
_PARAMETERS = {
    "weight": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "encodings": "weight",
}


def _renamed(name: str, array: AnyArray) -> Iterator[tuple[str, FloatArray]]:
    """A variable of CTranslate2 as one weight or several; none where it is no weight."""
    half, *path, parameter = name.split("/")
    table: Mapping[str, list[str]] = _TOP
    prefix = half
    if path and path[0].startswith("layer_") and path[0] != "layer_norm":
        prefix, table = f"{half}.layers.{path.pop(0).removeprefix('layer_')}", _LAYER
    modules = table.get("/".join(path), [])
    if not modules or parameter not in _PARAMETERS:
        return
    if array.dtype.kind != "f":
        raise FolderError(f"{name}: expected float weights, got {array.dtype}")
    for module, part in zip(modules, np.split(array, len(modules)), strict=True):
        is_matrix = table is _LAYER and part.ndim == 2
        yield (
            f"{prefix}.{module}.{_PARAMETERS[parameter]}",
            np.asarray(part.T if is_matrix else part, dtype=np.float32),
        )


def _checked(config: WhisperConfig, weights: Weights) -> Weights:
    """Just the weights that the network has."""
    expected = _shapes(config)
    checked = select(weights, expected)
    for name in weights.keys() - expected.keys():
        if name.endswith("k_proj.bias") and weights[name].any():
            raise FolderError(f"{name}: expected none, for Whisper's keys have no bias")
    head = weights.get("decoder.proj_out.weight")
    if head is not None:
        embedding = weights["decoder.embed_tokens.weight"].T
        if (
            head.shape != embedding.shape
            or np.abs(head - embedding).max() > TIED_WITHIN * np.abs(embedding).max()
        ):
            raise FolderError(
                "decoder.proj_out.weight: expected the embedding again, as in every Whisper"
            )
    return checked


def _shapes(config: WhisperConfig) -> Shapes:
    """Every weight of the network."""
    d = config.d_model
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.conv1.weight": (d, config.n_mels, KERNEL),
        "encoder.conv1.bias": (d,),
        "encoder.conv2.weight": (d, d, KERNEL),
        "encoder.conv2.bias": (d,),
        "encoder.embed_positions.weight": (config.n_frames, d),
        "decoder.embed_positions.weight": (config.n_positions, d),
        "decoder.embed_tokens.weight": (config.n_vocab, d),
    }
    for half, n_layers, width in (
        ("encoder", config.encoder_layers, config.encoder_width),
        ("decoder", config.decoder_layers, config.decoder_width),
    ):
        norms = ["layer_norm"]
        for layer in (f"layers.{i}" for i in range(n_layers)):
            attentions = ["self_attn", "encoder_attn"] if half == "decoder" else ["self_attn"]
            norms += [f"{layer}.{part}_layer_norm" for part in (*attentions, "final")]
            for projection in (f"{a}.{p}" for a in attentions for p in ("q", "k", "v", "out")):
                shapes[f"{half}.{layer}.{projection}_proj.weight"] = (d, d)
                if not projection.endswith(".k"):
                    shapes[f"{half}.{layer}.{projection}_proj.bias"] = (d,)
            for module, n_in, n_out in (("fc1", d, width), ("fc2", width, d)):
                shapes[f"{half}.{layer}.{module}.weight"] = (n_in, n_out)
                shapes[f"{half}.{layer}.{module}.bias"] = (n_out,)
        for norm in norms:
            shapes[f"{half}.{norm}.weight"] = shapes[f"{half}.{norm}.bias"] = (d,)
    return shapes
