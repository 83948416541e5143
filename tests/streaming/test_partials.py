"""Partial results with a network and recognisers that are made up: what is said is known."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.recogniser import PLAIN, Segment, TranscriptionOptions
from earlet.results import Partial
from earlet.streaming.partials import Final, LiveTranscriber
from earlet.streaming.vad import UtteranceStream, VadConfig

RATE, WINDOW = 16_000, 512
CONFIG = VadConfig(
    window_samples=WINDOW,
    context_samples=64,
    state_shape=(1,),
    threshold=0.5,
    neg_threshold=0.35,
    min_speech_ms=200,
    min_silence_ms=500,
    speech_pad_ms=200,
    max_speech_s=6.0,
    max_silence_ms=1500,
)
WORD = 6_400  # samples that a word takes: 0.4 s
WRONG = 50  # what a word is taken for that was heard in part


def network(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loudness of each window as its probability."""
    return (np.abs(waveform[:, 64:]).mean(axis=1) > 0.05).astype(np.float32), state


def said(*ids: int) -> FloatArray:
    """A word each: hundredths of its level; 0 is a second of silence."""
    lengths = [WORD if i else RATE for i in ids]
    return np.repeat(np.array(ids, dtype=np.float32) / 100, lengths)


class Listener:
    """Hears what was said, but for a last word that has not ended yet."""

    sample_rate = RATE

    def __init__(self) -> None:
        self.asked: list[tuple[TranscriptionOptions, tuple[int, ...]]] = []

    def check(self, options: TranscriptionOptions) -> None:
        """Takes any."""

    def recognise(
        self,
        waveform: FloatArray,
        options: TranscriptionOptions = PLAIN,
        prefix: Sequence[int] = (),
    ) -> list[Segment]:
        self.asked.append((options, tuple(prefix)))
        tokens = self.hear(np.round(100 * waveform).astype(int))
        tokens = (*prefix, *tokens[len(prefix) :])
        certain = (0.0,) * (len(tokens) + 1)  # the end, too
        segment = Segment(
            text=self.text(tokens), tokens=tokens, start_s=0, end_s=0, logprobs=certain
        )
        return [segment] if tokens else []

    def hear(self, levels: "np.typing.NDArray[np.int_]") -> tuple[int, ...]:
        ends = [*np.flatnonzero(np.diff(levels)) + 1, len(levels)]
        runs = [(int(levels[end - 1]), end - start) for start, end in pairwise([0, *ends])]
        words = [level if length > WORD / 2 else level + WRONG for level, length in runs if level]
        return tuple(words)

    def text(self, tokens: Sequence[int]) -> str:
        return " ".join(f"w{token}" for token in tokens)


