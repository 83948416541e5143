"""Make `tests/golden/generation`: what transformers' `generate` writes under many options.

    pip install torch==2.13.0 transformers==4.57.6 && python tests/recipes/generation.py
    pip install transformers==4.46.3 && python tests/recipes/generation.py

The second knows what the first has given up: beams in groups, and contrastive search. Nothing is
downloaded, and two runs give the same bytes.

`network.npz` is a decoder with random weights, in float32, that says different things after
different texts and of different sounds. What it sees of a text, it sees through its cache:

    hidden = last[token] + before[previous] + earlier[previous but one] + place[n_past % 8] + sound
    logits = hidden @ head

where the tokens before the first are n_vocab. `transformers-VERSION.json` has `rules` of a caller's
own, tokens that are never written, tokens not written first, and one that is likelier after
another, and `cases`:

    options, prompt, sound, limit   what is asked for; the limit holds where options name none
    rules                           whether those rules apply as well
    text                            the tokens of the answer, without prompt and end
    ended                           by the end token
    logprobs                        of greedy texts: of each token and of the end
    score                           of beams: the sum over the length to the power of length_penalty

`warpers.npz` has logits and what transformers' warpers make of them, by the JSON of the options.

Draws are compared, too: torch.multinomial is replaced by a draw from NumPy's generator with the
case's seed, one number a token, or one of Gumbel noise for each of the texts that may be drawn.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import transformers
from transformers import (
    DynamicCache,
    GenerationConfig,
    GenerationMixin,
    LogitsProcessor,
    LogitsProcessorList,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import CausalLMOutputWithPast

OUT = Path(__file__).parents[1] / "golden" / "generation"
VERSION = ".".join(transformers.__version__.split(".")[:2])
N_VOCAB, SIZE, N_PLACES, N_SOUNDS = 61, 12, 8, 4
EOS = 3
LIMIT = 20
PROMPTS = [[0], [0, 7, 11, 7], [1, 5, 5]]
LONG = [0, *range(4, 24)]  # beyond what is fed at a time
RULES: dict[str, Any] = {
    "never": [4, 9, 13],
    "never_first": [6, EOS],
    "boost": {"after": 38, "token": 17, "by": 1.5},
}


def network() -> dict[str, Any]:
    """Random weights."""
    rng = np.random.default_rng(41)  # with which half of the texts end before the limit

    def table(*shape: int, scale: float = 1.0) -> Any:
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    head = table(SIZE, N_VOCAB, scale=0.5)
    return {
        "last": table(N_VOCAB + 1, SIZE),
        "before": table(N_VOCAB + 1, SIZE, scale=0.7),
        "earlier": table(N_VOCAB + 1, SIZE, scale=0.5),
        "place": table(N_PLACES, SIZE, scale=0.5),
        "sound": table(N_SOUNDS, SIZE),
        "head": head,
    }


class Toy(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """The network for torch; its cache holds the tokens themselves."""

    config_class = PretrainedConfig
    _supports_cache_class = True
    main_input_name = "input_ids"

    def __init__(self, weights: dict[str, Any]) -> None:
        super().__init__(PretrainedConfig(vocab_size=N_VOCAB, num_hidden_layers=1, hidden_size=1))
        self.weights = {name: torch.from_numpy(array) for name, array in weights.items()}
        self.anchor = torch.nn.Parameter(torch.zeros(1))  # tells transformers device and type
        self.heard = 0

    def forward(
        self, input_ids: Any, past_key_values: Any = None, use_cache: bool = True, **_: Any
    ) -> Any:
        """Logits and hidden states of the new tokens."""
        n_new = input_ids.shape[1]
        history = input_ids
        if use_cache:
            past_key_values = DynamicCache() if past_key_values is None else past_key_values
            keys = input_ids[:, None, :, None].float()
            history = past_key_values.update(keys, keys, 0)[0][:, 0, :, 0].long()
        none = torch.full((len(history), 2), N_VOCAB)
        seen = torch.cat([none, history], dim=1)
        w = self.weights
        places = torch.arange(history.shape[1]) % N_PLACES
        hidden = w["last"][seen[:, 2:]] + w["before"][seen[:, 1:-1]] + w["earlier"][seen[:, :-2]]
        hidden = (hidden + w["place"][places] + w["sound"][self.heard])[:, -n_new:]
        return CausalLMOutputWithPast(
            logits=hidden @ w["head"],
            past_key_values=past_key_values if use_cache else None,
            hidden_states=(hidden,),
        )


class Boost(LogitsProcessor):  # type: ignore[misc]
    """A rule of the caller's own, after those of the options."""

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Add to one token's score where the other is the last."""
        boost = RULES["boost"]
        scores = scores.clone()
        scores[input_ids[:, -1] == boost["after"], boost["token"]] += boost["by"]
        return scores


