"""The two-stage head, held to products in NumPy with the very values that it stores."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import GraphBuilder, initializers
from earlet_quantize.passes.head import LARGEST, N_BEST, two_stage_head

Runner = Callable[..., list[AnyArray]]

SIZE, N_VOCAB = 64, 200


def tied(embedding: FloatArray) -> onnx.ModelProto:
    """A token's column of the embedding, and what any x scores against all columns."""
    graph = GraphBuilder("tied")
    token = graph.input("token", np.int64, [1, "n_tokens"])
    x = graph.input("x", np.float32, [1, "n_tokens", len(embedding)])
    table = graph.constant(embedding, "embedding")
    column = graph.node("Transpose", graph.node("Gather", table, token, axis=1), perm=[1, 2, 0])
    graph.output("column", column, np.float32, [1, "n_tokens", len(embedding)])
    graph.output("logits", graph.node("MatMul", x, table), np.float32, [1, "n_tokens", N_VOCAB])
    return graph.model()


@pytest.fixture
def embedding(rng: np.random.Generator) -> FloatArray:
    return rng.normal(size=(SIZE, N_VOCAB)).astype(np.float32)


def rounded(embedding: FloatArray) -> FloatArray:
    """Each column in whole steps, the largest value of it 119."""
    scale = np.abs(embedding).max(axis=0) / LARGEST
    values: FloatArray = (np.rint(embedding / scale) * scale).astype(np.float32)
    return values


def test_an_embedding_is_off_by_at_most_half_a_step(embedding: FloatArray, run: Runner) -> None:
    model = tied(embedding)
    two_stage_head(model)
    token = np.array([[0, 7, N_VOCAB - 1]])
    column, _ = run(model, token=token, x=np.zeros((1, 3, SIZE), np.float32))
    np.testing.assert_allclose(column[0], rounded(embedding)[:, token[0]].T, rtol=1e-6, atol=1e-7)
    step = np.abs(embedding).max(axis=0)[token[0]] / LARGEST
    assert (np.abs(column[0] - embedding[:, token[0]].T) <= 0.501 * step[:, None]).all()


@pytest.mark.parametrize("n_tokens", [1, 3])
def test_the_best_scores_are_exact_and_in_their_places(
    n_tokens: int, embedding: FloatArray, rng: np.random.Generator, run: Runner
) -> None:
    model = tied(embedding)
    two_stage_head(model)
    x = rng.normal(size=(1, n_tokens, SIZE)).astype(np.float32)
    _, logits = run(model, token=np.zeros((1, n_tokens), np.int64), x=x)
    wanted = x @ rounded(embedding)
    for found, want in zip(logits[0], wanted[0], strict=True):
        exact = np.isclose(found, want, atol=1e-4)
        assert exact.sum() >= N_BEST
        assert exact[want.argmax()]
        assert found.argmax() == want.argmax()


def test_the_other_scores_are_close(
    embedding: FloatArray, rng: np.random.Generator, run: Runner
) -> None:
    model = tied(embedding)
    two_stage_head(model)
    x = rng.normal(size=(1, 20, SIZE)).astype(np.float32)
    _, logits = run(model, token=np.zeros((1, 20), np.int64), x=x)
    # 15 steps from -largest to largest: 8 % of the size of normal data, 10 % with x in int8
    assert np.std(logits - x @ embedding) < 0.12 * np.std(x @ embedding)


def test_more_candidates_are_more_exact_scores(
    embedding: FloatArray, rng: np.random.Generator, run: Runner
) -> None:
    model = tied(embedding)
    two_stage_head(model, n_best=N_VOCAB)
    x = rng.normal(size=(1, 2, SIZE)).astype(np.float32)
    _, logits = run(model, token=np.zeros((1, 2), np.int64), x=x)
    np.testing.assert_allclose(logits, x @ rounded(embedding), atol=1e-4)


def test_the_embedding_takes_a_byte_a_value(embedding: FloatArray) -> None:
    model = tied(embedding)
    two_stage_head(model)
    large = [array for array in initializers(model.graph).values() if array.size > 1000]
    assert {array.dtype for array in large} == {np.dtype(np.uint8)}
    assert sum(array.nbytes for array in large) == SIZE * N_VOCAB


def test_a_column_of_zeros_scores_zero(embedding: FloatArray, run: Runner) -> None:
    embedding[:, 5] = 0
    model = tied(embedding)
    two_stage_head(model)
    token, x = np.array([[5]]), np.ones((1, 1, SIZE), np.float32)
    column, logits = run(model, token=token, x=x)
    assert not column.any()
    assert abs(logits[0, 0, 5]) < np.finfo(np.float32).tiny  # whose step is the least there is


def test_a_head_that_is_not_tied_is_refused(embedding: FloatArray) -> None:
    graph = GraphBuilder("free")
    x = graph.input("x", np.float32, [1, SIZE])
    y = graph.node("MatMul", x, graph.constant(embedding))
    graph.output("y", y, np.float32, [1, N_VOCAB])
    with pytest.raises(ModelFileError, match="a head tied to an embedding"):
        two_stage_head(graph.model())


def test_a_size_that_cannot_be_packed_is_refused(embedding: FloatArray) -> None:
    with pytest.raises(ModelFileError, match="multiple of 32 rows, got 48"):
        two_stage_head(tied(embedding[:48]))
