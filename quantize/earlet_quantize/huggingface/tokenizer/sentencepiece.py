"""Files of SentencePiece under the classes that use them.

The classes number and score pieces each in their own way, and put steps of their own around what
the file says. Source: the converters of transformers, `convert_slow_tokenizer.py`, to which they
are held, ids and all, in `tests/quantize/huggingface/test_sentencepiece.py`.
"""

import base64
from collections.abc import Sequence

from earlet_quantize.huggingface.folder import Folder
from earlet_quantize.huggingface.tokenizer.document import (
    PAIR,
    TEXT,
    Json,
    Part,
    classifying,
    document,
    template,
)
from earlet_quantize.huggingface.tokenizer.settings import Settings, Token
from earlet_quantize.huggingface.tokenizer.spm_file import (
    CONTROL,
    USER_DEFINED,
    Piece,
    SentencePiece,
    parse,
)
from earlet_quantize.huggingface.tokenizer.spm_model import section, vocabulary

ALBERT_FILE, DEBERTA_FILE, LLAMA_FILE = "spiece.model", "spm.model", "tokenizer.model"
FAIRSEQ_FILE = "sentencepiece.bpe.model"  # of CamemBERT and XLM-R
SPACE = "▁"
FAIRSEQ = [Piece(piece, 0.0) for piece in ("<s>", "<pad>", "</s>", "<unk>")]  # come first in XLM-R
XLM_ROBERTA_TOKENS = {
    "bos_token": Token("<s>"),
    "eos_token": Token("</s>"),
    "unk_token": Token("<unk>"),
    "sep_token": Token("</s>"),
    "pad_token": Token("<pad>"),
    "cls_token": Token("<s>"),
    "mask_token": Token("<mask>", lstrip=True),
}
ALBERT_TOKENS = {
    "bos_token": Token("[CLS]"),
    "eos_token": Token("[SEP]"),
    "unk_token": Token("<unk>"),
    "sep_token": Token("[SEP]"),
    "pad_token": Token("<pad>"),
    "cls_token": Token("[CLS]"),
    "mask_token": Token("[MASK]", lstrip=True),
}
DEBERTA_TOKENS = {
    "bos_token": Token("[CLS]"),
    "eos_token": Token("[SEP]"),
    "unk_token": Token("[UNK]", normalized=True),
    "sep_token": Token("[SEP]"),
    "pad_token": Token("[PAD]"),
    "cls_token": Token("[CLS]"),
    "mask_token": Token("[MASK]"),
}
LLAMA_TOKENS = {
    "bos_token": Token("<s>"),
    "eos_token": Token("</s>"),
    "unk_token": Token("<unk>"),
}
UNUSED = ("<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED")  # CamemBERT's, in the place of fairseq's
CAMEMBERT_FIRST = [
    Piece("<s>NOTUSED", 0.0),
    Piece("<pad>", 0.0),
    Piece("</s>NOTUSED", 0.0),
    Piece("<unk>", 0.0),
    Piece("<unk>NOTUSED", -100.0),
]
MASK = Piece("<mask>", 0.0)
FAIRSEQ_UNKNOWN, LLAMA_UNKNOWN = 3, 0  # ids of <unk>
NUMBER_PENALTY = 100.0  # ALBERT: a comma after a digit is a piece of its own where it can be
LLAMA_OPTIONS: dict[str, object] = {
    "add_bos_token": True,
    "add_eos_token": False,
    "add_prefix_space": True,
    "legacy": True,
}
SPACES: Json = {"Regex": " {2,}"}
ONE_SPACE: Json = {"type": "Replace", "pattern": SPACES, "content": " "}
METASPACE: Json = {
    "type": "Metaspace",
    "replacement": SPACE,
    "prepend_scheme": "always",
    "split": True,
}


def xlm_roberta(folder: Folder) -> Json:
    """XLMRobertaTokenizer: fairseq's four tokens in front, a mask at the end."""
    settings = Settings(folder, XLM_ROBERTA_TOKENS, {})
    file = _read(folder, FAIRSEQ_FILE)
    return _fairseq(settings, file, [*FAIRSEQ, *file.pieces[3:], MASK])


def camembert(folder: Folder) -> Json:
    """CamembertTokenizer: as XLM-R, with all of the file's own tokens but the unknown one."""
    settings = Settings(folder, XLM_ROBERTA_TOKENS, {}, additional=UNUSED)
    file = _read(folder, FAIRSEQ_FILE)
    return _fairseq(settings, file, [*CAMEMBERT_FIRST, *file.pieces[1:], MASK])


def _fairseq(settings: Settings, file: SentencePiece, pieces: Sequence[Piece]) -> Json:
    ids = settings.ids(vocabulary(pieces), "<s>", "</s>")
    return _document(
        settings,
        file,
        pieces,
        FAIRSEQ_UNKNOWN,
        normalizer=_normalizers(
            *_charsmap(file),
            {"type": "Strip", "strip_left": False, "strip_right": True},
            {"type": "Replace", "pattern": SPACES, "content": SPACE},
        ),
        pre_tokenizer=METASPACE,
        post_processor=classifying("<s>", "</s>", ids, separators=2, second=0),
    )


