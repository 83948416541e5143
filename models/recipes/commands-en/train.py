"""Training: dense, on streams, with the negatives that still fire mined as it goes.

Every output of a stream has a wanted answer, not every clip:

- outside of commands: "none", the mean over all outputs, and once more over the hardest 2 %;
- inside a command and for half a second after it: this command or "none", but no other command;
- in the 0.44 s after a command's end: this command, over the three best outputs.

Every round new words are rendered, new continuous speech is listened to, and what fires on it is
kept as a hard negative.
"""

import argparse
import copy
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from augment import mix
from data import NONE, TrainingData, load_training
from network import Spotter
from noises import NoiseRenderer
from numpy.random import Generator
from segments import (
    ANSWER_OUTPUTS,
    MAX_WORDS,
    N_FRAMES,
    N_MELS,
    N_OUTPUTS,
    Renderer,
    Segments,
    together,
)
from synthesis import Synthetic, synthesize
from torch import Tensor

from earlet.arrays import FloatArray

STEPS = 24_368
BATCH = {"words": 19, "speech": 8, "hard": 5}  # segments of each kind
BANK = {"words": 24_000, "speech": 6_000, "hard": 5_000}  # segments kept; the oldest leave first
N_NOISES = 3_000
LEARNING_RATE = 3e-3
WARM_UP = 0.04  # of all steps
FALL = 0.655  # of all steps: from there on the rate falls in a line to LAST_RATE of it
LAST_RATE = 0.03
# From this share of the steps on the averaged weights of each round are kept, and the mean of them
# all is the result: better than any of them (Wortsman et al., "Model soups", 2022).
KEPT_FROM = 0.3
WEIGHT_DECAY = 5e-3
AVERAGE = 0.9998  # exponential moving average of the weights
HARDEST = 0.02  # share of the "none" outputs that count once more
BEST_OUTPUTS = 3  # of ANSWER_OUTPUTS: those that must answer
ROUND_STEPS = 2_500
WORDS_PER_ROUND = 4_000
SCORED_AT_ONCE = 64
HEARD_PER_ROUND = 5_000  # segments of continuous speech
NOISES_PER_ROUND = 400
MINED_PER_ROUND = 500


class Bank:
    """A ring of segments."""

    def __init__(self, capacity: int) -> None:
        self._all = Segments(
            np.zeros((capacity, N_FRAMES, N_MELS), np.float16),
            np.full((capacity, N_OUTPUTS), NONE, np.int8),
            np.full((capacity, MAX_WORDS, 2), NONE, np.int16),
            np.zeros(capacity, np.int16),
        )
        self._capacity = capacity
        self._next = 0
        self.size = 0

    def add(self, new: Segments) -> None:
        """Put segments in, over the oldest ones when the ring is full."""
        rows = (self._next + np.arange(len(new))) % self._capacity
        self._all.put(rows, new)
        self._next = int(rows[-1] + 1) % self._capacity
        self.size = min(self._capacity, self.size + len(rows))

    def draw(self, n: int, rng: Generator) -> Segments:
        """Any n of them."""
        return self._all.take(rng.integers(0, self.size, n))


