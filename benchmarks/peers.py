"""What `recognition.py` and `serve.py` compare: bundles, loops around networks, other programs.

Each is loaded by a function of a module, for the processes in which memory is measured. Peers are
imported where they are used, for their memory is measured, too.
"""

import importlib.util
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import earlet
from earlet_quantize.measure.recognisers import Recognise, Recogniser
from earlet_quantize.networks.stepwise import Merged, Rebuilt

RECIPES = Path(__file__).parents[1] / "models" / "recipes"
SAMPLE_RATE = 16_000  # Hz
START_S = 60.0  # that a server may take to begin
POLL_S = 0.1


def loop(bundle: Path) -> Recogniser:
    """The bundle's networks in a bare loop."""
    files = networks(bundle)
    load = partial(made, "moonshine-tiny-en", "load", Rebuilt, files, bundle / "tokenizer.json")
    return Recogniser(load, files)


def uncut(bundle: Path) -> Recogniser:
    """The bundle, given each utterance as it is."""
    return Recogniser(partial(made, "whisper-tiny-en", "transcriber", bundle), networks(bundle))


def cut(bundle: Path) -> Recogniser:
    """The bundle as it is used, which looks for the speech in each utterance."""
    return Recogniser(partial(pipeline, bundle), networks(bundle))


def published_moonshine(scratch: Path, cache: Path) -> Recogniser:
    """The int8 networks that their authors publish, in a bare loop."""
    published = recipe("moonshine-tiny-en", "published")
    files = [scratch / name for name in ("encoder.onnx", "decoder.onnx", "tokenizer.json")]
    contents = [*published.INT8.fetch(cache), published.fetch_tokenizer(cache)[0]]
    for path, content in zip(files, contents, strict=True):
        path.write_bytes(content)
    *graphs, tokenizer = files
    return Recogniser(partial(made, "moonshine-tiny-en", "load", Merged, graphs, tokenizer), graphs)


def faster_whisper(scratch: Path, cache: Path, compute_type: str) -> Recogniser:
    """faster-whisper with the weights of tiny.en."""
    for name, content in recipe("whisper-tiny-en", "published").fetch(cache).items():
        (scratch / name).write_bytes(content)
    load = partial(made, "whisper-tiny-en", "faster_whisper", scratch, compute_type)
    return Recogniser(load, [scratch / "model.bin"])


class Peer(NamedTuple):
    """A server of others that answers."""

    address: tuple[str, int]
    pid: int


@contextmanager
def wyoming_faster_whisper(python: Path, cache: Path) -> Iterator[Peer]:
    """The server of that name with the weights of tiny.en in int8, as quick as its options allow:
    one thread, greedy."""
    with TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        for name, content in recipe("whisper-tiny-en", "published").fetch(cache).items():
            Path(folder, name).write_bytes(content)
        address = taken.getsockname()[:2]
        taken.close()
        options = {
            "--model": folder,
            "--data-dir": folder,
            "--uri": f"tcp://{address[0]}:{address[1]}",
            "--stt-library": "faster-whisper",
            "--language": "en",
            "--compute-type": "int8",
            "--cpu-threads": "1",
            "--beam-size": "1",
        }
        words = [word for option in options.items() for word in option]
        command = [python, "-m", "wyoming_faster_whisper", "--local-files-only", *words]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_for(address, process)
            yield Peer(address, process.pid)
        finally:
            process.kill()
            process.wait()


def _wait_for(address: tuple[str, int], process: "subprocess.Popen[bytes]") -> None:
    """Until somebody answers there."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(address).close()
        except ConnectionRefusedError:
            time.sleep(POLL_S)
        else:
            return
    raise RuntimeError("wyoming-faster-whisper does not begin: is it installed there?")


def made(bundle: str, function: str, *arguments: object) -> Recognise:
    """What a function in the `compare.py` of a bundle's recipe loads; for any process."""
    recognise: Recognise = getattr(recipe(bundle, "compare"), function)(*arguments)
    return recognise


def recipe(bundle: str, module: str) -> Any:
    """A module of a recipe; those of several recipes have the same names."""
    path = RECIPES / bundle / f"{module}.py"
    spec: Any = importlib.util.spec_from_file_location(f"{module} of {bundle}", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def pipeline(bundle: Path) -> Recognise:
    """`earlet.pipeline` with all its parts."""
    recogniser = earlet.pipeline("automatic-speech-recognition", bundle)
    return lambda clip: recogniser(clip, sampling_rate=SAMPLE_RATE).text


def networks(bundle: Path) -> list[Path]:
    """The files of a bundle's networks."""
    return [bundle / name for name in earlet.load(bundle).manifest.model.networks.values()]
