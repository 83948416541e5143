"""Vocabulary files put together: the very tokenizer.json that transformers makes of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface import Imported

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


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"do_lower_case": False},
        {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False},
    ],
)
def test_words_become_the_tokenizer_of_bert(
    options: dict[str, bool], copy: Copy, edit: Edit, read: Read
) -> None:
    folder = split(copy("bert"))
    edit(folder / "tokenizer_config.json", **options)
    theirs = transformers.BertTokenizerFast(str(folder / "vocab.txt"), **options)
    ours = read(folder).files["tokenizer.json"]
    assert json.loads(ours) == json.loads(theirs.backend_tokenizer.to_str())


@pytest.mark.parametrize("options", [{}, {"add_prefix_space": True}])
def test_pieces_and_merges_become_the_tokenizer_of_roberta(
    options: dict[str, bool], copy: Copy, edit: Edit, read: Read
) -> None:
    folder = split(copy("roberta"))
    edit(folder / "tokenizer_config.json", **options)
    files = (str(folder / "vocab.json"), str(folder / "merges.txt"))
    theirs = transformers.RobertaTokenizerFast(*files, **options)
    ours = read(folder).files["tokenizer.json"]
    assert json.loads(ours) == json.loads(theirs.backend_tokenizer.to_str())


def test_tokens_of_older_folders_are_in_a_file_of_their_own(copy: Copy, read: Read) -> None:
    folder = split(copy("bert"))
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    vocabulary = (folder / "vocab.txt").read_text("utf-8").replace("[MASK]", "<mask>")
    (folder / "vocab.txt").write_text(vocabulary, "utf-8")
    (folder / "special_tokens_map.json").write_text('{"mask_token": {"content": "<mask>"}}')
    added = json.loads(read(folder).files["tokenizer.json"])["added_tokens"]
    assert [token["content"] for token in added][-1] == "<mask>"


def test_a_special_token_that_is_no_token_is_named(copy: Copy, edit: Edit, read: Read) -> None:
    folder = split(copy("bert"))
    edit(folder / "tokenizer_config.json", cls_token="<cls>")  # noqa: S106
    with pytest.raises(FolderError, match="the cls_token '<cls>' is not in the vocabulary"):
        read(folder)


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "whisper"])
def test_a_folder_without_a_tokenizer_says_how_to_get_one(
    family: str, copy: Copy, read: Read
) -> None:
    folder = copy(family)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FolderError, match=r"tokenizer\.json: expected the tokenizer, .*save_pre"):
        read(folder)
