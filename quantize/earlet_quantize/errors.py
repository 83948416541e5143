"""What can go wrong while a bundle is made, as a tree below the runtime's own root.

    earlet.errors.EarletError
    └── QuantizeError
        ├── SourceError (RuntimeError)      a package cannot be fetched, or is another one
        ├── FolderError (ValueError)        a model folder lacks a fact, or contradicts itself
        ├── ModelFileError (ValueError)     an ONNX or TFLite file that cannot be used
        ├── DataError (ValueError)          calibration or evaluation data that cannot be used
        └── GateError                       the int8 network is not as good as was asked for

A message is one line: what was expected, what came, and what to do about it.
"""

from earlet.errors import EarletError


class QuantizeError(EarletError):
    """The root of what this package raises on purpose."""


class SourceError(QuantizeError, RuntimeError):
    """A package cannot be fetched, or is not the one that a recipe was written for."""


class FolderError(QuantizeError, ValueError):
    """A model folder lacks a fact or contradicts itself; names the file and the key."""


class ModelFileError(QuantizeError, ValueError):
    """An ONNX or TFLite file that cannot be used."""


class DataError(QuantizeError, ValueError):
    """Calibration or evaluation data that cannot be used."""


class GateError(QuantizeError):
    """The int8 network is larger, slower or less accurate than was asked for."""
