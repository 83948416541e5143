"""Who may import whom: ARCHITECTURE.md's rule, read off the source."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import earlet

PACKAGE = Path(earlet.__file__).parent
LAYERS = [  # from the top: a module imports from its own layer or from below
    ["__main__"],
    ["cli"],
    ["server"],
    ["service", "tuning"],
    ["jobs", "bench"],
    ["__init__"],
    ["verify"],
    ["tasks"],
    ["streaming"],
    ["decoding"],
    ["bundle"],
    ["manifest"],
    ["backends"],
    ["tokenizers"],
    ["features"],
    ["audio", "image"],
    ["config", "subtitles"],
    ["results"],
    ["arrays", "files", "schema"],
    ["errors"],
]
OWNERS = {  # the only modules that may import these
    "onnxruntime": {"backends/ort.py"},
    "ai_edge_litert": {"backends/litert.py"},
    "tflite_runtime": {"backends/litert.py"},
    "sounddevice": {"audio/portaudio.py"},
    "soundfile": {"audio/file.py"},
    "soxr": {"audio/resample.py"},
    "PIL": {"image/file.py"},
    "yaml": {"schema.py"},
    "ruamel": {"tuning/configuration.py"},
    "matplotlib": {"service/recordings/picture.py", "tuning/plot.py"},
    "paho": {"service/actions/mqtt.py"},
    "ray": {"jobs/cluster.py"},
    "threading": {
        *("audio/live.py", "audio/microphone.py", "audio/portaudio.py", "audio/waiting.py"),
        *(f"service/actions/{name}.py" for name in ("__init__", "broker", "mqtt", "post", "run")),
        *("service/actions/worker.py", "service/recorder.py", "image/file.py"),
        "server/serving.py",
    },
    "concurrent": {"tasks/in_order.py"},
    "queue": {"service/actions/__init__.py", "service/recorder.py"},
    "multiprocessing": {"jobs/local.py"},
    "subprocess": {
        *("server/workers/process.py", "service/actions/run.py", "service/installation.py"),
        "bench/measure.py",
    },
    "signal": {
        *("cli/program.py", "jobs/local.py", "service/actions/run.py", "service/signals.py"),
        *("server/workers/interrupts.py", "server/workers/worker.py"),
    },
    "socket": {
        *("audio/tcp.py", "jobs/cluster.py", "server/serving.py", "service/systemd.py"),
        "server/wyoming/",
        *(f"service/actions/{name}.py" for name in ("lines", "mqtt", "post")),
        *(f"server/workers/{name}.py" for name in ("frames", "process", "worker")),
    },
    "ssl": {"service/actions/mqtt.py", "service/actions/post.py"},
    "fcntl": {"audio/pcm.py", "jobs/output.py", "service/actions/spool.py"},
    "asyncio": {"server/"},  # all of the folder
    "starlette": {"server/"},
    "uvicorn": {"server/"},
    "python_multipart": {"server/"},
    "wyoming": {"server/wyoming/"},
    "zeroconf": {"server/wyoming/"},
    "pickle": set(),
    "earlet_quantize": set(),
}
PURE = ["features", "decoding", "streaming", "tokenizers"]  # no files, no clock
IMPURE = {"os", "pathlib", "io", "time", "datetime", "random", "tempfile"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every module that a file imports, and whether it does so when it is itself imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(ast.walk(ast.Module(body=[n for n in tree.body if not _is_body(n)], type_ignores=[])))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in top
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node in top


def _is_body(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef)


def layer_of(name: str) -> int:
    for depth, layer in enumerate(LAYERS):
        if name in layer:
            return depth
    raise AssertionError(f"earlet.{name} is in no layer: add it to LAYERS and to ARCHITECTURE.md")


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_below(path: Path) -> None:
    own = layer_of(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
    for name, _ in imports(path):
        if name.split(".")[0] == "earlet":
            part = name.split(".")[1]
            imported = (
                part
                if (PACKAGE / part).exists() or (PACKAGE / f"{part}.py").exists()
                else "__init__"
            )
            if own == layer_of("cli") and imported == "__init__":
                continue  # `earlet --version`
            assert layer_of(imported) >= own, f"{path.name} imports {name}, which is above it"


@pytest.mark.parametrize("module", OWNERS)
def test_a_library_has_one_owner(module: str) -> None:
    importers = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        for name, _ in imports(path)
        if name.split(".")[0] == module
    }
    owners = tuple(OWNERS[module])
    assert not [path for path in importers if not path.startswith(owners)]


@pytest.mark.parametrize(
    "module",
    [
        *("onnxruntime", "ai_edge_litert", "tflite_runtime"),
        *("sounddevice", "soundfile", "soxr", "PIL", "ray", "ruamel", "matplotlib", "paho"),
    ],
)
def test_heavy_libraries_are_imported_only_when_they_are_used(module: str) -> None:
    for path in modules():
        assert not any(name.split(".")[0] == module and at_top for name, at_top in imports(path))


@pytest.mark.parametrize("folder", PURE)
def test_pure_parts_touch_no_files_and_no_clock(folder: str) -> None:
    for path in (PACKAGE / folder).rglob("*.py"):
        assert not {name.split(".")[0] for name, _ in imports(path)} & IMPURE, path.name
