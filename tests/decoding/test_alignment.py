"""Times of words, held to transformers' path, to every path there is, and to words cut at known
times.

`tests/golden/alignment` holds what transformers makes of attention, and faster-whisper of tokens;
tests/recipes/alignment.py made it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet import features, tokenizers
from earlet.arrays import AnyArray, FloatArray
from earlet.bundle import Bundle
from earlet.decoding import alignment
from earlet.decoding.recogniser import Word
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.decoding.words import group

ROOT = Path(__file__).parents[2]
N_CASES = 5  # tests/recipes/alignment.py
RATE = 1_000  # Hz, of made-up sound
FRAME_S = 0.02


@pytest.fixture(scope="module")
def paths(golden: Path) -> Mapping[str, AnyArray]:
    with np.load(golden / "alignment" / "paths.npz") as archive:
        return dict(archive)


@pytest.mark.parametrize("case", range(N_CASES))
def test_tokens_begin_where_transformers_lets_them_begin(
    case: int, paths: Mapping[str, AnyArray]
) -> None:
    found = alignment.token_starts(paths[f"attention_{case}"])
    np.testing.assert_array_equal(found, paths[f"starts_{case}"])


@pytest.mark.parametrize("case", range(N_CASES))
def test_the_median_is_that_of_transformers(case: int, paths: Mapping[str, AnyArray]) -> None:
    found = alignment.median_filter(paths[f"attention_{case}"])
    np.testing.assert_array_equal(found, paths[f"median_{case}"])


def test_what_is_too_short_for_a_median_is_left_as_it_is() -> None:
    x = np.array([[3.0, 1.0, 2.0]], dtype=np.float32)
    np.testing.assert_array_equal(alignment.median_filter(x), x)


def every_way(n_rows: int, n_columns: int) -> Iterator[list[tuple[int, int]]]:
    """From the first row and column to the last."""
    if n_rows == n_columns == 1:
        yield [(0, 0)]
        return
    for rows, columns in ((1, 0), (0, 1), (1, 1)):
        if rows < n_rows and columns < n_columns:
            for way in every_way(n_rows - rows, n_columns - columns):
                yield [*way, (n_rows - 1, n_columns - 1)]


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (4, 6), (5, 5), (6, 3)])
def test_no_way_is_cheaper(shape: tuple[int, int]) -> None:
    for seed in range(5):
        cost = np.random.default_rng(seed).normal(size=shape)
        best = min(every_way(*shape), key=lambda way: sum(cost[at] for at in way))
        firsts = [min(column for r, column in best if r == row) for row in range(shape[0])]
        assert alignment.warp(cost).tolist() == firsts


def looking(*frames: range, n_frames: int, heads: int = 2) -> FloatArray:
    """Attention (heads, len(frames), n_frames) of tokens that each look at some frames."""
    weights = np.full((heads, len(frames), n_frames), 1e-3, np.float32)
    for row, seen in enumerate(frames):
        weights[:, row, list(seen)] = 1.0
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def sound(*loud: range, n_frames: int) -> FloatArray:
    """Noise that is heard in some frames, and 60 dB lower in the others."""
    waveform = np.random.default_rng(0).normal(size=round(n_frames * FRAME_S * RATE)) * 1e-4
    for frames in loud:
        at = slice(*(round(frame * FRAME_S * RATE) for frame in (frames.start, frames.stop)))
        waveform[at] *= 1e3
    return waveform.astype(np.float32)


PIECES = [" one", " two", " three"]


def decode(tokens: Sequence[int]) -> str:
    return "".join(PIECES[token] for token in tokens)


def align(attention: FloatArray, waveform: FloatArray) -> list[tuple[int, int]]:
    """The first frame of each word, and the one after its last."""
    tokens = range(attention.shape[1] - 1)
    words = alignment.words(
        tokens, attention, decode, waveform=waveform, sample_rate=RATE, seconds_per_frame=FRAME_S
    )
    assert [word.text for word in words] == [PIECES[token].strip() for token in tokens]
    return [(round(w.start_s / FRAME_S), round(w.end_s / FRAME_S)) for w in words]


def test_words_that_follow_each_other_share_a_border() -> None:
    spoken = [range(20), range(20, 50), range(50, 80)]
    attention = looking(*spoken, range(80, 90), n_frames=90)
    assert align(attention, sound(range(90), n_frames=90)) == [(0, 20), (20, 50), (50, 80)]


def test_silence_belongs_to_no_word() -> None:
    spoken = [range(20, 40), range(70, 90), range(130, 150)]
    attention = looking(*spoken, range(190, 200), n_frames=200)
    waveform = sound(*spoken, n_frames=200)
    assert align(attention, waveform) == [(20, 40), (70, 90), (130, 150)]


@pytest.mark.parametrize("late", [-6, -3, 3, 6])
def test_no_word_is_torn_by_a_pause(late: int) -> None:
    spoken = [range(20), range(40, 60), range(60, 80)]
    # The second word's attention begins some frames before or after the pause.
    begins = 40 + late if late > 0 else 20 + late
    seen = [range(begins), range(begins, 60), range(60, 80)]
    attention = looking(*seen, range(98, 100), n_frames=100)
    assert align(attention, sound(*spoken, n_frames=100)) == [(0, 20), (40, 60), (60, 80)]


def test_what_is_as_loud_everywhere_has_no_pauses() -> None:
    attention = looking(range(30), range(30, 60), range(60, 80), n_frames=80)
    silence = np.zeros(round(80 * FRAME_S * RATE), np.float32)
    assert align(attention, silence) == [(0, 30), (30, 60)]


def test_padding_behind_the_sound_is_not_looked_at() -> None:
    attention = looking(range(30), range(30, 60), range(60, 90), n_frames=100)
    waveform = sound(range(60), n_frames=60)
    assert align(attention, waveform) == [(0, 30), (30, 60)]


def test_words_are_in_order_and_inside_whatever_the_attention() -> None:
    rng = np.random.default_rng(0)
    for n_frames in (1, 2, 7, 50):
        attention = rng.dirichlet(np.full(n_frames, 0.1), size=(2, 4)).astype(np.float32)
        attention[:, 1] = 0  # float16 graphs underflow
        words = alignment.words(
            [0, 1, 2],
            attention,
            decode,
            waveform=sound(range(n_frames), n_frames=n_frames)[:-1],
            sample_rate=RATE,
            seconds_per_frame=FRAME_S,
        )
        times = [time for word in words for time in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] <= (round(n_frames * FRAME_S * RATE) - 1) / RATE


def test_no_sound_and_no_text_have_no_words() -> None:
    attention = looking(range(1), range(1), n_frames=1)
    for tokens, n_samples in (([0], 0), ([], 9)):
        found = alignment.words(
            tokens,
            attention,
            decode,
            waveform=np.zeros(n_samples, np.float32),
            sample_rate=RATE,
            seconds_per_frame=FRAME_S,
        )
        assert found == []


# --- Tokens grouped into words


def test_words_are_those_of_faster_whisper(golden: Path) -> None:
    file = golden / "huggingface" / "whisper" / "tokenizer.json"
    tokenizer = tokenizers.detokenizer_from_json(file.read_text(encoding="utf-8"), str(file))
    for case in json.loads((golden / "alignment" / "words.json").read_text(encoding="utf-8")):
        assert [word.text for word in group(case["tokens"], tokenizer.decode)] == case["words"]


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([" Well", "-", "known", ","], ["Well-known,"]),
        ([" who", "'", "s", " U", ".", "S", "."], ["who's", "U.S."]),
        ([" -", " yes", " -"], ["- yes -"]),
        (
            [" 北", "京", "の", "「", "東", "京", "」", " OK", "です"],
            ["北", "京", "の", "「東", "京」", "OK", "です"],
        ),
        ([" ที่", " นี", "่", "!"], ["ที่", "นี่!"]),
        ([" ที", "่นี", "่"], ["ที่นี่"]),
        ([" Mais", " non", " !"], ["Mais", "non !"]),
        ([" ..."], ["..."]),
        ([], []),
    ],
)
def test_words_begin_where_readers_see_them_begin(pieces: list[str], words: list[str]) -> None:
    found = group(range(len(pieces)), lambda tokens: "".join(pieces[i] for i in tokens))
    assert [word.text for word in found] == words


def test_bytes_of_a_character_stay_together() -> None:
    pieces = [b" caf", b"\xc3", b"\xa9 ", b"\xe5\x8c", b"\x97\xe4", b"\xba\xac", b"\xff", b" x"]

    def decode(tokens: Sequence[int]) -> str:
        return b"".join(pieces[i] for i in tokens).decode("utf-8", errors="replace")

    found = group(range(len(pieces)), decode)
    assert [(word.text, word.first) for word in found] == [("café", 0), ("北京\ufffd", 3), ("x", 7)]


# --- A real network


@pytest.fixture(scope="module")
def network() -> Seq2Seq:
    bundle = Bundle(ROOT / "models" / "moonshine-tiny-en")
    return Seq2Seq(
        bundle.section("decoding", Seq2SeqConfig),
        features.from_manifest(bundle.manifest.input, "input"),
        bundle.open_session("encoder", 1),
        bundle.open_session("decoder", 1),
    )


def spoken_words(network: Seq2Seq, text: str, waveform: FloatArray) -> list[Word]:
    """The words of a text that is known, where the network hears them."""
    file = ROOT / "models" / "moonshine-tiny-en" / "tokenizer.json"
    tokenizer = tokenizers.from_json(file.read_text(encoding="utf-8"), str(file))
    tokens = tokenizer.ids(text)
    encoded = network.encode(waveform)
    attention = network.decoder(encoded, 1).attention([network.config.bos, *tokens])
    return alignment.words(
        tokens,
        attention,
        tokenizer.decode,
        waveform=waveform,
        sample_rate=network.sample_rate,
        seconds_per_frame=len(waveform) / network.sample_rate / attention.shape[2],
    )


# Where each of eight words lies is known to the sample: it is cut out and put there.
@pytest.mark.parametrize(("gap_s", "tolerance_s"), [(0.3, 0.03), (0.0, 0.13)])
def test_words_lie_where_they_were_put(network: Seq2Seq, gap_s: float, tolerance_s: float) -> None:
    file = ROOT / "tests" / "recordings" / "commands"
    recording, rate = soundfile.read(file.with_suffix(".flac"), dtype="float32")
    rows = file.with_suffix(".tsv").read_text(encoding="utf-8").splitlines()[1:]
    noise = recording[: round(gap_s * rate)]
    parts, texts, truth = [recording[: rate // 4]], [], []
    for label, *times in (row.split("\t") for row in rows):
        first, end = (round(float(time) * rate) for time in times)
        begins = sum(map(len, parts)) / rate
        truth.append((begins, begins + (end - first) / rate))
        texts.append(label)
        parts += [recording[first:end], noise]
    words = spoken_words(network, f"{' '.join(texts).capitalize()}.", np.concatenate(parts))
    errors = np.abs(np.subtract([(w.start_s, w.end_s) for w in words], truth))
    assert np.median(errors[:, 0]) <= tolerance_s
    assert np.median(errors[:, 1]) <= tolerance_s
