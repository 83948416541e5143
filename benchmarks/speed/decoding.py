"""From a network's logits to labels, and to tokens."""

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.compare import Peer, compared
from benchmarks.line import Line
from benchmarks.setting import Setting
from earlet.arrays import FloatArray
from earlet.decoding.classify import softmax, top
from earlet.decoding.ctc import align, spell
from earlet.decoding.generation.step import log_softmax

N_LABELS = (521, 32_768)  # of sounds; of a large vocabulary
TOP_K = 5
N_OUTPUTS, N_VOCAB, BLANK = 1_500, 32, 0  # of a CTC network: 30 s, letters
RUN = 4  # outputs that a letter or a pause lasts
SEED = 0
ROUNDS = 25
REPEATS = 20  # of one call, in a round

Work = Callable[[], Any]
KEEPS_ORDER = (
    "Labels that score the same come in their order: up to 1,000 are sorted whole, of more those "
    "that score as the last of the best. The peer picks the best, equal ones as it happens. The "
    "rest is a dozen calls of NumPy, about a microsecond each."
)
SPELLS = (
    "Each letter is an object, made in Python, that tells where it begins and ends; the peer tells "
    "where it begins, by arrays."
)
ALIGNS = (
    "Viterbi's steps follow each other: a dozen NumPy calls an output, where the peer compiles."
)


def lines(setting: Setting) -> Iterator[Line]:
    """Labels, letters, and where letters lie."""
    rng = np.random.default_rng(SEED)
    rounds = setting.rounds(ROUNDS)
    for n_labels in N_LABELS:
        yield from labels(rng.normal(size=n_labels).astype(np.float32), rounds)
    spoken = np.where(
        rng.random(N_OUTPUTS // RUN) < 0.5, BLANK, rng.integers(1, N_VOCAB, N_OUTPUTS // RUN)
    )
    logits = rng.normal(size=(N_OUTPUTS, N_VOCAB)).astype(np.float32)
    logits[np.arange(N_OUTPUTS), np.repeat(spoken, RUN)] += 8
    yield from letters(log_softmax(logits), rounds)


def labels(logits: FloatArray, rounds: int) -> Iterator[Line]:
    """The best with their scores."""
    names = [str(i) for i in range(len(logits))]

    def ours() -> list[str]:
        for _ in range(REPEATS):
            best = top(softmax(logits), names, TOP_K)
        return [one.label for one in best]

    peers = [
        Peer(
            distribution="torch",
            how="softmax, topk",
            make=partial(torch_top, logits, names),
            why=KEEPS_ORDER,
        ),
        Peer(
            distribution="scipy",
            how="softmax, NumPy's argpartition",
            make=partial(scipy_top, logits, names),
            why=KEEPS_ORDER,
        ),
    ]
    yield from compared(f"{len(logits):,} logits to {TOP_K} labels", ours, peers, rounds, REPEATS)


def letters(logprobs: FloatArray, rounds: int) -> Iterator[Line]:
    """What is spelled by a CTC network, and where a known text lies."""

    def ours() -> list[int]:
        return [one.token for one in spell(logprobs.argmax(axis=1), BLANK)]

    tokens = ours()
    peer = Peer(distribution="onnx-asr", make=partial(onnx_asr_letters, logprobs), why=SPELLS)
    what = f"CTC, {N_OUTPUTS:,} x {N_VOCAB}"
    yield from compared(f"{what}: letters", ours, [peer], rounds)
    peer = Peer(
        distribution="torchaudio", make=partial(torchaudio_align, logprobs, tokens), why=ALIGNS
    )
    yield from compared(
        f"{what}: {len(tokens)} letters aligned",
        lambda: align(logprobs, tokens, BLANK),
        [peer],
        rounds,
    )


def torch_top(logits: FloatArray, names: list[str]) -> Work:
    """As the pipelines of transformers do it."""
    import torch

    tensor = torch.from_numpy(logits)

    def best() -> list[str]:
        for _ in range(REPEATS):
            scores, ids = tensor.softmax(-1).topk(TOP_K)
            found = [
                (names[i], score) for i, score in zip(ids.tolist(), scores.tolist(), strict=True)
            ]
        return [name for name, _ in found]

    return best


def scipy_top(logits: FloatArray, names: list[str]) -> Work:
    """Without sorting what is not asked for."""
    from scipy.special import softmax as theirs

    def best() -> list[str]:
        for _ in range(REPEATS):
            scores = theirs(logits)
            ids = np.argpartition(scores, -TOP_K)[-TOP_K:]
            found = sorted(((float(scores[i]), names[i]) for i in ids), reverse=True)
        return [name for _, name in found]

    return best


def onnx_asr_letters(logprobs: FloatArray) -> Work:
    """Its greedy decoder, which tells a likelihood of each letter, too."""
    from onnx_asr.asr import _AsrWithCtcDecoding

    network: Any = SimpleNamespace(_vocab_size=N_VOCAB, _blank_idx=BLANK)
    batch, lengths = logprobs[None], np.array([len(logprobs)])

    def tokens() -> list[int]:
        ((found, _, _),) = _AsrWithCtcDecoding._decoding(network, batch, lengths)
        return [int(token) for token in found]

    return tokens


def torchaudio_align(logprobs: FloatArray, tokens: list[int]) -> Work:
    """Its compiled Viterbi."""
    import torch
    from torchaudio.functional import forced_align

    batch, targets = torch.from_numpy(logprobs)[None], torch.tensor([tokens])
    return lambda: forced_align(batch, targets, blank=BLANK)[0][0].tolist()