class TooFewError(Exception):
    """torch.multinomial would refuse."""


class Draw:
    """torch.multinomial, by NumPy's generator."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, probabilities: Any, num_samples: int) -> Any:
        """(1, n) -> (1, num_samples)."""
        row = probabilities[0].double().numpy()
        possible = np.flatnonzero(row)
        if len(possible) < num_samples:
            raise TooFewError
        if num_samples == 1:
            up_to = row[possible].cumsum()
            drawn = np.searchsorted(up_to, [self.rng.random() * up_to[-1]], side="right")
        else:
            noisy = np.log(row[possible]) + self.rng.gumbel(size=len(possible))
            drawn = np.argsort(-noisy)[:num_samples]
        return torch.from_numpy(possible[drawn])[None]


def grid(**choices: Any) -> Iterator[dict[str, Any]]:
    """All combinations; None leaves an option out."""
    for values in itertools.product(*choices.values()):
        yield {name: v for name, v in zip(choices, values, strict=True) if v is not None}


PENALTIES: list[dict[str, Any]] = [
    {"repetition_penalty": 1.4},
    {"repetition_penalty": 0.8, "no_repeat_ngram_size": 2},
    {"no_repeat_ngram_size": 1, "min_new_tokens": 9},
    {"no_repeat_ngram_size": 3, "min_length": 12, "max_length": 15},
    {"min_new_tokens": 4, "min_length": 1, "max_new_tokens": 6, "max_length": 19},
]
DRAWS: list[dict[str, Any]] = [
    {},
    {"temperature": 1.8, "top_k": 0},
    {"temperature": 0.4},
    {"top_k": 3},
    {"top_k": 1},
    {"top_k": 0, "top_p": 0.8},
    {"top_k": 0, "typical_p": 0.5},
    {"top_k": 0, "epsilon_cutoff": 0.02},
    {"top_k": 0, "eta_cutoff": 0.1},
    {"temperature": 1.3, "top_k": 20, "top_p": 0.95, "typical_p": 0.9, "epsilon_cutoff": 3e-3},
    {"temperature": 2.5, "top_k": 30, "top_p": 0.9, "eta_cutoff": 2e-3},
    {"top_p": 1e-6},
    {"typical_p": 1e-6, "top_p": 1.0},
]


def asked() -> Iterator[dict[str, Any]]:
    """The options of the cases that this version of transformers knows."""
    if VERSION == "4.46":
        yield from grid(
            num_beams=[6],
            num_beam_groups=[2, 3, 6],
            diversity_penalty=[0.4, 3.0],
            early_stopping=[None, True, "never"],
            length_penalty=[None, -0.5, 2.0],
        )
        yield from grid(penalty_alpha=[0.2, 0.6, 0.9, 1.0], top_k=[2, 4, 11])
        for penalties in PENALTIES:
            yield {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.7, **penalties}
            yield {"penalty_alpha": 0.5, "top_k": 5, **penalties}
        yield {"num_beams": 4, "num_beam_groups": 4, "diversity_penalty": 0.7, "use_cache": False}
        return
    yield {}
    yield {"use_cache": False}
    yield from PENALTIES
    yield from grid(
        num_beams=[2, 3, 8],
        early_stopping=[None, True, False, "never"],
        length_penalty=[None, -1.0, -0.2, 0.0, 3.0],
    )
    yield {"num_beams": 3, "use_cache": False}
    for penalties in PENALTIES:
        yield {"num_beams": 4, **penalties}
        yield {"num_beams": 4, "early_stopping": "never", **penalties}
        yield {"do_sample": True, "top_p": 0.9, "seed": 1, **penalties}
        yield {"do_sample": True, "num_beams": 3, "seed": 1, **penalties}
    for seed, draw in enumerate(DRAWS):
        yield {"do_sample": True, "seed": seed, **draw}
        yield {"do_sample": True, "num_beams": 3, "seed": seed, **draw}
    yield from grid(
        do_sample=[True],
        seed=[5],
        num_beams=[2, 5],
        early_stopping=[True, "never"],
        length_penalty=[-1.0, 2.0],
    )
    yield {"do_sample": True, "seed": 6, "use_cache": False}


def answer(model: Toy, options: dict[str, Any], prompt: list[int], rules: bool) -> dict[str, Any]:
    """What transformers writes."""
    asked_for = {"top_k": 50, **options} if options.get("do_sample") else dict(options)
    seed = asked_for.pop("seed", 0)
    if not asked_for.keys() & {"max_length", "max_new_tokens"}:
        asked_for["max_new_tokens"] = LIMIT
    if rules:
        asked_for |= {
            "suppress_tokens": RULES["never"],
            "begin_suppress_tokens": RULES["never_first"],
            "logits_processor": LogitsProcessorList([Boost()]),
        }
    with torch.no_grad(), mock.patch("torch.multinomial", Draw(seed)):
        written = model.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            generation_config=GenerationConfig(eos_token_id=EOS, pad_token_id=EOS, bos_token_id=0),
            return_dict_in_generate=True,
            output_scores=True,
            **asked_for,
        )
    text = written.sequences[0, len(prompt) :].tolist()
    ended = EOS in text
    text = text[: text.index(EOS)] if ended else text
    found: dict[str, Any] = {"text": text, "ended": ended}
    if options.get("num_beams", 1) > 1:
        found["score"] = float(written.sequences_scores[0])
    elif not options.get("do_sample"):
        logprobs = torch.log_softmax(torch.cat(written.scores), dim=-1)
        tokens = text + [EOS] * ended
        found["logprobs"] = [
            round(float(row[t]), 6) for row, t in zip(logprobs, tokens, strict=True)
        ]
    return found


def cases(model: Toy) -> Iterator[dict[str, Any]]:
    """Every combination of options, of another sound each time."""
    for i, options in enumerate(asked()):
        hidden_counts = "penalty_alpha" in options and "max_length" not in options
        for j, prompt in enumerate([*PROMPTS, LONG] if hidden_counts else PROMPTS):
            sound, rules = (i + j) % N_SOUNDS, (i + j) % 5 == 0
            model.heard = sound
            try:
                found = answer(model, options, prompt, rules)
            except TooFewError:  # transformers cannot draw for all beams
                continue
            yield {
                "options": options,
                "prompt": prompt,
                "sound": sound,
                "limit": LIMIT,
                "rules": rules,
                **found,
            }


def warped() -> dict[str, Any]:
    """Logits (n, n_vocab), peaked and flat, with and without forbidden ones; and as warped."""
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((6, N_VOCAB)) * np.array([[0.2], [1], [3], [6], [1], [12]])
    logits = logits.astype(np.float32)
    logits[3:, ::3] = -np.inf
    arrays = {"logits": logits}
    model = Toy(network())
    for num_beams, draw in itertools.product([1, 2], DRAWS):
        options = {"do_sample": True, "num_beams": num_beams, **draw}
        config = GenerationConfig(**{"top_k": 50, **options})
        config._eos_token_tensor = torch.tensor([EOS])
        processors = model._get_logits_processor(config, input_ids_seq_length=1)
        arrays[json.dumps(options)] = processors(
            torch.zeros((len(logits), 1), dtype=torch.long), torch.from_numpy(logits)
        ).numpy()
    return arrays


def main() -> None:
    """Write what this version of transformers knows."""
    OUT.mkdir(exist_ok=True)
    model = Toy(network()).eval()
    lines = ",\n".join(json.dumps(case) for case in cases(model))
    path = OUT / f"transformers-{VERSION}.json"
    path.write_text(
        f'{{"eos": {EOS}, "rules": {json.dumps(RULES)}, "cases": [\n{lines}\n]}}\n',
        encoding="utf-8",
    )
    if VERSION != "4.46":
        np.savez_compressed(OUT / "network.npz", **network())
        np.savez_compressed(OUT / "warpers.npz", **warped())


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    main()
