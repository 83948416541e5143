"""Make the bundle `moonshine-tiny-en` from the published float networks.

    python models/recipes/moonshine-tiny-en/make.py --out models/moonshine-tiny-en

Fetch, read the weights, write the graphs anew, check that they compute what the published ones do,
make them int8, write the bundle's files and pack them. Two runs give the same bytes.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import soundfile
import yaml
from published import FLOAT, fetch_tokenizer

from earlet.arrays import FloatArray
from earlet.backends import open_session
from earlet_quantize.graph import save
from earlet_quantize.networks.moonshine import TINY, decoder, encoder
from earlet_quantize.networks.moonshine_int8 import quantize_decoder, quantize_encoder, written
from earlet_quantize.networks.moonshine_weights import from_onnx
from earlet_quantize.networks.stepwise import Merged, Network, Rebuilt, forced, greedy
from earlet_quantize.pack import pack
from earlet_quantize.passes.vocabulary import ascii_tokens, prune_tokenizer, prune_vocabulary

HERE = Path(__file__).parent
LOGITS_TOLERANCE = 1e-4  # float32 rounding through twelve layers; logits reach 44
CHECKED = 5  # utterances
BOS, EOS = 1, 2
SPECIAL = (0, BOS, EOS)  # with the token for what is unknown
MAX_TOKENS = 200
# The golden input: at every token of it the best one is ahead by more than 2 in its logit, so that
# no processor writes another text. Its probabilities do differ: the least rounding error may turn
# an activation to the next of 256 steps, and that goes on.
GOLDEN = "6880-216547-0000.flac"
LOGPROB_TOLERANCE = 0.1


def main() -> None:
    """Run the whole recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models/moonshine-tiny-en"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--ascii", action="store_true", help="drop tokens that are not ASCII")
    arguments = parser.parse_args()

    published = FLOAT.fetch(arguments.cache)
    tokenizer_text, license_text = fetch_tokenizer(arguments.cache)
    tokenizer = json.loads(tokenizer_text)
    manifest = yaml.safe_load((HERE / "manifest.yaml").read_text(encoding="utf-8"))
    clips = read_clips(arguments.data / "speech" / "calibration")
    encoder_model, decoder_model = rebuild(*published)
    check_against(published, (encoder_model, decoder_model), list(clips.values())[:CHECKED])
    if arguments.ascii:
        keep = ascii_tokens(tokenizer, SPECIAL)
        prune_vocabulary(decoder_model, keep)
        tokenizer = prune_tokenizer(tokenizer, keep)
        manifest["name"] += "-ascii"
    network = in_float(encoder_model, decoder_model)
    states = written(network, [*clips.values()], bos=BOS, eos=EOS, max_tokens=MAX_TOKENS)
    quantize_encoder(encoder_model, clips.values())
    quantize_decoder(decoder_model, states)
    with TemporaryDirectory() as scratch:
        files = Path(scratch)
        save(encoder_model, files / "encoder.int8.onnx")
        save(decoder_model, files / "decoder.int8.onnx")
        (files / "tokenizer.json").write_bytes(compact_json(tokenizer))
        (files / "LICENSE").write_bytes(license_text)
        shutil.copyfile(HERE / "card.md", files / "README.md")
        pack(files, arguments.out, manifest, clips[GOLDEN], network_tolerance=LOGPROB_TOLERANCE)


def rebuild(published_encoder: bytes, published_decoder: bytes) -> tuple[onnx.ModelProto, ...]:
    """Encoder and decoder written anew, in float32."""
    models = map(onnx.load_model_from_string, (published_encoder, published_decoder))
    weights = from_onnx(TINY, *models)
    return encoder(TINY, weights), decoder(TINY, weights)


def in_float(*models: onnx.ModelProto) -> Rebuilt:
    """Encoder and decoder, ready to run."""
    networks = (model.SerializeToString() for model in models)
    return Rebuilt(*(open_session(network, "rebuilt", "onnxruntime") for network in networks))


def read_clips(folder: Path) -> dict[str, FloatArray]:
    """The 16 kHz mono files of a folder, (n_samples,) by file name."""
    paths = sorted(folder.glob("*.flac"))
    return {path.name: soundfile.read(path, dtype="float32")[0] for path in paths}


def check_against(
    published: Sequence[bytes], models: Sequence[onnx.ModelProto], clips: Sequence[FloatArray]
) -> None:
    """End the recipe unless the rebuilt graphs give the published logits."""
    original = Merged(*(open_session(network, "published", "onnxruntime") for network in published))
    ours = in_float(*models)
    difference = max(largest_difference(original, ours, clip) for clip in clips)
    print(f"float: logits differ from the published by at most {difference:.1e}")
    if difference > LOGITS_TOLERANCE:
        raise SystemExit(f"expected at most {LOGITS_TOLERANCE:.0e}: the graphs are not the same")


def largest_difference(published: Network, rebuilt: Network, waveform: FloatArray) -> float:
    """Between the logits of two networks along the first one's transcript."""
    tokens = greedy(published, waveform, bos=BOS, eos=EOS, max_tokens=MAX_TOKENS)
    expected = forced(published, waveform, [BOS, *tokens])
    return float(np.abs(forced(rebuilt, waveform, [BOS, *tokens]) - expected).max())


def compact_json(document: object) -> bytes:
    """JSON without white space."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


if __name__ == "__main__":
    main()
