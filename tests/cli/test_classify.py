"""`earlet classify`: sounds, pictures and texts, each held to transformers' own pipelines."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import earlet
from earlet.cli import classify
from earlet.cli.cells import width

Run = Callable[..., subprocess.CompletedProcess[str]]
Call = Callable[..., tuple[int, str, str]]
OnTerminal = Callable[..., tuple[subprocess.CompletedProcess[str], str]]
Imported = Callable[[str], Path]
SCORES = 1e-5  # largest difference from transformers' scores, in float32


@pytest.fixture(scope="module")
def examples(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What transformers was given: paths of sounds and pictures, texts, pairs of texts."""
    given: dict[str, Any] = json.loads((golden / "huggingface" / "examples.json").read_text())
    folder = tmp_path_factory.mktemp("sounds")
    for i, sound in enumerate(given["sounds"]):
        samples, rate = soundfile.read(
            golden / sound["file"], start=sound["start"], frames=sound["n_samples"]
        )
        soundfile.write(folder / f"{i}.wav", samples, rate)
    given["sounds"] = sorted(map(str, folder.iterdir()))
    given["pictures"] = [str(golden / "huggingface" / name) for name in given["pictures"]]
    return given


def check(golden: Path, family: str, labels: list[list[dict[str, Any]]]) -> None:
    """Labels and scores, held to what transformers' pipeline answers."""
    expected = json.loads(str(np.load(golden / "huggingface" / f"{family}.npz")["answers"]))
    assert [[c["label"] for c in one] for one in labels] == [
        [c["label"] for c in one] for one in expected
    ]
    for ours, theirs in zip(labels, expected, strict=True):
        np.testing.assert_allclose(
            [c["score"] for c in ours], [c["score"] for c in theirs], rtol=0, atol=SCORES
        )


@pytest.mark.parametrize(
    ("family", "kind"), [("wav2vec2", "sounds"), ("vit", "pictures"), ("distilbert", "texts")]
)
def test_json_is_an_object_a_line_with_the_answer_of_transformers(
    call: Call, imported: Imported, golden: Path, examples: dict[str, Any], family: str, kind: str
) -> None:
    code, out, err = call("classify", "--json", "--bundle", str(imported(family)), *examples[kind])
    assert (code, err) == (0, "")
    found = [json.loads(line) for line in out.splitlines()]
    assert all(answer.keys() == {"input", "task", "labels"} for answer in found)
    assert [answer["input"] for answer in found] == examples[kind]
    assert {answer["task"] for answer in found} == {earlet.load(imported(family)).manifest.task}
    check(golden, family, [answer["labels"] for answer in found])


def test_pairs_of_texts_answer_as_transformers_does(
    call: Call, imported: Imported, golden: Path, examples: dict[str, Any]
) -> None:
    argv = ["classify", "--json", "--bundle", str(imported("bert"))]
    found = [
        json.loads(call(*argv, pair["text"], "--text-pair", pair["text_pair"])[1])["labels"]
        for pair in examples["pairs"]
    ]
    check(golden, "bert", found)


def test_each_input_goes_to_the_bundle_of_its_kind_in_the_order_of_the_inputs(
    call: Call, golden: Path, clip: Path, tmp_path: Path
) -> None:
    shutil.copy(clip, tmp_path / "recording")  # without a suffix: its first bytes tell
    (tmp_path / "note.txt").write_text("A dull place.\n", encoding="utf-8")
    photo = str(golden / "huggingface" / "photo.png")
    inputs = [photo, "A dull place.", str(tmp_path / "recording"), str(tmp_path / "note.txt")]
    code, out, err = call("classify", "--json", *inputs)
    assert (code, err) == (0, "")
    picture, text, sound, note = map(json.loads, out.splitlines())
    assert [answer["input"] for answer in (picture, text, sound, note)] == inputs
    assert picture["task"] == "image-classification"
    assert sound["task"] == "audio-classification"
    assert text["task"] == note["task"] == "text-classification"
    assert text["labels"] == note["labels"]


