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


def test_a_name_is_there_before_it_is_first_asked_for_and_an_unknown_one_is_not() -> None:
    program = "import earlet; print(*dir(earlet)); earlet.Spotter"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert set(done.stdout.split()) >= PUBLIC
    assert "AttributeError: module 'earlet' has no attribute 'Spotter'" in done.stderr
