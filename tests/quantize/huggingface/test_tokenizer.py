"""Vocabulary files put together: the very tokenizer.json that transformers makes of them.

What SentencePiece's files become is in `test_sentencepiece.py`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface import Imported
from earlet_quantize.huggingface.folder import Folder
from earlet_quantize.huggingface.tokenizer import CLASSES, read_tokenizer

Copy = Callable[[str], Path]
Edit = Callable[..., None]
Read = Callable[[Path], Imported]


def split(folder: Path) -> Path:
    """Replace tokenizer.json by the vocabulary files that older folders have."""
    file = folder / "tokenizer.json"
    model: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["model"]
    file.unlink()
    words = sorted(model["vocab"], key=model["vocab"].__getitem__)
    if model["type"] == "WordPiece":
        (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), "utf-8")
    else:
        (folder / "vocab.json").write_text(json.dumps(model["vocab"]), "utf-8")
        merges = [" ".join(merge) for merge in model["merges"]]
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), "utf-8")
    return folder


def ours(folder: Path) -> Any:
    """What is made of a folder's files."""
    read = Folder(folder)
    return json.loads(read_tokenizer(read, read.facts("config.json")))


def theirs(folder: Path) -> Any:
    """What transformers makes of them."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return json.loads(tokenizer.backend_tokenizer.to_str())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"do_lower_case": False},
        {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False},
        {"added_tokens_decoder": ..., "tokenizer_class": ...},
    ],
)
@pytest.mark.parametrize("family", ["bert", "distilbert", "electra", "mpnet", "mobilebert"])
def test_words_become_the_tokenizer_of_bert_and_its_like(
    family: str, options: dict[str, Any], copy: Copy, edit: Edit
) -> None:
    folder = split(copy(family))
    edit(folder / "tokenizer_config.json", **options)
    assert ours(folder) == theirs(folder)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"add_prefix_space": True, "trim_offsets": False},
        {"added_tokens_decoder": ..., "tokenizer_class": ...},
    ],
)
@pytest.mark.parametrize("family", ["roberta", "whisper"])
def test_pieces_and_merges_become_the_tokenizer_of_roberta_and_whisper(
    family: str, options: dict[str, Any], copy: Copy, edit: Edit
) -> None:
    folder = split(copy(family))
    edit(folder / "tokenizer_config.json", **options)
    assert ours(folder) == theirs(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda merges: merges.replace(b"\n", b"\r\n"),
        lambda merges: merges[merges.index(b"\n") + 1 :],
        lambda merges: merges.removesuffix(b"\n"),
    ],
    ids=["of Windows", "without its first line", "without its last end of line"],
)
def test_merges_are_read_as_transformers_reads_them(
    change: Callable[[bytes], bytes], copy: Copy
) -> None:
    folder = split(copy("roberta"))
    merges = folder / "merges.txt"
    merges.write_bytes(change(merges.read_bytes()))
    assert ours(folder) == theirs(folder)


@pytest.mark.parametrize("options", [{}, {"added_tokens_decoder": ...}])
def test_special_tokens_that_a_class_does_not_have_by_itself_are_special(
    options: dict[str, Any], copy: Copy, edit: Edit
) -> None:
    folder = split(copy("bert"))
    edit(folder / "tokenizer_config.json", bos_token="<begin>", eos_token="<end>", **options)  # noqa: S106
    n_words = len((folder / "vocab.txt").read_text("utf-8").splitlines())
    (folder / "added_tokens.json").write_text(json.dumps({"<end>": n_words}))
    edit(folder / "config.json", vocab_size=n_words + 2)
    assert ours(folder) == theirs(folder)


def test_tokens_of_older_folders_are_in_files_of_their_own(copy: Copy, edit: Edit) -> None:
    folder = split(copy("bert"))
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    vocabulary = (folder / "vocab.txt").read_text("utf-8").replace("[MASK]", "<mask>")
    (folder / "vocab.txt").write_text(vocabulary, "utf-8")
    (folder / "special_tokens_map.json").write_text(
        '{"mask_token": {"content": "<mask>", "lstrip": true, "normalized": true},'
        ' "additional_special_tokens": ["<url>", {"content": "[UNK]", "normalized": false}]}'
    )
    n_words = len(vocabulary.splitlines())
    (folder / "added_tokens.json").write_text(
        json.dumps({"<url>": n_words, "hi there": n_words + 1})
    )
    edit(folder / "config.json", vocab_size=n_words + 2)
    found = ours(folder)
    assert found == theirs(folder)
    assert [token["content"] for token in found["added_tokens"]][-3:] == [
        "<mask>",
        "<url>",
        "hi there",
    ]


def test_the_newer_of_two_files_of_tokens_counts(copy: Copy) -> None:
    folder = split(copy("bert"))
    (folder / "special_tokens_map.json").write_text('{"cls_token": "[SEP]"}')
    assert ours(folder) == theirs(folder)


def test_a_token_with_another_id_than_the_files_say_is_named(copy: Copy, edit: Edit) -> None:
    folder = split(copy("bert"))
    edit(folder / "tokenizer_config.json", added_tokens_decoder={"7": {"content": "<url>"}})
    with pytest.raises(FolderError, match=r"'<url>' to have the id \d+, .* the files say 7"):
        ours(folder)


def test_tokens_are_stated_by_their_ids(copy: Copy, edit: Edit) -> None:
    folder = split(copy("bert"))
    edit(folder / "tokenizer_config.json", added_tokens_decoder={"<url>": {"content": "<url>"}})
    with pytest.raises(FolderError, match="added_tokens_decoder: expected ids, got"):
        ours(folder)


def test_a_special_token_that_is_no_token_is_named(copy: Copy, edit: Edit) -> None:
    folder = split(copy("bert"))
    edit(folder / "tokenizer_config.json", cls_token="<cls>")  # noqa: S106
    with pytest.raises(FolderError, match="the token '<cls>' is not in the vocabulary"):
        ours(folder)


@pytest.mark.parametrize(
    ("family", "files"),
    [("bert", "vocab.txt"), ("xlm-roberta", "sentencepiece.bpe.model"), ("whisper", "vocab.json")],
)
def test_a_folder_without_a_tokenizer_says_how_to_get_one(
    family: str, files: str, copy: Copy, read: Read
) -> None:
    folder = copy(family)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FolderError, match=rf"tokenizer\.json: expected .*{files}.*save_pre"):
        read(folder)


def test_classes_are_those_that_transformers_takes() -> None:
    names = transformers.models.auto.tokenization_auto.TOKENIZER_MAPPING_NAMES
    for model_type, ours in CLASSES.items():
        assert f"{ours}Fast" in (names[model_type][1], f"{names[model_type][0]}Fast"), model_type
