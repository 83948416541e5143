"""Make `tests/golden/ctranslate2`: a tiny random Whisper, converted by CTranslate2 itself.

    pip install ctranslate2==4.8.5 torch==2.13.0 transformers==4.57.6
    python tests/recipes/ctranslate2_whisper.py

`model.bin` is what faster-whisper would load, in float16; `weights.npz` has what was converted, by
the names of transformers.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import transformers as hf
from ctranslate2.converters import TransformersConverter

GOLDEN = Path(__file__).parents[1] / "golden"
TOKENIZER = GOLDEN / "huggingface" / "whisper"  # which the converter reads, too
N_VOCAB = 291


def main() -> None:
    """Write both files."""
    torch.manual_seed(0)
    model = hf.WhisperForConditionalGeneration(
        hf.WhisperConfig(
            vocab_size=N_VOCAB,
            num_mel_bins=5,
            d_model=16,
            encoder_layers=1,
            decoder_layers=2,
            encoder_attention_heads=1,
            decoder_attention_heads=2,
            encoder_ffn_dim=12,
            decoder_ffn_dim=10,
            max_source_positions=7,
            max_target_positions=6,
            pad_token_id=280,
            bos_token_id=280,
            eos_token_id=280,
            decoder_start_token_id=281,
        )
    )
    for weight in model.parameters():  # norms and biases, too, which start as ones and zeros
        weight.data.normal_()
    with TemporaryDirectory() as scratch:
        folder, out = Path(scratch) / "hf", Path(scratch) / "ct2"
        shutil.copytree(TOKENIZER, folder)
        model.save_pretrained(folder)
        TransformersConverter(str(folder), load_as_float16=True).convert(
            str(out), quantization="float16"
        )
        shutil.copy(out / "model.bin", GOLDEN / "ctranslate2" / "model.bin")
    weights = {name.removeprefix("model."): w.numpy() for name, w in model.state_dict().items()}
    del weights["proj_out.weight"]  # the embedding again
    np.savez_compressed(GOLDEN / "ctranslate2" / "weights.npz", **weights)


if __name__ == "__main__":
    main()
