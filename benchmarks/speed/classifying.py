"""From an input to labels, against a loop that somebody would write without earlet.

The network is the same, and runs on ONNX Runtime in both: what is compared is what is around it.
"""

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import earlet
from benchmarks.compare import Peer, compared, shown
from benchmarks.inputs import SAMPLE_RATE, read
from benchmarks.line import Line
from benchmarks.setting import ROOT, Setting
from benchmarks.stopwatch import in_turn
from earlet.bundle import Bundle
from earlet.results import Classification

SPEECH = ROOT / "tests" / "recordings" / "speech.flac"
PICTURE = ROOT / "tests" / "pictures" / "cat.jpg"  # 384 x 256
TEXT = "The plot is thin, but the actors are so good that you hardly notice, and the music is fine."
CROP = 0.875  # of the shorter side, at the centre
SIDE = 224  # pixels
ROUNDS = 15
LOOKED_AT = (
    "The network takes nine tenths of both. earlet looks at the kind, size and orientation of a "
    "picture first, copies it strip by strip, so that a large one needs no second copy, and sorts "
    "all labels."
)
CHECKED = (
    "The network takes nine tenths of both. earlet compares the length of a text with what the "
    "network takes, and gives scores for logits, and results instead of arrays."
)

Work = Callable[[], Any]


def lines(setting: Setting) -> Iterator[Line]:
    """A picture, a text, a recording."""
    rounds = setting.rounds(ROUNDS)
    yield from picture(rounds)
    yield from text(rounds)
    yield sound(rounds)


def picture(rounds: int) -> Iterator[Line]:
    """From the bytes of a JPEG."""
    classify: Any = earlet.pipeline("image-classification")
    jpeg = PICTURE.read_bytes()
    peer = Peer(
        distribution="pillow",
        how="NumPy and ONNX Runtime in a loop",
        make=partial(pillow_loop, classify.bundle, jpeg),
        tolerance=0,
        why=LOOKED_AT,
    )
    what = "a JPEG of 384 x 256 to labels"
    yield from compared(what, lambda: best(classify(jpeg)), [peer], rounds)


def text(rounds: int) -> Iterator[Line]:
    """A sentence."""
    judge: Any = earlet.pipeline("text-classification")
    peer = Peer(
        distribution="tokenizers",
        how="NumPy and ONNX Runtime in a loop",
        make=partial(tokenizers_loop, judge.bundle),
        tolerance=0,
        why=CHECKED,
    )
    what = f"a text of {len(TEXT.split())} words to labels"
    yield from compared(what, lambda: best(judge(TEXT)), [peer], rounds)


def sound(rounds: int) -> Line:
    """What a recording sounds like; nobody else here has the network."""
    listen: Any = earlet.pipeline("audio-classification", "yamnet")
    speech = read(SPEECH)
    times = in_turn([lambda: listen(speech, sampling_rate=SAMPLE_RATE)], rounds)
    per_second = float(np.median(times)) / (len(speech) / SAMPLE_RATE)
    return Line(what="what a recording sounds like, a second of it", ours=shown(per_second))


def pillow_loop(bundle: Bundle, jpeg: bytes) -> Work:
    """Decode, crop and resize by Pillow, scale by NumPy."""
    from PIL import Image

    network, labels = bare_session(bundle.read_bytes("network.int8.onnx")), labels_of(bundle)

    def answer() -> list[str]:
        image = Image.open(io.BytesIO(jpeg)).convert("RGB")
        side = int(CROP * min(image.size))
        left, top = (image.width - side + 1) // 2, (image.height - side + 1) // 2
        box = (left, top, left + side, top + side)
        pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))
        features = (pixels.transpose(2, 0, 1)[None].astype(np.float32) - 127) / 128
        (logits,) = network.run(None, {"features": features})
        return [labels[int(logits[0].argmax())]]

    return answer


def tokenizers_loop(bundle: Bundle) -> Work:
    """Ids by tokenizers, arrays by NumPy."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(bundle.read_text("tokenizer.json"))
    network, labels = bare_session(bundle.read_bytes("network.int8.onnx")), labels_of(bundle)
    names = [given.name for given in network.get_inputs()]

    def answer() -> list[str]:
        found = tokenizer.encode(TEXT)
        rows = {
            "input_ids": found.ids,
            "attention_mask": found.attention_mask,
            "token_type_ids": found.type_ids,
        }
        (logits,) = network.run(None, {name: np.array([rows[name]]) for name in names})
        return [labels[int(logits[0].argmax())]]

    return answer


def best(found: list[Classification]) -> list[str]:
    """The first label."""
    return [found[0].label]


def labels_of(bundle: Bundle) -> list[str]:
    """In the order of the network's answers."""
    return bundle.read_text("labels.txt").splitlines()


def bare_session(network: bytes) -> Any:
    """ONNX Runtime with nothing around it, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
