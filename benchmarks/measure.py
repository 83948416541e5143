"""README's table of measurements, as Markdown on standard output.

    python benchmarks/measure.py [--data ../shared/data]

Needs the `dev` extra and Linux. Times are of the CPU, not of the clock, with one thread, so that
other programs disturb them little; where two things are compared they run in turn, and a ratio is
the median of the rounds' ratios. Memory is the peak resident set of a process of its own.
"""

import argparse
import io
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy reads it
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as earlet does, before onnxruntime reads it
os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"] = "1"  # that there is no torch is as wanted

import kaldi_native_fbank
import numpy as np
import onnxruntime
import soundfile
from inputs import SAMPLE_RATE, read
from PIL import Image
from stopwatch import ROUNDS, Work, child_cpu_s, in_turn, live_s, run_earlet
from tokenizers import Tokenizer
from transformers.models.whisper.feature_extraction_whisper import WhisperFeatureExtractor

import earlet
from earlet import features
from earlet.arrays import FloatArray
from earlet.decoding.seq2seq import Seq2SeqConfig
from earlet.features.fbank import Fbank, FbankConfig
from earlet.features.log_mel import LogMel, LogMelConfig
from earlet_quantize.measure.words import read_transcripts, word_error_rate
from earlet_quantize.networks.stepwise import Rebuilt, greedy

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT / "tests" / "recordings"
PICTURE = ROOT / "tests" / "pictures" / "cat.jpg"  # 384 x 256
TEXT = "The plot is thin, but the actors are so good that you hardly notice, and the music is fine."
LIVE_S = 8.0  # seconds of sound that are played in real time

