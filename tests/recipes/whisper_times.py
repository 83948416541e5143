"""Make `tests/golden/whisper_times`: what others make of Whisper's times.

    pip install transformers==4.57.6 torch==2.13.0 faster-whisper==1.2.1
    python tests/recipes/whisper_times.py

`rule.npz`: random logits after random texts, and which of them transformers' logits processor
forbids. `windows.json`: what a network that says given things makes faster-whisper do: where each
window begins, what it is told of the text before, and its segments.
"""

import json
import logging
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from faster_whisper.transcribe import TranscriptionOptions, WhisperModel
from transformers import GenerationConfig, WhisperTimeStampLogitsProcessor

GOLDEN = Path(__file__).parents[1] / "golden" / "whisper_times"
# 20 tokens of text, the end, of special ones <|startoftranscript|>, <|startofprev|>,
# <|nospeech|> and <|notimestamps|>, then the times from 0.00 s on.
EOS, BOS, PREVIOUS, NO_SPEECH, NO_TIMESTAMPS, BEGIN = range(20, 26)
N_VOCAB = BEGIN + 80  # of which 51 may come first
MAX_TOKENS = 40  # of prompt and text together
WINDOW = 3_000  # frames of 10 ms
TORCH = torch.Generator().manual_seed(0)


def main() -> None:
    """Write both files."""
    written, logits, forbidden = rule(np.random.default_rng(0))
    np.savez_compressed(GOLDEN / "rule.npz", written=written, logits=logits, forbidden=forbidden)
    cases = [windows(np.random.default_rng(seed), condition=seed % 2 == 0) for seed in range(12)]
    text = json.dumps(cases, separators=(",", ":")).replace('{"condition', '\n{"condition')
    (GOLDEN / "windows.json").write_text(text + "\n", encoding="utf-8")


def rule(rng: np.random.Generator, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texts (n, 12), filled up with -1; logits and which are forbidden, (n, N_VOCAB)."""
    config = GenerationConfig(
        eos_token_id=EOS, no_timestamps_token_id=NO_TIMESTAMPS, max_initial_timestamp_index=50
    )
    processor = WhisperTimeStampLogitsProcessor(config, begin_index=1)
    texts, logits, forbidden = np.full((n, 12), -1), np.empty((n, N_VOCAB), np.float16), []
    written: list[int] = []
    for i in range(n):
        texts[i, : len(written)] = written
        logits[i] = rng.normal(size=N_VOCAB)
        logits[i, BEGIN:] += rng.normal() * 2 - 3  # that times and words are likelier in turns
        logits[i, EOS] -= 2
        logits[i, BOS : NO_SPEECH + 1] = -np.inf  # which are never written
        scores = torch.from_numpy(logits[i : i + 1].astype(np.float32))
        left = processor(torch.tensor([[BOS, *written]]), scores)[0]
        forbidden.append(torch.isneginf(left).numpy())
        token = int(torch.multinomial(left.softmax(-1), 1, generator=TORCH))
        written = [] if token == EOS or len(written) == 11 else [*written, token]
    return texts, logits, np.array(forbidden)


def windows(rng: np.random.Generator, condition: bool) -> dict[str, Any]:
    """A stream of some windows, each of which says something at random."""
    n_frames = int(rng.integers(100, 9_000))
    model = Scripted(rng)
    options = TranscriptionOptions(**dict.fromkeys(TranscriptionOptions.__dataclass_fields__))
    options.condition_on_previous_text = condition
    options.prompt_reset_on_temperature = 0.5
    options.log_prob_threshold, options.no_speech_threshold = -1.0, 0.6
    options.initial_prompt = [1, 2, 3] if rng.random() < 0.5 else None
    options.clip_timestamps = "0"
    options.word_timestamps = options.without_timestamps = options.multilingual = False
    features = np.zeros((1, n_frames + 1), dtype=np.float32)
    segments = [
        {"seek": s.seek, "start": s.start, "end": s.end, "tokens": s.tokens}
        for s in model.generate_segments(features, tokenizer(), options, log_progress=False)
    ]
    return {
        "condition": condition,
        "initial": options.initial_prompt or [],
        "n_frames": n_frames,
        "said": model.said,
        "segments": segments,
    }


class Scripted(WhisperModel):  # type: ignore[misc]
    """faster-whisper's loop over windows around a network that says anything."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.said: list[dict[str, Any]] = []
        self.logger = logging.getLogger(__name__)
        self.feature_extractor = SimpleNamespace(time_per_frame=0.01, nb_max_frames=WINDOW)
        self.frames_per_second, self.input_stride, self.time_precision = 100, 2, 0.02
        self.max_length = MAX_TOKENS

    def encode(self, features: np.ndarray) -> None:
        """Nothing listens."""

    def generate_with_fallback(self, _: None, prompt: list[int], *__: Any) -> tuple[Any, ...]:
        """A text with times, and how far it is believed."""
        kind = str(self.rng.choice(["believed", "believed", "doubted", "silent"]))
        tokens = said(self.rng)
        self.said.append({"prompt": prompt, "kind": kind, "tokens": tokens})
        result = SimpleNamespace(
            sequences_ids=[tokens], no_speech_prob=0.9 if kind == "silent" else 0.1
        )
        return result, -0.1 if kind == "believed" else -2.0, 1.0 if kind == "doubted" else 0.0, 1.0


def said(rng: np.random.Generator) -> list[int]:
    """Segments as the rule lets them be written; the last open, closed, or followed by a time.

    Left out is a text of one segment that is open, or that begins after 0.00 s: its time is taken
    for its end there, or not taken.
    """
    n_segments = int(rng.integers(1, 4))
    times = np.sort(rng.choice(75, size=n_segments + 1, replace=False)) + BEGIN
    times[0] = BEGIN if n_segments == 1 else min(times[0], BEGIN + 50)
    tokens: list[int] = []
    for start, end in pairwise(times):
        words = rng.integers(0, EOS, size=rng.integers(1, 3)).tolist()
        tokens += [int(start), *words, int(end)]
    ending = rng.integers(3)
    if ending == 1:
        tokens.append(tokens[-1])
    elif ending == 2 and n_segments > 1:
        del tokens[-1]
    return tokens


def tokenizer() -> SimpleNamespace:
    """What the loop asks of one."""
    return SimpleNamespace(
        timestamp_begin=BEGIN,
        sot_prev=PREVIOUS,
        sot_sequence=[BOS],
        decode=lambda tokens: " ".join(str(t) for t in tokens if t < EOS),
    )


if __name__ == "__main__":
    main()
