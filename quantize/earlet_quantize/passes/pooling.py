"""Averages over windows as large as the whole picture, or larger, become global averages.

transformers' EfficientNets average over 1,280 x 1,280 values of a picture of 7 x 7. In float
onnxruntime divides by the values that there are; its int8 operator divides by the size of the
window, which leaves nothing (https://github.com/microsoft/onnxruntime/pull/16752 mended the float
operator only). A global average has no window, and is the same in float.
"""

import numpy as np
import onnx

from earlet_quantize import engine
from earlet_quantize.graph import attributes
from earlet_quantize.measure.feeds import Feeds


def pool_globally(model: onnx.ModelProto, feed: Feeds) -> None:
    """Replace them, in place.

    Args:
        model: a float network.
        feed: inputs of it; how large the pictures are, they tell.

    Raises:
        one of engine.FAILURES: when the network cannot be run.
    """
    pools = [node for node in model.graph.node if node.op_type == "AveragePool"]
    if not pools:
        return
    names = [node.input[0] for node in pools]
    session = engine.session(engine.shown(model, names), engine.AS_WRITTEN)
    for node, values in zip(pools, session.run(names, dict(feed)), strict=True):
        options = attributes(node)
        is_padded = np.any(options.get("pads", 0)) or options.get("auto_pad", b"")[:4] == b"SAME"
        if not is_padded and np.all(np.array(options["kernel_shape"]) >= values.shape[2:]):
            node.op_type = "GlobalAveragePool"
            del node.attribute[:]
