"""Folders that lack a fact or contradict themselves: one line that names file and key."""

import contextlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from earlet.errors import BundleError, EarletError
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface import Imported, folder, write

Copy = Callable[[str], Path]
Edit = Callable[..., None]
Read = Callable[[Path], Imported]

ODD: list[object] = [None, True, -1, 0, 1.5, 10**30, "", "\ud800", [], [1], [None], {}, {"0": {}}]
FACTS: list[
    tuple[str, str, dict[str, object], str]
] = [  # family, file, what is set (... removes it), what is told
    ("bert", "config", {"architectures": ...}, "expected the key 'architectures', it is missing"),
    ("bert", "config", {"architectures": ["T5Model"]}, "cannot import 'T5Model'; known are AST"),
    ("bert", "config", {"architectures": ["BertForSequence"]}, "mean 'BertForSequenceClass"),
    ("bert", "config", {"architectures": []}, "architectures: cannot import ''"),
    ("bert", "config", {"architectures": "Bert"}, "architectures: expected a list, got 'Bert'"),
    (
        "bert",
        "config",
        {"max_position_embeddings": ...},
        "'max_position_embeddings', it is missing",
    ),
    ("bert", "config", {"vocab_size": 20}, "tokenizer.json: expected at most 20 tokens"),
    ("bert", "tokenizer_config", {"model_max_length": -1}, "expected room for a token"),
    ("bert", "config", {"problem_type": "ranking"}, "problem_type: expected one of regression"),
    ("bert", "config", {"id2label": {"0": "a", "2": "b", "3": "c"}}, "ids 0 to 2, each once"),
    ("bert", "config", {"id2label": {"0": "a", "1": "b"}}, "expected 3 labels, as the network"),
    (
        "bert",
        "config",
        {"id2label": {"0": "a", "1": "b\nc", "2": "d"}},
        "1: expected a name on one",
    ),
    ("bert", "config", {"id2label": {"0": "a", "1": " ", "2": "d"}}, "1: expected a name on one"),
    ("bert", "config", {"id2label": {"0": "a", "1": 2, "2": "d"}}, "id2label.1: expected a string"),
    ("bert", "config", {"id2label": {"0": "a", "1": "\ud800", "2": "d"}}, "half a character"),
    ("bert", "config", {"id2label": ["a", "b", "c"]}, "id2label: expected a mapping"),
    ("bert", "config", {"id2label": ...}, "expected 3 labels, as the network has outputs, got 2"),
    ("roberta", "config", {"pad_token_id": ...}, "expected the key 'pad_token_id', it is missing"),
    ("ast", "preprocessor_config", {"feature_extractor_type": ...}, "'feature_extractor_type', it"),
    ("ast", "preprocessor_config", {"num_mel_bins": 64}, "num_mel_bins is 64, and .* says .* 128"),
    ("ast", "preprocessor_config", {"sampling_rate": 8_000}, "sampling_rate: expected 16000, got"),
    ("ast", "preprocessor_config", {"std": "4.5"}, "std: expected a number, got '4.5'"),
    ("wav2vec2", "preprocessor_config", {"sampling_rate": "16k"}, "expected a whole number, got"),
    ("wav2vec2", "preprocessor_config", {"sampling_rate": 10**12}, "sampling_rate: expected 1 to"),
    ("wav2vec2", "preprocessor_config", {"feature_size": 80}, "feature_size: expected 1, got 80"),
    ("wav2vec2", "preprocessor_config", {"do_normalize": 1}, "do_normalize: expected true or"),
    ("wav2vec2-ctc", "config", {"pad_token_id": 3}, "pad_token_id: expected 0, the id that vocab"),
    ("wav2vec2-ctc", "config", {"conv_kernel": [10, 8]}, "conv_stride: expected 2 numbers"),
    ("wav2vec2-ctc", "tokenizer_config", {"tokenizer_class": "BertTokenizer"}, "Wav2Vec2CTCToken"),
    ("wav2vec2-ctc", "vocab", {"A": ...}, "vocab.json: expected the ids 0 to 30, each once"),
    ("wav2vec2-ctc", "vocab", {"Ä": 32}, "expected 32 tokens, as the network has outputs, got 33"),
    ("vit", "preprocessor_config", {"image_processor_type": ...}, "'image_processor_type', it is"),
    ("vit", "preprocessor_config", {"image_processor_type": "Clip"}, "one of BeitImageProcessor, "),
    ("vit", "preprocessor_config", {"size": {"height": 40, "width": 32}}, "of 32 x 32, .* 40 x 32"),
    (
        "vit",
        "preprocessor_config",
        {"size": {"shortest_edge": 32}},
        "size: expected height and wid",
    ),
    ("vit", "preprocessor_config", {"size": {"height": 32}}, "size: expected the key 'width', it"),
    ("vit", "preprocessor_config", {"size": 0}, "size: expected 1 to"),
    ("vit", "preprocessor_config", {"resample": 4}, "resample: expected one of"),
    ("vit", "preprocessor_config", {"image_mean": [0.5]}, "image_mean: expected 3 numbers"),
    ("vit", "preprocessor_config", {"do_resize": False}, "networks take pictures of one size"),
    ("swin", "preprocessor_config", {"size": 64}, "of 32 x 32, .* got 64 x 64"),
    ("siglip", "preprocessor_config", {"size": 32}, "of 64 x 64, .* got 32 x 32"),
    ("siglip", "config", {"vision_config": {}}, "of 224 x 224, .* got 64 x 64"),
    ("mobilenet-v1", "preprocessor_config", {"crop_size": 40}, "of 32 x 32, as .* got 40 x 40"),
    ("mobilenet-v2", "preprocessor_config", {"do_center_crop": False}, "or a crop_size"),
    ("convnext", "preprocessor_config", {"crop_pct": 0}, "crop_pct: expected 0.1 to 1, got 0"),
    ("convnext", "preprocessor_config", {"size": {"height": 9, "width": 9}}, "a shortest_edge"),
    ("whisper", "preprocessor_config", {"feature_size": 80}, "feature_size is 80, and .* 16"),
    ("whisper", "preprocessor_config", {"chunk_length": 20}, "chunk_length: expected 3000 frames"),
    ("whisper", "generation_config", {"lang_to_id": ...}, "expected the key 'lang_to_id', it is"),
    ("whisper", "config", {"encoder_layers": 10**9}, "encoder_layers: expected 1 to 1000, got"),
    ("whisper", "config", {"decoder_attention_heads": 5}, "expected heads of .*, got 5 heads"),
    ("whisper", "config", {"d_model": 32}, "expected .*32.*, got .*16"),
    ("moonshine", "config", {"rope_theta": 5_000.0}, "rope_theta: expected 10000.0, got 5000.0"),
    ("moonshine", "config", {"decoder_num_key_value_heads": 2}, "value_heads: expected 1, got 2"),
    ("moonshine", "config", {"partial_rotary_factor": 1e30}, "more than 0 and at most 1, got 1e"),
    ("moonshine", "config", {"encoder_num_attention_heads": 0}, "expected 1 to 10000000, got 0"),
    ("moonshine", "config", {"decoder_num_hidden_layers": 2}, "no weight 'decoder.layers.1"),
]


