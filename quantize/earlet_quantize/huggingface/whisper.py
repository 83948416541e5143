"""Whisper: a recogniser, and classifiers of sound by its encoder, whose graph stays as published.

Of the recogniser two graphs are written anew, and the ids that its decoding needs are found:

| fact | from |
|---|---|
| sizes of the network | config.json |
| log-mel constants | preprocessor_config.json: WhisperFeatureExtractor, documented defaults |
| ids of the prompt, suppressed tokens | generation_config.json; by default none is suppressed |
| ids of what was said before, and of silence | tokenizer.json, by their names, where it has them |
| heads that follow the sound | generation_config.json `alignment_heads`; the upper half |
| positions | config.json `max_target_positions` |

The range of frequencies and the scaling of the spectrogram cannot be chosen; they are in the source
of WhisperFeatureExtractor (transformers 4.57). Timestamps begin after `no_timestamps_token_id`
(`WhisperTimeStampLogitsProcessor`).
"""

from earlet import tokenizers
from earlet.audio.resample import MAX_RATE_HZ
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface import seq2seq
from earlet_quantize.huggingface.classifier import classifier
from earlet_quantize.huggingface.draft import Draft
from earlet_quantize.huggingface.folder import (
    GENERATION,
    TOKENIZER,
    Facts,
    Folder,
    Variant,
    agree,
)
from earlet_quantize.huggingface.network import Input, read_network
from earlet_quantize.huggingface.speech import extractor
from earlet_quantize.huggingface.tokenizer import read_tokenizer
from earlet_quantize.networks import whisper
from earlet_quantize.networks.encoder_decoder import Head
from earlet_quantize.networks.whisper import WhisperConfig
from earlet_quantize.networks.whisper_weights import from_onnx

LOG_MEL: dict[str, object] = {
    "f_min": 0.0,
    "f_max": 8_000.0,
    "log_floor": 1e-10,
    "dynamic_range": 8.0,
    "mean": -4.0,
    "std": 4.0,
}

NAMED = {  # tokens that have a name and no entry in any file; OpenAI called the first two ways
    "no_speech": ("<|nospeech|>", "<|nocaptions|>"),
    "previous": ("<|startofprev|>",),
}
NOT_SUPPRESSED: dict[str, object] = {"suppress_tokens": (), "begin_suppress_tokens": ()}


def recognise(folder: Folder, config: Facts, variant: Variant) -> Draft:
    """Whisper of any size, English or multilingual."""
    section = log_mel(extractor(folder, "WhisperFeatureExtractor"), config)
    generation = folder.facts(GENERATION).over(NOT_SUPPRESSED)
    tokenizer = read_tokenizer(folder, config)
    ids = decoding(generation, config) | named_tokens(tokenizer)
    config.expect("activation_function", "gelu")
    config.expect("scale_embedding", False)
    counts = {
        "n_mels": config.count("num_mel_bins"),
        "n_vocab": config.count("vocab_size"),
        "d_model": config.count("d_model"),
        "encoder_layers": config.count("encoder_layers", seq2seq.MAX_LAYERS),
        "encoder_heads": config.count("encoder_attention_heads"),
        "encoder_width": config.count("encoder_ffn_dim"),
        "decoder_layers": config.count("decoder_layers", seq2seq.MAX_LAYERS),
        "decoder_heads": config.count("decoder_attention_heads"),
        "decoder_width": config.count("decoder_ffn_dim"),
        "n_frames": config.count("max_source_positions"),
        "n_positions": config.count("max_target_positions"),
    }
    published = seq2seq.read_networks(folder, variant)
    try:
        sizes = WhisperConfig(**counts)
        weights = from_onnx(sizes, *published)
    except FolderError as problem:
        raise FolderError(f"{folder.path}: {problem}") from None
    heads = alignment_heads(generation, sizes)
    networks = seq2seq.Networks(
        whisper.encoder(sizes, weights), whisper.decoder(sizes, weights, heads)
    )
    return seq2seq.recogniser(networks, tokenizer, section, ids)


def classify(folder: Folder, config: Facts, variant: Variant) -> Draft:
    """A classifier of 30 s, by Whisper's encoder."""
    section = log_mel(extractor(folder, "WhisperFeatureExtractor"), config)
    features = Input("features", 3, transposed=True)
    network = read_network(folder, variant, {"input_features": features})
    return classifier("audio-classification", section, config, network)


def log_mel(facts: Facts, config: Facts) -> dict[str, object]:
    """The bundle's `input` section."""
    agree(facts, "feature_size", config, "num_mel_bins")
    rate, hop = facts.count("sampling_rate", MAX_RATE_HZ), facts.count("hop_length")
    seconds = facts.count("chunk_length")
    n_frames = 2 * config.count("max_source_positions")  # halved by the second convolution
    if seconds * rate != n_frames * hop:
        facts.refuse("chunk_length", f"{n_frames} frames, as config.json's max_source_positions")
    return {
        "kind": "log-mel",
        "sample_rate": rate,
        "n_fft": facts.count("n_fft"),
        "hop_length": hop,
        "n_mels": facts.count("feature_size"),
        "pad_seconds": float(seconds),
        **LOG_MEL,
    }


def decoding(generation: Facts, config: Facts) -> dict[str, object]:
    """The bundle's `decoding` section."""
    no_timestamps = generation.get("no_timestamps_token_id", int)
    ids: dict[str, object] = {
        "bos": generation.get("decoder_start_token_id", int),
        "eos": generation.get("eos_token_id", int),
        "no_timestamps": no_timestamps,
        "timestamp_begin": no_timestamps + 1,
        "suppress": generation.get("suppress_tokens", tuple[int, ...]),
        "begin_suppress": generation.get("begin_suppress_tokens", tuple[int, ...]),
        "max_tokens": config.count("max_target_positions"),
    }
    if generation.get("is_multilingual", bool):
        languages = generation.get("lang_to_id", dict[str, int])
        ids["languages"] = {name.strip("<|>"): token for name, token in languages.items()}
        ids["tasks"] = generation.get("task_to_id", dict[str, int])
    return ids


def named_tokens(tokenizer: bytes) -> dict[str, object]:
    """Those of NAMED that a tokenizer.json has."""
    pieces = tokenizers.detokenizer_from_json(tokenizer.decode(), TOKENIZER)
    return {
        key: token
        for key, names in NAMED.items()
        for token in map(pieces.id_of, names)
        if token is not None
    }


def alignment_heads(generation: Facts, sizes: WhisperConfig) -> tuple[Head, ...] | None:
    """The cross-attention's heads that follow the sound; None where the file does not tell."""
    key = "alignment_heads"
    if key not in generation:
        return None
    pairs = generation.get(key, tuple[tuple[int, ...], ...])
    known = {(i, j) for i in range(sizes.decoder_layers) for j in range(sizes.decoder_heads)}
    if not pairs or len({*pairs}) < len(pairs) or not known.issuperset(pairs):
        generation.refuse(
            key,
            f"[layer, head] of {sizes.decoder_layers} layers with {sizes.decoder_heads} heads, "
            "each once",
        )
    return tuple(Head(*pair) for pair in sorted(pairs))
