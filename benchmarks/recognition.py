"""Speech recognition against its peers: one table of words wrong, CPU time and memory.

    pip install -e '.[quantize]' faster-whisper==1.2.1
    python benchmarks/recognition.py --whisper B --float-whisper B --float-moonshine B

Needs Linux. One thread, greedy. Recognisers that are compared transcribe each utterance in turn in
one process; memory is the peak of a process of its own. What is not there, a bundle that was not
named or a peer that is not installed, is named in its row. Float bundles are what
`earlet-quantize import` makes of a Hugging Face folder.
"""

import argparse
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy reads it

import numpy as np
import peers
import soundfile
from peers import SAMPLE_RATE

import earlet
from earlet.arrays import FloatArray
from earlet.audio.file import AudioFile
from earlet.errors import EarletError
from earlet_quantize.measure.recognisers import Outcome, Recogniser, compare
from earlet_quantize.measure.words import read_transcripts
from earlet_quantize.sources import fetch_wheel, read_member

ROOT = Path(__file__).parents[1]
TEST_OTHER = "librispeech-test-other"

# A reading of the first page of "A Tale of Two Cities", 44 s. MIT.
READING_PACKAGE = "moonshine-voice==0.0.65"
READING_ARCHIVE = "moonshine_voice-0.0.65-py3-none-manylinux_2_34_x86_64.whl"
READING = "moonshine_voice/assets/two_cities.wav"
READING_SHA256 = "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e"

HOUR_S = 3_600
PAUSES_S = (0.2, 1.5)  # between two utterances of the hour: within a sentence, and after one
SEED = 0
SAMPLED_S = 600  # of audio, between two looks at the memory

FLOAT_POINTS = 0.3  # percentage points of word errors, above a loop over the same float network
INT8_POINTS = 1.0  # the same, above a peer with the same weights
LOOP_RATIO = 1.1  # of CPU time to a loop over the same network
PUBLISHED_RATIO = 0.30  # to the published int8 networks
PEER_RATIO = 0.5  # to faster-whisper
PEER_MEMORY = 1.2  # of peak memory to faster-whisper's
LONG_MB = 250  # of a long recording, at the peak

LOOP, PUBLISHED = "a loop over the same network", "published networks"
UNCUT, CUT = "utterances as they are", "with voice activity detection before"
PEER = "faster-whisper"


class Row(NamedTuple):
    """Of the table."""

    what: str
    earlet: str
    peer: str = ""
    compared: str = ""


class Memory(NamedTuple):
    """Of a process that transcribes one long recording."""

    peak_mb: float
    sampled_mb: list[float]  # every `SAMPLED_S` of audio


class MissingError(Exception):
    """What a row needs is not there."""


def main() -> None:
    """Print the table, row by row."""
    arguments = parse_arguments()
    sections: dict[str, Callable[[], Iterator[Row]]] = {
        "Moonshine tiny, float32": lambda: moonshine_float(arguments),
        "Moonshine tiny, int8": lambda: moonshine_int8(arguments),
        "Whisper tiny.en, int8": lambda: whisper(arguments, arguments.whisper, "int8"),
        "Whisper tiny.en, float32": lambda: whisper(arguments, arguments.float_whisper, "float32"),
        "Moonshine tiny, int8, long": lambda: long(arguments, arguments.moonshine, "vad"),
        "Whisper tiny.en, int8, long": lambda: long(arguments, arguments.whisper, "sequential"),
    }
    show(Row("one thread", "earlet", "peer", "difference or ratio"))
    show(Row(*["---"] * 4))
    for name, rows in sections.items():
        try:
            for row in rows():
                show(row._replace(what=f"{name}: {row.what}"))
        except (MissingError, EarletError) as problem:
            show(Row(name, "not measured", "", str(problem)))


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "recipes")
    parser.add_argument("--moonshine", type=Path, default=ROOT / "models" / "moonshine-tiny-en")
    parser.add_argument("--float-moonshine", type=Path)
    parser.add_argument("--whisper", type=Path, help="tiny.en in int8")
    parser.add_argument("--float-whisper", type=Path)
    return parser.parse_args()


def show(row: Row) -> None:
    """One row of a Markdown table."""
    sys.stdout.write(f"| {' | '.join(row)} |\n")
    sys.stdout.flush()