def loss(logits: Tensor, segments: Segments) -> dict[str, Tensor]:
    """The parts of the loss, to be summed."""
    logprobs = F.log_softmax(logits.float(), dim=2)
    inside = torch.from_numpy(segments.inside.astype(np.int64))
    is_none = inside == NONE
    silent = -logprobs[:, :, NONE] * is_none
    hardest = silent.flatten().topk(int(silent.numel() * HARDEST))[0]
    parts = {"none": silent.sum() / is_none.sum(), "hard": 0.5 * hardest.mean()}

    row, output = torch.nonzero(~is_none, as_tuple=True)
    own = logprobs[row, output, inside[row, output]]
    other = -torch.logaddexp(own, logprobs[row, output, NONE])
    parts["other"] = other.mean() + 0.5 * other.topk(max(1, len(other) // 20))[0].mean()

    answers = torch.from_numpy(segments.answers.astype(np.int64))
    row, word = torch.nonzero(answers[:, :, 0] != NONE, as_tuple=True)
    command, first = answers[row, word].T
    outputs = first[:, None] + torch.arange(ANSWER_OUTPUTS)
    heard = -logprobs[row[:, None], outputs, command[:, None]]
    parts["command"] = 2 * heard.topk(BEST_OUTPUTS, largest=False)[0].mean()
    return parts


class Training:
    """Everything that changes from step to step."""

    def __init__(
        self, data: TrainingData, synthetic: Synthetic, network: Spotter, steps: int, seed: int
    ) -> None:
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.step, self.steps = 0, steps
        self.renderer = Renderer(data, synthetic, self.rng)
        self.noise_renderer = NoiseRenderer(data, self.renderer, self.rng)
        self.banks = {kind: Bank(capacity) for kind, capacity in BANK.items()}
        self.noises = self.noise_renderer.draw(N_NOISES)
        self.network = network.train()
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)
        self.banks["words"].add(self.renderer.words(12_000))
        self.banks["speech"].add(self.renderer.continuous(3_000))
        self.banks["hard"].add(self.renderer.continuous(10))

    def one_step(self) -> dict[str, Tensor]:
        """Draw a batch and learn from it."""
        batch = together([self.banks[kind].draw(n, self.rng) for kind, n in BATCH.items()])
        features = torch.from_numpy(self._mixed(batch))
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(features)
        parts = loss(logits, batch)
        self.optimizer.zero_grad()
        torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        self._average()
        return {name: part.detach() for name, part in parts.items()}

    def refresh(self) -> str:
        """Render new words and noises, and mine new speech for what fires."""
        self.banks["words"].add(self.renderer.words(WORDS_PER_ROUND))
        renewed = self.rng.choice(N_NOISES, NOISES_PER_ROUND, replace=False)
        self.noises[renewed] = self.noise_renderer.draw(NOISES_PER_ROUND)
        heard = self.renderer.continuous(HEARD_PER_ROUND)
        scores = self._scores(heard)
        order = np.argsort(-scores)
        self.banks["hard"].add(heard.take(order[:MINED_PER_ROUND]))
        self.banks["speech"].add(heard.take(order[MINED_PER_ROUND : 2 * MINED_PER_ROUND]))
        fired = float((scores > 0.5).mean())
        return f"{fired:.2%} of new speech fires, mined from {scores[order[MINED_PER_ROUND]]:.3f}"

    def _rate(self, step: int) -> float:
        """Share of the learning rate: up in a line, level, down in a line."""
        done = step / self.steps
        fallen = max(0.0, (done - FALL) / (1 - FALL))
        return min(1.0, (done + 1 / self.steps) / WARM_UP) * (1 - fallen * (1 - LAST_RATE))

    def _mixed(self, segments: Segments) -> FloatArray:
        rows = self.rng.integers(0, N_NOISES, len(segments))
        return mix(segments, self.noises[rows], self.rng)

    def _average(self) -> None:
        decay = min(AVERAGE, (1 + self.step) / (20 + self.step))
        averaged = self.average.state_dict()
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                averaged[name].lerp_(value, 1 - decay)

    def _scores(self, segments: Segments) -> FloatArray:
        """The highest posterior of any command in each segment, mean of two outputs."""
        scores = []
        for start in range(0, len(segments), SCORED_AT_ONCE):
            block = segments.take(slice(start, start + SCORED_AT_ONCE))
            posteriors = self._posteriors(self._mixed(block))[:, :, :NONE]
            scores.append(posteriors.max(axis=(1, 2)))
        return np.concatenate(scores)

    @torch.no_grad()
    def _posteriors(self, features: FloatArray) -> FloatArray:
        posteriors = self.average(torch.from_numpy(features)).softmax(dim=2).numpy()
        return np.asarray((posteriors[:, 1:] + posteriors[:, :-1]) / 2)


def mean(networks: Sequence[Spotter]) -> Spotter:
    """The network in the middle of several of one training."""
    middle = copy.deepcopy(networks[-1])
    states = [network.state_dict() for network in networks]
    for name, value in middle.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.stack([state[name] for state in states]).mean(dim=0))
    return middle


def save(network: Spotter, path: Path) -> None:
    """Write the weights as plain arrays."""
    np.savez(path, **{name: value.numpy() for name, value in network.state_dict().items()})


def load(path: Path) -> Spotter:
    """Read a network that `save` wrote, ready to be used."""
    network = Spotter()
    with np.load(path, allow_pickle=False) as arrays:
        network.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays.files})
    return network.eval()


def train(data: Path, out: Path, steps: int, seed: int, start: Path | None = None) -> None:
    """Train on the data folder, from `start` or anew; write out/network.npz, also on the way."""
    torch.set_num_threads(1)
    begun = time.monotonic()
    network = Spotter() if start is None else load(start)
    synthetic = synthesize(data, np.random.default_rng(seed))
    training = Training(load_training(data), synthetic, network, steps, seed)
    kept: list[Spotter] = []
    print(f"ready after {time.monotonic() - begun:.0f} s", flush=True)
    while training.step < steps:
        parts = training.one_step()
        if training.step % 500 == 0:
            values = "  ".join(f"{name} {float(part):.3f}" for name, part in parts.items())
            print(f"{training.step:6d}  {values}  {time.monotonic() - begun:.0f} s", flush=True)
        if training.step % ROUND_STEPS == 0:
            print(training.refresh(), flush=True)
            save(training.average, out / "network.npz")
            if training.step >= KEPT_FROM * steps:
                kept.append(copy.deepcopy(training.average))
    save(mean([*kept, training.average]), out / "network.npz")


def main() -> None:
    """Run the training alone."""
    parser = argparse.ArgumentParser(description=train.__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("build/commands-en"))
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    train(arguments.data, arguments.out, arguments.steps, arguments.seed, arguments.start)


if __name__ == "__main__":
    main()
