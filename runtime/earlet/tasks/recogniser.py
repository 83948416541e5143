"""The recogniser of a bundle: its networks, its tokenizer and its voice activity, put together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from earlet import features, tokenizers
from earlet.bundle import Bundle
from earlet.decoding.ctc import Ctc, CtcConfig
from earlet.decoding.ctc_recogniser import CtcRecogniser
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.errors import BundleError, InputError
from earlet.streaming.vad import VadConfig
from earlet.tasks.sound import tensor
from earlet.tasks.voice_activity import VoiceActivityDetection
from earlet.tokenizers import Detokenizer
from earlet.tokenizers.characters import CharacterTokenizer


@dataclass(frozen=True, kw_only=True)
class TokenizerEntry:
    """How token ids become text."""

    kind: Literal["bpe", "characters"]
    file: str  # tokenizer.json, or vocab.json of characters
    word_delimiter: str = "|"  # of characters: what stands for a space
    special: tuple[str, ...] = ()  # of characters: what stands for no text


@dataclass(frozen=True, kw_only=True)
class RecogniserOutput:
    """The bundle's `output` section."""

    tokenizer: TokenizerEntry


@dataclass(frozen=True, kw_only=True)
class UtteranceConfig:
    """How a stream is cut for this network; the bundle's `streaming` section."""

    vad: str  # the name of the voice activity bundle
    min_silence_ms: int  # a shorter pause does not end an utterance
    speech_pad_ms: int  # of sound kept at both ends
    max_speech_s: float  # what the network was trained for
    max_silence_ms: int | None = None  # after which even a short beginning is over


def recogniser(bundle: Bundle, front_end: features.Features) -> CtcRecogniser | Seq2SeqRecogniser:
    """Open the bundle's networks; several threads may recognise at once.

    Raises:
        BundleError: when graphs, tokenizer and manifest do not fit together.
    """
    if bundle.manifest.model.architecture == "ctc":
        ctc = _ctc(bundle, front_end)
        return CtcRecogniser(ctc, _tokenizer(bundle, ctc.n_vocab))
    seq2seq = _seq2seq(bundle, front_end)
    tokenizer = _tokenizer(bundle, seq2seq.n_vocab)
    if isinstance(tokenizer, CharacterTokenizer):
        raise BundleError(f"{bundle.path}: an encoder-decoder writes no characters; use kind: bpe")

    @cache  # half a second and 8 MB that plain transcription does without
    def encoder() -> tokenizers.Tokenizer:
        entry = bundle.section("output", RecogniserOutput).tokenizer
        return tokenizers.from_json(bundle.read_text(entry.file), f"{bundle.path}/{entry.file}")

    def encode(text: str) -> Sequence[int]:
        return encoder().ids(text)

    return Seq2SeqRecogniser(seq2seq, tokenizer, encode)


def cutting(
    bundle: Bundle, cut: UtteranceConfig, vad: VoiceActivityDetection, sample_rate: int
) -> VadConfig:
    """How voice activity cuts a stream for the network of `bundle`, which hears `sample_rate` Hz.

    Raises:
        BundleError: when it cannot.
    """
    if vad.sample_rate != sample_rate:
        raise BundleError(
            f"{bundle.where('streaming')}: {cut.vad} hears {vad.sample_rate} Hz, "
            f"and the network {sample_rate} Hz"
        )
    try:
        config = replace(
            vad.config,
            min_silence_ms=cut.min_silence_ms,
            speech_pad_ms=cut.speech_pad_ms,
            max_speech_s=cut.max_speech_s,
            max_silence_ms=cut.max_silence_ms,
        )
        vad.utterance_stream(config)
    except InputError as problem:
        raise BundleError(f"{bundle.where('streaming')}: {problem}") from None
    return config


def _ctc(bundle: Bundle, front_end: features.Features) -> Ctc:
    config = bundle.section("decoding", CtcConfig)
    inputs = tensor(bundle.manifest.input)
    network = bundle.open_session(
        "network", inputs=inputs, outputs={"logits": 3}, lengths_vary=True
    )
    return Ctc(config, front_end, network)


def _seq2seq(bundle: Bundle, front_end: features.Features) -> Seq2Seq:
    config = bundle.section("decoding", Seq2SeqConfig)
    inputs = tensor(bundle.manifest.input)
    encoder = bundle.open_session("encoder", inputs=inputs, lengths_vary=True)
    decoder = bundle.open_session("decoder", lengths_vary=True)
    try:
        return Seq2Seq(config, front_end, encoder, decoder)
    except BundleError as problem:  # which knows networks and their ids, and no files
        raise BundleError(f"{bundle.path}: {problem}") from None


def _tokenizer(bundle: Bundle, n_written: int) -> Detokenizer | CharacterTokenizer:
    """Of a network that writes `n_written` tokens."""
    entry = bundle.section("output", RecogniserOutput).tokenizer
    text, name = bundle.read_text(entry.file), f"{bundle.path}/{entry.file}"
    tokenizer: Detokenizer | CharacterTokenizer
    if entry.kind == "characters":
        tokenizer = CharacterTokenizer.from_json(text, name, entry.word_delimiter, entry.special)
    else:
        tokenizer = tokenizers.detokenizer_from_json(text, name)
    if n_written > tokenizer.n_vocab:
        raise BundleError(
            f"{bundle.path}: the tokenizer has {tokenizer.n_vocab} tokens, and the network writes "
            f"{n_written}"
        )
    return tokenizer
