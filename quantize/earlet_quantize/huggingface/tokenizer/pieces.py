"""vocab.json and merges.txt: byte-level BPE of RoBERTa and Whisper."""

from collections.abc import Mapping

from earlet_quantize.huggingface.folder import Folder
from earlet_quantize.huggingface.tokenizer.document import PAIR, TEXT, Json, document, template
from earlet_quantize.huggingface.tokenizer.settings import Settings, Token

VOCABULARY, MERGES = "vocab.json", "merges.txt"
ROBERTA_TOKENS = {
    "bos_token": Token("<s>", normalized=True),
    "eos_token": Token("</s>", normalized=True),
    "unk_token": Token("<unk>", normalized=True),
    "sep_token": Token("</s>", normalized=True),
    "pad_token": Token("<pad>", normalized=True),
    "cls_token": Token("<s>", normalized=True),
    "mask_token": Token("<mask>", lstrip=True),
}
WHISPER_TOKENS = dict.fromkeys(("bos_token", "eos_token", "unk_token"), Token("<|endoftext|>"))
WHISPER_PROMPT = ("<|startoftranscript|>", "<|notimestamps|>")
OPTIONS: dict[str, object] = {"add_prefix_space": False, "trim_offsets": True}


def roberta(folder: Folder) -> Json:
    """RobertaTokenizer."""
    settings = Settings(folder, ROBERTA_TOKENS, OPTIONS)
    vocabulary = _vocabulary(folder)
    sep, cls = (settings.token(name).content for name in ("sep_token", "cls_token"))
    ids = settings.ids(vocabulary, sep, cls)
    post_processor: Json = {
        "type": "RobertaProcessing",
        "sep": [sep, ids[sep]],
        "cls": [cls, ids[cls]],
        "trim_offsets": settings.facts.get("trim_offsets", bool),
        "add_prefix_space": settings.facts.get("add_prefix_space", bool),
    }
    return _byte_level(settings, vocabulary, settings.added(vocabulary), post_processor)


def whisper(folder: Folder) -> Json:
    """WhisperTokenizer, whose prompt is that of no language in particular."""
    settings = Settings(folder, WHISPER_TOKENS, OPTIONS)
    vocabulary = _vocabulary(folder)
    added = settings.added(vocabulary)
    ids = vocabulary | {str(token["content"]): int(str(token["id"])) for token in added}
    eos = settings.token("eos_token").content
    used = settings.ids(ids, *WHISPER_PROMPT, eos)
    prompt = [(token, 0) for token in WHISPER_PROMPT]
    post_processor = template(
        [*prompt, (TEXT, 0), (eos, 0)], [*prompt, (TEXT, 0), (PAIR, 1), (eos, 1)], used
    )
    return _byte_level(settings, vocabulary, added, post_processor)


def _vocabulary(folder: Folder) -> dict[str, int]:
    pieces = folder.facts(VOCABULARY)
    return {piece: pieces.get(piece, int) for piece in pieces.values}


def _byte_level(
    settings: Settings, vocabulary: Mapping[str, int], added: list[Json], post_processor: Json
) -> Json:
    step: Json = {
        "type": "ByteLevel",
        "add_prefix_space": settings.facts.get("add_prefix_space", bool),
        "trim_offsets": True,
        "use_regex": True,
    }
    # As transformers reads it: the first line is its version, and the last one ends as all do.
    lines = settings.folder.read_text(MERGES).split("\n")[1:-1]
    return document(
        added=added,
        normalizer=None,
        pre_tokenizer=step,
        post_processor=post_processor,
        decoder={**step, "add_prefix_space": True},
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
            "merges": [merge for line in lines if (merge := line.split())],
        },
    )
