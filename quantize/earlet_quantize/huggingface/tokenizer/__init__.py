"""The tokenizer of a folder as `tokenizer.json`: as it is, or put together from older files.

| files | classes | module |
|---|---|---|
| tokenizer.json | any | |
| vocab.txt | BertTokenizer and those that equal it, MPNetTokenizer | `words.py` |
| vocab.json, merges.txt | RobertaTokenizer, WhisperTokenizer | `pieces.py` |
| spiece.model | AlbertTokenizer | `sentencepiece.py` |
| sentencepiece.bpe.model | CamembertTokenizer, XLMRobertaTokenizer | `sentencepiece.py` |
| spm.model | DebertaV2Tokenizer | `sentencepiece.py` |
| tokenizer.model | LlamaTokenizer | `sentencepiece.py` |

Which class it is, tokenizer_config.json or config.json says as `tokenizer_class`, or else the
network's `model_type`. Options and special tokens are in tokenizer_config.json and its neighbours,
see `settings.py`, over the documented defaults of the class. What is put together is what
`AutoTokenizer` of transformers makes of the same files (4.57, `convert_slow_tokenizer.py`).
"""

import json
from collections.abc import Callable
from typing import NamedTuple

from earlet import tokenizers
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.folder import TOKENIZER, TOKENIZER_CONFIG, Facts, Folder, encode
from earlet_quantize.huggingface.tokenizer import pieces, sentencepiece, words
from earlet_quantize.huggingface.tokenizer.document import Json


class Kind(NamedTuple):
    """The files of a class, and what makes a tokenizer.json of them."""

    files: tuple[str, ...]
    build: Callable[[Folder], Json]


_BERT = Kind((words.VOCABULARY,), words.bert)
_PIECES = (pieces.VOCABULARY, pieces.MERGES)
KINDS: dict[str, Kind] = {  # by class of transformers
    "AlbertTokenizer": Kind((sentencepiece.ALBERT_FILE,), sentencepiece.albert),
    "BertTokenizer": _BERT,
    "CamembertTokenizer": Kind((sentencepiece.FAIRSEQ_FILE,), sentencepiece.camembert),
    "DebertaV2Tokenizer": Kind((sentencepiece.DEBERTA_FILE,), sentencepiece.deberta_v2),
    "DistilBertTokenizer": _BERT,
    "ElectraTokenizer": _BERT,
    "LlamaTokenizer": Kind((sentencepiece.LLAMA_FILE,), sentencepiece.llama),
    "MPNetTokenizer": Kind((words.VOCABULARY,), words.mpnet),
    "MobileBertTokenizer": _BERT,
    "RobertaTokenizer": Kind(_PIECES, pieces.roberta),
    "WhisperTokenizer": Kind(_PIECES, pieces.whisper),
    "XLMRobertaTokenizer": Kind((sentencepiece.FAIRSEQ_FILE,), sentencepiece.xlm_roberta),
}
CLASSES = {  # by model_type, for folders that do not name the class
    "albert": "AlbertTokenizer",
    "bert": "BertTokenizer",
    "camembert": "CamembertTokenizer",
    "deberta-v2": "DebertaV2Tokenizer",
    "distilbert": "DistilBertTokenizer",
    "electra": "ElectraTokenizer",
    "mobilebert": "MobileBertTokenizer",
    "mpnet": "MPNetTokenizer",
    "roberta": "RobertaTokenizer",
    "whisper": "WhisperTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
}


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
    name = _class(folder, config)
    if name in KINDS and all(map(folder.has, KINDS[name].files)):
        return json.dumps(KINDS[name].build(folder), ensure_ascii=False)
    older = f", or {' and '.join(KINDS[name].files)}" if name in KINDS else ""
    raise FolderError(
        f"{folder.path / TOKENIZER}: expected the tokenizer, there is none{older}; save it with "
        "transformers: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)"
    )


def _class(folder: Folder, config: Facts) -> str | None:
    """The class of transformers that the files are for."""
    stated = [folder.facts(TOKENIZER_CONFIG)] if folder.has(TOKENIZER_CONFIG) else []
    for facts in (*stated, config):
        if "tokenizer_class" in facts:
            return facts.get("tokenizer_class", str).removesuffix("Fast")
    return CLASSES.get(config.get("model_type", str))
