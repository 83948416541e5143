"""A decoder whose answers are known: the network of `tests/recipes/generation.py`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import TensorSpec
from earlet.decoding.generation.decoder import Decoder, DecoderGraph
from earlet.decoding.generation.hypothesis import Hypothesis
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.generation.rules import LogitRule
from earlet.decoding.generation.search import Stop, generate

NETWORK = Path(__file__).parents[1] / "golden" / "generation" / "network.npz"
N_POSITIONS = 41  # the recipe's longest prompt, and its limit
N_VOCAB, SIZE, EOS = 61, 12, 3
LIMIT = 20


class Network:
    """The network as a session. All that it knows of a text, it has from its cache."""

    def __init__(self, weights: Mapping[str, FloatArray], hidden: bool = True) -> None:
        self.n_fed = 0  # tokens, by all decoders
        self._weights = weights
        self.inputs = (
            TensorSpec("token", (1, None)),
            TensorSpec("n_past", (1,)),
            TensorSpec("past.0.key", (1, 1, None, 1)),
            TensorSpec("cross.sound", (1, SIZE)),
        )
        self.outputs = (
            TensorSpec("logits", (1, None, N_VOCAB)),
            TensorSpec("present.0.key", (1, 1, None, 1)),
            *((TensorSpec("hidden", (1, None, SIZE)),) if hidden else ()),
        )

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        raise AssertionError(f"a decoder's arrays are bound: {feeds}")

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        token, n_past, sound = inputs["token"][0], inputs["n_past"], inputs["cross.sound"]
        cache = inputs["past.0.key"][0, 0, :, 0]
        w = self._weights

        def step() -> None:
            start, end = int(n_past[0]), int(n_past[0]) + len(token)
            self.n_fed += len(token)
            cache[start:end] = token
            seen = np.concatenate([[N_VOCAB, N_VOCAB], cache[:end].astype(int)])
            hidden = w["last"][seen[2:]] + w["before"][seen[1:-1]] + w["earlier"][seen[:-2]]
            hidden = hidden + w["place"][np.arange(end) % len(w["place"])] + sound
            outputs["logits"][0] = hidden[start:] @ w["head"]
            if "hidden" in outputs:
                outputs["hidden"][0] = hidden[start:]

        return step


class Toy:
    """The network, and what is written with it."""

    def __init__(self, weights: Mapping[str, FloatArray], hidden: bool = True) -> None:
        self.network = Network(weights, hidden)
        self._sounds = weights["sound"]

    def decoder(self, sound: int = 0) -> Decoder:
        cross = {"cross.sound": self._sounds[sound : sound + 1]}
        return Decoder(DecoderGraph(self.network, list(cross)), cross, N_POSITIONS)

    def write(
        self,
        parameters: Mapping[str, object],
        prompt: Sequence[int] = (0,),
        *,
        sound: int = 0,
        limit: int = LIMIT,
        rules: Sequence[LogitRule] = (),
        stop: Stop | None = None,
    ) -> Hypothesis:
        return generate(
            self.decoder(sound),
            prompt,
            eos=EOS,
            limit=limit,
            rules=rules,
            options=GenerationOptions.from_mapping(parameters),
            stop=stop,
        )


@pytest.fixture(scope="session")
def toy_weights() -> Mapping[str, FloatArray]:
    return dict(np.load(NETWORK))


@pytest.fixture
def toy(toy_weights: Mapping[str, FloatArray]) -> Toy:
    return Toy(toy_weights)


@pytest.fixture
def toy_without_hidden(toy_weights: Mapping[str, FloatArray]) -> Toy:
    return Toy(toy_weights, hidden=False)
