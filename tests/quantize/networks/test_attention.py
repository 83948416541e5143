"""Attention with stored keys and values, held to the textbook's formula in NumPy."""

import numpy as np
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import open_session
from earlet_quantize.graph import GraphBuilder
from earlet_quantize.networks import attention

N_HEADS, HEAD_SIZE, N_ROTATED = 2, 18, 16
N_POSITIONS = 9
TOLERANCE = 1e-5  # float32 sums of some tens of products


def softmax(x: FloatArray) -> FloatArray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    shares: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def heads(x: FloatArray) -> FloatArray:
    """(n, n_heads * size) -> (n_heads, n, size)."""
    return x.reshape(len(x), N_HEADS, -1).transpose(1, 0, 2)


def attend(q: FloatArray, k: FloatArray, v: FloatArray, mask: AnyArray) -> FloatArray:
    """All (n, n_heads * size); a query takes what its row of the mask allows."""
    products = heads(q) @ heads(k).transpose(0, 2, 1) * HEAD_SIZE**-0.5
    shares = softmax(np.where(mask, products, -np.inf))
    return (shares @ heads(v)).transpose(1, 0, 2).reshape(len(q), -1)


def turned(x: FloatArray, angles: FloatArray) -> FloatArray:
    """Su et al., arXiv:2104.09864, eq. 34: pairs of neighbours as complex numbers."""
    parts = heads(x).copy()
    numbers = parts[..., 0:N_ROTATED:2] + 1j * parts[..., 1:N_ROTATED:2]
    numbers *= np.exp(1j * angles[: len(x)])
    parts[..., 0:N_ROTATED:2], parts[..., 1:N_ROTATED:2] = numbers.real, numbers.imag
    return parts.transpose(1, 0, 2).reshape(len(x), -1)


class Cached:
    """One layer of attention with a cache that stays in place."""

    def __init__(self, angles: FloatArray | None) -> None:
        graph = GraphBuilder("cached")
        self._size = attention.padded_head_size(HEAD_SIZE, rotated=angles is not None)
        width = N_HEADS * self._size
        token = graph.input("token", np.int64, [1, "n_tokens"])
        n_past = graph.input("n_past", np.int64, [1])
        qkv = graph.input("qkv", np.float32, [1, "n_tokens", 3 * width])
        shape = [1, N_HEADS, N_POSITIONS, self._size]
        results = attention.cached_attention(
            graph,
            qkv,
            (graph.input("key", np.float32, shape), graph.input("value", np.float32, shape)),
            attention.positions(graph, token, n_past),
            n_heads=N_HEADS,
            scale=HEAD_SIZE**-0.5,
            angles=None
            if angles is None
            else (graph.constant(np.cos(angles)), graph.constant(np.sin(angles))),
        )
        graph.output("y", results[0], np.float32, [1, "n_tokens", width])
        graph.output("new_key", results[1], np.float32, shape)
        graph.output("new_value", results[2], np.float32, shape)
        self._session = open_session(graph.model().SerializeToString(), "cached", "onnxruntime")
        # What stands beyond the tokens written must not matter.
        self.key, self.value = np.full((2, *shape), 7, np.float32)

    def step(self, qkv: FloatArray, n_past: int) -> FloatArray:
        """The new tokens' (n_tokens, n_heads * HEAD_SIZE), written behind n_past others."""
        padded = attention.pad_heads(qkv, N_HEADS, self._size)
        n_tokens = qkv.shape[1]
        y = np.empty((1, n_tokens, N_HEADS * self._size), np.float32)
        run = self._session.bind(
            {
                "token": np.zeros((1, n_tokens), np.int64),
                "n_past": np.array([n_past]),
                "qkv": np.concatenate(list(padded), axis=1)[None],
                "key": self.key,
                "value": self.value,
            },
            {"y": y, "new_key": self.key, "new_value": self.value},
        )
        run()
        by_head = y.reshape(n_tokens, N_HEADS, self._size)
        assert not by_head[..., HEAD_SIZE:].any()
        return by_head[..., :HEAD_SIZE].reshape(n_tokens, -1)