def moonshine_float(arguments: argparse.Namespace) -> Iterator[Row]:
    """What the pipeline changes of what a network writes."""
    bundle = there(arguments.float_moonshine, "--float-moonshine")
    recognisers = {LOOP: peers.loop(bundle), UNCUT: peers.uncut(bundle), CUT: peers.cut(bundle)}
    outcomes, _ = measure(arguments, recognisers)
    for name in (UNCUT, CUT):
        yield points(f"words wrong, {name}", outcomes[name], outcomes[LOOP], FLOAT_POINTS)


def moonshine_int8(arguments: argparse.Namespace) -> Iterator[Row]:
    """What the pipeline costs above its network, and the network less than the published one."""
    bundle = there(arguments.moonshine, "--moonshine")
    with TemporaryDirectory() as scratch:
        recognisers = {
            PUBLISHED: peers.published_moonshine(Path(scratch), arguments.cache),
            LOOP: peers.loop(bundle),
            UNCUT: peers.uncut(bundle),
            CUT: peers.cut(bundle),
        }
        outcomes, audio_s = measure(arguments, recognisers)
    for name in (UNCUT, CUT):
        yield cpu(f"CPU, {name}", outcomes[name], outcomes[LOOP], audio_s, LOOP_RATIO)
    yield cpu("CPU", outcomes[UNCUT], outcomes[PUBLISHED], audio_s, PUBLISHED_RATIO)
    yield points("words wrong", outcomes[CUT], outcomes[PUBLISHED], INT8_POINTS)
    yield memory("peak memory", outcomes[CUT], outcomes[PUBLISHED])


def whisper(arguments: argparse.Namespace, bundle: Path | None, compute_type: str) -> Iterator[Row]:
    """The same weights in faster-whisper."""
    bundle = there(bundle, "--whisper" if compute_type == "int8" else "--float-whisper")
    if importlib.util.find_spec("faster_whisper") is None:
        raise MissingError("faster-whisper is not installed")
    with TemporaryDirectory() as scratch:
        peer = peers.faster_whisper(Path(scratch), arguments.cache, compute_type)
        outcomes, audio_s = measure(arguments, {PEER: peer, UNCUT: peers.uncut(bundle)})
    is_int8 = compute_type == "int8"
    ours, theirs = outcomes[UNCUT], outcomes[PEER]
    yield cpu("CPU", ours, theirs, audio_s, PEER_RATIO if is_int8 else None)
    yield points("words wrong", ours, theirs, INT8_POINTS if is_int8 else None)
    yield memory("peak memory", ours, theirs, PEER_MEMORY if is_int8 else None)


def long(arguments: argparse.Namespace, bundle: Path | None, long_form: str) -> Iterator[Row]:
    """Memory, which must not grow with the length of a recording."""
    bundle = there(bundle, "--moonshine" if long_form == "vad" else "--whisper")
    speech = there(arguments.data / "speech", "--data")
    with TemporaryDirectory() as scratch:
        path = Path(scratch, "reading.wav")
        archive = fetch_wheel(READING_PACKAGE, arguments.cache, READING_ARCHIVE)
        path.write_bytes(read_member(archive, READING, sha256=READING_SHA256))
        short = weigh(bundle, path, long_form)
        yield peak("peak memory, 44 s", short)
        path = Path(scratch, "hour.flac")
        write_hour(path, [*speech.glob("calibration/*.flac"), *speech.glob(f"{TEST_OTHER}/*.flac")])
        hour = weigh(bundle, path, long_form)
        yield peak("peak memory, an hour", hour)
        hours = np.arange(1, len(hour.sampled_mb) + 1) * SAMPLED_S / HOUR_S
        slope = np.polyfit(hours, hour.sampled_mb, 1)[0]
        looks = ", ".join(f"{mb:.0f}" for mb in hour.sampled_mb)
        yield Row("growth of memory", f"{slope:+.1f} MB an hour", "", f"every 10 minutes: {looks}")


def peak(what: str, memory: Memory) -> Row:
    """Of a long recording."""
    return Row(what, f"{memory.peak_mb:.0f} MB", "", aim(memory.peak_mb, LONG_MB).strip())


