"""Tokenizers of every kind, trained by the Rust `tokenizers` on a few sentences."""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import pytest
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

UNKNOWN, BERT_UNKNOWN = "<unk>", "[UNK]"
Node = dict[int, Any]  # of a trie: byte -> Node, and under 0 an offset

# Article 1 of the Universal Declaration of Human Rights, which is in the public domain.
SENTENCES = [
    "All human beings are born free and equal in dignity and rights. They are endowed with reason "
    "and conscience and should act towards one another in a spirit of brotherhood.",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und "
    "Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.",
    "Все люди рождаются свободными и равными в своем достоинстве и правах.",  # noqa: RUF001
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",  # noqa: RUF001
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "人人生而自由，在尊严和权利上一律平等。",  # noqa: RUF001
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.",
    "It's 12:45, don't they've 1,000 reasons? I'll say: we're sure!  He'd 'LL   said so.\n\n\tYes.",
]

# What a character map like SentencePiece's nmt_nfkc has: single characters, sequences, nothing.
REPLACED = {
    "\t": " ", "\n": " ", "\r": " ", "\x07": "", "\u00a0": " ", "\u200b": " ", "\u200d": "",
    "\ufb01": "fi", "\u2460": "1", "\uff21": "A", "\u2122": "TM", "e\u0301": "é", "é": "é!",
    "\u0041\u030a": "Å", "\u0928\u093c": "\u0929", "\U0001f130": "A", "\ud55c": "han",
}  # fmt: skip


def make_charsmap(replaced: Mapping[str, str], n_unused: int = 0) -> bytes:
    """A character map as SentencePiece stores it; see earlet/tokenizers/charsmap.py.

    `n_unused` units come between the first and the others, so that offsets grow long.
    """
    trie: Node = {}
    strings = b""
    for key, value in replaced.items():
        node = trie
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[0] = len(strings)  # the value of a key that ends here
        strings += value.encode() + b"\0"
    units: dict[int, int] = {}
    blocks = count(256 + n_unused // 256 * 256, 256)  # a block of 256 for the children of a node

    def place(node: Node, at: int, label: int) -> None:
        # So that the offset ends in eight zeros, which may be left out.
        base = next(blocks) | at % 256
        offset = at ^ base
        long = offset >= 1 << 21
        units[at] = (offset >> 8 if long else offset) << 10 | long << 9 | (0 in node) << 8 | label
        for byte, child in node.items():
            if byte == 0:
                units[base] = 1 << 31 | child
            else:
                place(child, base ^ byte, byte)

    place(trie, 0, 0)
    packed = bytearray(4 * next(blocks))
    for i, unit in units.items():
        packed[4 * i : 4 * i + 4] = unit.to_bytes(4, "little")
    return len(packed).to_bytes(4, "little") + packed + strings


@pytest.fixture(scope="session")
def charsmap() -> Callable[..., bytes]:
    """Makes a character map of what replaces what."""
    return make_charsmap


def special(*pieces: str) -> list[AddedToken]:
    return [AddedToken(piece, special=True, normalized=False) for piece in pieces]


def bert(*, lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token=BERT_UNKNOWN, max_input_chars_per_word=20))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokens = special("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=tokens, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(piece, tokenizer.token_to_id(piece)) for piece in ("[CLS]", "[SEP]")],
    )
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def byte_level(*, roberta: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=roberta)
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special("<s>", "</s>"),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.add_tokens(
        [AddedToken("<|0.00|>"), AddedToken("born"), AddedToken("born free", rstrip=True)]
    )
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    if roberta:
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def sentencepiece_bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, fuse_unk=True))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special("<unk>", "<s>"), show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    return tokenizer


def unigram(
    normalizer: normalizers.Normalizer, pre_tokenizer: pre_tokenizers.PreTokenizer
) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.UnigramTrainer(
        vocab_size=250,
        unk_token=UNKNOWN,
        special_tokens=special("<unk>", "<s>", "</s>"),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.add_tokens([AddedToken("Rights AND")])  # looked for as the normaliser writes it
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(piece, tokenizer.token_to_id(piece)) for piece in ("<s>", "</s>")],
    )
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def xlm_r() -> Tokenizer:
    steps = [
        normalizers.Precompiled(make_charsmap(REPLACED)),
        normalizers.Replace(Regex(" {2,}"), " "),
    ]
    return unigram(normalizers.Sequence(steps), pre_tokenizers.Metaspace())


def albert() -> Tokenizer:
    steps = [
        normalizers.Replace("``", '"'),
        normalizers.Replace("''", '"'),
        normalizers.NFKD(),
        normalizers.StripAccents(),
        normalizers.Lowercase(),
    ]
    words = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    return unigram(normalizers.Sequence(steps), pre_tokenizers.Sequence(words))


def deberta() -> Tokenizer:
    steps = [
        normalizers.Lowercase(),
        normalizers.Strip(),
        normalizers.Precompiled(make_charsmap(REPLACED)),
        normalizers.Replace(Regex(" {2,}"), " "),
    ]
    words = pre_tokenizers.Sequence([pre_tokenizers.Metaspace()])
    return unigram(normalizers.Sequence(steps), words)


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "bert uncased": lambda: bert(lowercase=True),
    "bert cased": lambda: bert(lowercase=False),
    "gpt-2": lambda: byte_level(roberta=False),
    "roberta": lambda: byte_level(roberta=True),
    "sentencepiece bpe": sentencepiece_bpe,
    "xlm-r": xlm_r,
    "albert": albert,
    "deberta-v2": deberta,
}


@pytest.fixture(scope="session", params=KINDS)
def trained(request: pytest.FixtureRequest) -> Tokenizer:
    """One of each kind."""
    return KINDS[request.param]()
