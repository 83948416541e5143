"""OpenAI's Whisper from CTranslate2's weights: the same network, by other names."""

from pathlib import Path

import torch
from whisper import Whisper
from whisper.model import ModelDimensions

from earlet.arrays import FloatArray
from earlet_quantize.networks.ctranslate2 import read_variables
from earlet_quantize.networks.whisper_weights import from_ctranslate2

# What transformers calls a module, and OpenAI's `whisper/model.py`; replaced in this order.
NAMES = {
    ".layers.": ".blocks.",
    "self_attn_layer_norm": "attn_ln",
    "encoder_attn_layer_norm": "cross_attn_ln",
    "final_layer_norm": "mlp_ln",
    "self_attn": "attn",
    "encoder_attn": "cross_attn",
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "out_proj": "out",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
    "encoder.layer_norm": "encoder.ln_post",
    "decoder.layer_norm": "decoder.ln",
    "embed_tokens": "token_embedding",
    "embed_positions.weight": "positional_embedding",
}


def load(path: Path) -> Whisper:
    """The network of a `model.bin`, in float32, ready."""
    config, weights = from_ctranslate2(read_variables(path.read_bytes(), path.name))
    model = Whisper(
        ModelDimensions(
            n_mels=config.n_mels,
            n_audio_ctx=config.n_frames,
            n_audio_state=config.d_model,
            n_audio_head=config.encoder_heads,
            n_audio_layer=config.encoder_layers,
            n_vocab=config.n_vocab,
            n_text_ctx=config.n_positions,
            n_text_state=config.d_model,
            n_text_head=config.decoder_heads,
            n_text_layer=config.decoder_layers,
        )
    )
    model.load_state_dict(dict(_renamed(*weight) for weight in weights.items()))
    return model.eval()


def _renamed(name: str, weight: FloatArray) -> tuple[str, torch.Tensor]:
    """A weight as PyTorch has it: a layer's matrix is (n_out, n_in)."""
    is_matrix = ".layers." in name and weight.ndim == 2
    for theirs, openai in NAMES.items():
        name = name.replace(theirs, openai)
    return name, torch.tensor(weight.T if is_matrix else weight)
