"""The recogniser of a bundle: its networks and its tokenizer, put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from earlet import features, tokenizers
from earlet.bundle import Bundle
from earlet.decoding.ctc import Ctc, CtcConfig
from earlet.decoding.ctc_recogniser import CtcRecogniser
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.errors import BundleError
from earlet.tasks.sound import tensor
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


def recogniser(
    bundle: Bundle, front_end: features.Features, threads: int
) -> CtcRecogniser | Seq2SeqRecogniser:
    """Open the bundle's networks.

    Raises:
        BundleError: when graphs, tokenizer and manifest do not fit together.
    """
    if bundle.manifest.model.architecture == "ctc":
        ctc = _ctc(bundle, front_end, threads)
        return CtcRecogniser(ctc, _tokenizer(bundle, ctc.n_vocab))
    seq2seq = _seq2seq(bundle, front_end, threads)
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


def _ctc(bundle: Bundle, front_end: features.Features, threads: int) -> Ctc:
    config = bundle.section("decoding", CtcConfig)
    inputs = tensor(bundle.manifest.input)
    network = bundle.open_session(
        "network", threads, inputs=inputs, outputs={"logits": 3}, lengths_vary=True
    )
    return Ctc(config, front_end, network)


def _seq2seq(bundle: Bundle, front_end: features.Features, threads: int) -> Seq2Seq:
    config = bundle.section("decoding", Seq2SeqConfig)
    inputs = tensor(bundle.manifest.input)
    encoder = bundle.open_session("encoder", threads, inputs=inputs, lengths_vary=True)
    decoder = bundle.open_session("decoder", threads, lengths_vary=True)
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
