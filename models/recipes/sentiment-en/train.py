"""Training: three minutes on one processor core.

The products are computed in bfloat16, which processors without it imitate, slowly. Another
processor or another release of torch adds in another order, and gives other weights.
"""

import random
import time
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from data import Sentence, treebank
from network import Sentiment
from torch import Tensor

from earlet.tokenizers import Tokenizer

EPOCHS = 2
BATCH = 32  # sentences
LEARNING_RATE = 1e-4
WARM_UP = 0.1  # of all steps; then linearly down to 0
WEIGHT_DECAY = 0.01  # of matrices
MAX_NORM = 1.0  # of the gradient
MAX_TOKENS = 64
SORTED = 24  # batches of which each gets sentences of about the same length
REPORT = 50  # steps

Batch = tuple[Tensor, Tensor]  # ids and mask, see `Sentiment.forward`


def train(
    network: Sentiment, sentences: Sequence[Sentence], tokenizer: Tokenizer, seed: int
) -> None:
    """Train a network in place. Every time a sentence comes, a coin says in which spelling."""
    rng = random.Random(seed)  # noqa: S311, no secret
    spellings = [
        [tokenizer.encode(text, max_length=MAX_TOKENS).ids for text in (s.text, treebank(s.text))]
        for s in sentences
    ]
    n_steps = EPOCHS * -(-len(sentences) // BATCH)
    optimizer, schedule = _optimizer(network, n_steps)
    network.train()
    begun, step = time.monotonic(), 0
    for _ in range(EPOCHS):
        for batch in _batches([len(both[0]) for both in spellings], rng):
            ids, mask = together([rng.choice(spellings[i]) for i in batch])
            labels = torch.tensor([sentences[i].label for i in batch])
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(ids, mask)
            loss = F.cross_entropy(logits.float(), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)
            optimizer.step()
            schedule.step()
            step += 1
            if step % REPORT == 0:
                elapsed = time.monotonic() - begun
                print(
                    f"{step:4d} of {n_steps}  loss {loss.item():.3f}  {elapsed:.0f} s", flush=True
                )
    network.eval()


def _optimizer(
    network: Sentiment, n_steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW, as the training of BERT has it: vectors do not decay."""
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in network.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, LEARNING_RATE, fused=True)
    warm_up = WARM_UP * n_steps

    def rate(step: int) -> float:
        return min((step + 1) / warm_up, (n_steps - step) / (n_steps - warm_up))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, rate)


def _batches(lengths: Sequence[int], rng: random.Random) -> Iterator[list[int]]:
    """All sentences in batches of about the same length, in any order: little padding."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), SORTED * BATCH):
        some = sorted(order[start : start + SORTED * BATCH], key=lengths.__getitem__)
        batches += [some[i : i + BATCH] for i in range(0, len(some), BATCH)]
    rng.shuffle(batches)
    yield from batches


def together(texts: Sequence[Sequence[int]]) -> Batch:
    """Token ids of several texts, the shorter ones filled up."""
    longest = max(map(len, texts))
    mask = torch.tensor([[i < len(ids) for i in range(longest)] for ids in texts])
    padded = torch.zeros(len(texts), longest, dtype=torch.long)
    for row, ids in zip(padded, texts, strict=True):
        row[: len(ids)] = torch.tensor(ids)
    return padded, mask
