"""Sound: wav2vec2 and those built like it (recognisers of characters, classifiers), and AST.

| class | facts |
|---|---|
| Wav2Vec2FeatureExtractor | sampling_rate, do_normalize; feature_size must be 1 |
| ASTFeatureExtractor | num_mel_bins, max_length, mean, std, do_normalize; sampling_rate 16000 |
| Wav2Vec2CTCTokenizer | its five tokens, do_lower_case; ids from vocab.json and added_tokens.json |

All have documented defaults. What ASTFeatureExtractor does not let anybody choose stands here as
constants, from its source in transformers 4.57: a Hann window, 25 ms every 10 ms, clips filled up
with zeros before `mean` is subtracted, division by twice `std`.

A classifier's clips are cut as `streaming/windows.py` tells: into windows of `max_length` frames,
where there is such a number. wav2vec2 has none, and its attention takes memory by the square of a
clip's length: half a minute is heard at once, as long as a recogniser's utterances are.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from earlet.audio.resample import MAX_RATE_HZ
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.classifier import classifier
from earlet_quantize.huggingface.draft import UTTERANCES, Draft
from earlet_quantize.huggingface.folder import (
    PREPROCESSOR,
    TOKENIZER_CONFIG,
    Facts,
    Folder,
    Variant,
    agree,
    encode,
)
from earlet_quantize.huggingface.network import FILE, Input, read_network

VOCABULARY, ADDED = "vocab.json", "added_tokens.json"
DEFAULTS: dict[str, dict[str, object]] = {  # of the classes, as transformers documents them
    "Wav2Vec2FeatureExtractor": {"feature_size": 1, "sampling_rate": 16_000, "do_normalize": True},
    "WhisperFeatureExtractor": {
        "feature_size": 80,
        "sampling_rate": 16_000,
        "hop_length": 160,
        "chunk_length": 30,
        "n_fft": 400,
    },
    "ASTFeatureExtractor": {
        "sampling_rate": 16_000,
        "num_mel_bins": 128,
        "max_length": 1024,
        "mean": -4.2677393,
        "std": 4.5689974,
        "do_normalize": True,
    },
}
CTC_TOKENIZERS = ("Wav2Vec2CTCTokenizer", "Wav2Vec2Tokenizer")  # the second is its old name
CTC_DEFAULTS: dict[str, object] = {
    "tokenizer_class": CTC_TOKENIZERS[0],
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "word_delimiter_token": "|",
    "replace_word_delimiter_char": " ",
    "do_lower_case": False,
}
SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token")
CLIP_S = 30.0  # of a classifier for clips of any length; see above
AST_FBANK: dict[str, object] = {
    "win_length": 400,
    "hop_length": 160,
    "n_fft": 512,
    "f_min": 20.0,
    "f_max": 8_000.0,
    "window": "hann-symmetric",
}


def classify_waveform(folder: Folder, config: Facts, variant: Variant) -> Draft:
    """A classifier that is built as wav2vec2."""
    network = read_network(folder, variant, {"input_values": Input("waveform", 2)})
    draft = classifier("audio-classification", waveform(folder), config, network)
    note = f"{config.where}: has no longest clip; one of more than {CLIP_S:g} s is heard in windows"
    return replace(
        draft,
        decoding={"window_s": CLIP_S, "min_samples": least_samples(config)},
        notes=(*draft.notes, note),
    )


def classify_spectrogram(folder: Folder, config: Facts, variant: Variant) -> Draft:
    """An Audio Spectrogram Transformer."""
    facts = extractor(folder, "ASTFeatureExtractor")
    facts.expect("sampling_rate", 16_000)  # its window is given in samples of this rate
    agree(facts, "num_mel_bins", config, "num_mel_bins")
    agree(facts, "max_length", config, "max_length")
    scaled = facts.get("do_normalize", bool)
    section = {
        "kind": "fbank",
        "sample_rate": facts.count("sampling_rate"),
        **AST_FBANK,
        "n_mels": facts.count("num_mel_bins"),
        "n_frames": facts.count("max_length"),
        "mean": facts.get("mean", float) if scaled else 0.0,
        "std": 2 * facts.get("std", float) if scaled else 1.0,
    }
    network = read_network(folder, variant, {"input_values": Input("features", 3)})
    draft = classifier("audio-classification", section, config, network)
    return replace(draft, decoding={"min_samples": AST_FBANK["win_length"]})


def recognise_characters(folder: Folder, config: Facts, variant: Variant) -> Draft:
    """A wav2vec2 or HuBERT that writes characters (CTC)."""
    facts = folder.facts(TOKENIZER_CONFIG).over(CTC_DEFAULTS)
    if facts.get("tokenizer_class", str) not in CTC_TOKENIZERS:
        facts.refuse("tokenizer_class", CTC_TOKENIZERS[0])
    facts.expect("replace_word_delimiter_char", " ")
    vocabulary = _vocabulary(folder)
    special = {facts.token(name) for name in SPECIAL}
    if facts.get("do_lower_case", bool):
        vocabulary = {p if p in special else p.lower(): i for p, i in vocabulary.items()}
    blank = vocabulary.get(facts.token("pad_token"))
    if blank is None or blank != config.get("pad_token_id", int):
        config.refuse("pad_token_id", f"{blank}, the id that {VOCABULARY} gives the pad_token")
    network = read_network(folder, variant, {"input_values": Input("waveform", 2)}, n_dimensions=3)
    if network.n_outputs != len(vocabulary):
        raise FolderError(
            f"{folder.path / VOCABULARY}: expected {network.n_outputs} tokens, as the network has "
            f"outputs, got {len(vocabulary)} with those of {ADDED}"
        )
    return Draft(
        task="automatic-speech-recognition",
        model={"architecture": "ctc", "backend": "onnxruntime", "network": FILE},
        input=waveform(folder),
        output={
            "tokenizer": {
                "kind": "characters",
                "file": VOCABULARY,
                "word_delimiter": facts.token("word_delimiter_token"),
                "special": sorted(special & vocabulary.keys()),
            }
        },
        decoding={"blank": blank, "min_samples": least_samples(config)},
        streaming=UTTERANCES,
        files={
            FILE: network.data,
            VOCABULARY: encode(json.dumps(vocabulary, ensure_ascii=False), VOCABULARY),
        },
    )


def extractor(folder: Folder, name: str) -> Facts:
    """preprocessor_config.json over the defaults of the class `name`, which it must name."""
    facts = folder.facts(PREPROCESSOR)
    facts.expect("feature_extractor_type", name)
    return facts.over(DEFAULTS[name])


def least_samples(config: Facts) -> int:
    """Of which the convolutions at the beginning of a wav2vec2 make a frame."""
    kernels, strides = (config.get(f"conv_{k}", tuple[int, ...]) for k in ("kernel", "stride"))
    if len(kernels) != len(strides):
        config.refuse("conv_stride", f"{len(kernels)} numbers, as conv_kernel has")
    return receptive_field(kernels, strides)


def receptive_field(kernels: Sequence[int], strides: Sequence[int]) -> int:
    """Samples of which convolutions, one upon the other, make one frame: less gives none."""
    n_samples = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        n_samples = (n_samples - 1) * stride + kernel
    return n_samples


def waveform(folder: Folder) -> dict[str, object]:
    """The `input` section of a network that hears the samples themselves."""
    facts = extractor(folder, "Wav2Vec2FeatureExtractor")
    facts.expect("feature_size", 1)
    normalized = facts.get("do_normalize", bool)
    return {
        "kind": "waveform",
        "sample_rate": facts.count("sampling_rate", MAX_RATE_HZ),
        "normalize": "zero-mean-unit-variance" if normalized else "none",
    }


def _vocabulary(folder: Folder) -> dict[str, int]:
    """Pieces to ids, those of added_tokens.json too."""
    ids: dict[str, int] = {}
    for name in (VOCABULARY, ADDED):
        if name == VOCABULARY or folder.has(name):
            facts = folder.facts(name)
            ids |= {piece: facts.get(piece, int) for piece in facts.values}
    if sorted(ids.values()) != list(range(len(ids))):
        raise FolderError(
            f"{folder.path / VOCABULARY}: expected the ids 0 to {len(ids) - 1}, each once"
        )
    return ids
