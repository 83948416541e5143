"""Make a folder of a real MobileNetV2 as people have it, for `benchmarks/accuracy/parity.py`.

    python tests/recipes/mobilenet_v2.py ../shared/data/image OUT

Needs torch 2.13.0, transformers 4.57.6, optimum-onnx 0.1.0 and ai-edge-litert 2.3.0. The weights
are those of `mobilenet_v2_1.0_224_quant.tflite` there, whose 8 bits are taken for floats: it was
trained with them in mind. Its batch norms are merged already; those of transformers do nothing.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf
from ai_edge_litert.interpreter import Interpreter
from optimum.exporters.onnx import onnx_export_from_model

from earlet.arrays import FloatArray

FILE, LABELS = "mobilenet_v2_1.0_224_quant.tflite", "imagenet_labels.txt"


def weights(path: Path) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Kernel and bias of each convolution, in the order of the layers, as floats."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    for operator in interpreter._get_ops_details():
        if not operator["op_name"].endswith("CONV_2D"):
            continue
        kernel, bias = (float_values(interpreter, details[i]) for i in operator["inputs"][1:3])
        # TFLite: (out, height, width, in), of a depthwise one (1, height, width, out).
        order = (3, 0, 1, 2) if operator["op_name"].startswith("DEPTHWISE") else (0, 3, 1, 2)
        yield kernel.transpose(order), bias


def float_values(interpreter: Any, tensor: Any) -> FloatArray:
    """What a tensor's integers stand for."""
    scale, zero = tensor["quantization"]
    integers = interpreter.get_tensor(tensor["index"]).astype(np.float64)
    return np.asarray((integers - zero) * scale, dtype=np.float32)


def network(data: Path) -> Any:
    """transformers' class with these weights."""
    labels = (data / LABELS).read_text(encoding="utf-8").splitlines()
    config = hf.MobileNetV2Config(
        image_size=224, layer_norm_eps=1e-3, id2label=dict(enumerate(labels))
    )
    model = hf.MobileNetV2ForImageClassification(config).eval()
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    *layers, (head, head_bias) = weights(data / FILE)
    for convolution, norm, (kernel, bias) in zip(convolutions, norms, layers, strict=True):
        convolution.weight.data = torch.tensor(kernel)
        norm.reset_parameters()
        norm.running_var.fill_(1 - norm.eps)
        norm.bias.data = torch.tensor(bias)
    model.classifier.weight.data = torch.tensor(head[:, :, 0, 0])
    model.classifier.bias.data = torch.tensor(head_bias)
    return model


if __name__ == "__main__":
    source, out = map(Path, sys.argv[1:])
    made = network(source)
    onnx_export_from_model(
        made, str(out), task="image-classification", do_validation=False, device="cpu"
    )
    made.config.architectures = [type(made).__name__]  # as save_pretrained does
    made.config.save_pretrained(out)
    hf.MobileNetV2ImageProcessor(do_convert_rgb=True).save_pretrained(out)