@pytest.fixture
def qkv() -> FloatArray:
    """Of 7 tokens, (3, 7, n_heads * HEAD_SIZE)."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 7, N_HEADS * HEAD_SIZE)).astype(np.float32)


@pytest.mark.parametrize("pieces", [[1] * 7, [7], [3, 4], [1, 6], [4, 2, 1]])
@pytest.mark.parametrize("rotated", [False, True])
def test_tokens_attend_to_those_before_them_in_steps_of_any_size(
    pieces: list[int], rotated: bool, qkv: FloatArray
) -> None:
    # onnxruntime 1.20 and 1.31 agree on all of these.
    rows = np.arange(N_POSITIONS, dtype=np.float32)[:, None]
    angles = rows * np.geomspace(1, 0.01, N_ROTATED // 2, dtype=np.float32)
    cached = Cached(angles if rotated else None)
    found, n_past = [], 0
    for n in pieces:
        found.append(cached.step(qkv[:, n_past : n_past + n], n_past))
        n_past += n
    q, k, v = qkv
    if rotated:
        q, k = turned(q, angles), turned(k, angles)
    wanted = attend(q, k, v, np.tri(len(q), dtype=bool))
    np.testing.assert_allclose(np.concatenate(found), wanted, atol=TOLERANCE)


def test_a_smaller_n_past_takes_tokens_back(qkv: FloatArray) -> None:
    cached = Cached(None)
    cached.step(qkv[:, ::-1].copy(), 0)  # 7 other tokens
    cached.step(qkv[:, :2], 0)
    found = cached.step(qkv[:, 2:3], 2)
    q, k, v = qkv[:, :3]
    wanted = attend(q, k, v, np.tri(3, dtype=bool))[2:]
    np.testing.assert_allclose(found, wanted, atol=TOLERANCE)


@pytest.mark.parametrize("n_queries", [1, 4])
def test_cross_attention_takes_all_of_a_stored_input(n_queries: int) -> None:
    rng = np.random.default_rng(0)
    q, k, v = (
        rng.normal(size=(n, N_HEADS * HEAD_SIZE)).astype(np.float32) for n in (n_queries, 5, 5)
    )
    graph = GraphBuilder("cross")
    width = N_HEADS * HEAD_SIZE
    x = graph.input("q", np.float32, [1, "n_queries", width])
    keys, values = (graph.input(name, np.float32, [1, "n", width]) for name in "kv")
    y, weights = attention.cross_attention(
        graph,
        x,
        attention.transposed_keys(graph, keys, N_HEADS, HEAD_SIZE),
        attention.split_heads(graph, values, N_HEADS, HEAD_SIZE),
        N_HEADS,
        HEAD_SIZE,
    )
    graph.output("y", y, np.float32, [1, "n_queries", width])
    graph.output("weights", weights, np.float32, [1, N_HEADS, "n_queries", "n"])
    session = open_session(graph.model().SerializeToString(), "cross", "onnxruntime")
    feeds = {"q": q[None], "k": k[None] * HEAD_SIZE**-0.5, "v": v[None]}
    found, shares = session.run(feeds)
    wanted = attend(q, k, v, np.ones((n_queries, 5), dtype=bool))
    np.testing.assert_allclose(found[0], wanted, atol=TOLERANCE)
    products = heads(q) @ heads(k).transpose(0, 2, 1) * HEAD_SIZE**-0.5
    np.testing.assert_allclose(shares[0], softmax(products), atol=TOLERANCE)


@pytest.mark.parametrize(
    ("head_size", "rotated", "padded"), [(64, True, 64), (36, True, 48), (36, False, 40)]
)
def test_heads_grow_to_what_the_operator_takes(head_size: int, rotated: bool, padded: int) -> None:
    assert attention.padded_head_size(head_size, rotated=rotated) == padded
