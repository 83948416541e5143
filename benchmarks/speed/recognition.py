"""Speech recognition: what a second of sound costs, how many words are wrong, and memory.

A peer and earlet transcribe each utterance in turn, greedy, without times of words; a round is an
utterance, or a recording of several. Times are of the CPU, of all threads: one, but where a peer
cannot be told so. Peaks of memory are those of processes of their own.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from benchmarks.bundles import made
from benchmarks.inputs import SAMPLE_RATE, every, read
from benchmarks.line import Line, MissingError, Ratio, attempted, version
from benchmarks.setting import ROOT, Setting
from benchmarks.speed import recognisers
from earlet.arrays import FloatArray
from earlet_quantize.errors import SourceError
from earlet_quantize.measure.recognisers import Recogniser, in_turns, peak_memory_mb
from earlet_quantize.measure.words import read_transcripts, word_error_rate

RECORDINGS = ROOT / "tests" / "recordings"
N_SLOW = 20  # utterances for a peer that takes long
N_QUICK = 4
N_ROUNDS = 5  # of the repository's own recording, where there is no more
N_JOINED = 8  # utterances of a recording: about a minute
N_WEIGHED = 10  # utterances that a process transcribes to find its peak of memory

PUBLISHED_AIM = 0.30  # times the networks that are published
LOOP_AIM = 1.1  # times a loop over the same networks
WHISPER_AIM = 0.5  # times faster-whisper
POINTS_AIM = 1.0  # percentage points more words wrong than a peer with the same weights
MEMORY_AIM = 1.2  # times the peak of such a peer


class Speech(NamedTuple):
    """Utterances, and what is said in them."""

    of: str  # where they are from
    clips: Mapping[str, FloatArray]  # (n_samples,) by name
    texts: Mapping[str, str]

    @property
    def audio_s(self) -> float:
        """Of all together."""
        return sum(map(len, self.clips.values())) / SAMPLE_RATE


class Comparison(NamedTuple):
    """A bundle, and somebody else's way to do the same."""

    what: str
    bundle: str
    ours: Callable[[Path], Recogniser]  # of the bundle's folder
    distribution: str  # that the peer is, or runs on
    called: str  # how
    theirs: Callable[[Path, Path], Recogniser]  # of an empty folder and the cache
    aim: float | None = None
    is_joined: bool = False  # by recordings of several utterances
    has_same_weights: bool = False  # then words and memory are lines of their own
    n_utterances: int = 40
    is_quick: bool = True  # else a quick run leaves it out
    why: str = ""


MOONSHINE, TINY_EN = "moonshine-tiny-en", "whisper-tiny-en"
COMPARISONS = (
    Comparison(
        "Moonshine tiny int8, utterances as they are",
        MOONSHINE,
        recognisers.uncut,
        "onnxruntime",
        "a bare loop over the same networks",
        lambda _folder, _cache: recognisers.loop(ROOT / "models" / MOONSHINE),
        LOOP_AIM,
        why="The loop keeps no log-probabilities, and has no rules, no limits and no checks.",
    ),
    Comparison(
        "Moonshine tiny int8, utterances cut by voice activity",
        MOONSHINE,
        recognisers.cut,
        "onnxruntime",
        "a bare loop over the same networks, uncut",
        lambda _folder, _cache: recognisers.loop(ROOT / "models" / MOONSHINE),
        LOOP_AIM,
        why="The loop looks for no speech, and knows no pauses: what is cut in two here is encoded "
        "and written in two calls.",
    ),
    Comparison(
        "Moonshine tiny int8, utterances as they are",
        MOONSHINE,
        recognisers.uncut,
        "onnxruntime",
        "a bare loop over the published int8 networks",
        recognisers.published_moonshine,
        PUBLISHED_AIM,
        has_same_weights=True,
        why="The aim lies at the edge of what runs differ by, 0.25 to 0.30. Half of ours is the "
        "decoder, whose layers read all their weights for every token, as theirs do.",
    ),
    Comparison(
        "Moonshine tiny int8, utterances cut by voice activity",
        MOONSHINE,
        recognisers.cut,
        "moonshine-voice",
        "networks of its wheel 0.0.65, its own voice activity and threads",
        recognisers.moonshine_voice,
    ),
    Comparison(
        "Whisper tiny.en int8, utterances as they are",
        TINY_EN,
        recognisers.uncut,
        "faster-whisper",
        "int8, beam_size=1",
        recognisers.faster_whisper,
        WHISPER_AIM,
        has_same_weights=True,
        why="The aim lies at the edge of what runs differ by, 0.48 to 0.50. Two thirds of ours is "
        "the encoder, which takes 30 s whatever was said, as theirs does.",
    ),
    Comparison(
        "Whisper tiny.en int8, long recordings",
        TINY_EN,
        recognisers.windowed,
        "faster-whisper",
        "int8, beam_size=1, BatchedInferencePipeline, batch_size=8",
        partial(recognisers.faster_whisper, batched=True),
        is_joined=True,
        is_quick=False,
        why="Its windows share each step of the decoder, ours take turns.",
    ),
    Comparison(
        "Whisper tiny.en int8, utterances as they are",
        TINY_EN,
        recognisers.uncut,
        "openai-whisper",
        "float32, the same weights",
        recognisers.openai_whisper,
        n_utterances=N_SLOW,
        is_quick=False,
    ),
    Comparison(
        "Whisper base int8, utterances as they are",
        "whisper-base",
        recognisers.uncut,
        "onnx-asr",
        "the published int8 networks",
        recognisers.onnx_asr,
        n_utterances=N_SLOW,
        is_quick=False,
    ),
    Comparison(
        "Moonshine tiny int8, utterances as they are",
        MOONSHINE,
        recognisers.uncut,
        "pocketsphinx",
        "the model of its package",
        recognisers.pocketsphinx,
        n_utterances=N_SLOW,
        is_quick=False,
    ),
)


