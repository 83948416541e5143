"""Files that are no .tflite, or not whole, refused before an engine sees them."""

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet.backends import tflite_file
from earlet.errors import BackendError

Model = Callable[..., dict[int, Any]]
FlatBuffer = Callable[[Mapping[int, Any]], bytes]
Outcomes = Callable[[str, bytes], dict[str, int]]
WORDS = (0, 1, 2, 5, 0x7FFC, 0xFFFF)  # what each 16-bit word of a model is replaced with
# The places of six numbers, at 1, 2 and 5: that a number is aligned is not checked here, for its
# width is not known. What offsets lead to is.
N_UNALIGNED = 18


def test_a_model_that_holds_all_its_parts_passes(reshaping: Model, flatbuffer: FlatBuffer) -> None:
    tflite_file.check(flatbuffer(reshaping(dtype="int8", scale=0.5)), "net.tflite")


def test_published_models_pass(shared_data: Path) -> None:
    paths = [*(shared_data / "tflite").glob("*.tflite"), *(shared_data / "image").glob("*.tflite")]
    assert len(paths) == 3
    for path in paths:
        tflite_file.check(path.read_bytes(), path.name)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (bytes(range(256)), "256 bytes of something else"),
        (b"\0\0\0\0TFL3" + bytes(24), "32 bytes of something else"),
        (b"\xf0\xff\xff\x7fTFL3" + bytes(24), "32 bytes of something else"),
        (b"\x08\0\0\0TFL3\x10\0\0\0", "12 bytes of something else"),  # a layout before the file
    ],
)
def test_what_is_no_model_is_named(data: bytes, found: str) -> None:
    with pytest.raises(
        BackendError, match=rf"^net\.tflite: expected a \.tflite model, got {found}"
    ):
        tflite_file.check(data, "net.tflite")


def test_a_model_cut_anywhere_is_refused(reshaping: Model, flatbuffer: FlatBuffer) -> None:
    network = flatbuffer(reshaping(dtype="int8", scale=0.5))
    for length in range(len(network)):
        with pytest.raises(BackendError, match=r"expected a \.tflite model"):
            tflite_file.check(network[:length], "net.tflite")


@pytest.mark.parametrize("shift", [1, 2, 4])
def test_numbers_that_are_not_aligned_are_refused(
    reshaping: Model, flatbuffer: FlatBuffer, shift: int
) -> None:
    network = flatbuffer(reshaping(dtype="int8", scale=0.5))
    root = int.from_bytes(network[:4], "little") + shift
    shifted = root.to_bytes(4, "little") + network[4:8] + bytes(shift) + network[8:]
    with pytest.raises(BackendError, match=r"expected a \.tflite model"):
        tflite_file.check(shifted, "net.tflite")


@pytest.mark.parametrize("length", [2**31, 2**32 - 1, 1_000])
def test_a_vector_that_claims_more_than_is_there_is_refused(
    reshaping: Model, flatbuffer: FlatBuffer, length: int
) -> None:
    network = flatbuffer(reshaping())
    name = b"serving_default_x"
    assert len(name).to_bytes(4, "little") + name in network
    longer = network.replace(
        len(name).to_bytes(4, "little") + name, length.to_bytes(4, "little") + name
    )
    with pytest.raises(BackendError, match=f"a vector of {length} items"):
        tflite_file.check(longer, "net.tflite")


def test_a_model_without_a_graph_is_refused(flatbuffer: FlatBuffer) -> None:
    for model in ({0: np.uint32(3)}, {0: np.uint32(3), 2: []}):
        with pytest.raises(BackendError, match="it has no graph"):
            tflite_file.check(flatbuffer(model), "net.tflite")


@pytest.mark.parametrize(
    ("path", "field", "value", "reason"),
    [
        ([], 8, [{0: "weights.bin"}], "weights in another file"),
        ([], 9, [{1: np.uint32(1)}], "weights in another file"),
        ([4, 0], 1, np.uint64(2**33), "weights behind its FlatBuffer"),
        ([2, 0, 0, 0], 6, {0: np.zeros(2, np.int32)}, "sparse tensors"),
        ([2, 0, 0, 0, 4], 5, {2: np.int32(32)}, "quantization by blocks"),
        ([2, 0, 3, 0], 9, np.uint64(2**33), "options behind its FlatBuffer"),
        ([2, 0, 3, 0], 12, {0: np.zeros(2, np.int64)}, "StableHLO operators"),
    ],
)
def test_what_is_not_followed_is_refused(
    reshaping: Model,
    flatbuffer: FlatBuffer,
    path: list[int],
    field: int,
    value: Any,
    reason: str,
) -> None:
    model: Any = reshaping()
    table = model
    for step in path:
        table = table[step]
    table[field] = value
    with pytest.raises(BackendError, match=rf"^net\.tflite: has {reason}, which earlet does not"):
        tflite_file.check(flatbuffer(model), "net.tflite")


