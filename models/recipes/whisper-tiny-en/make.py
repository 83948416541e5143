"""Make the bundle `whisper-tiny-en` from the weights that are published for faster-whisper.

    python models/recipes/whisper-tiny-en/make.py --out models/whisper-tiny-en

Fetch, read the weights, write the graphs, make them int8, write the bundle's files and pack them.
Two runs give the same bytes.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
import soundfile
import yaml
from published import fetch

from earlet import features
from earlet.arrays import FloatArray
from earlet_quantize.graph import save
from earlet_quantize.networks.ctranslate2 import read_variables
from earlet_quantize.networks.encoder_decoder import Head
from earlet_quantize.networks.whisper import WhisperConfig, decoder, encoder
from earlet_quantize.networks.whisper_int8 import quantize_decoder, quantize_encoder
from earlet_quantize.networks.whisper_weights import from_ctranslate2
from earlet_quantize.pack import pack

HERE = Path(__file__).parent
# The golden input: at every token of it the best one is ahead by more than 1.4 in its logit, so
# that no processor writes another text. Noise of 1e-7 moved its log-probabilities by 0.017 at most.
GOLDEN = "481-123719-0000.flac"
LOGPROB_TOLERANCE = 0.1


def main() -> None:
    """Run the whole recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models/whisper-tiny-en"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    published = fetch(arguments.cache)
    clips = read_clips(arguments.data / "speech" / "calibration")
    config, *networks = rebuild(published)
    log_mel = features.from_manifest(read_manifest(published)["input"])
    head_size = config.d_model // config.encoder_heads
    quantize_encoder(networks[0], map(log_mel, clips.values()), head_size)
    quantize_decoder(networks[1])
    write(arguments.out, published, networks, clips[GOLDEN])


def rebuild(
    published: Mapping[str, bytes],
) -> tuple[WhisperConfig, onnx.ModelProto, onnx.ModelProto]:
    """The network's sizes, encoder and decoder, in float32."""
    config, weights = from_ctranslate2(read_variables(published["model.bin"], "model.bin"))
    heads = [Head(*pair) for pair in json.loads(published["config.json"])["alignment_heads"]]
    return config, encoder(config, weights), decoder(config, weights, heads)


def write(
    out: Path,
    published: Mapping[str, bytes],
    networks: list[onnx.ModelProto],
    golden: FloatArray,
) -> None:
    """Pack networks of either precision as a bundle."""
    manifest = read_manifest(published)
    with TemporaryDirectory() as scratch:
        for role, network in zip(("encoder", "decoder"), networks, strict=True):
            save(network, Path(scratch) / manifest["model"][role])
        tokenizer = json.loads(published["tokenizer.json"])
        compact = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
        (Path(scratch) / "tokenizer.json").write_text(compact, encoding="utf-8")
        shutil.copyfile(HERE / "LICENSE", Path(scratch) / "LICENSE")
        pack(Path(scratch), out, manifest, golden, network_tolerance=LOGPROB_TOLERANCE)


def read_manifest(published: Mapping[str, bytes]) -> dict[str, Any]:
    """What bundle.yaml is to say."""
    manifest: dict[str, Any] = yaml.safe_load((HERE / "manifest.yaml").read_text(encoding="utf-8"))
    config = json.loads(published["config.json"])
    manifest["decoding"]["suppress"] = config["suppress_ids"]
    manifest["decoding"]["begin_suppress"] = config["suppress_ids_begin"]
    return manifest


def read_clips(folder: Path) -> dict[str, FloatArray]:
    """The 16 kHz mono files of a folder, (n_samples,) by file name."""
    paths = sorted(folder.glob("*.flac"))
    return {path.name: soundfile.read(path, dtype="float32")[0] for path in paths}


if __name__ == "__main__":
    main()
