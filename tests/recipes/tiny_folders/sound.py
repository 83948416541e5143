"""Sound: wav2vec2 and those built like it, AST, Whisper's encoder."""

import json
import tempfile
from pathlib import Path
from typing import Any

import transformers as hf

from tests.recipes.tiny_folders.family import Family, transformer, waveform, with_labels


def convolutional(name: str, head: str, **more: Any) -> Family:
    """wav2vec2 or one built like it, with a frame for every 80 samples."""
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


def encoder() -> Family:
    """Whisper's encoder with a head, and all of its 30 s."""
    config = hf.WhisperConfig(
        **with_labels(),
        num_mel_bins=16,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        encoder_ffn_dim=24,
        vocab_size=8,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=0,
        classifier_proj_size=16,
        is_encoder_decoder=False,  # nothing is written
    )
    model = hf.WhisperForAudioClassification(config)
    extractor = hf.WhisperFeatureExtractor(feature_size=16)
    return Family("audio-classification", model, extractor, waveform())
