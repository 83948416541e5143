"""`tokenizer.json`, the file of the Hugging Face `tokenizers` library, as a `Tokenizer`.

What would change an id and is not supported here is refused by its name. `padding` is not looked
at: a network here gets one text at a time.
"""

import json
import re
from collections.abc import Mapping, Sequence

from earlet import schema
from earlet.errors import BundleError
from earlet.tokenizers import decoders, normalizers, pre_tokenizers, template, truncation
from earlet.tokenizers.added_tokens import AddedToken
from earlet.tokenizers.bpe import AtSpaces, Bpe, BpeConfig
from earlet.tokenizers.byte_level import ByteLevel, spell
from earlet.tokenizers.detokenizer import Detokenizer
from earlet.tokenizers.document import MAX_ID, Vocabulary, component, is_id, mapping
from earlet.tokenizers.tokenizer import Tokenizer
from earlet.tokenizers.unigram import Unigram, UnigramConfig
from earlet.tokenizers.wordpiece import WordPiece, WordPieceConfig

ModelConfig = WordPieceConfig | BpeConfig | UnigramConfig
_MODELS: dict[str, type[ModelConfig]] = {
    "WordPiece": WordPieceConfig,
    "BPE": BpeConfig,
    "Unigram": UnigramConfig,
}
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_KEYS = (
    "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
    "post_processor", "decoder", "model",
)  # fmt: skip


def from_json(text: str, name: str) -> Tokenizer:
    """Read a `tokenizer.json`; `name` is what messages call it.

    Raises:
        BundleError: when it is no JSON, no tokenizer, or needs what is not supported here.
    """
    document = _document(text, name)

    def part(key: str) -> tuple[object, str]:
        return document.get(key), f"{name}: {key}"

    model = _model(*part("model"))
    added = _added_tokens(*part("added_tokens"))
    steps = pre_tokenizers.from_document(*part("pre_tokenizer"))
    spelled = bool(steps) and isinstance(steps[-1], ByteLevel)
    if isinstance(model, Bpe) and not spelled and model.cuts_at_spaces:
        steps = [*steps, AtSpaces()]
    return Tokenizer(
        _vocabulary(model.ids, added, name),
        added,
        decoders.from_document(*part("decoder")),
        normalizers=normalizers.from_document(*part("normalizer")),
        pre_tokenizers=steps,
        model=model,
        spelling=spell if spelled else None,
        template=template.from_document(*part("post_processor")),
        truncation=truncation.from_document(*part("truncation")),
    )


def detokenizer_from_json(text: str, name: str) -> Detokenizer:
    """Read only what `decode` needs: half the time, and for 61,000 merges 8 MB less.

    Raises:
        BundleError: as `from_json`, for the parts that are read.
    """
    document = _document(text, name)
    where = f"{name}: model"
    added = _added_tokens(document.get("added_tokens"), f"{name}: added_tokens")
    ids = _config(document.get("model"), where).ids(where)
    return Detokenizer(
        _vocabulary(ids, added, name),
        added,
        decoders.from_document(document.get("decoder"), f"{name}: decoder"),
    )


def _document(text: str, name: str) -> Mapping[str, object]:
    try:
        loaded = json.loads(text)
        if _ESCAPED_SURROGATE.search(text):
            json.dumps(loaded, ensure_ascii=False).encode("utf-8")  # halves of a pair are no text
    except (ValueError, RecursionError) as problem:
        raise BundleError(f"{name}: not JSON: {str(problem).splitlines()[0]}") from None
    document = mapping(loaded, name)
    for key in document:
        if key not in _KEYS:
            raise BundleError(f"{name}: unknown key {key!r}{schema.nearest(key, _KEYS)}")
    return document


def _config(section: object, where: str) -> ModelConfig:
    if isinstance(section, Mapping) and "type" not in section:  # as older versions wrote it
        names = {"merges": "BPE", "unk_id": "Unigram"}
        kinds = [name for key, name in names.items() if key in section]
        section = {**section, "type": kinds[0] if kinds else "WordPiece"}
    return component(section, _MODELS, where)


def _model(section: object, where: str) -> WordPiece | Bpe | Unigram:
    match _config(section, where):
        case WordPieceConfig() as config:
            return WordPiece(config, where)
        case BpeConfig() as config:
            return Bpe(config, where)
        case UnigramConfig() as config:
            return Unigram(config, where)


def _added_tokens(section: object, where: str) -> list[AddedToken]:
    if not isinstance(section, list | None):
        raise BundleError(f"{where}: expected a list, got {type(section).__name__}")
    return [schema.read(AddedToken, token, where, BundleError) for token in section or ()]


def _vocabulary(ids: Vocabulary, added: Sequence[AddedToken], name: str) -> Vocabulary:
    """The model's pieces and the added tokens; one that is both must have one id."""
    vocab = dict(ids)
    for token in added:
        expected = vocab.setdefault(token.content, token.id)
        if token.id != expected or not is_id(token.id):
            raise BundleError(
                f"{name}: the added token {token.content!r} has the id {token.id}; expected "
                f"{expected if expected != token.id else f'0 to {MAX_ID}'}"
            )
    if len(set(vocab.values())) != len(vocab):
        raise BundleError(f"{name}: two pieces have the same id")
    return vocab
