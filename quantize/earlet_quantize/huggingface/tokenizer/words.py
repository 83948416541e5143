"""vocab.txt: BERT's words and pieces, one a line, with the id of its line."""

from collections.abc import Mapping

from earlet_quantize.huggingface.folder import Folder
from earlet_quantize.huggingface.tokenizer.document import Json, classifying, document
from earlet_quantize.huggingface.tokenizer.settings import Settings, Token

VOCABULARY = "vocab.txt"
LONGEST_WORD = 100  # letters, beyond which WordPiece gives up; BertTokenizer's, not to be chosen
BERT_TOKENS = {
    "unk_token": Token("[UNK]"),
    "sep_token": Token("[SEP]"),
    "pad_token": Token("[PAD]"),
    "cls_token": Token("[CLS]"),
    "mask_token": Token("[MASK]"),
}
MPNET_TOKENS = {
    "bos_token": Token("<s>"),
    "eos_token": Token("</s>"),
    "unk_token": Token("[UNK]"),
    "sep_token": Token("</s>"),
    "pad_token": Token("<pad>"),
    "cls_token": Token("<s>"),
    "mask_token": Token("<mask>", lstrip=True),
}
OPTIONS: dict[str, object] = {"do_lower_case": True, "tokenize_chinese_chars": True}


def bert(folder: Folder) -> Json:
    """BertTokenizer, DistilBertTokenizer, ElectraTokenizer, MobileBertTokenizer."""
    return _wordpiece(folder, BERT_TOKENS, separators=1)


def mpnet(folder: Folder) -> Json:
    """MPNetTokenizer, which has two separators between texts."""
    return _wordpiece(folder, MPNET_TOKENS, separators=2)


def _wordpiece(folder: Folder, tokens: Mapping[str, Token], separators: int) -> Json:
    settings = Settings(folder, tokens, OPTIONS)
    facts = settings.facts
    words = folder.read_text(VOCABULARY).removesuffix("\n").split("\n")
    vocabulary = {word.rstrip("\r"): i for i, word in enumerate(words)}
    cls, sep, unknown = (
        settings.token(name).content for name in ("cls_token", "sep_token", "unk_token")
    )
    ids = settings.ids(vocabulary, cls, sep, unknown)
    return document(
        added=settings.added(vocabulary),
        normalizer={
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": facts.get("tokenize_chinese_chars", bool),
            "strip_accents": facts.get("strip_accents", bool) if "strip_accents" in facts else None,
            "lowercase": facts.get("do_lower_case", bool),
        },
        pre_tokenizer={"type": "BertPreTokenizer"},
        post_processor=classifying(cls, sep, ids, separators=separators),
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
        model={
            "type": "WordPiece",
            "unk_token": unknown,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": LONGEST_WORD,
            "vocab": vocabulary,
        },
    )
