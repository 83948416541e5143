"""Make `tests/golden/silero`: what Silero's own package hears in a sentence.

    pip install silero-vad==6.2.3 soundfile
    python tests/recipes/silero.py

`probabilities.npy`: of each window of 512 samples of `tests/golden/whisper/1272-128104-0000.wav`,
with a second of silence before and after it; the last window is filled up with zeros.
"""

from pathlib import Path

import numpy as np
import soundfile
import torch
from silero_vad import load_silero_vad

GOLDEN = Path(__file__).parents[1] / "golden"
RATE = 16_000  # Hz
SILENCE_S = 1


def main() -> None:
    """Write the file."""
    sentence, _ = soundfile.read(GOLDEN / "whisper" / "1272-128104-0000.wav", dtype="float32")
    waveform = np.pad(sentence, SILENCE_S * RATE)
    model = load_silero_vad(onnx=True)
    probabilities = model.audio_forward(torch.from_numpy(waveform), RATE)
    np.save(GOLDEN / "silero" / "probabilities.npy", probabilities[0].numpy())


if __name__ == "__main__":
    main()
