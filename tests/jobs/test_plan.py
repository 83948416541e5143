"""Which files are taken, in which order, and where their texts go."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.audio.file import SUFFIXES
from earlet.errors import InputError
from earlet.jobs.plan import Format, Item, plan


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def sources(folder: Path) -> list[str]:
    items, problems = plan([str(folder)], None, "txt")
    assert problems == []
    return [str(Path(item.source).relative_to(folder)) for item in items]


def outputs(paths: list[Path], form: Format = "txt") -> list[str | None]:
    items, _ = plan([str(path) for path in paths], "out", form)
    return [item.output for item in items]


def test_a_folder_stands_for_the_sounds_in_it_and_below_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "b.WAV", "a.flac", "10/x.Mp3", "9/x.ogg", "10/notes.txt", "cover.jpg", "wav")
    assert sources(tmp_path) == ["a.flac", "b.WAV", "10/x.Mp3", "9/x.ogg"]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "._a.wav", ".trash/b.wav", "c/.d.wav")
    assert sources(tmp_path) == ["a.wav"]


def test_a_hidden_folder_that_is_named_is_taken(tmp_path: Path) -> None:
    touch(tmp_path, ".here/a.wav")
    assert sources(tmp_path / ".here") == ["a.wav"]


def test_links_to_files_are_taken_and_links_to_folders_are_not_so_that_none_is_a_loop(
    tmp_path: Path,
) -> None:
    touch(tmp_path, "sounds/a.wav")
    (tmp_path / "sounds" / "loop").symlink_to(tmp_path)
    (tmp_path / "sounds" / "b.wav").symlink_to(tmp_path / "sounds" / "a.wav")
    assert sources(tmp_path) == ["sounds/a.wav", "sounds/b.wav"]
    (tmp_path / "named").symlink_to(tmp_path / "sounds")
    assert sources(tmp_path / "named") == ["a.wav", "b.wav"]


def test_a_path_that_cannot_be_looked_at_is_left_to_who_opens_it() -> None:
    path = "x" * 300  # the kernel says "File name too long", as it may say "Permission denied"
    assert plan([path], None, "txt") == ([Item(source=path, output=None)], [])


def test_a_file_that_is_named_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    touch(tmp_path, "notes")
    paths = [str(tmp_path / "notes"), "nowhere", ""]
    items, problems = plan(paths, None, "txt")
    assert ([item.source for item in items], problems) == (paths, [])


def test_every_suffix_is_one_that_libsndfile_reads_such_a_file_by(tmp_path: Path) -> None:
    codecs = {
        "AIFF": ("PCM_16", (".aif", ".aifc", ".aiff")),
        "AU": ("PCM_16", (".au", ".snd")),
        "CAF": ("PCM_16", (".caf",)),
        "FLAC": ("PCM_16", (".flac",)),
        "MP3": ("MPEG_LAYER_III", (".mp3",)),
        "OGG": ("VORBIS", (".oga", ".ogg")),
        "RF64": ("PCM_16", (".rf64",)),
        "W64": ("PCM_16", (".w64",)),
        "WAV": ("PCM_16", (".wav", ".wave")),
    }
    for container, (codec, suffixes) in codecs.items():
        for suffix in suffixes:
            path = tmp_path / f"x{suffix}"
            soundfile.write(path, np.zeros(800), 8_000, format=container, subtype=codec)
            assert soundfile.info(path).frames >= 800
    soundfile.write(tmp_path / "x.opus", np.zeros(800), 8_000, format="OGG", subtype="OPUS")
    assert len(sources(tmp_path)) == len(SUFFIXES)


def test_the_tree_is_mirrored(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "b/c.d.wav", "b/e/f.mp3")
    assert outputs([tmp_path]) == ["out/a.txt", "out/b/c.d.txt", "out/b/e/f.txt"]
    assert outputs([tmp_path / "b" / "c.d.wav"]) == ["out/c.d.txt"]


def test_two_sounds_of_one_name_keep_their_suffixes(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.wav", "a/x.flac", "b/x.wav")
    assert outputs([tmp_path]) == ["out/a/x.flac.txt", "out/a/x.wav.txt", "out/b/x.txt"]


def test_a_text_is_never_written_over_its_sound(tmp_path: Path) -> None:
    touch(tmp_path, "sound.txt")
    assert outputs([tmp_path / "sound.txt"]) == ["out/sound.txt.txt"]
    assert outputs([tmp_path / "sound.txt"], "srt") == ["out/sound.srt"]


@pytest.mark.parametrize("second", ["a/x.wav", "b/x.wav"])
def test_two_inputs_for_one_output_are_refused_by_name(tmp_path: Path, second: str) -> None:
    touch(tmp_path, "a/x.wav", "b/x.wav")
    paths = [str(tmp_path / "a" / "x.wav"), str(tmp_path / second)]
    with pytest.raises(InputError, match="would both be written to") as caught:
        plan(paths, "out", "txt")
    assert all(path in str(caught.value) for path in paths)


def test_two_folders_with_a_file_of_one_place_are_refused_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "a/c/x.wav", "b/c/x.mp3", "a/y.wav")
    items, _ = plan([str(tmp_path / "a"), str(tmp_path / "b")], "out", "txt")
    assert [item.output for item in items] == [*("out/y.txt", "out/c/x.wav.txt", "out/c/x.mp3.txt")]
    touch(tmp_path, "b/y.wav")
    with pytest.raises(InputError, match=r"a/y\.wav and .*b/y\.wav would both be written to"):
        plan([str(tmp_path / "a"), str(tmp_path / "b")], "out", "txt")


def test_texts_among_the_sounds_are_no_inputs(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    (item,), _ = plan([str(tmp_path)], str(tmp_path), "txt")
    assert item == Item(source=str(tmp_path / "a.wav"), output=str(tmp_path / "a.txt"))
    touch(tmp_path, "a.txt", "a.srt", ".earlet-transcribe.json")
    assert plan([str(tmp_path)], str(tmp_path), "txt") == ([item], [])


def test_a_folder_without_sounds_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    items, (problem,) = plan([str(tmp_path)], None, "txt")
    assert items == []
    assert problem.startswith(f"{tmp_path}: no file in it ends with one of .aif .aifc ")


def test_a_folder_that_cannot_be_read_is_told_and_the_others_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a/x.wav", "closed/y.wav", "z.wav")
    look = os.scandir

    def scandir(path: str) -> object:  # root may read everything
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    items, problems = plan([str(tmp_path)], None, "txt")
    assert [Path(item.source).name for item in items] == ["z.wav", "x.wav"]
    assert problems == [f"{tmp_path}/closed: cannot be read: Permission denied"]
