"""Moonshine: two graphs written anew from the published ones, and the limits of its decoding.

| fact | from |
|---|---|
| sizes of the network, first and last token, positions | config.json |
| sample rate, normalisation | preprocessor_config.json: Wav2Vec2FeatureExtractor |

How many tokens a second of speech may have, no file says. The constants are the advice of
Moonshine's authors, so that a network in a loop comes to an end.
"""

from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface import seq2seq
from earlet_quantize.huggingface.draft import Draft
from earlet_quantize.huggingface.folder import Facts, Folder, Variant
from earlet_quantize.huggingface.speech import receptive_field, waveform
from earlet_quantize.huggingface.tokenizer import read_tokenizer
from earlet_quantize.networks import moonshine
from earlet_quantize.networks.moonshine_weights import from_onnx

MAX_TOKENS_PER_SECOND = 6.5
EXTRA_TOKENS = 8  # on top, for a word that takes less than a second
HEADS = (  # which may differ in config.json, and in no Moonshine do
    "decoder_num_attention_heads",
    "encoder_num_key_value_heads",
    "decoder_num_key_value_heads",
)


def recognise(folder: Folder, config: Facts, variant: Variant) -> Draft:
    """Moonshine of any size."""
    decoding = {
        "bos": config.get("decoder_start_token_id", int),
        "eos": config.get("eos_token_id", int),
        "max_tokens": config.count("max_position_embeddings"),
        "max_tokens_per_second": MAX_TOKENS_PER_SECOND,
        "extra_tokens": EXTRA_TOKENS,
        "min_samples": receptive_field(moonshine.WIDTHS, moonshine.STRIDES),
    }
    sizes = network_sizes(config)
    published = seq2seq.read_networks(folder, variant)
    try:
        weights = from_onnx(sizes, *published)
    except FolderError as problem:
        raise FolderError(f"{folder.path}: {problem}") from None
    networks = seq2seq.Networks(
        moonshine.encoder(sizes, weights), moonshine.decoder(sizes, weights)
    )
    tokenizer = read_tokenizer(folder, config)
    return seq2seq.recogniser(networks, tokenizer, waveform(folder), decoding)


def network_sizes(config: Facts) -> moonshine.MoonshineConfig:
    """What config.json says of the network; what cannot be otherwise here is checked."""
    config.expect("encoder_hidden_act", "gelu")
    config.expect("decoder_hidden_act", "silu")
    config.expect("rope_theta", moonshine.ROTATION_BASE)
    config.expect("attention_bias", False)
    n_heads = config.count("encoder_num_attention_heads")
    for key in HEADS:
        config.expect(key, n_heads)
    d_model, turned = config.count("hidden_size"), config.get("partial_rotary_factor", float)
    if not 0 < turned <= 1:
        config.refuse("partial_rotary_factor", "more than 0 and at most 1")
    n_turned = int(d_model // n_heads * turned)
    return moonshine.MoonshineConfig(
        n_vocab=config.count("vocab_size"),
        d_model=d_model,
        width=config.count("intermediate_size"),
        n_heads=n_heads,
        n_rotated=n_turned + n_turned % 2,
        encoder_layers=config.count("encoder_num_hidden_layers", seq2seq.MAX_LAYERS),
        decoder_layers=config.count("decoder_num_hidden_layers", seq2seq.MAX_LAYERS),
    )
