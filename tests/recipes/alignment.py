"""Make `tests/golden/alignment`: what others make of cross-attention, and of tokens.

    pip install transformers==4.57.6 torch==2.13.0 faster-whisper==1.2.1
    python tests/recipes/alignment.py

`paths.npz`: attention of made-up heads, N_CASES times, and by transformers' functions the median of
its neighbours and the frame at which each token begins. `words.json`: texts as tokens of
`tests/golden/huggingface/whisper`, and the words that faster-whisper makes of them. It also cuts at
punctuation inside of words, of which these have none.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import merge_punctuations
from transformers.models.whisper.generation_whisper import _dynamic_time_warping, _median_filter

GOLDEN = Path(__file__).parents[1] / "golden"
N_CASES, N_HEADS, MEDIAN_WIDTH = 5, 3, 7
# transcribe()'s defaults in openai-whisper and faster-whisper.
PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001
TEXTS = {
    "en": (
        "Well, who is there?",
        'He said: "Go home!", and left.',
        "It costs $5 (about 4 euros).",
        "¿Qué? No me digas 'nunca' a mí!",
        "Naïve cafés in Zürich don't open before ten, do they?",
    ),
    "zh": ("北京今天下雨。你好吗？", "一, 二, 三!"),  # noqa: RUF001
    "ja": ("きょうはいいてんきですね、さようなら。",),
}


def main() -> None:
    """Write both files."""
    torch.manual_seed(0)
    cases = [path(n_tokens, n_frames) for n_tokens, n_frames in sizes()]
    arrays = {f"{name}_{i}": array for i, case in enumerate(cases) for name, array in case.items()}
    np.savez_compressed(GOLDEN / "alignment" / "paths.npz", **arrays)
    words = [in_words(language, text) for language, texts in TEXTS.items() for text in texts]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in words)
    (GOLDEN / "alignment" / "words.json").write_text(f"[{lines}]\n", encoding="utf-8")


def sizes() -> list[tuple[int, int]]:
    """Tokens and frames: more of the one, more of the other, hardly any."""
    return [(8, 60), (20, 40), (30, 12), (2, 5), (1, 9)][:N_CASES]


def path(n_tokens: int, n_frames: int) -> dict[str, Any]:
    """As `_extract_token_timestamps`, for heads that follow a diagonal more or less."""
    place = torch.arange(n_frames) / n_frames - (torch.arange(n_tokens) / n_tokens)[:, None]
    logits = torch.randn(N_HEADS, n_tokens, n_frames) - 5 * n_tokens * place**2
    attention = logits.softmax(dim=-1)
    std = attention.std(dim=-2, keepdim=True, unbiased=False).clamp_min(1e-30)  # of one token: 0
    matrix = (attention - attention.mean(dim=-2, keepdim=True)) / std
    matrix = _median_filter(matrix, MEDIAN_WIDTH).mean(dim=0)
    tokens, frames = _dynamic_time_warping(-matrix.double().numpy())
    jumps = np.pad(np.diff(tokens), (1, 0), constant_values=1).astype(bool)
    return {
        "attention": attention.numpy(),
        "median": _median_filter(attention, MEDIAN_WIDTH).numpy(),
        "starts": np.asarray(frames)[jumps],
    }


def in_words(language: str, text: str) -> dict[str, Any]:
    """As `find_alignment` and `add_word_timestamps`."""
    file = GOLDEN / "huggingface" / "whisper" / "tokenizer.json"
    tokenizer = tokenizers.Tokenizer.from_file(str(file))
    wrapped = Tokenizer(tokenizer, multilingual=True, task="transcribe", language=language)
    tokens = tokenizer.encode(f" {text}", add_special_tokens=False).ids
    words, of_words = wrapped.split_to_word_tokens(tokens)
    alignment = [
        {"word": w, "tokens": list(t)} for w, t in zip(words, of_words, strict=True) if w.strip()
    ]
    merge_punctuations(alignment, PREPENDED, APPENDED)
    return {"tokens": tokens, "words": [a["word"].strip() for a in alignment if a["word"]]}


if __name__ == "__main__":
    main()
