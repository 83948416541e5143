"""The public names, pinned: a change here is a change for everybody who uses earlet."""

import subprocess
import sys

import earlet

PUBLIC = {
    "AudioFileError",
    "BackendError",
    "Bundle",
    "BundleError",
    "BundleNotFoundError",
    "Chunk",
    "Classification",
    "ConfigError",
    "Detection",
    "EarletError",
    "InputError",
    "ManifestError",
    "Match",
    "Microphone",
    "MicrophoneError",
    "Partial",
    "Segment",
    "Transcript",
    "__version__",
    "load",
    "pipeline",
}

HEAVY = {
    "PIL",
    "earlet.features",
    "earlet.tokenizers",
    "earlet_quantize",
    "onnxruntime",
    "sounddevice",
    "soundfile",
    "soxr",
}


def test_the_public_names_are_these() -> None:
    assert set(earlet.__all__) == PUBLIC
    assert all(hasattr(earlet, name) for name in PUBLIC)


def test_every_error_is_also_the_builtin_that_a_caller_would_catch() -> None:
    assert issubclass(earlet.InputError, ValueError)
    assert issubclass(earlet.AudioFileError, earlet.InputError)
    assert issubclass(earlet.BundleError, ValueError)
    assert issubclass(earlet.BundleNotFoundError, FileNotFoundError)
    assert issubclass(earlet.BackendError, RuntimeError)
    assert issubclass(earlet.MicrophoneError, OSError)
    errors = [getattr(earlet, name) for name in PUBLIC if name.endswith("Error")]
    assert all(issubclass(error, earlet.EarletError) for error in errors)


def test_importing_earlet_imports_nothing_heavy() -> None:
    program = "import sys, earlet; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "earlet.tasks" in loaded
    assert not loaded & HEAVY
