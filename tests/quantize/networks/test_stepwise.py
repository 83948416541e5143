"""The published form of a network, one token at a time, held to transformers.

`tests/golden/huggingface/whisper` has a decoder as people have it, merged; the form is Moonshine's,
too. Beside it lie the logits of transformers' own greedy decoding, after a prompt.
"""

import json
from pathlib import Path

import numpy as np

from earlet.backends import open_session
from earlet_quantize.networks.stepwise import Merged, forced

TOLERANCE = 1e-4  # float32 rounding


def test_a_merged_decoder_gives_the_logits_of_transformers(golden: Path) -> None:
    folder = golden / "huggingface" / "whisper"
    network = Merged(
        *(
            open_session((folder / "onnx" / f"{name}.onnx").read_bytes(), name, "onnxruntime")
            for name in ("encoder_model", "decoder_model_merged")
        )
    )
    facts = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    prompt = [
        facts["decoder_start_token_id"],
        facts["lang_to_id"]["<|de|>"],  # which transformers heard
        facts["task_to_id"]["transcribe"],
        facts["no_timestamps_token_id"],
    ]
    with np.load(folder.with_suffix(".npz")) as archive:
        features, logits = archive["features"], archive["logits"]
    written = logits.argmax(axis=1).tolist()
    found = forced(network, features, [*prompt, *written[:-1]])[len(prompt) - 1 :]
    free = np.isfinite(logits)  # some tokens are suppressed
    assert free.mean() > 0.9
    np.testing.assert_allclose(found[free], logits[free], atol=TOLERANCE)
    assert np.abs(found[free]).max() > 100 * TOLERANCE