def weigh(bundle: Path, path: Path, long_form: str) -> Memory:
    """`transcribe_and_weigh` in a process of its own."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(transcribe_and_weigh, bundle, path, long_form).result()


def points(what: str, ours: Outcome, theirs: Outcome, at_most: float | None) -> Row:
    """Word error rates."""
    more = ours.word_error_rate - theirs.word_error_rate
    return Row(
        what,
        f"{ours.word_error_rate:.2f} %",
        f"{theirs.word_error_rate:.2f} %",
        f"{more:+.2f} points{aim(more, at_most)}",
    )


def cpu(what: str, ours: Outcome, theirs: Outcome, audio_s: float, at_most: float | None) -> Row:
    """CPU time for a second of sound."""
    per_second = 1e3 / audio_s
    return ratio(what, ours.cpu_s * per_second, theirs.cpu_s * per_second, "ms", at_most)


def memory(what: str, ours: Outcome, theirs: Outcome, at_most: float | None = None) -> Row:
    """Peaks of memory."""
    return ratio(what, ours.peak_mb, theirs.peak_mb, "MB", at_most)


def ratio(what: str, ours: float, theirs: float, unit: str, at_most: float | None) -> Row:
    """Two values of one kind."""
    times = ours / theirs
    return Row(
        what, f"{ours:.3g} {unit}", f"{theirs:.3g} {unit}", f"{times:.2f}{aim(times, at_most)}"
    )


def aim(value: float, at_most: float | None) -> str:
    """What was aimed at, and whether it was met."""
    if at_most is None:
        return ""
    return f" (aim: {at_most:g}, {'met' if value <= at_most else 'MISSED'})"


def measure(
    arguments: argparse.Namespace, recognisers: Mapping[str, Recogniser]
) -> tuple[dict[str, Outcome], float]:
    """All of them on LibriSpeech test-other, and how many seconds that has."""
    folder = arguments.data / "speech" / TEST_OTHER
    references = read_transcripts(there(folder / "transcripts.tsv", "--data"))
    clips = {utterance: read(folder / f"{utterance}.flac") for utterance in references}
    outcomes = compare(recognisers, clips, references, baseline=next(iter(recognisers)))
    audio_s = sum(map(len, clips.values())) / SAMPLE_RATE
    return {outcome.name: outcome for outcome in outcomes}, audio_s


def there(path: Path | None, argument: str) -> Path:
    """The path, when it was given, and something is there."""
    if path is None or not path.exists():
        raise MissingError(f"{argument}: {'not given' if path is None else f'no {path}'}")
    return path


def write_hour(path: Path, utterances: Sequence[Path]) -> None:
    """Utterances by chance, with pauses between them."""
    rng = np.random.default_rng(SEED)
    utterances = sorted(utterances)
    n_left = HOUR_S * SAMPLE_RATE
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1) as hour:
        while n_left > 0:
            pause = np.zeros(int(rng.uniform(*PAUSES_S) * SAMPLE_RATE), dtype=np.float32)
            samples = np.concatenate([read(utterances[rng.integers(len(utterances))]), pause])
            hour.write(samples)
            n_left -= len(samples)


def transcribe_and_weigh(bundle: Path, path: Path, long_form: str) -> Memory:
    """Transcribe a recording, and look at the memory of this process from time to time."""
    recogniser: Any = earlet.pipeline("automatic-speech-recognition", bundle)
    sampled_mb: list[float] = []

    def sound() -> Iterator[FloatArray]:
        n_samples = 0
        with AudioFile(path, SAMPLE_RATE) as file:
            for chunk in file:
                yield chunk
                n_samples += len(chunk)
                if n_samples >= (len(sampled_mb) + 1) * SAMPLED_S * SAMPLE_RATE:
                    sampled_mb.append(resident_mb("VmRSS"))

    for _ in recogniser.listen(sound(), long_form=long_form):
        pass
    return Memory(resident_mb("VmHWM"), sampled_mb)


def resident_mb(field: str) -> float:
    """Memory of this process, as Linux has it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(rf"{field}:\s+(\d+) kB", status)
    return int(kilobytes) * 1024 / 1e6


def read(path: Path) -> FloatArray:
    """A 16 kHz mono recording, (n_samples,)."""
    waveform, sample_rate = soundfile.read(path, dtype="float32")
    if sample_rate != SAMPLE_RATE:
        raise ValueError(f"{path}: expected {SAMPLE_RATE} Hz, got {sample_rate}")
    return np.asarray(waveform)


if __name__ == "__main__":
    main()