class Guesser(Listener):
    """Mishears a word in five, and now and then hears nothing, whatever it is told."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._generator = np.random.default_rng(seed)

    def recognise(
        self,
        waveform: FloatArray,
        options: TranscriptionOptions = PLAIN,
        prefix: Sequence[int] = (),
    ) -> list[Segment]:
        nothing = self._generator.random() < 0.2
        return [] if nothing else super().recognise(waveform, options, prefix)

    def hear(self, levels: "np.typing.NDArray[np.int_]") -> tuple[int, ...]:
        guessed = self._generator.random(len(levels) // WORD) < 0.2
        return tuple((1 + guessed).tolist())


def live(recogniser: Listener, options: TranscriptionOptions = PLAIN) -> LiveTranscriber:
    return LiveTranscriber(UtteranceStream(CONFIG, RATE, network), recogniser, options)


def events(
    recogniser: Listener, waveform: FloatArray, cuts: Sequence[int] = (), *, late: bool = False
) -> list[Partial | Final]:
    transcriber = live(recogniser)
    parts = np.split(waveform, cuts)
    pushed = [event for part in parts for event in transcriber.push(part, late=late)]
    return [*pushed, *transcriber.flush()]


def texts(found: Sequence[Partial | Final]) -> list[str]:
    """Of the finals."""
    return [e.segments[0].text for e in found if isinstance(e, Final)]


SPEECH = said(0, 11, 12, 13, 14, 15, 16, 0, 21, 22, 23, 0, 0)


def test_an_utterance_grows_word_by_word_until_it_is_final() -> None:
    found = events(Listener(), said(0, 11, 12, 13, 14, 15, 0))
    partials = [(e.text, e.stable) for e in found if isinstance(e, Partial)]
    # Every half second, each up to the last whole window.
    assert partials == [
        ("w11 w62", ""),
        ("w11 w12 w63", ""),
        ("w11 w12 w13 w14", "w11"),
        ("w11 w12 w13 w14 w15", "w11 w12 w13"),
        ("w11 w12 w13 w14 w15", "w11 w12 w13 w14"),
    ]
    assert texts(found) == ["w11 w12 w13 w14 w15"]


def test_times_are_those_of_the_speech() -> None:
    found = events(Listener(), SPEECH)
    first = next(e for e in found if isinstance(e, Partial))
    # With the margin of 0.2 s before it; after it nothing has been heard yet.
    assert first.timestamp == pytest.approx((0.8, 1.5), abs=WINDOW / RATE)
    final = next(e for e in found if isinstance(e, Final))
    assert [s / RATE for s in final.utterance.speech] == pytest.approx([1.0, 3.4], abs=0.04)


@settings(max_examples=20)
@given(st.lists(st.integers(0, len(SPEECH)), max_size=20).map(sorted))
def test_any_chunking_gives_the_same(cuts: list[int]) -> None:
    assert same(events(Listener(), SPEECH, cuts), events(Listener(), SPEECH))


@settings(max_examples=20)
@given(st.lists(st.integers(0, len(SPEECH)), min_size=1, max_size=6).map(sorted))
def test_a_fresh_transcriber_goes_on_from_a_snapshot(cuts: list[int]) -> None:
    found: list[Partial | Final] = []
    transcriber = live(Listener())
    for part in np.split(SPEECH, cuts):
        snapshot, transcriber = transcriber.snapshot(), live(Listener())
        transcriber.push(said(0, 31, 32, 33))
        transcriber.restore(snapshot)
        found += transcriber.push(part)
    assert same([*found, *transcriber.flush()], events(Listener(), SPEECH))


def same(one: Sequence[Partial | Final], other: Sequence[Partial | Final]) -> bool:
    """But for the samples, which an array does not compare."""

    def bare(found: Sequence[Partial | Final]) -> list[object]:
        return [(e.utterance.span, e.segments) if isinstance(e, Final) else e for e in found]

    return bare(one) == bare(other)


def test_finals_are_those_that_a_file_gives() -> None:
    stream = UtteranceStream(CONFIG, RATE, network)
    whole = [*stream.push(SPEECH), *stream.flush()]
    offline = [Listener().recognise(u.waveform)[0].text for u in whole]
    assert (
        texts(events(Listener(), SPEECH)) == offline == ["w11 w12 w13 w14 w15 w16", "w21 w22 w23"]
    )


def test_who_is_late_gets_the_finals_and_nothing_else() -> None:
    found = events(Listener(), SPEECH, late=True)
    assert all(isinstance(e, Final) for e in found)
    assert texts(found) == texts(events(Listener(), SPEECH))


def test_who_catches_up_gets_partial_results_again() -> None:
    transcriber = live(Listener())
    waveform = said(0, 11, 12, 13, 14, 15, 16)
    assert transcriber.push(waveform[: 2 * RATE], late=True) == []
    assert len(transcriber.push(waveform[2 * RATE :])) > 1


@pytest.mark.parametrize("max_speech_s", [1.5, 3.0, 6.0])
@given(seed=st.integers(0, 1000), ids=st.lists(st.integers(0, 4), max_size=20))
@settings(max_examples=25)
def test_what_is_promised_is_never_withdrawn_whatever_the_recogniser_does(
    max_speech_s: float, seed: int, ids: list[int]
) -> None:
    config = replace(CONFIG, max_speech_s=max_speech_s)
    transcriber = LiveTranscriber(UtteranceStream(config, RATE, network), Guesser(seed))
    waveform = said(*(10 * i for i in ids))
    stable = ""
    for event in [*transcriber.push(waveform), *transcriber.flush()]:
        text = event.text if isinstance(event, Partial) else event.segments[0].text
        assert f"{text} ".startswith(f"{stable} " if stable else "")
        if isinstance(event, Partial):
            assert text.startswith(event.stable)
            assert event.stable.startswith(stable)
        stable = event.stable if isinstance(event, Partial) else ""


def test_a_final_that_would_break_a_promise_is_made_again_and_told() -> None:
    class Doubter(Listener):
        """Changes its mind about the first word when all has been said."""

        def hear(self, levels: "np.typing.NDArray[np.int_]") -> tuple[int, ...]:
            first, *rest = super().hear(levels)
            return (first if levels[-1600:].any() else 99, *rest)

    recogniser = Doubter()
    found = events(recogniser, said(0, 11, 12, 13, 14, 15, 0))
    assert texts(found) == ["w11 w12 w13 w14 w15"]
    assert [prefix for _, prefix in recogniser.asked[-2:]] == [(), (11, 12, 13, 14)]


def test_a_promise_is_kept_even_if_the_recogniser_takes_all_of_it_back() -> None:
    class Denier(Listener):
        """Believes in the end that nobody spoke, whatever it is told."""

        def recognise(
            self,
            waveform: FloatArray,
            options: TranscriptionOptions = PLAIN,
            prefix: Sequence[int] = (),
        ) -> list[Segment]:
            whole = not np.abs(waveform[-1600:]).any()
            return [] if whole else super().recognise(waveform, options, prefix)

    waveform = said(0, 11, 12, 13, 14, 15, 0)
    assert texts(events(Denier(), waveform)) == ["w11 w12 w13"]
    transcriber = live(Denier(), TranscriptionOptions(timestamps="word"))
    *_, final = [*transcriber.push(waveform), *transcriber.flush()]
    assert isinstance(final, Final)
    (word,) = final.segments[0].words  # when each was said, nobody told
    assert word.text == "w11 w12 w13"
    assert 0 <= word.start_s < word.end_s <= len(final.utterance.waveform) / RATE


def test_an_utterance_that_is_cut_for_its_length_breaks_no_promise() -> None:
    recogniser = Listener()  # never changes its mind about a word that it has heard whole
    found = events(recogniser, said(0, *range(10, 50), 0))  # 16 s without a pause
    assert [e.utterance.ending for e in found if isinstance(e, Final)][:3] == ["length"] * 3
    assert max(len(e.stable.split()) for e in found if isinstance(e, Partial)) >= 4
    assert [prefix for options, prefix in recogniser.asked if options == PLAIN and prefix] == []


def test_where_nothing_was_said_after_all_what_was_shown_is_withdrawn() -> None:
    class Unsure(Listener):
        """Takes a single word for noise once it has heard it whole, or the end of it."""

        def __init__(self, last: bool) -> None:
            super().__init__()
            self._last = last

        def hear(self, levels: "np.typing.NDArray[np.int_]") -> tuple[int, ...]:
            in_the_end = self.asked[-1][0] == PLAIN
            return () if in_the_end or not (self._last or levels[-1600:].any()) else (11,)

    for last in (True, False):
        found = events(Unsure(last), said(0, 11, 11, 0))
        assert [e.text for e in found if isinstance(e, Partial)] == ["w11", ""]
        assert texts(found) == []


def test_in_a_pause_nothing_is_decoded_again() -> None:
    patient = replace(CONFIG, min_silence_ms=3000, max_silence_ms=None)
    recogniser = Listener()
    transcriber = LiveTranscriber(UtteranceStream(patient, RATE, network), recogniser)
    transcriber.push(said(0, 11, 12, 13))
    before = len(recogniser.asked)
    transcriber.push(said(0, 0))
    assert len(recogniser.asked) == before + 1  # for what was said since the last time
    transcriber.flush()
    assert len(recogniser.asked) == before + 2  # the final


def test_what_has_not_changed_is_not_shown_again() -> None:
    class Slow(Listener):
        """Hears a new word every two seconds."""

        def hear(self, levels: "np.typing.NDArray[np.int_]") -> tuple[int, ...]:
            return (1, 2, 3)[: 1 + len(levels) // (2 * RATE)]

    found = events(Slow(), said(0, *[11] * 13, 0))
    partials = [(e.text, e.stable) for e in found if isinstance(e, Partial)]
    assert partials == [
        ("w1", ""),
        ("w1 w2", ""),
        ("w1 w2", "w1"),
        ("w1 w2 w3", "w1"),
    ]  # "w2" is not promised: by now the utterance may be cut before it


def test_what_is_too_short_to_be_certain_is_not_shown() -> None:
    waveform = np.concatenate([said(0, 11)[: RATE + 2000], said(0, 0, 0)])
    assert events(Listener(), waveform) == []


def test_partial_results_are_greedy_and_finals_as_was_asked() -> None:
    recogniser = Listener()
    asked = TranscriptionOptions(
        language="en",
        timestamps="word",
        generation=GenerationOptions(num_beams=5, max_new_tokens=9),
    )
    transcriber = live(recogniser, asked)
    transcriber.push(SPEECH)
    finals = [options for options, _ in recogniser.asked if options == asked]
    others = [options for options, _ in recogniser.asked if options != asked]
    assert len(finals) == 2
    quick = GenerationOptions(max_new_tokens=9)  # or more would be promised than may be written
    assert {(o.language, o.timestamps, o.generation) for o in others} == {("en", "none", quick)}


def test_after_a_flush_time_begins_again() -> None:
    transcriber = live(Listener())
    waveform = said(0, 11, 12, 13)
    first = [*transcriber.push(waveform), *transcriber.flush()]
    assert same(first, [*transcriber.push(waveform), *transcriber.flush()])


def test_of_eleven_minutes_of_speech_and_pauses_one_utterance_is_kept() -> None:
    stream = UtteranceStream(CONFIG, RATE, network)
    transcriber = LiveTranscriber(stream, Listener())
    for _ in range(200):
        transcriber.push(said(11, 12, 13, 14, 15, 16, 0), late=True)
        assert sum(len(block) for block in stream._kept) <= CONFIG.max_speech_s * RATE
