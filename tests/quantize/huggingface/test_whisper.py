"""Whisper's decoding section, from generation_config.json."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx
import pytest
import transformers

from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface import Imported, whisper

Copy = Callable[[str], Path]
Edit = Callable[..., None]
Read = Callable[[Path], Imported]


def decoding(imported: Imported) -> Mapping[str, Any]:
    section = imported.manifest["decoding"]
    assert isinstance(section, Mapping)
    return section


def test_languages_and_tasks_are_known_by_their_names(folders: Path, read: Read) -> None:
    ids = decoding(read(folders / "whisper"))
    assert {*ids["languages"]} == {"en", "de"}
    assert {*ids["tasks"]} == {"transcribe", "translate"}


def test_times_begin_after_the_token_that_wants_none(folders: Path, read: Read) -> None:
    ids = decoding(read(folders / "whisper"))
    assert ids["timestamp_begin"] == ids["no_timestamps"] + 1


def test_an_english_network_has_no_languages_and_no_tasks(
    copy: Copy, edit: Edit, read: Read
) -> None:
    folder = copy("whisper")
    edit(folder / "generation_config.json", is_multilingual=False, lang_to_id=..., task_to_id=...)
    assert not {"languages", "tasks"} & decoding(read(folder)).keys()


def test_no_token_is_suppressed_unless_the_file_says_so(copy: Copy, edit: Edit, read: Read) -> None:
    folder = copy("whisper")
    edit(folder / "generation_config.json", suppress_tokens=..., begin_suppress_tokens=None)
    ids = decoding(read(folder))
    assert (ids["suppress"], ids["begin_suppress"]) == ((), ())
    theirs = transformers.GenerationConfig()
    assert all(getattr(theirs, key) is None for key in whisper.NOT_SUPPRESSED)


def test_tokens_of_silence_and_of_what_was_said_before_are_known_by_name(
    folders: Path, read: Read
) -> None:
    folder = folders / "whisper"
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    ids = decoding(read(folder))
    assert ids["no_speech"] == theirs.convert_tokens_to_ids("<|nocaptions|>")
    assert ids["previous"] == theirs.convert_tokens_to_ids("<|startofprev|>")


def test_a_tokenizer_without_these_tokens_is_fine(copy: Copy, read: Read) -> None:
    folder = copy("whisper")
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    renamed = text.replace("<|nocaptions|>", "<|a|>").replace("<|startofprev|>", "<|b|>")
    (folder / "tokenizer.json").write_text(renamed, encoding="utf-8")
    assert not {"no_speech", "previous"} & decoding(read(folder)).keys()


def n_heads(imported: Imported) -> int:
    """Whose attention the decoder gives."""
    graph = onnx.load_model_from_string(imported.files["decoder.onnx"]).graph
    (output,) = (output for output in graph.output if output.name == "attention")
    count: int = output.type.tensor_type.shape.dim[1].dim_value
    return count


def test_heads_that_follow_the_sound_are_those_of_the_file(folders: Path, read: Read) -> None:
    assert n_heads(read(folders / "whisper")) == 3


def test_without_them_those_of_the_upper_half_are_taken(copy: Copy, edit: Edit, read: Read) -> None:
    folder = copy("whisper")
    edit(folder / "generation_config.json", alignment_heads=...)
    assert n_heads(read(folder)) == 2


@pytest.mark.parametrize("heads", [[], [[0, 1], [0, 1]], [[2, 0]], [[0, -1]], [[0]], [0], "0"])
def test_heads_that_there_are_not_are_refused(
    heads: object, copy: Copy, edit: Edit, read: Read
) -> None:
    folder = copy("whisper")
    edit(folder / "generation_config.json", alignment_heads=heads)
    with pytest.raises(FolderError, match="alignment_heads"):
        read(folder)
