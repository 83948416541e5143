"""earlet_quantize: what makes a bundle, on a workstation. Never imported on the device."""

import earlet.backends  # noqa: F401  before onnxruntime, which it keeps from reporting to its maker