def lines(setting: Setting) -> Iterator[Line]:
    """A line for each comparison; two more where the weights are the same."""
    for comparison in COMPARISONS:
        yield from attempted(
            f"{comparison.what}, against {comparison.distribution}",
            partial(compared, comparison, setting),
            comparison.aim,
        )


def utterances(setting: Setting, n: int) -> Speech:
    """So many of LibriSpeech test-other; where they are not there, the repository's recording."""
    folder = setting.data and setting.data / "speech" / "librispeech-test-other"
    if not folder or not folder.is_dir():
        text = (RECORDINGS / "speech.txt").read_text(encoding="utf-8")
        clip = read(RECORDINGS / "speech.flac")
        rounds = [f"round {i}" for i in range(N_ROUNDS)]
        return Speech("one recording", dict.fromkeys(rounds, clip), dict.fromkeys(rounds, text))
    texts = read_transcripts(folder / "transcripts.tsv")
    names = every(sorted(texts), n)
    clips = {name: read(folder / f"{name}.flac") for name in names}
    what = f"{len(clips)} utterances of LibriSpeech test-other"
    return Speech(what, clips, {name: texts[name] for name in names})


def joined(speech: Speech) -> Speech:
    """`N_JOINED` of them in a recording."""
    names = list(speech.clips)
    groups = [names[i : i + N_JOINED] for i in range(0, len(names), N_JOINED)]
    return Speech(
        f"{speech.of}, {N_JOINED} in each",
        {group[0]: np.concatenate([speech.clips[name] for name in group]) for group in groups},
        {group[0]: " ".join(speech.texts[name] for name in group) for group in groups},
    )


def compared(comparison: Comparison, setting: Setting) -> Iterator[Line]:
    """The lines of one comparison."""
    if setting.quick and not comparison.is_quick:
        raise MissingError("left out of a quick run")
    peer = f"{version(comparison.distribution)}, {comparison.called}"
    bundle = made(setting, comparison.bundle)
    speech = utterances(setting, N_QUICK if setting.quick else comparison.n_utterances)
    if comparison.is_joined:
        speech = joined(speech)
    with TemporaryDirectory() as folder:
        try:
            theirs = comparison.theirs(Path(folder), setting.cache)
        except SourceError as problem:
            raise MissingError(str(problem)) from None
        both = {"ours": comparison.ours(bundle), "theirs": theirs}
        yield from heard(comparison, both, peer, speech)
        if comparison.has_same_weights and not setting.quick:
            yield memory(comparison, both, peer, list(speech.clips.values())[:N_WEIGHED])


def heard(
    comparison: Comparison, both: Mapping[str, Recogniser], peer: str, speech: Speech
) -> Iterator[Line]:
    """What all utterances cost, and what is written of them."""
    loaded = {name: recogniser.load() for name, recogniser in both.items()}
    texts, cpu_s = in_turns(loaded, speech.clips, time.process_time)
    wrong = {name: word_error_rate(speech.texts, found) for name, found in texts.items()}
    told = {
        name: f"{1e3 * cpu_s[name].sum() / speech.audio_s:.1f} ms a second of sound, "
        f"{wrong[name]:.1f} % of the words wrong"
        for name in both
    }
    yield Line(
        what=f"{comparison.what}; {speech.of}",
        ours=told["ours"],
        peer=peer,
        theirs=told["theirs"],
        ratio=Ratio.of(cpu_s["ours"], cpu_s["theirs"]),
        aim=comparison.aim,
        why=comparison.why,
    )
    if comparison.has_same_weights:
        yield Line(
            what=f"{comparison.what}: words wrong, more than the peer",
            ours=f"{wrong['ours']:.1f} %",
            peer=peer,
            theirs=f"{wrong['theirs']:.1f} %",
            value=wrong["ours"] - wrong["theirs"],
            aim=POINTS_AIM,
            unit="points",
        )


def memory(
    comparison: Comparison,
    both: Mapping[str, Recogniser],
    peer: str,
    clips: Sequence[FloatArray],
) -> Line:
    """Peaks of processes that transcribe some utterances."""
    ours, theirs = (peak_memory_mb(recogniser, clips) for recogniser in both.values())
    return Line(
        what=f"{comparison.what}: peak memory of a process",
        ours=f"{ours:.0f} MB",
        peer=peer,
        theirs=f"{theirs:.0f} MB",
        value=ours / theirs,
        aim=MEMORY_AIM,
        unit="times",
    )
