"""Sound: wav2vec2, HuBERT, AST."""

import json
import tempfile
from pathlib import Path
from typing import Any

import transformers as hf

from tests.recipes.tiny_folders.family import Family, transformer, waveform, with_labels


def convolutional(name: str, head: str, **more: Any) -> Family:
    """wav2vec2 or HuBERT, with a frame for every 80 samples."""
    config = getattr(hf, f"{name}Config")(
        **transformer(),
        conv_dim=(16, 16, 16),
        conv_kernel=(10, 8, 4),
        conv_stride=(5, 4, 4),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=16,
        **more,
    )
    model = getattr(hf, f"{name}For{head}")(config)
    extractor = hf.Wav2Vec2FeatureExtractor(do_normalize=name == "Wav2Vec2")
    if head != "CTC":
        return Family("audio-classification", model, extractor, waveform())
    return Family("automatic-speech-recognition", model, extractor, waveform(), characters())


def characters() -> Any:
    """The 32 tokens of wav2vec2-base-960h, in alphabetical order."""
    pieces = ["<pad>", "<s>", "</s>", "<unk>", "|", "'", *(chr(ord("A") + i) for i in range(26))]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vocab.json"
        file.write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
        return hf.Wav2Vec2CTCTokenizer(str(file))


def spectrogram() -> Family:
    """AST, for more frames than the clip's 73."""
    config = hf.ASTConfig(
        **transformer(), **with_labels(), max_length=90, frequency_stride=16, time_stride=16
    )
    extractor = hf.ASTFeatureExtractor(max_length=90)
    model = hf.ASTForAudioClassification(config)
    return Family("audio-classification", model, extractor, waveform())