def test_of_a_folder_all_files_are_taken_or_those_of_the_task(
    call: Call, golden: Path, clip: Path, tmp_path: Path
) -> None:
    for name in ("b/cat.png", "a.JPEG", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(golden / "huggingface" / "photo.png", tmp_path / name)
    shutil.copy(clip, tmp_path / "b" / "bird.wav")
    (tmp_path / "README.md").touch()

    def named(*argv: str) -> list[str]:
        _, out, err = call("classify", "--top-k", "1", str(tmp_path), *argv)
        assert err == ""
        return [line.split("\t")[0].removeprefix(f"{tmp_path}/") for line in out.splitlines()]

    assert named() == ["a.JPEG", "b/bird.wav", "b/cat.png"]
    assert named("--task", "image-classification") == ["a.JPEG", "b/cat.png"]


def test_for_a_program_every_label_is_a_line(call: Call, imported: Imported, golden: Path) -> None:
    bundle, photo = imported("vit"), str(golden / "huggingface" / "photo.png")
    code, out, err = call("classify", "--bundle", str(bundle), "--top-k", "3", photo)
    assert (code, err) == (0, "")
    expected = earlet.pipeline("image-classification", bundle)(photo, top_k=3)
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[:2] for row in rows] == [[photo, label.label] for label in expected]
    found = [float(row[2]) for row in rows]
    np.testing.assert_allclose(found, [label.score for label in expected], rtol=1e-5)


def test_more_labels_than_there_are_gives_all_and_another_function_other_scores(
    call: Call, imported: Imported, examples: dict[str, Any]
) -> None:
    argv = ["classify", "--json", "--bundle", str(imported("distilbert")), examples["texts"][0]]
    labels = json.loads(call(*argv, "--top-k", "100", "--function-to-apply", "softmax")[1])[
        "labels"
    ]
    assert len(labels) == 4
    assert sum(label["score"] for label in labels) == pytest.approx(1, abs=1e-6)
    assert sum(label["score"] for label in json.loads(call(*argv)[1])["labels"]) > 1.1  # sigmoid


def test_a_recording_is_labelled_by_what_it_sounds_like(call: Call, recordings: Path) -> None:
    path = str(recordings / "commands.flac")
    _, out, _ = call("classify", path)
    expected = earlet.pipeline("audio-classification", "yamnet")(path)
    assert [line.split("\t")[1] for line in out.splitlines()] == [c.label for c in expected]


def test_inputs_that_fail_are_named_and_the_others_done(
    call: Call, imported: Imported, golden: Path, tmp_path: Path
) -> None:
    damaged, empty = tmp_path / "damaged.png", tmp_path / "empty"
    damaged.write_bytes((golden / "huggingface" / "photo.png").read_bytes()[:99])
    empty.mkdir()
    photo = str(golden / "huggingface" / "photo.png")
    inputs = [photo, "nowhere.png", str(damaged), str(empty), photo]
    code, out, err = call("classify", "--top-k", "1", "--bundle", str(imported("vit")), *inputs)
    assert (code, out.count(f"{photo}\t"), out.count("\n")) == (1, 2, 2)
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        ["earlet", name] for name in (str(empty), "nowhere.png", str(damaged))
    ]


def test_a_text_that_fails_is_quoted(call: Call, imported: Imported) -> None:
    text = 20_001 * "a book without end "
    code, out, err = call("classify", "--bundle", str(imported("distilbert")), 3 * text, "short")
    assert (code, out.count("\n")) == (1, 4)
    quoted, message = err.removeprefix("earlet: ").split(": ", 1)
    assert quoted == f"{text[:59]}…"
    assert message == "text: expected at most 1000000 characters, got 1140057\n"


def test_a_folder_with_nothing_of_its_kind_is_told(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "notes.md").touch()
    line = refused("classify", str(tmp_path), code=1)
    assert line.startswith(f"{tmp_path}: no file in it ends with one of .aif .aifc ")
    line = refused("classify", "--task", "text-classification", str(tmp_path), code=1)
    assert line == f"{tmp_path}: no file in it ends with one of .txt"


