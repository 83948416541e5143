"""Speech to text with encoder and decoder: Whisper and Moonshine."""

from typing import Any

import transformers as hf
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from tests.recipes.tiny_folders.family import Family, waveform
from tests.recipes.tiny_folders.text import CORPUS

WHISPER_TOKENS = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|de|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startofprev|>",
    "<|nocaptions|>",
    "<|notimestamps|>",
)
END, START, EN, DE, TRANSLATE, TRANSCRIBE, _, _, NO_TIMESTAMPS = WHISPER_TOKENS
TIMESTAMPS = [f"<|{i / 50:.2f}|>" for i in range(4)]  # of 1,501
MOONSHINE_TOKENS = ["<unk>", "<s>", "</s>"]
MAX_NEW_TOKENS = 12  # 6.5 a second, and 8


def whisper() -> Family:
    """Two languages, two tasks, room for 32 tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=280, initial_alphabet=alphabet)
    )
    tokenizer.add_special_tokens(list(WHISPER_TOKENS))
    tokenizer.add_tokens(TIMESTAMPS)
    ids = {token: tokenizer.token_to_id(token) for token in (*WHISPER_TOKENS, *TIMESTAMPS)}
    config = hf.WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(),
        num_mel_bins=16,
        d_model=16,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        max_target_positions=32,
        pad_token_id=ids[END],
        bos_token_id=ids[END],
        eos_token_id=ids[END],
        decoder_start_token_id=ids[START],
    )
    model = hf.WhisperForConditionalGeneration(config)
    model.generation_config = hf.GenerationConfig(
        max_length=config.max_target_positions,
        pad_token_id=ids[END],
        bos_token_id=ids[END],
        eos_token_id=ids[END],
        decoder_start_token_id=ids[START],
        is_multilingual=True,
        lang_to_id={EN: ids[EN], DE: ids[DE]},
        task_to_id={"transcribe": ids[TRANSCRIBE], "translate": ids[TRANSLATE]},
        no_timestamps_token_id=ids[NO_TIMESTAMPS],
        alignment_heads=[[0, 1], [1, 0], [1, 1]],
        # Random weights would write times, which trained ones do not where none are wanted.
        suppress_tokens=[1, 2, *(ids[t] for t in (*WHISPER_TOKENS[1:], *TIMESTAMPS))],
        begin_suppress_tokens=[tokenizer.token_to_id("Ġ"), ids[END]],
    )
    return Family(
        "automatic-speech-recognition",
        model,
        hf.WhisperFeatureExtractor(feature_size=16),
        waveform(),
        hf.WhisperTokenizerFast(tokenizer_object=tokenizer),
        {"task": "transcribe", "num_beams": 1},  # the language it finds out itself
        louder=("decoder.embed_positions", 8),
        networks=("onnx/encoder_model.onnx", "onnx/decoder_model_merged.onnx"),
    )


def moonshine() -> Family:
    """One layer on each side, the tokenizer with a token for every byte."""
    config = hf.MoonshineConfig(
        vocab_size=len(byte_fallback()),
        hidden_size=18,  # 16 of which turn with the position: 0.9, as in the tiny one
        intermediate_size=24,
        encoder_num_hidden_layers=1,
        decoder_num_hidden_layers=1,
        encoder_num_attention_heads=1,
        decoder_num_attention_heads=1,
        max_position_embeddings=64,
    )
    return Family(
        "automatic-speech-recognition",
        hf.MoonshineForConditionalGeneration(config),
        hf.Wav2Vec2FeatureExtractor(do_normalize=False),
        waveform(),
        byte_fallback(),
        {"max_new_tokens": MAX_NEW_TOKENS, "num_beams": 1},
        louder=("decoder.layers", 4),
        networks=("encoder_model.onnx", "decoder_model.onnx"),
    )


def byte_fallback() -> Any:
    """Letters of the corpus, and bytes for all others."""
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    letters = sorted({"▁", *"".join(CORPUS)} - {" "})
    vocabulary = {piece: i for i, piece in enumerate([*MOONSHINE_TOKENS, *bytes_, *letters])}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True)  # noqa: S106
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens(MOONSHINE_TOKENS)
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",  # noqa: S106
        bos_token="<s>",  # noqa: S106
        eos_token="</s>",  # noqa: S106
    )
