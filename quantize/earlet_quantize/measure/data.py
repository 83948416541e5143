"""Calibration and evaluation data: folders of files, as people have them.

    task                            evaluation                          right answer
    audio-, image-classification    FOLDER/label/file                   the label
    automatic-speech-recognition    FOLDER/id.flac, transcripts.tsv     id <tab> text
    text-classification             labels.tsv                          label <tab> text

Calibration takes the same, and where nothing tells the right answers also a folder of just files,
however deep, or texts.txt with a text a line. Other files, such as a README, are passed over.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from earlet.audio import file as audio
from earlet.errors import InputError
from earlet.files import read_plain
from earlet.image import file as image
from earlet.manifest import Task
from earlet.schema import nearest
from earlet_quantize.errors import DataError

SUFFIXES: dict[Task, tuple[str, ...]] = {
    "audio-classification": audio.SUFFIXES,
    "automatic-speech-recognition": audio.SUFFIXES,
    "voice-activity-detection": audio.SUFFIXES,
    "image-classification": image.SUFFIXES,
    "text-classification": (),
}
TRANSCRIPTS, LABELS, TEXTS = "transcripts.tsv", "labels.tsv", "texts.txt"
LINES = {
    TRANSCRIPTS: "lines ID <tab> TEXT",
    LABELS: "lines LABEL <tab> TEXT",
    TEXTS: "lines, a text each",
}
MAX_EXAMPLES = 100_000  # of a set; ImageNet's for validation has 50,000
MAX_TABLE_BYTES = 100_000_000  # of a .tsv or .txt, which is held in memory


class Example(NamedTuple):
    """One input for a bundle's pipeline, and the right answer."""

    name: str  # for messages
    input: str  # the path of a file, or a text
    reference: str  # "" where it is not known


def read_evaluation(folder: Path, task: Task, labels: Collection[str] = ()) -> list[Example]:
    """All examples of an evaluation set, in the order of their names.

    Args:
        folder: laid out for the task, see above.
        task: of the bundle that is to be evaluated.
        labels: of that bundle; none for speech recognition.

    Raises:
        DataError: when there is nothing, or not what the task needs, or a label that the bundle
            does not have.
    """
    if task == "automatic-speech-recognition":
        examples = list(_transcribed(folder))
    elif task == "text-classification":
        examples = list(_table(folder / LABELS))
    elif task == "voice-activity-detection":
        raise DataError(f"{folder}: {task} has no evaluation; leave it out")
    else:
        examples = _labelled(folder, SUFFIXES[task])
    for example in examples:
        if labels and example.reference not in labels:
            raise DataError(
                f"{example.name}: the bundle has no label {example.reference!r}"
                f"{nearest(example.reference, labels)}"
            )
    return _bounded(examples, folder)


def read_calibration(folder: Path, task: Task) -> list[Example]:
    """All examples of a calibration set, in the order of their names.

    Raises:
        DataError: when there is nothing that the task takes.
    """
    if task != "text-classification":
        files = [Example(str(path), str(path), "") for path in _files(folder, SUFFIXES[task])]
        return _bounded(files, folder)
    if (folder / LABELS).exists():
        return _bounded(list(_table(folder / LABELS)), folder)
    texts = enumerate(_lines(folder / TEXTS), start=1)
    return _bounded([Example(f"{folder / TEXTS} line {i}", text, "") for i, text in texts], folder)


def check_rates(examples: Collection[Example], sample_rate: int) -> None:
    """Every sound must have the rate of the network, or more.

    Upsampled sound has no high frequencies, so a network calibrated with it is wrong for others.

    Raises:
        DataError: naming the first file with a lower one, or that cannot be read.
    """
    for example in examples:
        try:
            with audio.AudioFile(example.input, sample_rate) as file:
                rate = file.own_rate
        except InputError as problem:
            raise DataError(f"{problem}; remove it") from None
        if rate < sample_rate:
            raise DataError(
                f"{example.name}: expected at least {sample_rate} Hz, the network's rate, got "
                f"{rate} Hz; leave it out: what is upsampled lacks high frequencies"
            )


def run(task: Any, example: Example) -> Any:
    """What a pipeline makes of an example.

    Raises:
        DataError: when the example cannot be used; names it.
    """
    try:
        return task(example.input)
    except InputError as problem:
        message = str(problem)
        name = "" if example.name in message else f"{example.name}: "
        raise DataError(f"{name}{message}; remove or replace it") from None


def answer(task: Any, example: Example) -> str:
    """What a pipeline says to an example: the text, or the best label.

    Raises:
        DataError: when the example cannot be used.
    """
    result = run(task, example)
    return str(result.text) if hasattr(result, "text") else str(result[0].label)


def _labelled(folder: Path, suffixes: Collection[str]) -> list[Example]:
    files = [path for path in _files(folder, suffixes) if path.parent.parent == folder]
    if not files:
        raise DataError(f"{folder}: expected files as LABEL/FILE, found none of that kind")
    return [Example(str(path), str(path), path.parent.name) for path in files]


def _transcribed(folder: Path) -> Iterator[Example]:
    files = {path.stem: path for path in _files(folder, audio.SUFFIXES) if path.parent == folder}
    for row in _table(folder / TRANSCRIPTS):
        utterance, text = row.reference, row.input
        if utterance not in files:
            raise DataError(f"{row.name}: there is no sound file {utterance!r} beside it")
        yield Example(str(files[utterance]), str(files[utterance]), text)


def _files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    _check_folder(folder)
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
    if not files:
        raise DataError(f"{folder}: expected files of {', '.join(suffixes)}; found none")
    return files


def _table(path: Path) -> Iterator[Example]:
    """Lines of two columns: the first is given as the reference, the second as the input."""
    for i, line in enumerate(_lines(path), start=1):
        first, tab, second = line.partition("\t")
        if not (tab and first.strip() and second.strip()):
            raise DataError(
                f"{path} line {i}: expected two columns with a tab between, got {line!r}"
            )
        yield Example(f"{path} line {i}", second.strip(), first.strip())


def _lines(path: Path) -> list[str]:
    _check_folder(path.parent)
    if not path.exists():
        raise DataError(f"{path}: expected a file of {LINES[path.name]}, there is none")
    data = read_plain(path, MAX_TABLE_BYTES + 1, "lines of text", DataError)
    if len(data) > MAX_TABLE_BYTES:
        raise DataError(f"{path}: expected at most {MAX_TABLE_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")  # spreadsheets begin their tables with a mark
    except UnicodeDecodeError as problem:
        raise DataError(f"{path}: not UTF-8 at byte {problem.start}") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path}: expected {LINES[path.name]}, it is empty")
    return lines


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        there = "a file" if folder.exists() else "nothing"
        raise DataError(f"{folder}: expected a folder of data, there is {there}")


def _bounded(examples: list[Example], folder: Path) -> list[Example]:
    if len(examples) > MAX_EXAMPLES:
        raise DataError(f"{folder}: {len(examples)} examples; expected at most {MAX_EXAMPLES}")
    return examples
