"""What an installed earlet must do outside the repository, without a network.

python smoke.py COMMANDS.flac COMMANDS.tsv SPEECH.flac SPEECH.txt
"""

import csv
import json
import re
import socket
import subprocess
import sys
from pathlib import Path


def refuse(*_: object) -> None:
    """Stand in for `socket.connect`."""
    raise AssertionError("earlet opened a network connection")


def words(text: str) -> list[str]:
    """Lower case, no punctuation."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def classify_without_pillow(picture: bytes) -> str:
    """The message that a picture's file gets where nothing decodes it."""
    import earlet

    try:
        earlet.pipeline("image-classification")(picture)
    except earlet.InputError as problem:
        return str(problem)
    return "nothing"


def main(commands: str, commands_truth: str, speech: str, speech_truth: str) -> None:
    """Spot, transcribe and verify with the bundles inside the wheel."""
    socket.socket.connect = refuse  # type: ignore[method-assign]
    import earlet

    with Path(commands_truth).open(encoding="utf-8") as file:
        expected = [row["label"] for row in csv.DictReader(file, delimiter="\t")]
    spotter = earlet.pipeline("audio-classification")
    assert Path(earlet.__file__).parent in spotter.bundle.path.parents, spotter.bundle.path
    heard = [event.label for event in spotter.listen(commands)]
    assert heard == expected, f"heard {heard}, expected {expected}"

    reference = words(Path(speech_truth).read_text(encoding="utf-8"))
    text = words(earlet.pipeline("automatic-speech-recognition")(speech).text)
    common = sum(word in text for word in reference) / len(reference)
    assert common >= 0.8, f"{common:.0%} of the words: {' '.join(text)}"

    (best, *_), (worst, *_) = earlet.pipeline("text-classification")(["Lovely!", "A dull mess."])
    assert (best.label, worst.label) == ("POSITIVE", "NEGATIVE"), (best, worst)
    message = classify_without_pillow(b"\x89PNG\r\n\x1a\n")
    assert "pip install 'earlet[image]'" in message, message

    command = [str(Path(sys.executable).parent / "earlet"), "verify"]
    bundles = sorted(folder.name for folder in spotter.bundle.path.parent.iterdir())
    assert len(bundles) == 6, bundles
    for bundle in bundles:
        subprocess.run([*command, bundle], check=True, stdout=subprocess.DEVNULL)
    measured = [command[0], "bench", "--json", "--seconds", "0.05"]
    lines = subprocess.run(measured, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    assert {json.loads(line)["bundle"] for line in lines}.issuperset(bundles), lines
    quantize = str(Path(sys.executable).parent / "earlet-quantize")
    subprocess.run([quantize, "pack", "vad", "--force"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*command, "./vad.zip"], check=True, stdout=subprocess.DEVNULL)
    told = subprocess.run([quantize, "import", ".", "--out", "x"], stderr=subprocess.PIPE)
    assert b"pip install 'earlet[quantize]'" in told.stderr, told.stderr
    told = subprocess.run([command[0], "serve"], stderr=subprocess.PIPE)
    assert b"pip install 'earlet[serve]'" in told.stderr, told.stderr
    version = sys.version.split()[0]
    print(f"Python {version}: spotted {' '.join(heard)}; {common:.0%} of the words transcribed")


if __name__ == "__main__":
    main(*sys.argv[1:])