@pytest.mark.parametrize(
    ("family", "file", "changes", "told"), FACTS, ids=[f"{f[0]}-{next(iter(f[2]))}" for f in FACTS]
)
def test_a_fact_that_is_missing_or_wrong_is_named(
    family: str,
    file: str,
    changes: dict[str, object],
    told: str,
    copy: Copy,
    edit: Edit,
    read: Read,
) -> None:
    folder = copy(family)
    edit(folder / f"{file}.json", **changes)
    with pytest.raises(FolderError, match=told) as raised:
        read(folder)
    assert str(raised.value).startswith(str(folder))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("family", "file", "told"),
    [
        ("bert", "config.json", "config.json: expected a file: No such file"),
        ("bert", "tokenizer_config.json", "tokenizer_config.json: expected a file: No such"),
        ("bert", "onnx/model.onnx", "expected model.onnx, at its top or in onnx/, .* no ONNX file"),
        ("vit", "preprocessor_config.json", "preprocessor_config.json: expected a file"),
        ("whisper", "generation_config.json", "generation_config.json: expected a file"),
        (
            "whisper",
            "onnx/decoder_model_merged.onnx",
            "expected decoder_model.onnx, .* it has onnx/",
        ),
        ("wav2vec2-ctc", "vocab.json", "vocab.json: expected a file"),
    ],
)
def test_a_file_that_is_missing_is_named(
    family: str, file: str, told: str, copy: Copy, read: Read
) -> None:
    folder = copy(family)
    (folder / file).unlink()
    with pytest.raises(FolderError, match=told):
        read(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, read: Read) -> None:
    with pytest.raises(FolderError, match="nowhere: expected a model folder, there is none"):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not the JSON that was expected"),
        (b"{", "not the JSON that was expected"),
        (b"[]", "expected a JSON object, got a list"),
        (b'{"vocab_size": NaN}', "NaN is no JSON"),
        (b'{"n": ' + b"9" * 5_000 + b"}", "not the JSON that was expected: Exceeds the limit"),
        (b"[" * 200_000, "not the JSON that was expected"),
        (b'{"a": "\xff"}', "config.json: not UTF-8 at byte 7"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not the JSON that was expected"),
    ],
)
def test_a_file_that_is_no_json_is_named(content: bytes, told: str, copy: Copy, read: Read) -> None:
    folder = copy("bert")
    (folder / "config.json").write_bytes(content)
    with pytest.raises(FolderError, match=told) as raised:
        read(folder)
    assert "config.json" in str(raised.value)


