"""The tokenizer of a folder as `tokenizer.json`: as it is, or put together from older files.

| files | class | also from tokenizer_config.json or special_tokens_map.json |
|---|---|---|
| tokenizer.json | any | |
| vocab.txt | BertTokenizer | do_lower_case, strip_accents, tokenize_chinese_chars, five tokens |
| vocab.json, merges.txt | RobertaTokenizer | add_prefix_space, five tokens |

Defaults are the documented ones of the classes, which config.json names by its `model_type`. What
is put together is what `convert_slow_tokenizer.py` of transformers makes of the same files.
"""

import json
from collections.abc import Mapping

from earlet import tokenizers
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.folder import TOKENIZER, TOKENIZER_CONFIG, Facts, Folder, encode

WORDS, PIECES, MERGES = "vocab.txt", "vocab.json", "merges.txt"
SPECIAL_TOKENS = "special_tokens_map.json"
BERT_TYPES, ROBERTA_TYPES = ("bert", "distilbert"), ("roberta",)
BERT_DEFAULTS: dict[str, object] = {
    "do_lower_case": True,
    "tokenize_chinese_chars": True,
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
ROBERTA_DEFAULTS: dict[str, object] = {
    "add_prefix_space": False,
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
LONGEST_WORD = 100  # letters, beyond which WordPiece gives up; BertTokenizer's, not to be chosen

Vocabulary = Mapping[str, int]
Json = dict[str, object]


def read_tokenizer(folder: Folder, config: Facts) -> bytes:
    """A tokenizer.json that earlet can use, of tokens that the network knows.

    Raises:
        FolderError: when there are neither it nor the files it can be made of, or the network
            knows fewer tokens.
        BundleError: when it has a component that earlet does not have.
    """
    text = _text(folder, config)
    n_vocab = tokenizers.from_json(text, str(folder.path / TOKENIZER)).n_vocab
    known = config.count("vocab_size")
    if n_vocab > known:
        raise FolderError(
            f"{folder.path / TOKENIZER}: expected at most {known} tokens, the vocab_size of "
            f"config.json, got {n_vocab}"
        )
    return encode(text, str(folder.path / TOKENIZER))


def _text(folder: Folder, config: Facts) -> str:
    if folder.has(TOKENIZER):
        return folder.read_text(TOKENIZER)
    kind = config.get("model_type", str)
    if kind in BERT_TYPES and folder.has(WORDS):
        return json.dumps(_bert(folder), ensure_ascii=False)
    if kind in ROBERTA_TYPES and folder.has(PIECES) and folder.has(MERGES):
        return json.dumps(_roberta(folder), ensure_ascii=False)
    raise FolderError(
        f"{folder.path / TOKENIZER}: expected the tokenizer, there is none; save it with "
        "transformers: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)"
    )


def _facts(folder: Folder, defaults: Mapping[str, object]) -> Facts:
    """tokenizer_config.json, over special_tokens_map.json where there is one, over defaults."""
    facts = folder.facts(TOKENIZER_CONFIG)
    older = folder.facts(SPECIAL_TOKENS).values if folder.has(SPECIAL_TOKENS) else {}
    return facts.over({**defaults, **older})


def _bert(folder: Folder) -> Json:
    facts = _facts(folder, BERT_DEFAULTS)
    words = folder.read_text(WORDS).removesuffix("\n").split("\n")
    vocabulary = {word.rstrip("\r"): i for i, word in enumerate(words)}
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    ids = _special(facts, names, vocabulary, folder)
    (cls, cls_id), (sep, sep_id) = ids["cls_token"], ids["sep_token"]
    first: list[Json] = [_special_token(cls, 0), _sequence("A", 0), _special_token(sep, 0)]
    strips = facts.get("strip_accents", bool) if "strip_accents" in facts else None
    return _document(
        added=[_added(token, i, normalized=False) for token, i in ids.values()],
        normalizer={
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": facts.get("tokenize_chinese_chars", bool),
            "strip_accents": strips,
            "lowercase": facts.get("do_lower_case", bool),
        },
        pre_tokenizer={"type": "BertPreTokenizer"},
        post_processor={
            "type": "TemplateProcessing",
            "single": first,
            "pair": [*first, _sequence("B", 1), _special_token(sep, 1)],
            "special_tokens": {
                token: {"id": token, "ids": [i], "tokens": [token]}
                for token, i in ((cls, cls_id), (sep, sep_id))
            },
        },
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
        model={
            "type": "WordPiece",
            "unk_token": facts.token("unk_token"),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": LONGEST_WORD,
            "vocab": vocabulary,
        },
    )


def _roberta(folder: Folder) -> Json:
    facts = _facts(folder, ROBERTA_DEFAULTS)
    pieces = folder.facts(PIECES)
    vocabulary = {piece: pieces.get(piece, int) for piece in pieces.values}
    names = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
    ids = _special(facts, names, vocabulary, folder)
    spaced = facts.get("add_prefix_space", bool)
    byte_level: Json = {
        "type": "ByteLevel",
        "add_prefix_space": spaced,
        "trim_offsets": True,
        "use_regex": True,
    }
    lines = folder.read_text(MERGES).split("\n")
    merges = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    return _document(
        added=[
            _added(token, i, normalized=name != "mask_token", lstrip=name == "mask_token")
            for name, (token, i) in ids.items()
        ],
        normalizer=None,
        pre_tokenizer=byte_level,
        post_processor={
            "type": "RobertaProcessing",
            "sep": ids["eos_token"],
            "cls": ids["bos_token"],
            "trim_offsets": True,
            "add_prefix_space": spaced,
        },
        decoder={**byte_level, "add_prefix_space": True},
        model={
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": merges,
        },
    )


def _special(
    facts: Facts, names: tuple[str, ...], vocabulary: Vocabulary, folder: Folder
) -> dict[str, tuple[str, int]]:
    """Token and id by name, in the order of the ids."""
    found = {}
    for name in names:
        token = facts.token(name)
        if token not in vocabulary:
            raise FolderError(f"{folder.path}: the {name} {token!r} is not in the vocabulary")
        found[name] = token, vocabulary[token]
    return dict(sorted(found.items(), key=lambda item: item[1][1]))


def _document(*, added: list[Json], **parts: Json | None) -> Json:
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        **parts,
    }


def _added(token: str, i: int, *, normalized: bool, lstrip: bool = False) -> Json:
    return {
        "id": i,
        "content": token,
        "single_word": False,
        "lstrip": lstrip,
        "rstrip": False,
        "normalized": normalized,
        "special": True,
    }


def _special_token(token: str, type_id: int) -> Json:
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def _sequence(name: str, type_id: int) -> Json:
    return {"Sequence": {"id": name, "type_id": type_id}}
