"""What a configuration listens with: its events, with the real networks."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet import bundle as bundles
from earlet.arrays import FloatArray, Snapshot
from earlet.config import (
    ConfirmConfig,
    GateConfig,
    LabelConfig,
    ListenConfig,
    WakeConfig,
)
from earlet.decoding.recogniser import TranscriptionOptions
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.errors import BundleNotFoundError, ConfigError, InputError
from earlet.results import Chunk, Detection, Event, Partial, Rejection, Segment, shifted
from earlet.streaming.cascade import TraceRow
from earlet.tasks import Pipelines
from earlet.tasks.listening import Listening

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
RECORDINGS = ROOT / "tests" / "recordings"
RATE = 16_000

SPOTTER = ListenConfig(confirm="off")
TYPED = ListenConfig(commands=("left", "right", "{up|down}"))
SPEECH = ListenConfig(bundle="moonshine-tiny-en")
VOICES = ListenConfig(bundle="vad")
LOW = {"*": LabelConfig(threshold=0.5)}
THEN_SPEECH = ListenConfig(confirm="off", wake=WakeConfig(labels=("go", "down")), labels=LOW)
THEN_COMMANDS = ListenConfig(
    commands=("left", "five"),
    confirm="off",
    wake=WakeConfig(labels=("go", "down"), then="commands"),
    labels=LOW,
)
ALL = {
    "spotter": SPOTTER,
    "typed": TYPED,
    "speech": SPEECH,
    "voices": VOICES,
    "then speech": THEN_SPEECH,
    "then commands": THEN_COMMANDS,
}


@pytest.fixture(scope="module")
def words() -> list[tuple[str, float]]:
    """The commands, and where they end in seconds."""
    with (RECORDINGS / "commands.tsv").open(encoding="utf-8") as file:
        return [(row["label"], float(row["end_s"])) for row in csv.DictReader(file, delimiter="\t")]


class Kind:
    """A configuration, opened twice and used by many tests: opening the bundles takes the time."""

    def __init__(self, config: ListenConfig, waveform: FloatArray) -> None:
        self.one, self.other = Listening(config), Listening(config)
        self.events = heard(self.one, waveform)
        self.work = replace(self.one.work)


@pytest.fixture(scope="module")
def kinds(waveform: FloatArray) -> Callable[[str], Kind]:
    """By its name."""
    return cache(lambda name: Kind(ALL[name], waveform))


@pytest.fixture(scope="module", params=[*ALL])
def kind(request: pytest.FixtureRequest, kinds: Callable[[str], Kind]) -> Kind:
    """Each of them."""
    return kinds(request.param)


def streaming_section() -> dict[str, Any]:
    """Of the manifest of commands-en."""
    manifest = (MODELS / "commands-en" / "bundle.yaml").read_text(encoding="utf-8")
    section: dict[str, Any] = yaml.safe_load(manifest)["streaming"]
    return section


def heard(listening: Listening, waveform: FloatArray, cuts: Sequence[int] = ()) -> list[Event]:
    events = [event for part in np.split(waveform, cuts) for event in listening.push(part)]
    return events + listening.flush()


def labels(events: Sequence[Event]) -> list[str]:
    return [event.label for event in events if isinstance(event, Detection)]


@pytest.mark.parametrize("level_dbfs", [-22, -45])
def test_the_spotter_hears_commands_and_sleeps_in_between(
    waveform: FloatArray, words: list[tuple[str, float]], level_dbfs: int
) -> None:
    listening = Listening(SPOTTER)
    quiet = np.pad(waveform, (0, 60 * RATE)) * np.float32(10 ** ((level_dbfs + 22) / 20))
    events = [event for event in heard(listening, quiet) if isinstance(event, Detection)]
    if level_dbfs == -45:  # at this level the network itself is less sure
        assert len(events) >= 5
    for event in events:
        at = [i for i, (label, end_s) in enumerate(words) if 0 <= event.end_s - end_s + 0.4 < 1.2]
        assert [words[i][0] for i in at] == [event.label]
    assert level_dbfs == -45 or labels(events) == [label for label, _ in words]
    assert listening.work.looks < 0.3 * listening.work.hops


def test_the_gate_changes_no_event(kinds: Callable[[str], Kind], waveform: FloatArray) -> None:
    ungated = Listening(ListenConfig(confirm="off", gate=GateConfig(energy=False)))
    expected = heard(ungated, waveform)
    assert ungated.work.looks == ungated.work.hops
    assert kinds("spotter").events == expected
    assert kinds("spotter").work.looks < kinds("spotter").work.hops


def test_behind_a_gate_of_voices_commands_are_heard_too(
    waveform: FloatArray, words: list[tuple[str, float]]
) -> None:
    listening = Listening(ListenConfig(confirm="off", gate=GateConfig(vad=True)))
    assert labels(heard(listening, waveform)) == [label for label, _ in words]
    assert listening.work.windows > 0
    assert [bundle.manifest.name for bundle in listening.bundles] == ["commands-en", "vad"]


def test_the_second_stage_tells_commands_from_what_only_sounds_like_them(
    waveform: FloatArray, words: list[tuple[str, float]]
) -> None:
    story, _ = soundfile.read(RECORDINGS / "speech.flac", dtype="float32")
    everything = np.concatenate([waveform, story])
    # So low that the spotter alone fires on the story, too.
    low = ListenConfig(labels={"*": LabelConfig(threshold=0.1)})
    alone = labels(heard(Listening(replace(low, confirm="off")), everything))
    assert len(alone) > len(words) + 1
    listening = Listening(low)
    assert listening.description == "commands-en, confirmed by moonshine-tiny-en"
    events = heard(listening, everything)
    assert labels(events) == [label for label, _ in words]
    least = streaming_section()["confirm"]["score"]
    for event in events:
        if isinstance(event, Detection):
            assert event.confirmation is not None
            assert event.confirmation >= least
        elif isinstance(event, Rejection) and event.reason == "not confirmed":
            assert event.confirmation is not None
            assert event.confirmation < least
    reasons = [event.reason for event in events if isinstance(event, Rejection)]
    assert reasons.count("not confirmed") >= len(alone) - len(words)


def test_the_least_score_of_the_second_stage_can_be_configured(waveform: FloatArray) -> None:
    go = waveform[: 2 * RATE]  # the first command
    (event,) = heard(Listening(ListenConfig()), go)
    assert isinstance(event, Detection)
    assert event.confirmation is not None
    above = np.nextafter(event.confirmation, np.inf)
    asked = Listening(ListenConfig(confirm=ConfirmConfig(score=above)))
    (rejected,) = heard(asked, go)
    assert isinstance(rejected, Rejection)
    assert (rejected.reason, rejected.confirmation) == ("not confirmed", event.confirmation)


def test_a_second_stage_and_what_follows_a_word_share_their_recogniser() -> None:
    listening = Listening(ListenConfig(wake=WakeConfig(labels=("go",))))
    names = [bundle.manifest.name for bundle in listening.bundles]
    assert names == ["commands-en", "moonshine-tiny-en", "vad"]
    assert listening.description == (
        "commands-en, confirmed by moonshine-tiny-en, then speech by moonshine-tiny-en"
    )


def test_the_second_stage_is_on_where_its_bundle_is_and_off_by_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streaming, bundle = streaming_section(), str(MODELS / "commands-en")
    on = Listening(ListenConfig(bundle=bundle))
    assert on.thresholds["go"] == streaming["confirm"]["threshold"]
    off = Listening(ListenConfig(bundle=bundle, confirm="off"))
    assert off.description == "commands-en"
    assert off.thresholds["go"] == streaming["thresholds"]["go"] > on.thresholds["go"]
    monkeypatch.setattr("earlet.bundle.search_path", lambda: [tmp_path])
    assert Listening(ListenConfig(bundle=bundle)).description == "commands-en"
    with pytest.raises(BundleNotFoundError, match="moonshine-tiny-en"):
        Listening(ListenConfig(bundle=bundle, confirm=ConfirmConfig()))


def test_a_bundle_that_does_not_say_how_cannot_be_confirmed(altered: Callable[..., Path]) -> None:
    streaming = streaming_section()
    del streaming["confirm"]
    bundle = str(altered(MODELS / "commands-en", {}, streaming=streaming))
    assert Listening(ListenConfig(bundle=bundle)).description == "commands-en"
    with pytest.raises(ConfigError, match=r"has no streaming\.confirm"):
        Listening(ListenConfig(bundle=bundle, confirm=ConfirmConfig()))


def test_labels_have_thresholds_and_refractory_times_of_their_own(waveform: FloatArray) -> None:
    own = {"*": LabelConfig(threshold=1.0), "go": LabelConfig(), "up": LabelConfig(threshold=0.9)}
    listening = Listening(ListenConfig(confirm="off", labels=own))
    assert (listening.thresholds["left"], listening.thresholds["up"]) == (1.0, 0.9)
    assert labels(heard(listening, waveform)) == ["go", "up"]
    deaf = ListenConfig(confirm="off", labels={"go": LabelConfig(refractory_ms=8000)})
    events = heard(Listening(deaf), waveform)
    assert labels(events) == ["go", "down", "five", "eight", "zero"]
    assert [event.label for event in events if isinstance(event, Rejection)][:3] == [
        *("left", "right", "up"),
    ]


def test_typed_commands_are_heard_and_all_else_is_none(
    kinds: Callable[[str], Kind], words: list[tuple[str, float]]
) -> None:
    assert kinds("typed").one.labels == TYPED.commands
    events = kinds("typed").events
    found = [e for e in events if isinstance(e, Detection)]
    assert [e.text or e.label for e in found] == ["left", "right", "up", "down"]
    for event, end_s in zip(found, [words[i][1] for i in (1, 2, 3, 4)], strict=True):
        assert event.end_s == pytest.approx(end_s, abs=0.5)  # VAD's end, and 0.2 s around it
    rejected = [e for e in events if isinstance(e, Rejection)]
    assert {e.reason for e in rejected} <= {"not a command", "below threshold"}
    assert len(rejected) == 5  # go, the sentence, five, eight, zero


def test_a_typed_command_has_a_threshold_of_its_own(waveform: FloatArray) -> None:
    sure = ListenConfig(commands=TYPED.commands, labels={"left": LabelConfig(threshold=1.0)})
    events = heard(Listening(sure), waveform)
    assert [e.text or e.label for e in events if isinstance(e, Detection)] == [
        "right",
        "up",
        "down",
    ]
    (near,) = [e for e in events if isinstance(e, Rejection) and e.reason == "below threshold"]
    assert near.label == "left"


def test_a_recogniser_writes_down_what_is_said(kinds: Callable[[str], Kind]) -> None:
    events = kinds("speech").events
    assert all(isinstance(event, Chunk) for event in events)
    (sentence,) = [e for e in events if isinstance(e, Chunk) and len(e.text.split()) > 3]
    assert 9.0 < sentence.timestamp[0] < sentence.timestamp[1] < 12.6


def test_partial_results_come_where_they_are_asked_for_and_there_is_time(
    waveform: FloatArray,
) -> None:
    sentence = waveform[9 * RATE : 13 * RATE]
    listening = Listening(SPEECH, partials=True)
    assert {type(event) for event in heard(listening, sentence)} == {Partial, Chunk}
    events = [*listening.push(sentence, late=True), *listening.flush()]
    assert {type(event) for event in events} == {Chunk}


def test_voice_activity_tells_where_somebody_speaks(
    kinds: Callable[[str], Kind], words: list[tuple[str, float]]
) -> None:
    segments = kinds("voices").events
    assert len(segments) == len(words) + 1
    assert all(isinstance(segment, Segment) for segment in segments)


def test_after_a_word_that_wakes_the_next_utterance_is_written_down(
    kinds: Callable[[str], Kind], waveform: FloatArray
) -> None:
    events = kinds("then speech").events
    told = [
        event.label if isinstance(event, Detection) else event.text
        for event in events
        if isinstance(event, Detection | Chunk)
    ]
    assert told[0] == "go"
    assert told[1].strip(".").lower() in ("left", "lift")
    assert told[2:5] == ["right", "up", "down"]
    assert told[5].strip(".").lower() == "five"
    partials = heard(Listening(THEN_SPEECH, partials=True), waveform[: 5 * RATE])
    assert {type(event) for event in partials} >= {Detection, Partial, Chunk}


def test_after_a_word_that_wakes_a_typed_command_is_heard(kinds: Callable[[str], Kind]) -> None:
    assert {"go", "left", "zero"} <= set(kinds("then commands").one.labels)
    events = kinds("then commands").events
    assert labels(events)[:6] == ["go", "left", "right", "up", "down", "five"]
    # Not the "left" and "five" of the spotter, which asks no recogniser.
    assert kinds("then commands").work.utterances == 2


def test_a_gap_ends_what_was_before_and_moves_what_comes_after(
    kind: Kind, waveform: FloatArray
) -> None:
    at, lost = round(10.1 * RATE), 12_345  # within the sentence
    broken = kind.one
    told = broken.push(waveform[:at]) + broken.skip(lost)
    assert broken.n_samples == at + lost
    told += broken.push(waveform[at:]) + broken.flush()
    before, after = heard(kind.other, waveform[:at]), heard(kind.other, waveform[at:])
    assert told == before + [shifted(event, (at + lost) / RATE) for event in after]


@settings(max_examples=3)
@given(cuts=st.lists(st.integers(0, 21 * RATE), min_size=2, max_size=6).map(sorted))
def test_any_chunking_and_any_snapshot_give_the_same_events(
    kind: Kind, waveform: FloatArray, cuts: list[int]
) -> None:
    now, other = kind.one, kind.other
    told: list[Event] = []
    for part in np.split(waveform, cuts):
        snapshot = plain(now.snapshot())
        now, other = other, now
        now.restore(snapshot)
        told += now.push(part)
    assert told + now.flush() == kind.events
    other.flush()


def plain(snapshot: Snapshot) -> Snapshot:
    """As it comes back from where it was stored; nothing else than plain data can be."""

    def stored(value: object) -> object:
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
            return {key: stored(item) for key, item in value.items()}
        if isinstance(value, list):
            return [stored(item) for item in value]
        if isinstance(value, np.ndarray):
            return np.frombuffer(value.tobytes(), value.dtype).reshape(value.shape)
        assert value is None or type(value) in (bool, int, float, str)
        return value

    return {key: stored(item) for key, item in snapshot.items()}


def test_what_the_spotter_made_of_every_hop_can_be_seen(waveform: FloatArray) -> None:
    listening = Listening(SPOTTER)
    rows: list[TraceRow] = []
    listening.trace = rows.append
    listening.skip(1000)
    (first, *_) = [e for e in listening.push(waveform) if isinstance(e, Detection)]
    assert [row.at for row in rows] == [1000 + 640 * i for i in range(1, len(waveform) // 640 + 1)]
    (fired,) = [row for row in rows if row.at == round(first.end_s * RATE)]
    assert listening.scored[int(fired.smoothed.argmax())] == first.label
    assert float(fired.smoothed.max()) == first.score >= listening.thresholds[first.label]
    assert fired.deaf_until == fired.at + RATE  # a second
    assert any(np.isnan(row.posteriors).all() and not row.is_open for row in rows)


def test_who_looks_less_often_still_hears(
    waveform: FloatArray, words: list[tuple[str, float]]
) -> None:
    listening = Listening(ListenConfig(confirm="off", labels={"*": LabelConfig(threshold=0.6)}))
    listening.stride = 2
    found = labels(heard(listening, waveform))
    assert listening.work.looks <= listening.work.hops / 2 + 1
    assert len(found) >= len(words) - 1
    with pytest.raises(InputError, match="stride: expected 1 to 4"):
        listening.stride = 5
    with pytest.raises(InputError, match="of a spotter"):
        Listening(VOICES).stride = 2


def test_the_spotter_alone_opens_no_recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    find = bundles.find

    def remember(bundle: str | Path) -> Path:
        path: Path = find(bundle)
        opened.append(path)
        return path

    monkeypatch.setattr("earlet.bundle.find", remember)
    assert [bundle.manifest.name for bundle in Listening(SPOTTER).bundles] == ["commands-en"]
    assert [path.name for path in opened] == ["commands-en"]


@pytest.mark.parametrize("config", [SPEECH, TYPED])
def test_the_recogniser_is_told_which_language_is_spoken(
    config: ListenConfig, speech: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str | None] = []

    def recognise(_self: object, _sound: object, options: TranscriptionOptions) -> list[Any]:
        told.append(options.language)
        return []

    def match(
        _self: object, _sound: object, _grammar: object, language: str, _least: float
    ) -> None:
        told.append(language)

    monkeypatch.setattr(Seq2SeqRecogniser, "check", lambda _self, _options: None)
    monkeypatch.setattr(Seq2SeqRecogniser, "recognise", recognise)
    monkeypatch.setattr(Seq2SeqRecogniser, "match", match)
    heard(Listening(replace(config, language="de")), speech)
    assert set(told) == {"de"}


def test_streams_that_share_pipelines_open_each_bundle_once() -> None:
    pipelines = Pipelines()
    wake = WakeConfig(labels=("go",))
    one, other = (
        Listening(ListenConfig(wake=wake), pipelines=pipelines),
        Listening(SPEECH, pipelines=pipelines),
    )
    paths = [bundle.path for bundle in (*one.bundles, *other.bundles)]
    assert len({id(bundle) for bundle in (*one.bundles, *other.bundles)}) == len(set(paths))
    assert pipelines(MODELS / "commands-en") is pipelines(str(MODELS / "commands-en"))
    assert pipelines("commands-en", 2) is not pipelines("commands-en", 1)
