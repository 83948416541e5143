"""Moonshine's weights, from its published ONNX graphs, float or int8.

Names are those of the authors' own export, without `model.` in front:
`decoder.layers.0.encoder_attn.q_proj.weight`; transformers calls some modules otherwise. Matrices
are (n_in, n_out), as products take them.
"""

import onnx

from earlet_quantize.networks.modules import Shapes, Weights, select, weights_by_module
from earlet_quantize.networks.moonshine import WIDTHS, MoonshineConfig


def from_onnx(
    config: MoonshineConfig, encoder: onnx.ModelProto, decoder: onnx.ModelProto
) -> Weights:
    """Of two published graphs; `decoder` is that of the first step, or merged.

    Raises:
        FolderError: when a weight is missing or has another shape than `config` says.
    """
    found = {f"encoder.{name}": w for name, w in weights_by_module(encoder.graph).items()}
    for name, weight in weights_by_module(decoder.graph).items():
        found[name.removeprefix("model.")] = weight
    found = {_name(name): weight for name, weight in found.items()}
    for name in found.keys() & {"encoder.groupnorm.weight", "encoder.groupnorm.bias"}:
        found[name] = found[name].squeeze()  # exported as a column, (D, 1)
    return select(found, _shapes(config))


def _name(name: str) -> str:
    """A weight of transformers' `MoonshineForConditionalGeneration` as the authors call it."""
    name = name.replace(".o_proj.", ".dense.")
    if name.startswith("decoder."):
        name = name.replace(".mlp.fc1.", ".mlp.up_proj.").replace(".mlp.fc2.", ".mlp.down_proj.")
    return name


def _shapes(config: MoonshineConfig) -> Shapes:
    """Every weight of the network."""
    d, width = config.d_model, config.width
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.conv1.weight": (d, 1, WIDTHS[0]),
        "encoder.groupnorm.weight": (d,),
        "encoder.groupnorm.bias": (d,),
        "encoder.conv2.weight": (2 * d, d, WIDTHS[1]),
        "encoder.conv2.bias": (2 * d,),
        "encoder.conv3.weight": (d, 2 * d, WIDTHS[2]),
        "encoder.conv3.bias": (d,),
        "encoder.layer_norm.weight": (d,),
        "decoder.embed_tokens.weight": (config.n_vocab, d),
        "decoder.norm.weight": (d,),
    }
    for layer in (f"encoder.layers.{i}" for i in range(config.encoder_layers)):
        shapes |= _attention(f"{layer}.self_attn", d) | {
            f"{layer}.input_layernorm.weight": (d,),
            f"{layer}.post_attention_layernorm.weight": (d,),
            f"{layer}.mlp.fc1.weight": (d, width),
            f"{layer}.mlp.fc1.bias": (width,),
            f"{layer}.mlp.fc2.weight": (width, d),
            f"{layer}.mlp.fc2.bias": (d,),
        }
    for layer in (f"decoder.layers.{i}" for i in range(config.decoder_layers)):
        shapes |= _attention(f"{layer}.self_attn", d) | _attention(f"{layer}.encoder_attn", d)
        shapes |= {
            f"{layer}.input_layernorm.weight": (d,),
            f"{layer}.post_attention_layernorm.weight": (d,),
            f"{layer}.final_layernorm.weight": (d,),
            f"{layer}.mlp.up_proj.weight": (d, 2 * width),
            f"{layer}.mlp.up_proj.bias": (2 * width,),
            f"{layer}.mlp.down_proj.weight": (width, d),
            f"{layer}.mlp.down_proj.bias": (d,),
        }
    return shapes


def _attention(name: str, d: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{module}.weight": (d, d) for module in ("q_proj", "k_proj", "v_proj", "dense")}
