"""Utterances to segments, with a network that says given things."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from earlet.arrays import AnyArray
from earlet.backends import TensorSpec
from earlet.decoding.generation.options import GREEDY, GenerationOptions
from earlet.decoding.generation.rules import never
from earlet.decoding.recogniser import PLAIN, Segment, TranscriptionOptions
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.errors import InputError
from earlet.features.waveform import Waveform, WaveformConfig
from earlet.tokenizers import Detokenizer

A, B, C = 0, 1, 2  # pieces " a", " b", " c"
EOS, BOS, EN, DE, TRANSCRIBE, TRANSLATE, PREVIOUS, NO_SPEECH, NO_TIMESTAMPS, BEGIN = range(3, 13)
N_VOCAB = BEGIN + 101  # times up to 2 s
RATE = 1_000  # Hz
FRAME_S = 0.1  # of the encoder
LISTENS = 5  # frames a token
WHISPER = Seq2SeqConfig(
    bos=BOS,
    eos=EOS,
    languages={"en": EN, "de": DE},
    tasks={"transcribe": TRANSCRIBE, "translate": TRANSLATE},
    no_timestamps=NO_TIMESTAMPS,
    timestamp_begin=BEGIN,
    no_speech=NO_SPEECH,
    previous=PREVIOUS,
    suppress=tuple(range(BOS, NO_TIMESTAMPS)),
    max_tokens=24,
)
PLAIN_CONFIG = Seq2SeqConfig(bos=BOS, eos=EOS, max_tokens_per_second=5.0, min_samples=10)
Says = Callable[[list[int]], Mapping[int, float]]  # all that was fed -> logits, 0 where not said


class Encoder:
    inputs = (TensorSpec("waveform", (1, None)),)
    outputs = (TensorSpec("cross.0.key", (1, 1, None, 1)),)
    n_runs = 0

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        self.n_runs += 1
        n_frames = round(feeds["waveform"].shape[1] / RATE / FRAME_S)
        return [np.zeros((1, 1, n_frames, 1), dtype=np.float32)]

    def bind(self, *_: object) -> Callable[[], None]:
        raise AssertionError("an encoder runs once")


class Decoder:
    """`says` what follows; at token i, counted from `bos`, it listens to LISTENS frames from i."""

    inputs = (TensorSpec("token", (1, None)), TensorSpec("n_past", (1,)), Encoder.outputs[0])
    outputs: tuple[TensorSpec, ...] = (TensorSpec("logits", (1, None, N_VOCAB)),)

    def __init__(self, says: Says) -> None:
        self.says = says
        self.fed: list[int] = []
        self.n_fed = 0  # tokens, those counted that it went back from
        self.aligned: list[int] = []

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        def step() -> None:
            tokens = inputs["token"][0].tolist()
            self.fed = self.fed[: int(inputs["n_past"][0])]
            for i, token in enumerate(tokens):
                self.fed.append(token)
                self.n_fed += 1
                outputs["logits"][0, i] = 0
                for likely, logit in self.says(self.fed).items():
                    outputs["logits"][0, i, likely] = logit

        return step

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        self.aligned = feeds["token"][0].tolist()
        n_tokens, n_frames = len(self.aligned), feeds["cross.0.key"].shape[2]
        heard = np.arange(n_frames)[None] // LISTENS == np.arange(n_tokens)[:, None]
        logits = np.zeros((1, n_tokens, N_VOCAB), dtype=np.float32)
        return [logits, heard[None, None].astype(np.float32)]


class Aligning(Decoder):
    outputs = (*Decoder.outputs, TensorSpec("attention", (1, 1, None, None)))


def recogniser(
    says: Says, config: Seq2SeqConfig = WHISPER, kind: type[Decoder] = Decoder
) -> tuple[Seq2SeqRecogniser, Decoder, Encoder]:
    encoder, decoder = Encoder(), kind(says)
    seq2seq = Seq2Seq(config, Waveform(WaveformConfig(sample_rate=RATE)), encoder, decoder)
    pieces = {" a": A, " b": B, " c": C}
    tokenizer = Detokenizer(pieces, [], ["".join])  # type: ignore[list-item]

    def encode(text: str) -> list[int]:
        assert text.startswith(" ")  # as words in the middle of a text are written
        try:
            return [pieces[f" {word}"] for word in text.split()]
        except KeyError:
            raise InputError(f"{text!r} is no text of these pieces") from None

    return Seq2SeqRecogniser(seq2seq, tokenizer, encode), decoder, encoder


def script(*tokens: int, peak: float = 30.0) -> Says:
    """Says `tokens` and the end, wherever the prompt ended."""
    prompt_tokens = set(range(BOS, BEGIN))

    def says(fed: list[int]) -> Mapping[int, float]:
        n_written = next(i for i, token in enumerate(reversed(fed)) if token in prompt_tokens)
        return {[*tokens, *[EOS] * 20][n_written]: peak}

    return says


def sound(seconds: float = 2.0) -> Any:
    return np.ones(round(seconds * RATE), dtype=np.float32)


def test_a_text_without_times_is_one_segment() -> None:
    whole, decoder, _ = recogniser(script(A, B))
    (segment,) = whole.recognise(sound(1.5), TranscriptionOptions(language="de"))
    assert segment == Segment(
        text="a b",
        tokens=(A, B),
        start_s=0.0,
        end_s=1.5,
        logprobs=segment.logprobs,
        no_speech=segment.no_speech,
        language="de",
    )
    assert len(segment.logprobs) == 3
    assert decoder.fed == [BOS, DE, TRANSCRIBE, NO_TIMESTAMPS, A, B]


def test_times_part_a_text_into_segments() -> None:
    tokens = (BEGIN, A, BEGIN + 40, BEGIN + 50, B, C, BEGIN + 75)
    whole, decoder, _ = recogniser(script(*tokens))
    options = TranscriptionOptions(language="en", task="translate", timestamps="segment")
    first, second = whole.recognise(sound(1.5), options)
    assert (first.text, first.start_s, first.end_s) == ("a", 0.0, 0.8)
    assert (second.text, second.start_s, second.end_s) == ("b c", 1.0, 1.5)
    assert first.tokens + second.tokens == tokens
    assert (len(first.logprobs), len(second.logprobs)) == (3, 5)  # the end's is the last
    assert decoder.fed == [BOS, EN, TRANSLATE, *tokens]


def test_a_network_without_times_gives_the_utterance_as_a_segment() -> None:
    whole, _, _ = recogniser(script(A), PLAIN_CONFIG)
    (segment,) = whole.recognise(sound(1.0), TranscriptionOptions(timestamps="segment"))
    assert (segment.text, segment.start_s, segment.end_s) == ("a", 0.0, 1.0)


def test_what_is_too_short_or_says_nothing_has_no_segment() -> None:
    whole, _, encoder = recogniser(script(), PLAIN_CONFIG)
    assert whole.recognise(sound(0.009)) == []
    assert encoder.n_runs == 0
    assert whole.recognise(sound()) == []


def chances(fed: list[int]) -> Mapping[int, float]:
    """Nothing in 90 %; else `a` in 8 %, which is all of it in 9 of 10."""
    after = {BOS: {EOS: 0.9, A: 0.08, B: 0.02}, A: {EOS: 0.9, B: 0.1}}
    likely = after.get(fed[-1], {EOS: 1.0})
    return dict.fromkeys(range(N_VOCAB), -99.0) | {t: np.log(p) for t, p in likely.items()}


BRIEF = float(np.log(0.08 * 0.9))  # of `a` and no more


@pytest.mark.parametrize(
    ("least", "text"),
    [(None, ""), (BRIEF - 0.01, "a"), (BRIEF + 0.01, ""), (np.log(0.2), ""), (0.0, "")],
)
def test_where_nothing_is_likeliest_a_text_that_is_likely_enough_is_written(
    least: float | None, text: str
) -> None:
    whole, _, _ = recogniser(chances, replace(PLAIN_CONFIG, brief_logprob=least))
    assert "".join(segment.text for segment in whole.recognise(sound())) == text
    beams = TranscriptionOptions(generation=GenerationOptions(num_beams=3))
    assert "".join(segment.text for segment in whole.recognise(sound(), beams)) == text


def test_a_text_that_cannot_be_likely_enough_is_not_written_to_find_out() -> None:
    whole, decoder, _ = recogniser(chances, replace(PLAIN_CONFIG, brief_logprob=float(np.log(0.2))))
    assert whole.recognise(sound()) == []
    assert decoder.fed == [BOS]


def test_where_there_is_no_room_for_a_text_none_is_looked_for() -> None:
    whole, decoder, _ = recogniser(chances, replace(PLAIN_CONFIG, brief_logprob=-99.0))
    assert whole.recognise(sound(0.1)) == []
    assert decoder.fed == []


def test_after_a_prefix_nothing_more_may_be_said() -> None:
    config = replace(PLAIN_CONFIG, brief_logprob=-99.0)
    whole, _, _ = recogniser(chances, config)
    assert whole.recognise(sound(), prefix=[B])[0].text == "b"


def test_a_language_that_is_not_said_is_heard() -> None:
    says = script(A)
    whole, decoder, _ = recogniser(
        lambda fed: {DE: 2.0, EN: 1.0, A: 9.0} if fed == [BOS] else says(fed)
    )
    whole.recognise(sound())
    assert decoder.fed[:2] == [BOS, DE]


def test_the_text_before_goes_before_the_prompt() -> None:
    whole, decoder, _ = recogniser(script(A))
    options = TranscriptionOptions(language="en", initial_prompt="c ")
    assert whole.recognise(sound(), options)[0].text == "a"
    assert decoder.fed == [PREVIOUS, C, BOS, EN, TRANSCRIBE, NO_TIMESTAMPS, A]
    assert decoder.n_fed == len(decoder.fed) + 1  # `bos` a second time, and nothing before it


def test_a_long_text_before_is_told_from_its_end_on() -> None:
    whole, decoder, _ = recogniser(script(A))
    options = TranscriptionOptions(language="en", initial_prompt=" ".join("ccccccccccccb"))
    whole.recognise(sound(), options)
    assert decoder.fed[:12] == [PREVIOUS, *[C] * 10, B]  # half of 24 positions, with `previous`


@pytest.mark.parametrize("config", [WHISPER, PLAIN_CONFIG], ids=["whisper", "moonshine"])
def test_a_prefix_is_fed_and_belongs_to_the_text(config: Seq2SeqConfig) -> None:
    whole, decoder, _ = recogniser(script(C, B, A), config)  # but for the prefix it said c b a
    language = "en" if config.languages else None
    (segment,) = whole.recognise(sound(), TranscriptionOptions(language=language), prefix=[A, B])
    assert segment.text == "a b a"
    assert segment.tokens == (A, B, A)
    assert segment.logprobs[:2] == (0.0, 0.0)
    assert decoder.fed[-3:] == [A, B, A]


def test_rules_see_the_prefix_as_written() -> None:
    config = replace(PLAIN_CONFIG, begin_suppress=(EOS,))
    (segment,) = recogniser(script(A), config)[0].recognise(sound(), prefix=[A])
    assert segment.text == "a"  # the end may come: it is not the first token


def endless(fed: list[int]) -> Mapping[int, float]:
    """A text that does not end, and does not repeat itself soon."""
    return {len(fed) * len(fed) // 5 % 3: 9.0}


def test_a_limit_holds_for_text_and_prefix_together() -> None:
    whole, _, _ = recogniser(endless, PLAIN_CONFIG)  # 2 s, of 5 tokens each
    assert len(whole.recognise(sound())[0].tokens) == 10
    assert len(whole.recognise(sound(), prefix=[B] * 4)[0].tokens) == 10
    assert whole.recognise(sound(), prefix=[B] * 12)[0].tokens == (B,) * 12


@pytest.mark.parametrize("n_prefix", [0, 2, 4])
def test_lengths_that_are_asked_for_are_those_of_text_and_prefix_together(n_prefix: int) -> None:
    whole, _, _ = recogniser(endless, PLAIN_CONFIG)
    for lengths in (
        {"max_new_tokens": 4},
        {"max_length": 5},
        {"max_new_tokens": 4, "max_length": 2},
    ):
        asked = TranscriptionOptions(generation=GenerationOptions.from_mapping(lengths))
        (segment,) = whole.recognise(sound(), asked, prefix=[B] * n_prefix)
        assert len(segment.tokens) == 4
    whole, _, _ = recogniser(script(), PLAIN_CONFIG)  # ends as soon as it may
    for lengths in ({"min_new_tokens": 6}, {"min_length": 7}):
        asked = TranscriptionOptions(generation=GenerationOptions.from_mapping(lengths))
        (segment,) = whole.recognise(sound(), asked, prefix=[B] * n_prefix)
        assert len(segment.tokens) == 6


def test_a_loop_at_the_limit_is_cut_sooner() -> None:
    whole, _, _ = recogniser(lambda _: {A: 9.0}, PLAIN_CONFIG)
    assert whole.recognise(sound())[0].text == "a"
    assert whole.recognise(sound(), prefix=[B])[0].text == "b a"
    short = GenerationOptions(max_new_tokens=6)  # which is no limit of the network
    (segment,) = whole.recognise(sound(), TranscriptionOptions(generation=short))
    assert segment.text == "a a a a a a"


def test_no_timestamps_is_not_written_among_times() -> None:
    says = script(BEGIN, A, BEGIN + 50)
    whole, _, _ = recogniser(lambda fed: {NO_TIMESTAMPS: 99.0, **says(fed)})
    options = TranscriptionOptions(language="en", timestamps="segment")
    assert whole.recognise(sound(), options)[0].tokens == (BEGIN, A, BEGIN + 50)


def test_rules_of_the_caller_hold() -> None:
    whole, _, _ = recogniser(lambda fed: {A: 9.0, B: 8.0, EOS: 8.5 * (len(fed) > 1)}, PLAIN_CONFIG)
    options = TranscriptionOptions(rules=(never([A]),))
    assert whole.recognise(sound(), options)[0].text == "b"


def test_times_are_weighed_against_what_the_callers_rules_leave() -> None:
    # After `b`, each of ten times is less likely than `c`, and all together are likelier.
    times = dict.fromkeys(range(BEGIN + 41, BEGIN + 51), 8.0)
    after = {TRANSCRIBE: {BEGIN: 9.0}, BEGIN: {B: 9.0}, B: {A: 20.0, C: 9.0, **times}}
    whole, _, _ = recogniser(lambda fed: after.get(fed[-1], {EOS: 20.0}))
    options = TranscriptionOptions(language="en", timestamps="segment", rules=(never([A]),))
    (segment,) = whole.recognise(sound(), options)
    assert segment.tokens[:2] == (BEGIN, B)
    assert segment.tokens[2:] == (BEGIN + 41,)


def unsure(fed: list[int]) -> Mapping[int, float]:
    """Nothing is likelier than anything else but silence, after the first token."""
    return {NO_SPEECH: 20.0} if fed[-1] == BOS else {}


def test_silence_has_no_segment() -> None:
    whole, decoder, _ = recogniser(unsure)
    options = TranscriptionOptions(language="en", temperatures=(0.0,))
    assert whole.recognise(sound(), options) == []
    assert whole.recognise(sound(), replace(options, no_speech_threshold=1.0)) != []
    assert whole.recognise(sound(), replace(options, logprob_threshold=-9.0)) != []
    assert decoder.fed[:4] == [BOS, EN, TRANSCRIBE, NO_TIMESTAMPS]


def test_a_segment_tells_in_which_language_and_how_surely_somebody_speaks() -> None:
    def says(fed: list[int]) -> Mapping[int, float]:
        return {NO_SPEECH: 3.0, DE: 2.0} if fed == [BOS] else script(A, B)(fed)

    whole, _, _ = recogniser(says)
    (segment,) = whole.recognise(sound())
    assert segment.language == "de"
    assert segment.no_speech == pytest.approx(  # softmax over all logits, of which all others are 0
        math.exp(3) / (math.exp(3) + math.exp(2) + N_VOCAB - 2)
    )
    plain, _, _ = recogniser(script(A), PLAIN_CONFIG)
    (segment,) = plain.recognise(sound())
    assert (segment.language, segment.no_speech) == (None, None)


@pytest.mark.parametrize(
    ("asked", "temperature"),
    [
        (PLAIN, 0.0),
        (TranscriptionOptions(generation=GenerationOptions(do_sample=True)), 1.0),
        (TranscriptionOptions(generation=GenerationOptions(do_sample=True, temperature=0.7)), 0.7),
        (TranscriptionOptions(temperatures=(0.3,)), 0.3),
    ],
)
def test_a_segment_tells_at_which_temperature_it_was_drawn(
    asked: TranscriptionOptions, temperature: float
) -> None:
    whole, _, _ = recogniser(script(A, B), PLAIN_CONFIG)
    (segment,) = whole.recognise(sound(), asked)
    assert segment.temperature == temperature


def test_a_loop_is_drawn_again_and_comes_out_the_same_each_time() -> None:
    loop = {A: 9.0, B: 8.0, C: 8.0, EOS: 7.0}
    whole, _, encoder = recogniser(lambda fed: loop if NO_TIMESTAMPS in fed else {})
    options = TranscriptionOptions(language="en", compression_ratio_threshold=1.5)
    greedy = whole.recognise(sound(), replace(options, temperatures=(0.0,)))
    assert set(greedy[0].tokens) == {A}
    drawn = whole.recognise(sound(), options)
    assert len(set(drawn[0].tokens)) > 1
    assert greedy[0].temperature == 0.0 < drawn[0].temperature
    assert whole.recognise(sound(), options) == drawn
    assert encoder.n_runs == 3  # once an utterance, however often it is written


def test_a_loop_that_all_attempts_end_in_is_cut() -> None:
    says = script(C, *[A, B] * 500)
    config = replace(WHISPER, max_tokens=448)
    options = TranscriptionOptions(language="en")
    whole, decoder, _ = recogniser(says, config)
    (segment,) = whole.recognise(sound(), options)
    assert (segment.text, segment.tokens, len(segment.logprobs)) == ("c a b", (C, A, B), 3)
    assert len(decoder.fed) < 100  # nobody waits for its end
    (segment,) = whole.recognise(sound(), options, prefix=[C, A, B, A])
    assert segment.text == "c a b a"  # what was given stays


LOOP = {A: 9.0, B: 8.0, C: 8.0, EOS: 7.0}  # a a a ... unless it is drawn


def test_a_network_that_does_not_tell_silence_is_believed_unless_asked_otherwise() -> None:
    config = replace(PLAIN_CONFIG, max_tokens_per_second=30.0, suppress=tuple(range(EN, N_VOCAB)))
    whole, _, _ = recogniser(lambda _: LOOP, config)
    options = TranscriptionOptions(compression_ratio_threshold=4.0)
    assert set(whole.recognise(sound(), options)[0].tokens) == {A}
    asked = replace(options, temperatures=(0.0, 1.0))
    assert len(set(whole.recognise(sound(), asked)[0].tokens)) > 1


def test_who_asks_for_a_draw_gets_that_one() -> None:
    whole, _, _ = recogniser(lambda fed: LOOP if NO_TIMESTAMPS in fed else {})
    almost_greedy = GenerationOptions(do_sample=True, temperature=0.01, seed=1)
    options = TranscriptionOptions(language="en", compression_ratio_threshold=1.5)
    assert len(set(whole.recognise(sound(), options)[0].tokens)) > 1
    (segment,) = whole.recognise(sound(), replace(options, generation=almost_greedy))
    assert set(segment.tokens) == {A}


@pytest.mark.parametrize(("temperature", "forget"), [(0.0, False), (0.4, False), (0.6, True)])
def test_what_was_drawn_too_freely_is_not_told_to_the_next_window(
    temperature: float, forget: bool
) -> None:
    whole, _, _ = recogniser(script(BEGIN, A, BEGIN + 50))
    options = TranscriptionOptions(language="en", temperatures=(temperature,))
    assert whole.window(sound(), options, ()).forget == forget
    doubted = replace(options, logprob_threshold=1.0)
    assert whole.window(sound(), doubted, ()).forget


def test_words_lie_where_they_were_listened_to() -> None:
    whole, decoder, _ = recogniser(script(A, B, C), kind=Aligning)
    options = TranscriptionOptions(language="en", task="translate", timestamps="word")
    (segment,) = whole.recognise(sound(6.0), options)
    # The last token of the prompt writes the first of the text: b is heard from frame 20 on.
    assert decoder.aligned == [BOS, EN, TRANSLATE, NO_TIMESTAMPS, A, B, C]
    assert [word.text for word in segment.words] == ["a", "b", "c"]
    starts = [word.start_s for word in segment.words]
    np.testing.assert_allclose(starts, [0.0, 2.0, 2.5], atol=2 * FRAME_S)  # the median blurs


def test_words_belong_to_segments_and_lie_inside_of_them() -> None:
    tokens = (BEGIN, A, BEGIN + 25, BEGIN + 25, B, C, BEGIN + 100)
    whole, decoder, _ = recogniser(script(*tokens), kind=Aligning)
    options = TranscriptionOptions(language="en", timestamps="word")
    segments = whole.window(sound(), options, ()).segments
    assert [[word.text for word in s.words] for s in segments] == [["a"], ["b", "c"]]
    assert decoder.aligned[-3:] == [A, B, C]  # without times, as openai-whisper aligns
    for segment in segments:
        times = [time for word in segment.words for time in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert segment.start_s <= times[0] <= times[-1] <= segment.end_s


def options(**fields: Any) -> TranscriptionOptions:
    return TranscriptionOptions(**fields)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (options(language="en"), "language: there is no 'en'; this network has no choice"),
        (options(task="translate"), "task: there is no 'translate'; this network has no choice"),
        (options(initial_prompt="a"), "initial_prompt: this network cannot be told"),
        (options(timestamps="word"), "times of words: this network does not tell where"),
        (options(no_speech_threshold=0.5), "no_speech_threshold: this network does not tell"),
        (options(logprob_threshold=-0.5), "logprob_threshold: applies to several temperatures"),
        (options(compression_ratio_threshold=2.0), "compression_ratio_threshold: applies to sev"),
    ],
)
def test_what_a_plain_network_cannot_do_is_refused(
    asked: TranscriptionOptions, message: str
) -> None:
    whole, _, _ = recogniser(script(), PLAIN_CONFIG)
    with pytest.raises(InputError, match=message):
        whole.check(asked)
    whole.check(PLAIN)
    aligning, _, _ = recogniser(script(), kind=Aligning)
    aligning.check(asked)


def test_thresholds_are_taken_where_there_is_a_second_attempt() -> None:
    whole, _, _ = recogniser(script(), PLAIN_CONFIG)
    whole.check(options(logprob_threshold=-0.5, temperatures=(0.0, 0.4)))


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_a_blank_prompt_is_none(prompt: str) -> None:
    whole, _, _ = recogniser(script(A))
    assert whole.previous(options(initial_prompt=prompt)) == ()


def test_a_prompt_that_is_no_text_is_refused_before_any_sound() -> None:
    whole, _, _ = recogniser(script())
    with pytest.raises(InputError, match="' x' is no text"):
        whole.check(options(initial_prompt="x"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (options(language="dee"), "did you mean 'de'"),
        (options(task="translat"), "did you mean 'translate'"),
        (options(condition_on_previous_text=False), "applies to sequential long form only"),
        (options(temperatures=()), "expected 1 to 10, got 0"),
        (options(temperatures=(0.0,) * 11), "expected 1 to 10, got 11"),
        (options(temperatures=(0.0, -0.2)), "expected 0, or 0.001 to 1000, got -0.2"),
        (options(temperatures=(0.0, 1e-4)), "expected 0, or 0.001 to 1000, got 0.0001"),
        (options(temperatures=(float("nan"),)), "expected 0, or 0.001 to 1000, got nan"),
        (
            options(temperatures=(0.0,), generation=replace(GREEDY, do_sample=True)),
            "do_sample has one already",
        ),
    ],
)
def test_what_no_network_can_do_is_refused(asked: TranscriptionOptions, message: str) -> None:
    with pytest.raises(InputError, match=message):
        recogniser(script())[0].check(asked)


def test_a_time_means_nothing_in_a_text() -> None:
    ids: Sequence[int] = (BEGIN, A, BEGIN + 3, B)
    assert recogniser(script())[0].text(ids) == "a b"