def albert(folder: Folder) -> Json:
    """AlbertTokenizer: lower case and no accents, unless it says otherwise."""
    settings = Settings(folder, ALBERT_TOKENS, {"do_lower_case": True, "keep_accents": False})
    file = _read(folder, ALBERT_FILE)
    pieces = [
        piece._replace(score=piece.score - NUMBER_PENALTY) if _ends_a_number(piece.text) else piece
        for piece in file.pieces
    ]
    steps: list[Json] = [
        {"type": "Replace", "pattern": {"String": quotes}, "content": '"'}
        for quotes in ("``", "''")
    ]
    if not settings.facts.get("keep_accents", bool):
        steps += [{"type": "NFKD"}, {"type": "StripAccents"}]
    if settings.facts.get("do_lower_case", bool):
        steps.append({"type": "Lowercase"})
    return _document(
        settings,
        file,
        pieces,
        file.unk_id,
        normalizer=_normalizers(*steps, *_charsmap(file), ONE_SPACE),
        pre_tokenizer=METASPACE,
        post_processor=_bert_template(settings, pieces),
    )


def deberta_v2(folder: Folder) -> Json:
    """DebertaV2Tokenizer, also of DeBERTa v3; its mask comes after the file's pieces."""
    settings = Settings(folder, DEBERTA_TOKENS, {"do_lower_case": False, "split_by_punct": False})
    file = _read(folder, DEBERTA_FILE)
    steps: list[Json] = []
    if settings.facts.get("do_lower_case", bool):
        steps.append({"type": "Lowercase"})
    steps.append({"type": "Strip", "strip_left": True, "strip_right": True})
    cuts = [METASPACE]
    if settings.facts.get("split_by_punct", bool):
        cuts = [{"type": "Punctuation", "behavior": "Isolated"}, METASPACE]
    return _document(
        settings,
        file,
        file.pieces,
        file.unk_id,
        normalizer=_normalizers(*steps, *_charsmap(file), ONE_SPACE),
        pre_tokenizer={"type": "Sequence", "pretokenizers": cuts},
        post_processor=_bert_template(settings, file.pieces),
    )


def llama(folder: Folder) -> Json:
    """LlamaTokenizer: bytes for characters that have no piece, and no character map."""
    settings = Settings(folder, LLAMA_TOKENS, LLAMA_OPTIONS)
    file = _read(folder, LLAMA_FILE)
    pieces = [*(piece._replace(score=0.0) for piece in file.pieces[:3]), *file.pieces[3:]]
    begins, legacy = (settings.facts.get(key, bool) for key in ("add_prefix_space", "legacy"))
    steps: list[Json] = [{"type": "Replace", "pattern": {"String": " "}, "content": SPACE}]
    words = {**METASPACE, "prepend_scheme": "first" if begins else "never", "split": False}
    decoders: list[Json] = [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if begins:
        steps.insert(0, {"type": "Prepend", "prepend": SPACE})
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return _document(
        settings,
        file,
        pieces,
        LLAMA_UNKNOWN,
        byte_fallback=True,
        normalizer=_normalizers(*steps) if legacy else None,
        pre_tokenizer=None if legacy else words,
        post_processor=_llama_template(settings, pieces),
        decoder={"type": "Sequence", "decoders": decoders},
    )


def _read(folder: Folder, name: str) -> SentencePiece:
    return parse(folder.read_bytes(name), str(folder.path / name))


def _document(
    settings: Settings,
    file: SentencePiece,
    pieces: Sequence[Piece],
    unk_id: int,
    *,
    byte_fallback: bool = False,
    decoder: Json = METASPACE,
    **parts: Json | None,
) -> Json:
    """A whole tokenizer.json; what the file itself calls a token is one."""
    own = (
        Token(piece.text, special=piece.type == CONTROL)
        for piece in file.pieces
        if piece.type in (CONTROL, USER_DEFINED)
    )
    return document(
        added=settings.added(vocabulary(pieces), own),
        decoder=decoder,
        model=section(file, pieces, unk_id, byte_fallback=byte_fallback),
        **parts,
    )


def _normalizers(*steps: Json) -> Json:
    return {"type": "Sequence", "normalizers": [*steps]}


def _charsmap(file: SentencePiece) -> list[Json]:
    if not file.charsmap:
        return []
    charsmap = base64.b64encode(file.charsmap).decode()
    return [{"type": "Precompiled", "precompiled_charsmap": charsmap}]


def _bert_template(settings: Settings, pieces: Sequence[Piece]) -> Json:
    return classifying("[CLS]", "[SEP]", settings.ids(vocabulary(pieces), "[CLS]", "[SEP]"))


def _llama_template(settings: Settings, pieces: Sequence[Piece]) -> Json:
    """Begin and end around each text, where the options want them."""
    bos, eos = settings.token("bos_token").content, settings.token("eos_token").content
    before = [bos] if settings.facts.get("add_bos_token", bool) else []
    after = [eos] if settings.facts.get("add_eos_token", bool) else []

    def around(text: str, type_id: int) -> list[Part]:
        return [(part, type_id) for part in (*before, text, *after)]

    ids = settings.ids(vocabulary(pieces), *before, *after)
    return template(around(TEXT, 0), [*around(TEXT, 0), *around(PAIR, 1)], ids)


def _ends_a_number(piece: str) -> bool:
    """Whether it ends with a digit and a comma."""
    return piece[-1:] == "," and piece[-2:-1].isdigit()
