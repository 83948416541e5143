"""Five-second pieces of a stream with the answers that are wanted: what the network learns from.

A segment is either isolated words with pauses between them, or continuous speech. It is kept as the
logarithm of its mel power, in which a gain is a sum and a noise can be mixed in later at any level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from data import FRONT_END, NONE, SAMPLE_RATE, TrainingData
from network import STRIDE, WINDOW_FRAMES, n_outputs
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from synthesis import Synthetic
from words import Word, active_rms, fade, find_word, play_at, seconds

from earlet.arrays import FloatArray
from earlet.features.fbank import Fbank

SEGMENT_SAMPLES = seconds(5.0)
N_MELS = FRONT_END.n_mels
N_FRAMES = 1 + (SEGMENT_SAMPLES - FRONT_END.win_length) // FRONT_END.hop_length
N_OUTPUTS = n_outputs(N_FRAMES)
POWER_FLOOR = 1e-8  # of what is stored: far below the front end's floor, so that a gain can follow

# End of the window of each output, in seconds from the segment's start.
OUTPUT_TIMES = (
    (np.arange(N_OUTPUTS) * STRIDE + WINDOW_FRAMES - 1) * FRONT_END.hop_length
    + FRONT_END.win_length
) / SAMPLE_RATE
ANSWER_OUTPUTS = 11  # 0.44 s after a word's end: there its command must be heard
GRACE_S = 0.55  # after a word's end: until then its command may still be heard
NEXT_WORD_S = 0.15  # of the next word that the end of this one's grace may overlap
MAX_WORDS = 6  # answers kept per segment

LEVEL_RMS = 10 ** (-22 / 20)  # of speech, before the gains of training
N_ROOMS = 200
SPEECH_SHARES = (0.24, 0.44, 0.12, 0.05, 0.15)  # orders, reading, phrases, Arabic, synthetic
SYNTHETIC_COMMANDS = 0.1  # share of the commands
REVERBERATED = 0.4  # share of the segments that are heard in a room
NOBODY_SPEAKS = 0.05  # share of the continuous segments that stay silent: noise alone


T = TypeVar("T")
Event = tuple[int, float, float]  # command or NONE, start and end of the word in seconds
Drawn = tuple[FloatArray, list[Event], int]  # log power, events, frames before the first sound


@dataclass(frozen=True)
class Segments:
    """`n` segments with their answers."""

    log_power: NDArray[np.float16]  # (n, N_FRAMES, n_mels)
    inside: NDArray[np.int8]  # (n, N_OUTPUTS): the command that may be heard there, or NONE
    answers: NDArray[
        np.int16
    ]  # (n, MAX_WORDS, 2): command, first output of its answer; NONE: no more
    lead: NDArray[np.int16]  # (n,): frames before the first sound

    def __len__(self) -> int:
        return len(self.lead)

    def take(self, rows: slice | NDArray[np.intp]) -> "Segments":
        """Some of them."""
        return Segments(
            self.log_power[rows], self.inside[rows], self.answers[rows], self.lead[rows]
        )

    def put(self, rows: NDArray[np.intp], new: "Segments") -> None:
        """Replace some of them, in place."""
        self.log_power[rows] = new.log_power
        self.inside[rows] = new.inside
        self.answers[rows] = new.answers
        self.lead[rows] = new.lead


def together(parts: Sequence[Segments]) -> Segments:
    """Segments one after the other."""
    return Segments(
        np.concatenate([part.log_power for part in parts]),
        np.concatenate([part.inside for part in parts]),
        np.concatenate([part.answers for part in parts]),
        np.concatenate([part.lead for part in parts]),
    )


class Renderer:
    """Draws segments at random from the training data."""

    def __init__(self, data: TrainingData, synthetic: Synthetic, rng: Generator) -> None:
        self._rng = rng
        self._fbank = Fbank(FRONT_END)
        self._commands = [[w for w in map(find_word, clips) if w] for clips in data.commands]
        self._said = [[w for w in map(find_word, clips) if w] for clips in synthetic.commands]
        self._near = [w for w in map(find_word, synthetic.near_words) if w]
        self._words = [[w for w in map(find_word, c) if w] for c in data.words.values()]
        shares = np.array([min(len(words), 60) for words in self._words]) ** 0.7
        self._word_shares = shares / shares.sum()
        self._arabic = [w for w in map(find_word, data.arabic) if w]
        self._phrases = data.phrases
        self.speech = [
            np.concatenate([clip * (LEVEL_RMS / active_rms(clip)) for clip in clips])
            for clips in (data.orders, data.reading, data.phrases, data.arabic, synthetic.speech)
        ]
        self._rooms = [self._room() for _ in range(N_ROOMS)]

    def words(self, n: int) -> Segments:
        """Isolated words, commands and others, with pauses."""
        return _stack([self._word_segment() for _ in range(n)])

    def continuous(self, n: int) -> Segments:
        """Continuous speech without any command."""
        return _stack([self._speech_segment() for _ in range(n)])

    def _word_segment(self) -> Drawn:
        rng = self._rng
        stream = np.zeros(SEGMENT_SAMPLES, dtype=np.float32)
        events: list[Event] = []
        at = lead = seconds(rng.uniform(0, 1.6 if rng.random() < 0.3 else 0.8))
        pauses = (0.3, 0.85) if rng.random() < 0.8 else (0.8, 2.0)
        while True:
            command, word = self._item()
            if at + word.start + seconds(0.1) > SEGMENT_SAMPLES:
                break
            gain = LEVEL_RMS * 10 ** (rng.normal(0, 2.5) / 20) / active_rms(word.spoken)
            piece = word.clip[: SEGMENT_SAMPLES - at]
            stream[at : at + len(piece)] += piece * np.float32(gain)
            events.append((command, (at + word.start) / SAMPLE_RATE, (at + word.end) / SAMPLE_RATE))
            at += word.end + seconds(rng.uniform(*pauses))
        return self._finish(stream), events, lead // FRONT_END.hop_length

    def _speech_segment(self) -> Drawn:
        rng = self._rng
        stream = np.zeros(SEGMENT_SAMPLES, dtype=np.float32)
        if rng.random() < NOBODY_SPEAKS:
            return self.log_power(stream), [], 0
        lead = seconds(rng.uniform(0, 2.5)) if rng.random() < 0.12 else 0
        source = self.speech[rng.choice(len(self.speech), p=SPEECH_SHARES)]
        speech = self._stretch(_cut(rng, source, SEGMENT_SAMPLES * 5 // 4), 0.82, 1.22)
        if rng.random() < 0.06:
            speech = speech[::-1]  # sounds of speech in an order that no language has
        speech = speech[: SEGMENT_SAMPLES - lead]
        stream[lead : lead + len(speech)] = speech * np.float32(LEVEL_RMS / active_rms(speech))
        return self._finish(stream), [], lead // FRONT_END.hop_length

    def _finish(self, stream: FloatArray) -> FloatArray:
        if self._rng.random() < REVERBERATED:
            stream = self.reverberate(stream)
        return self.log_power(stream)

    def log_power(self, stream: FloatArray) -> FloatArray:
        """Natural logarithm of the mel power, (n_frames, n_mels)."""
        return np.asarray(np.log(self._fbank.mel_energies(stream) + np.float32(POWER_FLOOR)))

    def reverberate(self, stream: FloatArray) -> FloatArray:
        """Put a stream into one of the rooms."""
        room = self._rooms[self._rng.integers(N_ROOMS)]
        n = next_fast_len(len(stream) + len(room) - 1, real=True)
        return np.asarray(irfft(rfft(stream, n) * rfft(room, n), n)[: len(stream)])

    def _room(self) -> FloatArray:
        """An impulse response: the direct sound, a gap, and decaying noise (RT60 0.08 to 0.6 s)."""
        rng = self._rng
        n = seconds(rng.uniform(0.08, 0.6))
        tail = rng.normal(0, 1, n) * np.exp(-6.9 * np.arange(n) / n)  # -60 dB at its end
        tail[: seconds(rng.uniform(0.001, 0.01))] = 0
        tail *= 10 ** (-rng.uniform(0, 12) / 20) / np.sqrt(np.square(tail).sum())
        tail[0] = 1
        return np.asarray(tail / np.sqrt(np.square(tail).sum()), dtype=np.float32)

    def _item(self) -> tuple[int, Word]:
        """One isolated word: 60 % commands, the rest anything else that can be said alone."""
        rng, draw = self._rng, self._rng.random()
        command = NONE
        if draw < 0.60:
            command = int(rng.integers(NONE))
            clips = self._said if rng.random() < SYNTHETIC_COMMANDS else self._commands
            word = self._stretched(_pick(rng, clips[command]))
        elif draw < 0.65:
            return NONE, self._part_of_command()
        elif draw < 0.68:
            return NONE, self._two_halves()
        elif draw < 0.75:
            word = self._stretched(_pick(rng, self._near))
        elif draw < 0.84:
            words = self._words[rng.choice(len(self._words), p=self._word_shares)]
            word = self._stretched(_pick(rng, words))
        elif draw < 0.88:
            word = self._stretched(_pick(rng, self._arabic))
        elif draw < 0.92:
            phrase = _pick(rng, self._phrases)[: seconds(1.5)]
            word = self._stretched(find_word(phrase) or Word(phrase, 0, len(phrase)))
        else:
            piece = _cut(rng, self.speech[rng.integers(3)], seconds(rng.uniform(0.25, 1.0)))
            word = Word(piece, 0, len(piece))
        if rng.random() < 0.6:
            word = _trimmed(word, seconds(rng.uniform(0.03, 0.3)), seconds(rng.uniform(0.03, 0.3)))
        return command, Word(
            fade(word.clip, seconds(rng.uniform(0.002, 0.03))), word.start, word.end
        )

    def _part_of_command(self) -> Word:
        """A command that breaks off early, or only the end of one: no command."""
        rng = self._rng
        word = _pick(rng, _pick(rng, self._commands))
        length = word.end - word.start
        if rng.random() < 0.5:
            part = word.clip[: word.start + int(length * rng.uniform(0.2, 0.4))]
        else:
            part = word.clip[word.start + int(length * rng.uniform(0.4, 0.6)) :]
        return _whole(fade(np.pad(part, (0, seconds(0.1))), seconds(0.01)))

    def _two_halves(self) -> Word:
        """The beginning of one command and the end of another that does not sound alike."""
        rng = self._rng
        first, second = (int(i) for i in rng.choice(NONE, 2, replace=False))
        alike = ({0, 5}, {1, 4, 6}, {3, 8})  # down one; eight left right; go zero
        if any({first, second} <= group for group in alike):
            return self._part_of_command()
        a, b = _pick(rng, self._commands[first]).spoken, _pick(rng, self._commands[second]).spoken
        a, b = a / active_rms(a), b / active_rms(b)
        a, b = a[: int(len(a) * rng.uniform(0.4, 0.6))], b[int(len(b) * rng.uniform(0.4, 0.6)) :]
        return _whole(np.concatenate([fade(a, seconds(0.005)), fade(b, seconds(0.005))]))

    def _stretched(self, word: Word) -> Word:
        if self._rng.random() < 0.3:
            return word
        speed = self._rng.uniform(0.85, 1.17)
        return Word(play_at(word.clip, speed), int(word.start / speed), int(word.end / speed))

    def _stretch(self, waveform: FloatArray, slowest: float, fastest: float) -> FloatArray:
        if self._rng.random() < 0.25:
            return waveform
        return play_at(waveform, self._rng.uniform(slowest, fastest))


def _stack(drawn: list[Drawn]) -> Segments:
    n = len(drawn)
    inside = np.full((n, N_OUTPUTS), NONE, dtype=np.int8)
    answers = np.full((n, MAX_WORDS, 2), NONE, dtype=np.int16)
    for row, (_, events, _) in enumerate(drawn):
        kept = 0
        for i, (command, start, end) in enumerate(events):
            if command == NONE:
                continue
            limit = events[i + 1][1] + NEXT_WORD_S if i + 1 < len(events) else np.inf
            begun = start + (NEXT_WORD_S if i else 0)
            may = (begun < OUTPUT_TIMES) & (min(end + GRACE_S, limit) > OUTPUT_TIMES)
            inside[row, may] = command
            first = int(np.searchsorted(OUTPUT_TIMES, end))
            seen_whole = OUTPUT_TIMES[0] < end and first + ANSWER_OUTPUTS <= N_OUTPUTS
            if seen_whole and kept < MAX_WORDS:
                answers[row, kept] = command, first
                kept += 1
    return Segments(
        log_power=np.stack([power for power, _, _ in drawn]).astype(np.float16),
        inside=inside,
        answers=answers,
        lead=np.array([lead for _, _, lead in drawn], dtype=np.int16),
    )


def _pick(rng: Generator, items: Sequence[T]) -> T:
    return items[int(rng.integers(len(items)))]


def _cut(rng: Generator, source: FloatArray, n: int) -> FloatArray:
    start = int(rng.integers(0, len(source) - n))
    return source[start : start + n]


def _whole(clip: FloatArray) -> Word:
    return Word(clip, 0, len(clip))


def _trimmed(word: Word, before: int, after: int) -> Word:
    start = max(0, word.start - before)
    clip = word.clip[start : word.end + after]
    return Word(clip, word.start - start, min(len(clip), word.end - start))
