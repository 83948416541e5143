"""Whisper's decoding section, from generation_config.json."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import transformers

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
