"""Hold the bundle against faster-whisper with the same weights: word error rate, CPU time, memory.

    pip install faster-whisper==1.2.1
    python models/recipes/whisper-tiny-en/compare.py --bundle models/whisper-tiny-en

One thread, greedy, without timestamps. Also counts the utterances in which the float32 graphs write
what CTranslate2 writes in float32 of the same log-mel spectrogram: faster-whisper's own fills clips
up with 0 after the logarithm, where OpenAI's has the logarithm of silence.
"""

import argparse
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from earlet.arrays import FloatArray
from earlet_quantize.measure.recognisers import Recognise, Recogniser, compare, table
from earlet_quantize.measure.words import read_transcripts

# Heavy modules are imported where they are used: the processes whose memory is measured import this
# file, too.
SAMPLE_RATE = 16_000  # Hz
BASELINE = "faster-whisper int8"


def main() -> None:
    """Print a table with a row for each recogniser."""
    from make import GOLDEN, read_clips, rebuild, write
    from published import fetch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=Path("models/whisper-tiny-en"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    speech = arguments.data / "speech"
    references = read_transcripts(speech / "librispeech-test-other" / "transcripts.tsv")
    folder = speech / "librispeech-test-other"
    clips = {u: soundfile.read(folder / f"{u}.flac", dtype="float32")[0] for u in references}
    published = fetch(arguments.cache)
    with TemporaryDirectory() as scratch:
        theirs, rebuilt = Path(scratch) / "published", Path(scratch) / "whisper-tiny-en"
        theirs.mkdir()
        for name, content in published.items():
            (theirs / name).write_bytes(content)
        _, *networks = rebuild(published)
        write(rebuilt, published, networks, read_clips(speech / "calibration")[GOLDEN])
        model = [theirs / "model.bin"]
        outcomes = list(
            compare(
                {
                    BASELINE: Recogniser(partial(faster_whisper, theirs, "int8"), model),
                    "faster-whisper float32": Recogniser(
                        partial(faster_whisper, theirs, "float32"), model
                    ),
                    "CTranslate2, our log-mel": Recogniser(partial(ctranslate2, theirs), model),
                    "rebuilt float32": bundle(rebuilt),
                    "rebuilt int8": bundle(arguments.bundle),
                },
                clips,
                references,
                baseline=BASELINE,
            )
        )
    print(table(outcomes, sum(map(len, clips.values())) / SAMPLE_RATE))
    texts = {outcome.name: outcome.texts for outcome in outcomes}
    same = [texts["rebuilt float32"][u] == texts["CTranslate2, our log-mel"][u] for u in clips]
    print(f"rebuilt float32 writes what CTranslate2 writes: {sum(same)} of {len(same)}")


def bundle(path: Path) -> Recogniser:
    """An earlet bundle."""
    return Recogniser(partial(transcriber, path), list(path.glob("*.onnx")))


def transcriber(path: Path) -> Recognise:
    """What a bundle is used with."""
    import earlet

    return earlet.pipeline("automatic-speech-recognition", path).transcribe


def faster_whisper(folder: Path, compute_type: str) -> Recognise:
    """faster-whisper as its users call it."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type=compute_type, cpu_threads=1)

    def recognise(clip: FloatArray) -> str:
        segments, _ = model.transcribe(
            clip,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments)

    return recognise


def ctranslate2(folder: Path) -> Recognise:
    """The engine below faster-whisper, in float32, fed by earlet's front end."""
    import numpy as np
    from ctranslate2 import StorageView
    from ctranslate2.models import Whisper
    from make import read_manifest

    from earlet import features, tokenizers

    model = Whisper(str(folder), device="cpu", compute_type="float32", intra_threads=1)
    manifest = read_manifest({"config.json": (folder / "config.json").read_bytes()})
    log_mel = features.from_manifest(manifest["input"])
    ids = manifest["decoding"]
    text = (folder / "tokenizer.json").read_text("utf-8")
    tokenizer = tokenizers.detokenizer_from_json(text, "tokenizer.json")

    def recognise(clip: FloatArray) -> str:
        spectrogram = StorageView.from_array(np.ascontiguousarray(log_mel(clip).T[None]))
        (result,) = model.generate(
            spectrogram,
            [[ids["bos"], ids["no_timestamps"]]],
            beam_size=1,
            max_length=ids["max_tokens"],
            suppress_tokens=ids["suppress"],
        )
        return tokenizer.decode(result.sequences_ids[0]).strip()

    return recognise


if __name__ == "__main__":
    main()