Row = tuple[str, str]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    speech = arguments.data / "speech" / "librispeech-test-other"
    rows = [*start_up(), *spotting(), *listening(), *transcribing()]
    if speech.is_dir():
        rows += test_other(speech)
    rows += [*pictures(), *texts(), *sounds(), *front_ends(), *sizes()]
    heading = (
        f"one thread (`OMP_NUM_THREADS=1`) of {processor()}, Python {platform.python_version()}"
    )
    lines = [f"| {heading} | |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)]
    sys.stdout.write("\n".join(lines) + "\n")


def start_up() -> Iterator[Row]:
    """What an import costs."""
    programs = ("pass", "import numpy", "import earlet")
    bare, numpy_s, earlet_s = np.median(
        [[child_cpu_s(program) for program in programs] for _ in range(ROUNDS)], axis=0
    )
    yield (
        "`import earlet`",
        f"{1e3 * (earlet_s - bare):.0f} ms of CPU, NumPy's {1e3 * (numpy_s - bare):.0f} among them",
    )


def spotting() -> Iterator[Row]:
    """What a hop of the spotter costs, as a whole and in its parts."""
    task = earlet.pipeline("audio-classification")
    config, bundle = task.config, task.bundle
    waveform = read(RECORDINGS / "commands.flac")
    hop = config.hop_ms * SAMPLE_RATE // 1000
    hops = [waveform[i : i + hop] for i in range(0, len(waveform) - hop, hop)]
    front_end = features.from_manifest(bundle.manifest.input)
    frames = front_end.stream()
    window = front_end(waveform)[: config.window_frames]
    feeds = {"features": window[None]}
    network = bare_session(bundle.read_bytes(str(bundle.manifest.model.network)))
    spotter = task.spotter()
    times = in_turn(
        [
            lambda: [spotter.push(samples) for samples in hops],
            lambda: [frames.push(samples) for samples in hops],
            lambda: [task.network(window) for _ in hops],
            lambda: [network.run(None, feeds) for _ in hops],
        ]
    )
    whole, features_us, network_us, bare_us = 1e6 * np.median(times, axis=0) / len(hops)
    rest_us = whole - features_us - network_us
    n_live = int(LIVE_S * 1000 / config.hop_ms)
    live_us = 1e6 * live_s(spotter.push, hops[:n_live], config.hop_ms)
    hop_us = 1e3 * config.hop_ms
    yield (
        f"spotter, CPU per {config.hop_ms} ms of sound, as fast as it can",
        f"{whole:.0f} µs, {100 * whole / hop_us:.2f} % of a core: "
        f"features {features_us:.0f}, network {network_us:.0f}, rest {rest_us:.0f}",
    )
    yield (
        "the same in real time, between other programs",
        f"{live_us:.0f} µs, {100 * live_us / hop_us:.1f} % of a core",
    )
    yield "what earlet adds to ONNX Runtime's `session.run`", f"{network_us - bare_us:.1f} µs"


def listening() -> Iterator[Row]:
    """`earlet listen`, fed through a pipe as fast as it reads."""
    pcm = io.BytesIO()
    soundfile.write(
        pcm, read(RECORDINGS / "commands.flac"), SAMPLE_RATE, format="RAW", subtype="PCM_16"
    )
    with TemporaryDirectory() as folder:
        alone = Path(folder) / "alone.yaml"
        alone.write_text("confirm: off\n", encoding="utf-8")
        for what, flags in (
            ("the spotter alone", ["--config", str(alone)]),
            ("with its second stage", []),
        ):
            runs = [
                run_earlet("listen", *flags, "--source", "-", stdin=pcm.getvalue())
                for _ in range(ROUNDS)
            ]
            peak_mb = max(run.peak_mb for run in runs)
            first_s = np.median([run.first_line_s for run in runs])
            yield f"`earlet listen`, {what}: peak memory", f"{peak_mb:.0f} MB"
            yield f"{what}: from the start of the process to the first event", f"{first_s:.2f} s"


def transcribing() -> Iterator[Row]:
    """`pipeline("automatic-speech-recognition")` on the repository's own recording."""
    recogniser = earlet.pipeline("automatic-speech-recognition")
    waveform = read(RECORDINGS / "speech.flac")
    times = in_turn([lambda: recogniser(waveform, sampling_rate=SAMPLE_RATE)])
    per_second = np.median(times) / (len(waveform) / SAMPLE_RATE)
    yield "transcription, CPU per second of speech", f"{1e3 * per_second:.1f} ms"


def test_other(folder: Path) -> Iterator[Row]:
    """The same on LibriSpeech test-other: accuracy, speed, memory, and a bare loop as the peer."""
    references = read_transcripts(folder / "transcripts.tsv")
    paths = [folder / f"{utterance}.flac" for utterance in references]
    clips = [read(path) for path in paths]
    audio_s = sum(map(len, clips)) / SAMPLE_RATE

    run = run_earlet("transcribe", "--format", "json", *paths)
    results = [json.loads(line) for line in run.output.splitlines()]
    hypotheses = {Path(result["path"]).stem: result["text"] for result in results}
    rate = word_error_rate(references, hypotheses)
    corpus = f"{len(paths)} utterances of LibriSpeech test-other"
    yield f"`earlet transcribe`, {corpus}: words wrong", f"{rate:.1f} %"
    yield "its CPU per second of speech, the start included", f"{1e3 * run.cpu_s / audio_s:.1f} ms"
    yield "its peak memory", f"{run.peak_mb:.0f} MB"

    recogniser = earlet.pipeline("automatic-speech-recognition")
    bundle = recogniser.bundle
    peer = Rebuilt(bundle.open_session("encoder"), bundle.open_session("decoder"))
    config = bundle.section("decoding", Seq2SeqConfig)

    def bare_loop(clip: FloatArray) -> list[int]:
        limit = config.limit(len(clip), SAMPLE_RATE)
        return greedy(peer, clip, bos=config.bos, eos=config.eos, max_tokens=limit)

    times = in_turn(
        [
            lambda: [bare_loop(clip) for clip in clips],
            lambda: [recogniser.transcribe(clip) for clip in clips],
            lambda: [recogniser(clip, sampling_rate=SAMPLE_RATE) for clip in clips],
        ],
        rounds=3,
    )
    uncut, cut = np.median(times[:, 1:] / times[:, :1], axis=0)
    yield "CPU against a bare loop over the same networks", f"{uncut:.2f} times"
    yield "the same with voice activity detection before them", f"{cut:.2f} times"


def pictures() -> Iterator[Row]:
    """From a file to labels; the peer is a loop that somebody would write without earlet."""
    classify = earlet.pipeline("image-classification")
    jpeg = PICTURE.read_bytes()
    network = bare_session(classify.bundle.read_bytes("network.int8.onnx"))

    def bare() -> object:
        image = Image.open(io.BytesIO(jpeg)).convert("RGB")
        side = int(0.875 * min(image.size))
        left, top = (image.width - side + 1) // 2, (image.height - side + 1) // 2
        box = (left, top, left + side, top + side)
        pixels = np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC, box=box))
        features = (pixels.transpose(2, 0, 1)[None].astype(np.float32) - 127) / 128
        return network.run(None, {"features": features})

    times = in_turn([lambda: classify(jpeg), bare])
    yield "a JPEG to labels, CPU", against(times, "Pillow, NumPy and ONNX Runtime")
    run = run_earlet("classify", PICTURE)
    yield "`earlet classify` of a picture, peak memory", f"{run.peak_mb:.0f} MB"