def test_a_huge_file_is_not_read_to_its_end(
    copy: Copy, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_BYTES", 1_000)
    with pytest.raises(FolderError, match=r"json: expected at most 1000 bytes"):
        read(copy("bert"))


def test_a_link_that_leads_out_is_refused(copy: Copy, read: Read, tmp_path: Path) -> None:
    folder = copy("bert")
    (folder / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    (folder / "tokenizer.json").symlink_to("../tokenizer.json")
    with pytest.raises(FolderError, match=r"tokenizer.json: a link that leads out of the folder"):
        read(folder)


def test_a_link_within_the_folder_is_followed(copy: Copy, read: Read) -> None:
    folder = copy("bert")
    (folder / "tokenizer.json").rename(folder / "kept.json")
    (folder / "tokenizer.json").symlink_to("kept.json")
    assert "tokenizer.json" in read(folder).files


def test_links_in_a_circle_are_refused(copy: Copy, read: Read) -> None:
    folder = copy("bert")
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("config.json")
    with pytest.raises(FolderError, match=r"config.json: expected a file"):
        read(folder)


def test_a_pipe_is_no_file(copy: Copy, read: Read) -> None:
    folder = copy("bert")
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(FolderError, match=r"config.json: expected a file"):
        read(folder)


def replace_by_link(network: Path) -> None:
    network.symlink_to("nowhere.onnx")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, replace_by_link])
def test_a_network_that_is_no_file_is_not_told_to_be_missing(
    make: Callable[[Path], object], copy: Copy, read: Read
) -> None:
    folder = copy("vit")
    (folder / "model.onnx").unlink()
    make(folder / "model.onnx")
    with pytest.raises(FolderError, match=r"vit/model\.onnx: expected a file"):
        read(folder)


def test_a_bundle_or_a_zip_given_for_a_folder_is_told_as_what_it_is(
    copy: Copy, read: Read, tmp_path: Path
) -> None:
    folder = copy("vit")
    (folder / "bundle.yaml").touch()
    with pytest.raises(FolderError, match="vit: expected a model folder, this is a bundle already"):
        read(folder)
    (tmp_path / "vit.zip").touch()
    with pytest.raises(FolderError, match=r"zip: expected .*, there is a file; unpack it first"):
        read(tmp_path / "vit.zip")


def test_labels_without_names_are_told(folders: Path, read: Read) -> None:
    (note,) = read(folders / "deberta-v2").notes
    assert "the labels are placeholders" in note
    assert not read(folders / "bert").notes


@pytest.mark.parametrize("family", ["bert", "vit", "whisper", "wav2vec2-ctc"])
def test_odd_values_never_raise_anything_else(
    family: str, copy: Copy, edit: Edit, read: Read
) -> None:
    folder = copy(family)
    files = sorted(set(folder.glob("*.json")) - {folder / "tokenizer.json"})
    facts = [(file, key) for file in files for key in json.loads(file.read_text())]
    choose = random.Random(family)
    for file, key in choose.sample(facts, min(len(facts), 12)):
        whole = file.read_bytes()
        edit(file, **{key: choose.choice(ODD)})
        with contextlib.suppress(EarletError):
            read(folder)
        file.write_bytes(whole)


@pytest.mark.usefixtures("in_process")
def test_an_id_beyond_the_network_is_told_with_the_bundle_that_was_to_have_it(
    copy: Copy, edit: Edit, read: Read, tmp_path: Path
) -> None:
    folder = copy("whisper")
    edit(folder / "generation_config.json", decoder_start_token_id=10**6)
    with pytest.raises(BundleError, match="/out: decoding: 1000000 is none of the network's"):
        write(read(folder), tmp_path / "out")
    assert not (tmp_path / "out").exists()