def test_text_that_does_not_end_or_is_not_utf_8_is_refused(
    reshaping: Model, flatbuffer: FlatBuffer
) -> None:
    network = flatbuffer(reshaping())
    name = b"serving_default_x\0"
    assert name in network
    for changed, reason in (
        (b"serving_default_xx", "has no end"),
        (b"serving\xffdefault_x\0", "can't decode byte 0xff"),
    ):
        with pytest.raises(BackendError, match=reason):
            tflite_file.check(network.replace(name, changed), "net.tflite")


def test_more_tables_than_any_model_has_are_refused(
    flatbuffer: FlatBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tflite_file, "_MAX_TABLES", 1_000)
    graphs: list[Mapping[int, Any]] = [{}] * 999  # and the model's own table
    tflite_file.check(flatbuffer({0: np.uint32(3), 2: graphs}), "net.tflite")
    with pytest.raises(BackendError, match="more than 1000 tables"):
        tflite_file.check(flatbuffer({0: np.uint32(3), 2: [*graphs, {}]}), "net.tflite")


def test_a_text_that_is_shared_by_many_is_not_read_for_each(flatbuffer: FlatBuffer) -> None:
    n_codes = 100
    codes: list[Mapping[int, Any]] = [{}] * (n_codes - 1) + [{1: "x" * 1_000}]
    network = bytearray(flatbuffer({0: np.uint32(3), 1: codes, 2: [{}]}))
    tflite_file.check(bytes(network), "net.tflite")
    words = np.frombuffer(network, dtype="<u4")  # as the file is read: what lies at byte 4 i
    field = int(words[0]) // 4 + 3  # of the model: number 1
    first = field + int(words[field]) // 4 + 1
    last = first + n_codes - 1
    table = last + int(words[last]) // 4
    for item in range(first, last):
        words[item] = 4 * (table - item)
    with pytest.raises(BackendError, match="its texts overlap"):
        tflite_file.check(bytes(network), "net.tflite")


@given(st.binary(max_size=64))
def test_any_bytes_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(BackendError, match=r"^net\.tflite: [^\n]*$"):
        tflite_file.check(b"\x10\0\0\0TFL3" + data, "net.tflite")


@pytest.mark.skipif(
    importlib.util.find_spec("ai_edge_litert") is None,
    reason="needs FlatBuffers' own verifier, which ai-edge-litert has",
)
def test_what_passes_satisfies_the_verifier_of_flatbuffers(
    reshaping: Model, flatbuffer: FlatBuffer, outcomes: Outcomes
) -> None:
    found = outcomes(__file__, flatbuffer(reshaping(dtype="int8", scale=0.5, zero_point=3)))
    assert found["passed"] > 1_000
    assert found["refused"] > 500
    assert found["passed here only"] <= N_UNALIGNED


def compare_with_the_verifier(network: bytes) -> dict[str, int]:
    """Replace each word of a network; does LiteRT find fault with what passes here?"""
    from ai_edge_litert.interpreter import Interpreter

    outcomes = {"passed": 0, "refused": 0, "passed here only": 0}
    for at in range(0, len(network), 2):
        for word in WORDS:
            mutant = network[:at] + word.to_bytes(2, "little") + network[at + 2 :]
            try:
                tflite_file.check(mutant, "net.tflite")
            except BackendError:
                outcomes["refused"] += 1
                continue
            outcomes["passed"] += 1
            try:
                Interpreter(model_content=mutant)
            except ValueError as problem:
                outcomes["passed here only"] += "not a valid Flatbuffer" in str(problem)
    return outcomes


if __name__ == "__main__":
    json.dump(compare_with_the_verifier(Path(sys.argv[1]).read_bytes()), sys.stdout)
