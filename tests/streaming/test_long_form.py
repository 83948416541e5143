"""Windows of long audio: a network that says given things, and what faster-whisper makes of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import TensorSpec
from earlet.decoding.recogniser import Segment, TranscriptionOptions
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.errors import InputError
from earlet.features.waveform import Waveform, WaveformConfig
from earlet.streaming.long_form import LongForm
from earlet.tokenizers import Detokenizer

EOS, BOS, PREVIOUS, NO_SPEECH, NO_TIMESTAMPS, BEGIN = range(20, 26)  # of the golden file's recipe
N_VOCAB = BEGIN + 80
RATE = 100  # Hz: a sample is one of Whisper's frames of 10 ms
WINDOW = 3_000
CONFIG = Seq2SeqConfig(
    bos=BOS,
    eos=EOS,
    previous=PREVIOUS,
    no_speech=NO_SPEECH,
    no_timestamps=NO_TIMESTAMPS,
    timestamp_begin=BEGIN,
    suppress=(BOS, PREVIOUS, NO_SPEECH),
    max_tokens=40,
)
Said = Mapping[str, Any]  # of a window: "tokens", and "kind": believed, doubted or silent


class Ear:
    """An encoder that tells nothing and remembers what it was given."""

    inputs = (TensorSpec("waveform", (1, WINDOW)),)
    outputs = (TensorSpec("cross.0.key", (1, 1, None, 1)),)

    def __init__(self) -> None:
        self.heard: list[FloatArray] = []

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        self.heard.append(feeds["waveform"][0].copy())
        return [np.zeros((1, 1, 1, 1), dtype=np.float32)]

    def bind(self, *_: object) -> Callable[[], None]:
        raise AssertionError("an encoder runs once")


class Mouth:
    """A decoder that says of each window what the script says."""

    inputs = (TensorSpec("token", (1, None)), TensorSpec("n_past", (1,)), Ear.outputs[0])
    outputs = (
        TensorSpec("logits", (1, None, N_VOCAB)),
        TensorSpec("attention", (1, 1, None, None)),
    )

    def __init__(self, ear: Ear, script: Sequence[Said]) -> None:
        self.ear = ear
        self.script = script
        self.fed: list[int] = []
        self.prompts: dict[int, list[int]] = {}  # by window

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        n_tokens = feeds["token"].shape[1]
        logits = np.zeros((1, n_tokens, N_VOCAB), dtype=np.float32)
        return [logits, np.ones((1, 1, n_tokens, 1), dtype=np.float32)]

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        def step() -> None:
            self.fed = [*self.fed[: int(inputs["n_past"][0])], *inputs["token"][0].tolist()]
            if BOS in self.fed:
                at = self.fed.index(BOS) + 1
                window = len(self.ear.heard) - 1
                self.prompts[window] = self.fed[:at]
                outputs["logits"][0, -1] = logits_of(self.script[window], len(self.fed) - at)

        return step


def logits_of(said: Said, n_written: int) -> FloatArray:
    """What follows so many tokens; what is doubted is hardly likelier than anything else."""
    tokens = [*said["tokens"], EOS]
    logits = np.zeros(N_VOCAB, dtype=np.float32)
    if tokens[n_written] < BEGIN:
        logits[BEGIN:] = -30
    logits[tokens[n_written]] = 50 if said["kind"] == "believed" else 0.5
    if said["kind"] == "silent" and n_written == 0:
        logits[NO_SPEECH] = 20
    return logits


class Scene:
    """A recogniser, and what it was given."""

    def __init__(self, script: Sequence[Said], config: Seq2SeqConfig = CONFIG) -> None:
        self.ear = Ear()
        self.mouth = Mouth(self.ear, script)
        features = Waveform(WaveformConfig(sample_rate=1_000))
        features.sample_rate = RATE  # a rate that no sound has
        self.recogniser = Seq2SeqRecogniser(
            Seq2Seq(config, features, self.ear, self.mouth),
            Detokenizer({chr(ord("a") + i): i for i in range(EOS)}, [], []),
            lambda text: [ord(letter) - ord("a") for letter in text if letter != " "],
        )


def options(condition: bool | None = None, initial_prompt: str | None = None) -> Any:
    return TranscriptionOptions(
        temperatures=(0.0,), condition_on_previous_text=condition, initial_prompt=initial_prompt
    )


def listen(form: LongForm, n_samples: int, chunk: int = 700) -> list[Segment]:
    samples = np.arange(n_samples, dtype=np.float32)
    segments = []
    for start in range(0, n_samples, chunk):
        segments += form.push(samples[start : start + chunk])
    return segments + form.flush()


def cases() -> list[dict[str, Any]]:
    path = Path(__file__).parents[1] / "golden" / "whisper_times" / "windows.json"
    stored: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return stored


@pytest.mark.parametrize("case", cases())
def test_windows_prompts_and_segments_are_those_of_faster_whisper(case: dict[str, Any]) -> None:
    scene = Scene(case["said"])
    prompt = "".join(chr(ord("a") + token) for token in case["initial"])
    form = LongForm(scene.recogniser, options(case["condition"], prompt or None))
    segments = listen(form, case["n_frames"])
    prompts = [scene.mouth.prompts[i] for i in range(len(scene.ear.heard))]
    assert prompts == [said["prompt"] for said in case["said"]]
    assert [list(s.tokens) for s in segments] == [s["tokens"] for s in case["segments"]]
    end_s = case["n_frames"] / RATE  # faster-whisper lets times run past it
    expected = [(min(s["start"], end_s), min(s["end"], end_s)) for s in case["segments"]]
    np.testing.assert_allclose([(s.start_s, s.end_s) for s in segments], expected, atol=1e-9)


@pytest.mark.parametrize("chunk", [1, 2_999, 3_000, 3_001, 100_000])
def test_segments_do_not_depend_on_how_the_stream_is_cut(chunk: int) -> None:
    case = max(cases(), key=lambda case: len(case["said"]))
    whole, cut = (LongForm(Scene(case["said"]).recogniser, options(True)) for _ in range(2))
    assert listen(cut, case["n_frames"], chunk) == listen(whole, case["n_frames"])


def test_a_window_begins_with_the_sample_that_the_times_say() -> None:
    said = {"kind": "believed", "tokens": [BEGIN, 1, BEGIN + 75, BEGIN + 75]}
    scene = Scene([said] * 30)
    listen(LongForm(scene.recogniser, options()), 3_600)
    assert [int(heard[0]) for heard in scene.ear.heard][:6] == [0, 150, 300, 450, 600, 750]
    assert [len(heard) for heard in scene.ear.heard][:5] == [3_000] * 5
    assert len(scene.ear.heard[5]) == 2_850  # the stream ends


def test_a_stream_begins_again_after_its_end() -> None:
    said = {"kind": "believed", "tokens": [BEGIN, 1, BEGIN + 50]}
    scene = Scene([said] * 4)
    form = LongForm(scene.recogniser, options(True))
    assert listen(form, 4_000) == listen(form, 4_000)
    assert scene.mouth.prompts[2] == [BOS]


def test_what_was_said_before_is_told_up_to_half_of_the_positions() -> None:
    tokens = [BEGIN, *[1, 2] * 6, BEGIN + 50]
    scene = Scene([{"kind": "believed", "tokens": tokens}] * 3)
    listen(LongForm(scene.recogniser, options()), 9_000)
    assert scene.mouth.prompts[2] == [PREVIOUS, *(tokens * 2)[-19:], BOS]


def test_the_language_is_heard_once() -> None:
    config = replace(CONFIG, languages={"en": 18, "de": 19})
    script = [
        {"kind": "believed", "tokens": [language, BEGIN, 1, BEGIN + 50]} for language in (19, 18)
    ]
    scene = Scene(script, config)
    segments = listen(LongForm(scene.recogniser, options(False)), 6_000)
    assert len(segments) == 2
    assert scene.mouth.fed[:2] == [BOS, 19]  # of the second window, which sounded like 18


def test_words_lie_in_their_segments_whatever_the_window() -> None:
    said = {"kind": "believed", "tokens": [BEGIN, 1, BEGIN + 50]}
    asked = replace(options(), timestamps="word")
    segments = listen(LongForm(Scene([said] * 3).recogniser, asked), 9_000)
    assert [segment.start_s for segment in segments] == [0.0, 30.0, 60.0]
    for segment in segments:
        (word,) = segment.words
        assert segment.start_s <= word.start_s <= word.end_s <= segment.end_s


def test_nothing_is_said_in_nothing() -> None:
    form = LongForm(Scene([]).recogniser, options())
    assert form.flush() == []
    assert form.push(np.empty(0, dtype=np.float32)) == []


def test_a_network_without_times_is_refused() -> None:
    scene = Scene([], Seq2SeqConfig(bos=BOS, eos=EOS, max_tokens=40))
    with pytest.raises(InputError, match="writes no times to go on from; cut the sound by voice"):
        LongForm(scene.recogniser, options())


def test_a_network_that_cannot_be_told_the_text_before_says_so() -> None:
    config = Seq2SeqConfig(bos=BOS, eos=EOS, timestamp_begin=BEGIN, max_tokens=40)
    with pytest.raises(InputError, match="condition_on_previous_text"):
        LongForm(Scene([], config).recogniser, options(True))
    LongForm(Scene([], config).recogniser, options())
