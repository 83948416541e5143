"""A decoder in front of one utterance: tokens in, the logits of what may follow out.

The graph is the one that `models/README.md` specifies (i counts the decoder's layers):

    token (1, n_tokens), n_past (1,), past.i.* (1, n_heads, n_positions, head_size), cross.*
        -> logits (1, n_tokens, n_vocab), present.i.*: past, with the tokens' own at n_past, and
           hidden (1, n_tokens, size)                       what the logits are made of
           attention (1, n_heads, n_tokens, n_frames)       of the heads that follow the sound
           where the network gives them

`past` and `present` are the same memory, so that a step copies nothing that is there already, and
going back to an earlier token is a smaller n_past.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import Session
from earlet.errors import BundleError, InputError

PAST, PRESENT = "past.", "present."
LOGITS, HIDDEN, ATTENTION = "logits", "hidden", "attention"
BLOCK_TOKENS = 16  # of a prompt at a time: their logits, which nobody reads, are some megabytes


class _Bound(NamedTuple):
    """Memory that is tied to the network for one number of tokens at a time."""

    token: AnyArray  # (1, n_tokens)
    logits: FloatArray  # (n_tokens, n_vocab)
    hidden: FloatArray | None  # (n_tokens, size)
    run: Callable[[], None]


class DecoderGraph:
    """The network, and what is known of its shapes before an utterance is there."""

    def __init__(self, session: Session, cross: Sequence[str]) -> None:
        """`cross` are the encoder's outputs.

        Raises:
            BundleError: when the graph is not that of the specification.
        """
        shapes = {spec.name: spec.shape for spec in session.inputs}
        found = {spec.name: spec.shape for spec in session.outputs}
        self.session = session
        self.cache_shapes = {n: s for n, s in shapes.items() if n.startswith(PAST)}
        for name, shape in self.cache_shapes.items():
            if len(shape) != 4 or None in (shape[1], shape[3]):
                raise BundleError(
                    f"{name}: expected (1, n_heads, n_positions, head_size), got {shape}"
                )
        given = {"token", "n_past", *cross, *self.cache_shapes}
        gives = {LOGITS, *(present(name) for name in self.cache_shapes)}
        if odd := (shapes.keys() ^ given) | ((found.keys() - {HIDDEN, ATTENTION}) ^ gives):
            raise BundleError(f"encoder and decoder do not fit together: {', '.join(sorted(odd))}")
        self.n_vocab = _width(found, LOGITS)
        self.n_hidden = _width(found, HIDDEN) if HIDDEN in found else None
        self.aligns = ATTENTION in found
        if self.aligns and len(found[ATTENTION]) != 4:
            raise BundleError(
                f"{ATTENTION}: expected (1, n_heads, n_tokens, n_frames), got {found[ATTENTION]}"
            )


class Decoder:
    """One hypothesis about one utterance: the tokens that were fed, as keys and values.

    Whoever feeds it keeps to `n_positions` tokens in all.
    """

    def __init__(
        self, graph: DecoderGraph, cross: Mapping[str, AnyArray], n_positions: int
    ) -> None:
        """`cross` are the encoder's outputs for the utterance, by name."""
        self._graph = graph
        self._cross = cross
        self._n_positions = n_positions
        self._cache = {
            name: np.zeros((1, shape[1] or 0, n_positions, shape[3] or 0), dtype=np.float32)
            for name, shape in graph.cache_shapes.items()
        }
        self._n_past = np.zeros(1, dtype=np.int64)
        self._bound: dict[int, _Bound] = {}  # by the number of tokens at a time
        self.hidden: FloatArray | None = None  # (n_tokens, size) of the last feed

    @property
    def n_past(self) -> int:
        """How many tokens were fed."""
        return int(self._n_past[0])

    @property
    def n_vocab(self) -> int:
        """How many tokens the network knows."""
        return self._graph.n_vocab

    def feed(self, tokens: Sequence[int]) -> FloatArray:
        """The logits (n_tokens, n_vocab) after each of `tokens`, which follow those fed before.

        They are memory that the next call writes to: what is to outlast it must be copied.
        """
        bound = self._bound.get(len(tokens))
        if bound is None:
            bound = self._bind(len(tokens))
        bound.token[0] = tokens
        bound.run()
        self._n_past[0] += len(tokens)
        self.hidden = bound.hidden
        return bound.logits

    def prefill(self, tokens: Sequence[int]) -> FloatArray:
        """Feed any number of tokens, one at least; the logits (n_vocab,) after the last."""
        for i in range(0, len(tokens), BLOCK_TOKENS):
            logits = self.feed(tokens[i : i + BLOCK_TOKENS])
        last: FloatArray = logits[-1]
        return last

    def rewind(self, n_past: int) -> None:
        """Forget all tokens but the first `n_past`."""
        self._n_past[0] = n_past

    def fork(self) -> "Decoder":
        """Another hypothesis of the same utterance, which has been fed the same tokens."""
        other = Decoder(self._graph, self._cross, self._n_positions)
        other.copy_from(self)
        return other

    def copy_from(self, other: "Decoder") -> None:
        """Take over the tokens of another hypothesis of the same utterance."""
        n_past = other.n_past
        for name, array in self._cache.items():
            array[:, :, :n_past] = other._cache[name][:, :, :n_past]
        self.rewind(n_past)

    def _bind(self, n_tokens: int) -> _Bound:
        graph = self._graph
        token = np.zeros((1, n_tokens), dtype=np.int64)
        outputs = {LOGITS: np.empty((1, n_tokens, graph.n_vocab), dtype=np.float32)}
        if graph.n_hidden is not None:
            outputs[HIDDEN] = np.empty((1, n_tokens, graph.n_hidden), dtype=np.float32)
        run = graph.session.bind(
            {"token": token, "n_past": self._n_past, **self._cache, **self._cross},
            {**outputs, **{present(name): array for name, array in self._cache.items()}},
        )
        hidden = outputs.get(HIDDEN)
        bound = _Bound(token, outputs[LOGITS][0], None if hidden is None else hidden[0], run)
        # One token at a time is what happens most; of the other numbers the last is kept.
        self._bound = {n: b for n, b in self._bound.items() if n == 1} | {n_tokens: bound}
        return bound

    def attention(self, tokens: Sequence[int]) -> FloatArray:
        """How `tokens`, fed as if they were the first, attend to the sound.

        (n_heads, n_tokens, n_frames), each row a distribution over the encoder's frames, of the
        heads that follow the sound. What was fed before is left as it is.

        Raises:
            InputError: when the network does not give it.
        """
        graph = self._graph
        if not graph.aligns:
            raise InputError("times of words: this network does not tell where it listens")
        feeds = {
            "token": np.array([tokens], dtype=np.int64),
            "n_past": np.zeros(1, dtype=np.int64),
            **self._cross,
            **{
                name: np.zeros((1, shape[1] or 0, len(tokens), shape[3] or 0), dtype=np.float32)
                for name, shape in graph.cache_shapes.items()
            },
        }
        names = [spec.name for spec in graph.session.outputs]
        weights = graph.session.run(feeds)[names.index(ATTENTION)]
        return np.asarray(weights[0], dtype=np.float32)


def present(past: str) -> str:
    """The output that is `past` after the step."""
    return PRESENT + past.removeprefix(PAST)


def _width(shapes: Mapping[str, tuple[int | None, ...]], name: str) -> int:
    width = shapes[name][-1] if shapes.get(name) else None
    if width is None:
        raise BundleError(f"{name}: expected (1, n_tokens, size) with a fixed size")
    return width