def texts() -> Iterator[Row]:
    """From a sentence to labels, against a loop again."""
    judge = earlet.pipeline("text-classification")
    tokenizer = Tokenizer.from_str(judge.bundle.read_text("tokenizer.json"))
    network = bare_session(judge.bundle.read_bytes("network.int8.onnx"))
    names = [given.name for given in network.get_inputs()]

    def bare() -> object:
        found = tokenizer.encode(TEXT)
        rows = {
            "input_ids": found.ids,
            "attention_mask": found.attention_mask,
            "token_type_ids": found.type_ids,
        }
        return network.run(None, {name: np.array([rows[name]]) for name in names})

    times = in_turn([lambda: judge(TEXT), bare])
    n_tokens = len(tokenizer.encode(TEXT).ids)
    yield (
        f"a text of {n_tokens} tokens to labels, CPU",
        against(times, "`tokenizers` and ONNX Runtime"),
    )
    run = run_earlet("classify", TEXT)
    yield "`earlet classify` of a text, peak memory", f"{run.peak_mb:.0f} MB"


def sounds() -> Iterator[Row]:
    """What a recording sounds like."""
    listen = earlet.pipeline("audio-classification", "yamnet")
    speech = read(RECORDINGS / "speech.flac")
    times = in_turn([lambda: listen(speech, sampling_rate=SAMPLE_RATE)])
    per_second = np.median(times) / (len(speech) / SAMPLE_RATE)
    yield "what a recording sounds like, CPU per second", f"{1e3 * per_second:.1f} ms"


def against(times: FloatArray, peer: str) -> str:
    """Milliseconds of the first, and how they compare with those of the second."""
    ratio = np.median(times[:, 0] / times[:, 1])
    return f"{1e3 * np.median(times[:, 0]):.1f} ms, {ratio:.2f} times a loop of {peer}"


def front_ends() -> Iterator[Row]:
    """Features against the programs whose values they reproduce."""
    speech = read(ROOT / "tests" / "golden" / "whisper" / "1272-128104-0000.wav")
    waveform = np.resize(speech, 30 * SAMPLE_RATE)
    log_mel, fbank = LogMel(LogMelConfig()), Fbank(FbankConfig())
    whisper = WhisperFeatureExtractor()
    works: dict[str, tuple[Work, Work]] = {
        "Whisper's log-mel of 30 s, against transformers' NumPy path": (
            lambda: log_mel(waveform),
            # Its NumPy path by name: where there is a torch, calling the extractor takes another.
            lambda: whisper._np_extract_fbank_features(waveform[None], "cpu"),
        ),
        "Kaldi's fbank of 30 s, against kaldi-native-fbank": (
            lambda: fbank(waveform),
            lambda: kaldi_fbank(waveform),
        ),
    }
    for what, pair in works.items():
        times = in_turn(pair)
        ours_ms = 1e3 * np.median(times[:, 0])
        ratio = np.median(times[:, 1] / times[:, 0])
        yield what, f"{ratio:.1f} times as fast, {ours_ms:.1f} ms"


def kaldi_fbank(waveform: FloatArray) -> FloatArray:
    """kaldi-native-fbank with the settings of `FbankConfig()`."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 80
    options.mel_opts.high_freq = SAMPLE_RATE / 2
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(SAMPLE_RATE, waveform)
    fbank.input_finished()
    return np.array([fbank.get_frame(i) for i in range(fbank.num_frames_ready)])


def sizes() -> Iterator[Row]:
    """Of the bundles, and of the wheel that holds them."""
    parts = []
    for name in sorted(path.parent.name for path in ROOT.glob("models/*/bundle.yaml")):
        files = earlet.load(name).manifest.files.values()
        parts.append(f"{name} {sum(file.bytes for file in files) / 1e6:.1f}")
    yield "bundles", f"{', '.join(parts)} MB"
    with TemporaryDirectory() as folder:
        build = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
        subprocess.run([sys.executable, "-m", "pip", *build, str(ROOT)], check=True)
        (wheel,) = Path(folder).iterdir()
        yield "the wheel, all of these within", f"{wheel.stat().st_size / 1e6:.1f} MB"


def bare_session(network: bytes) -> onnxruntime.InferenceSession:
    """ONNX Runtime with nothing around it, and earlet's options."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def processor() -> str:
    """Its name, as Linux has it."""
    names = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return str(names[0]) if names else platform.machine()


if __name__ == "__main__":
    main()
