"""Folders as Hugging Face's libraries write them, as bundles; offline, and nothing guessed.

    config.json  preprocessor_config.json  tokenizer.json  tokenizer_config.json  vocab.json
    generation_config.json  README.md  LICENSE  onnx/*.onnx or *.onnx

What a network is, `architectures` in config.json says. Files and facts of each family are in the
modules: `speech.py`, `image.py`, `image_processor.py`, `text.py`, `tokenizer/`, `whisper.py`,
`moonshine.py`, `classifier.py` and `origin.py`. A fact that is missing is a FolderError that names
file and key, unless the file names a class whose documentation gives a default.

    imported = import_folder(Path("vit-base"), name="vit-base", source="...")
    write(imported, Path("models/vit-base"))
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earlet.manifest import FORMAT
from earlet.schema import nearest
from earlet.tasks.trace import Example
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface import image, moonshine, speech, text, whisper
from earlet_quantize.huggingface.draft import Draft
from earlet_quantize.huggingface.example import Default, default_example, read_example
from earlet_quantize.huggingface.folder import CONFIG, Facts, Folder, Variant
from earlet_quantize.huggingface.origin import license_files, origin
from earlet_quantize.pack import pack
from earlet_quantize.staging import scratch_folder

Importer = Callable[[Folder, Facts, Variant], Draft]
IMPORTERS: dict[str, Importer] = {  # by class of transformers
    "ASTForAudioClassification": speech.classify_spectrogram,
    "Data2VecAudioForSequenceClassification": speech.classify_waveform,
    "HubertForCTC": speech.recognise_characters,
    "HubertForSequenceClassification": speech.classify_waveform,
    "UniSpeechSatForSequenceClassification": speech.classify_waveform,
    "Wav2Vec2ForCTC": speech.recognise_characters,
    "Wav2Vec2ForSequenceClassification": speech.classify_waveform,
    "WavLMForSequenceClassification": speech.classify_waveform,
    "WhisperForAudioClassification": whisper.classify,
    "BeitForImageClassification": image.classify_image,
    "CLIPForImageClassification": image.classify_image,
    "ConvNextForImageClassification": image.classify_image,
    "ConvNextV2ForImageClassification": image.classify_image,
    "Data2VecVisionForImageClassification": image.classify_image,
    "DeiTForImageClassification": image.classify_image,
    "DeiTForImageClassificationWithTeacher": image.classify_image,
    "Dinov2ForImageClassification": image.classify_image,
    "EfficientNetForImageClassification": image.classify_image,
    "LevitForImageClassification": image.classify_image,
    "LevitForImageClassificationWithTeacher": image.classify_image,
    "MobileNetV1ForImageClassification": image.classify_image,
    "MobileNetV2ForImageClassification": image.classify_image,
    "MobileViTForImageClassification": image.classify_image,
    "MobileViTV2ForImageClassification": image.classify_image,
    "PoolFormerForImageClassification": image.classify_image,
    "RegNetForImageClassification": image.classify_image,
    "ResNetForImageClassification": image.classify_image,
    "SegformerForImageClassification": image.classify_image,
    "SiglipForImageClassification": image.classify_image,
    "SwinForImageClassification": image.classify_image,
    "Swinv2ForImageClassification": image.classify_image,
    "VanForImageClassification": image.classify_image,
    "ViTForImageClassification": image.classify_image,
    "ViTMSNForImageClassification": image.classify_image,
    "AlbertForSequenceClassification": text.classify_text,
    "BertForSequenceClassification": text.classify_text,
    "CamembertForSequenceClassification": text.classify_text,
    "DebertaV2ForSequenceClassification": text.classify_text,
    "DistilBertForSequenceClassification": text.classify_text,
    "ElectraForSequenceClassification": text.classify_text,
    "MPNetForSequenceClassification": text.classify_text,
    "MobileBertForSequenceClassification": text.classify_text,
    "RobertaForSequenceClassification": text.classify_text,
    "XLMRobertaForSequenceClassification": text.classify_text,
    "MoonshineForConditionalGeneration": moonshine.recognise,
    "WhisperForConditionalGeneration": whisper.recognise,
}
# Largest absolute differences between devices. Float: sums in another order. Quantized: a value at
# the edge of two steps, which falls to the other side.
TOLERANCES: dict[Variant, float] = {"float": 1e-3, "quantized": 0.1}


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A bundle that is not written yet."""

    manifest: dict[str, object]  # bundle.yaml but `files` and `golden`
    files: dict[str, bytes]
    example: Example
    network_tolerance: float
    notes: tuple[str, ...]  # what whoever imports it should know, a sentence each


def import_folder(
    path: Path,
    *,
    name: str,
    version: str = "1.0.0",
    variant: Variant = "float",
    license: str | None = None,
    attribution: str | None = None,
    source: str | None = None,
    example: str | None = None,
) -> Imported:
    """Make a bundle of a model folder.

    Args:
        path: the folder.
        name: of the bundle.
        version: of the bundle.
        variant: which of the networks that lie there: `model.onnx` or `model_quantized.onnx`.
        license: of the network; None looks for it, see `origin.py`.
        attribution: the same.
        source: where the folder is from.
        example: of the golden file: a path or a text; None takes one of earlet's own, see
            `example.py`.

    Raises:
        FolderError: when a fact is missing, is of the wrong type, or contradicts another.
        ModelFileError: when a network cannot be read.
        InputError: when the example cannot be used.
    """
    folder = Folder(path)
    config = folder.facts(CONFIG)
    draft = _importer(config)(folder, config, variant)
    sections = {
        "model": draft.model,
        "input": draft.input,
        "output": draft.output,
        "decoding": draft.decoding,
        "streaming": draft.streaming,
    }
    stated = origin(folder, license, attribution, source)
    chosen = (
        default_example(draft.task, draft.input)
        if example is None
        else Default(read_example(example, draft.input))
    )
    if chosen.attribution is not None:
        stated["attribution"] += f"; {chosen.attribution}"
    manifest: dict[str, object] = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "task": draft.task,
        **stated,
        **{key: dict(section) for key, section in sections.items() if section},
    }
    return Imported(
        manifest=manifest,
        files={**draft.files, **license_files(folder)},
        example=chosen.example,
        network_tolerance=TOLERANCES[variant],
        notes=draft.notes,
    )


def write(imported: Imported, out: Path) -> None:
    """Write the bundle, and verify it before it has its name.

    Raises:
        EarletError: as `pack`.
    """
    with scratch_folder() as scratch:
        for name, data in imported.files.items():
            (scratch / name).write_bytes(data)
        pack(
            scratch,
            out,
            imported.manifest,
            imported.example,
            network_tolerance=imported.network_tolerance,
        )


def _importer(config: Facts) -> Importer:
    names = config.get("architectures", tuple[str, ...])
    name = names[0] if len(names) == 1 else ", ".join(names)
    if name not in IMPORTERS:
        raise FolderError(
            f"{config.where}: architectures: cannot import {name!r}{nearest(name, IMPORTERS)}"
        )
    return IMPORTERS[name]
