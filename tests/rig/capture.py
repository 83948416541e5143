"""A program that writes what the microphone hears: python -m tests.rig.capture DEVICE HZ OUT

Samples go to OUT as raw float32 (native order), and each interruption as a line of JSON to
standard output.
"""

import json
import sys
from pathlib import Path

from earlet.audio.source import open_source
from earlet.results import Deaf, Gap


def main(device: str, sample_rate: str, out: str) -> None:
    """Until it is ended from outside."""
    source = open_source("mic", device=device, channel=None, sample_rate=int(sample_rate))
    with source, Path(out).open("wb", buffering=0) as file:
        for item in source.heard():
            if isinstance(item, Deaf | Gap):
                sys.stdout.write(json.dumps(item.to_json()) + "\n")
                sys.stdout.flush()
            else:
                file.write(item.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