def test_a_bundle_is_opened_once_and_only_where_it_is_needed(
    call: Call, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def counted(task: Any, bundle: str | None) -> Any:
        opened.append(task)
        return earlet.pipeline(task, bundle)

    monkeypatch.setattr(classify, "pipeline", counted)
    photo = str(golden / "huggingface" / "photo.png")
    call("classify", photo, "good", photo, "bad")
    assert opened == ["image-classification", "text-classification"]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["x", "--top-k", "0"], "--top-k: expected 1 or more, got 0"),
        (["x", "--function-to-apply", "relu"], "--function-to-apply: invalid choice: 'relu'"),
        (["x", "--task", "translation"], "argument --task: invalid choice: 'translation'"),
        ([""], "expected paths and texts, got an empty one"),
        (["x", "--bundle", ""], "bundle: expected a name or a path, got ''"),
        (["x", "--bundle", "nothing"], "no bundle named 'nothing' in "),
        (["x", "--bundle", "vad"], "vad: is for voice-activity-detection; expected one for audio-"),
        (
            ["x", "--bundle", "commands-en", "--task", "text-classification"],
            "commands-en: is for audio-classification, not for text-classification",
        ),
        (
            ["a.wav", "b", "--text-pair", "x"],
            "--text-pair belongs to texts, and some inputs are no",
        ),
        (
            ["-", "--task", "image-classification"],
            "standard input is read as texts, a line each; image-classification takes none",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_input(
    refused: Callable[..., str], argv: list[str], expected: str
) -> None:
    assert expected in refused("classify", *argv)


def test_each_line_of_standard_input_is_a_text_and_one_that_is_none_is_told(
    run: Run, imported: Imported
) -> None:
    argv = ["classify", "--top-k", "1", "--bundle", str(imported("distilbert"))]
    lines = [b"\xef\xbb\xbfand/or\r", b"", b"na\xefve", b"a" * 2_500_000, b"in the end"]
    result = run(*argv, "first", "-", "last", input=b"\n".join(lines))
    assert result.returncode == 1
    names = [line.split("\t")[0] for line in result.stdout.splitlines()]
    assert names == ["first", "and/or", "in the end", "last"]
    bad, long = result.stderr.splitlines()
    assert bad.startswith(r"earlet: na\udcefve: text: character 2 is half of a pair")
    # Of the third no more is kept than a text may have, and what tells that there is more.
    assert long.endswith("aaa…: text: expected at most 1000000 characters, got 1000001")


def test_codes_in_names_and_labels_do_not_reach_the_terminal(
    call: Call, imported: Imported, golden: Path, altered: Callable[..., Path], tmp_path: Path
) -> None:
    bundle = altered(imported("vit"), {"labels.txt": b"a\x1b[2Jb\nc\td\ne\x07\nf\n"})
    name = tmp_path / "new\nline\x1b[31m.png"
    shutil.copy(golden / "huggingface" / "photo.png", name)
    code, out, err = call("classify", "--bundle", str(bundle), str(name))
    assert (code, err) == (0, "")
    rows = [line.split("\t") for line in out.splitlines()]
    assert all(len(row) == 3 and "".join(row).isprintable() for row in rows)
    assert {row[0] for row in rows} == {f"{tmp_path}/new\\nline\\x1b[31m.png"}
    assert {row[1] for row in rows} == {r"a\x1b[2Jb", r"c\td", r"e\x07", "f"}
    answer = json.loads(call("classify", "--json", "--bundle", str(bundle), str(name))[1])
    assert answer["input"] == str(name)


def test_on_a_terminal_several_inputs_are_a_line_each(
    on_terminal: OnTerminal, imported: Imported, golden: Path
) -> None:
    argv = ["classify", "--bundle", str(imported("vit")), str(golden / "huggingface")]
    result, drawn = on_terminal("stdout", *argv, columns=50)
    assert (result.returncode, result.stderr) == (0, "")
    lines = drawn.splitlines()
    assert len(lines) == 4
    for line in lines:
        visible = line.replace("\x1b[2m", "").replace("\x1b[22m", "")
        assert visible.isprintable()
        assert width(visible) <= 50
    assert lines[2].startswith("…ggingface/photo.png   0.88 bird   \x1b[2m   0.11 dog   …")


def test_on_a_terminal_one_input_has_bars(
    call: Call, imported: Imported, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    photo = str(golden / "huggingface" / "photo.png")
    _, out, _ = call("classify", "--bundle", str(imported("vit")), photo)
    assert out.splitlines() == [
        "bird      0.88  " + 35 * "█" + "▌",
        "dog       0.11  " + 4 * "█" + "▌",
        "hot dog   0.00",
        "cat       0.00",
    ]


def test_on_a_terminal_lines_of_standard_input_are_named(
    call: Call, imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("earlet.cli.inputs._lines", lambda: iter(["good", "bad"]))
    _, out, _ = call("classify", "--bundle", str(imported("distilbert")), "-")
    assert [line.split()[0] for line in out.splitlines()] == ["good", "bad"]


def test_no_colours_where_nobody_wants_them(
    call: Call, imported: Imported, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    argv = ["classify", "--bundle", str(imported("vit")), str(golden / "huggingface")]
    assert "\x1b[2m" in call(*argv)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in call(*argv)[1]
