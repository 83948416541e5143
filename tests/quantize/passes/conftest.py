"""A network before a pass, computed by ONNX's own reference, and after it, by onnxruntime."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from earlet.arrays import AnyArray

Runner = Callable[..., list[AnyArray]]


@pytest.fixture
def expected() -> Runner:
    """`expected(model, x=array)`: what ONNX's specification says, computed plainly."""

    def run(model: onnx.ModelProto, **feeds: AnyArray) -> list[AnyArray]:
        return list(ReferenceEvaluator(model).run(None, feeds))

    return run


@pytest.fixture
def run() -> Runner:
    """`run(model, x=array)`: what onnxruntime computes."""

    def run(model: onnx.ModelProto, **feeds: AnyArray) -> list[AnyArray]:
        session = onnxruntime.InferenceSession(model.SerializeToString())
        return list(session.run(None, feeds))

    return run


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
