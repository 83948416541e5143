"""The peak resident memory of a process that does nothing but transcribe, in MB (Linux).

    python models/recipes/moonshine-tiny-en/memory.py Rebuilt encoder.onnx decoder.onnx CLIP...

`compare.py` runs this for each pair of networks: memory once taken would count for the next.
"""

import re
import sys
from pathlib import Path

import soundfile

from earlet.backends import Session, open_session
from earlet_quantize.networks.stepwise import Merged, Rebuilt, greedy

KINDS = {"Merged": Merged, "Rebuilt": Rebuilt}
BOS, EOS = 1, 2
MAX_TOKENS = 200


def main() -> None:
    """Transcribe, and print the figure."""
    kind, encoder, decoder, *clips = sys.argv[1:]
    network = KINDS[kind](*(open_file(Path(path)) for path in (encoder, decoder)))
    for clip in clips:
        waveform, _ = soundfile.read(clip, dtype="float32")
        greedy(network, waveform, bos=BOS, eos=EOS, max_tokens=MAX_TOKENS)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    if peak is None:
        raise SystemExit("/proc/self/status has no VmHWM: peak memory is measured on Linux only")
    print(int(peak[1]) / 1024)


def open_file(path: Path) -> Session:
    """A network, ready."""
    return open_session(path.read_bytes(), path.name, "onnxruntime")


if __name__ == "__main__":
    main()
