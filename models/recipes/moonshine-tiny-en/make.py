"""Make the networks of the bundle `moonshine-tiny-en` from the published float ones.

    python models/recipes/moonshine-tiny-en/make.py --out models/moonshine-tiny-en

Fetch, read the weights, write the graphs anew, check that they compute what the published ones do,
round to int8, write the bundle's files and pack them. Two runs give the same bytes.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import yaml
from decoding import BOS, FloatArray, Network, Published, Rebuilt, forced, greedy, read_clip
from network import decoder, encoder
from published import fetch_networks, fetch_tokenizer, read_weights

from earlet_quantize.dynamic import quantize_matmuls
from earlet_quantize.graph import save
from earlet_quantize.pack import pack

LOGITS_TOLERANCE = 1e-4  # float32 rounding through twelve layers; logits reach 44
CHECKED = 5  # utterances
# The golden input: at every token of it the best one is ahead by more than 2 in its logit, so that
# no processor writes another text. Its probabilities do differ: the least rounding error may turn
# an activation to the next of 256 steps, and that goes on. 0.04 was seen with noise of 1e-7 added.
GOLDEN = "6880-216547-0000.flac"
LOGPROB_TOLERANCE = 0.1


def main() -> None:
    """Run the whole recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models/moonshine-tiny-en"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()

    published = fetch_networks(arguments.cache)
    weights = read_weights(*published)
    networks = {"encoder": encoder(weights), "decoder": decoder(weights)}

    rebuilt = Rebuilt(*(model.SerializeToString() for model in networks.values()))
    folder = arguments.data / "speech" / "calibration"
    clips = sorted(folder.glob("*.flac"))[:CHECKED]
    difference = max(
        largest_difference(Published(*published), rebuilt, read_clip(p)) for p in clips
    )
    print(f"float: logits differ from the published by at most {difference:.1e}")
    if difference > LOGITS_TOLERANCE:
        raise SystemExit(f"expected at most {LOGITS_TOLERANCE:.0e}: the graphs are not the same")

    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, model in networks.items():
        quantize_matmuls(model)
        save(model, arguments.out / f"{name}.int8.onnx")
    tokenizer, license_text = fetch_tokenizer(arguments.cache)
    (arguments.out / "tokenizer.json").write_bytes(compact_json(tokenizer))
    (arguments.out / "LICENSE").write_bytes(license_text)
    manifest = yaml.safe_load(Path(__file__).with_name("manifest.yaml").read_text(encoding="utf-8"))
    golden = read_clip(folder / GOLDEN)
    pack(arguments.out, arguments.out, manifest, golden, network_tolerance=LOGPROB_TOLERANCE)


def largest_difference(published: Network, rebuilt: Network, waveform: FloatArray) -> float:
    """Between the logits of two networks along the first one's transcript.

    The rebuilt network is run twice: token by token, and with all tokens at once.
    """
    tokens = greedy(published, waveform)
    expected = forced(published, waveform, tokens)
    stepwise = forced(rebuilt, waveform, tokens)
    at_once = rebuilt.start(waveform)([BOS, *tokens])
    return float(max(np.abs(stepwise - expected).max(), np.abs(at_once - expected).max()))


def compact_json(document: bytes) -> bytes:
    """The same content without white space."""
    return json.dumps(json.loads(document), ensure_ascii=False, separators=(",", ":")).encode()


if __name__ == "__main__":
    main()
