"""Utterances to text with times by CTC, on paths that are known; times held to transformers."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transformers import Wav2Vec2CTCTokenizer

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import TensorSpec
from earlet.decoding.ctc import Ctc, CtcConfig
from earlet.decoding.ctc_recogniser import CtcRecogniser
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.recogniser import PLAIN, Recogniser, TranscriptionOptions
from earlet.errors import InputError
from earlet.features.waveform import Waveform, WaveformConfig
from earlet.tokenizers import Detokenizer
from earlet.tokenizers.characters import CharacterTokenizer

RATE = 1_000  # Hz
OUTPUT = 20  # samples of one output of the network
PIECES = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCD"]
BLANK, SPACE, A, B, C, D = 0, 4, 5, 6, 7, 8
CTC = CtcConfig(blank=BLANK, min_samples=OUTPUT)
WORDS = TranscriptionOptions(timestamps="word")


class Network:
    """The sample tells which token is best, and its first decimal which is second best, if any."""

    inputs = (TensorSpec("waveform", (1, None)),)
    outputs = (TensorSpec("logits", (1, None, len(PIECES))),)

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        samples = feeds["waveform"][0, : -(OUTPUT - 1) : OUTPUT]
        best = samples.astype(int)
        second = np.round((samples - best) * 10).astype(int)
        logits = np.zeros((1, len(best), len(PIECES)), dtype=np.float32)
        logits[0, second > 0, second[second > 0]] = 6
        logits[0, np.arange(len(best)), best] = 6.5
        return [logits]

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        raise AssertionError(f"a CTC network runs once: {inputs} {outputs}")


@pytest.fixture
def recogniser() -> CtcRecogniser:
    tokenizer = CharacterTokenizer(dict(enumerate(PIECES)), "|", PIECES[:4])
    return CtcRecogniser(Ctc(CTC, Waveform(WaveformConfig(sample_rate=RATE)), Network()), tokenizer)


def heard(path: Sequence[float]) -> FloatArray:
    return np.repeat(np.array(path, dtype=np.float32), OUTPUT)


@pytest.mark.parametrize("seed", range(20))
def test_words_lie_where_transformers_puts_them(
    seed: int, recogniser: CtcRecogniser, tmp_path: Path
) -> None:
    (tmp_path / "vocab.json").write_text(json.dumps({p: i for i, p in enumerate(PIECES)}))
    theirs = Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"))
    path = np.random.default_rng(seed).choice([BLANK, SPACE, A, B, C, D], 60).tolist()
    expected = theirs.decode(path, output_word_offsets=True)
    (segment,) = recogniser.recognise(heard(path), WORDS)
    assert segment.text == expected["text"]
    second = OUTPUT / RATE  # transformers: inputs_to_logits_ratio / sampling_rate
    words = [(w["word"], w["start_offset"], w["end_offset"]) for w in expected["word_offsets"]]
    assert [word.text for word in segment.words] == [text for text, _, _ in words]
    np.testing.assert_allclose(
        [word[1:] for word in segment.words],
        [(start * second, end * second) for _, start, end in words],
        atol=1e-9,
    )
    assert (segment.start_s, segment.end_s) == (
        segment.words[0].start_s,
        segment.words[-1].end_s,
    )


def test_a_segment_reaches_from_its_first_letter_to_its_last(recogniser: CtcRecogniser) -> None:
    path = [BLANK, SPACE, A, A, BLANK, SPACE, B, BLANK, SPACE, BLANK]
    (segment,) = recogniser.recognise(heard(path))
    assert segment.text == "A B"
    assert segment.tokens == (SPACE, A, SPACE, B, SPACE)
    assert (segment.start_s, segment.end_s) == pytest.approx((0.04, 0.14))
    assert segment.words == ()
    logprob = 6.5 - np.log(np.exp(6.5) + 8)
    np.testing.assert_allclose(segment.logprobs, [logprob] * 5, atol=1e-5)


def test_outputs_are_spread_over_samples_that_are_left_over(recogniser: CtcRecogniser) -> None:
    waveform = np.concatenate([heard([BLANK, A]), np.zeros(OUTPUT - 2, dtype=np.float32)])
    (segment,) = recogniser.recognise(waveform)
    assert (segment.start_s, segment.end_s) == pytest.approx((0.029, 0.058))


@pytest.mark.parametrize("path", [[BLANK, BLANK], [BLANK, SPACE, SPACE], [1, 2, 3]])
def test_where_nothing_is_said_there_is_no_segment(
    path: list[int], recogniser: CtcRecogniser
) -> None:
    assert recogniser.recognise(heard(path), WORDS) == []
    assert recogniser.recognise(heard(path)[: OUTPUT - 1], WORDS) == []


def test_beams_prefixes_and_rules_find_other_texts_and_when_they_are_said(
    recogniser: CtcRecogniser,
) -> None:
    # Blank twice is likelier than any path with a B, and less likely than all of them together.
    waveform = heard([A, 0.6, 0.6, SPACE, C])
    beams = replace(WORDS, generation=GenerationOptions(num_beams=4))
    (greedy,) = recogniser.recognise(waveform, WORDS)
    (beam,) = recogniser.recognise(waveform, beams)
    assert (greedy.text, beam.text) == ("A C", "AB C")
    # The B is as likely in the second output as in the third.
    assert beam.words[0].end_s in (pytest.approx(0.04), pytest.approx(0.06))
    (forced,) = recogniser.recognise(heard([A, 0.6, 0.8, SPACE, C]), WORDS, prefix=(A, B, D))
    assert forced.text == "ABD C"
    assert forced.words[0][1:] == pytest.approx((0.0, 0.06))

    def never_a(logits: FloatArray, _: Sequence[int]) -> None:
        logits[A] = -np.inf

    (ruled,) = recogniser.recognise(waveform, replace(WORDS, rules=(never_a,)))
    assert "A" not in ruled.text


def test_each_step_has_its_best_log_probability(recogniser: CtcRecogniser) -> None:
    best = recogniser.step_logprobs(heard([A, 5.6]))
    sums = np.array([np.exp(6.5) + 8, np.exp(6.5) + np.exp(6) + 7])
    np.testing.assert_allclose(best, 6.5 - np.log(sums), atol=1e-5)
    assert recogniser.step_logprobs(np.zeros(3, dtype=np.float32)).shape == (0,)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (TranscriptionOptions(language="en"), "language"),
        (TranscriptionOptions(task="translate"), "task"),
        (TranscriptionOptions(initial_prompt="Hello"), "initial_prompt"),
        (TranscriptionOptions(generation=GenerationOptions(do_sample=True)), "do_sample"),
        (TranscriptionOptions(generation=GenerationOptions(max_new_tokens=5)), "max_new_tokens"),
        (TranscriptionOptions(generation=GenerationOptions(use_cache=False)), "use_cache"),
    ],
)
def test_what_a_ctc_network_cannot_do_is_refused_by_name(
    options: TranscriptionOptions, name: str, recogniser: Recogniser
) -> None:
    recogniser.check(WORDS)
    recogniser.check(replace(PLAIN, generation=GenerationOptions(num_beams=8)))
    with pytest.raises(InputError, match=rf"^{name}: this network \(CTC\) has no use for it"):
        recogniser.check(options)


def test_pieces_of_words_have_no_times_of_words() -> None:
    tokenizer = Detokenizer(dict.fromkeys(PIECES, 0), [], [])
    ctc = Ctc(CTC, Waveform(WaveformConfig(sample_rate=RATE)), Network())
    with pytest.raises(InputError, match="times of words"):
        CtcRecogniser(ctc, tokenizer).check(WORDS)
