"""What a request asks; oracle: the tasks' pages, and what clients were seen to send."""

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from earlet.files import HEAD_BYTES
from earlet.manifest import Task
from earlet.server.failures import BadRequest, UnsupportedKind
from earlet.server.huggingface.question import MAX_INPUTS, Question, read_question

ROOT = Path(__file__).parents[2]
SOUND = (ROOT / "recordings" / "commands.flac").read_bytes()
PICTURE = (ROOT / "pictures" / "cat.jpg").read_bytes()
FILES: Mapping[Task, bytes] = {
    "audio-classification": SOUND,
    "automatic-speech-recognition": SOUND,
    "image-classification": PICTURE,
}
# What an HTML form, a browser, a client that guesses, and one that says nothing call a body.
CONTENT_TYPES = ["", "application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "video/webm"]


def read(body: object, task: Task, **headers: str) -> Question:
    """Of a body that is bytes, or becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_question(data, named, task)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def broken_into_lines(data: bytes) -> str:
    return base64.encodebytes(data).decode().replace("\n", "\r\n")


def as_data_url(data: bytes) -> str:
    return f"data:application/octet-stream;base64,{encoded(data)}"


@pytest.mark.parametrize("task", FILES)
@pytest.mark.parametrize("content_type", [*CONTENT_TYPES, "application/json"])
def test_a_file_comes_raw_whatever_it_is_called(task: Task, content_type: str) -> None:
    question = read(FILES[task], task, content_type=content_type)
    assert question.contents == (FILES[task],)
    assert not question.is_list


@pytest.mark.parametrize("task", FILES)
def test_a_file_of_which_curl_has_taken_bytes_is_told_from_a_damaged_one(task: Task) -> None:
    """curl(1), `-d`: "carriage returns, newlines and null bytes are stripped out"."""
    stripped = FILES[task].translate(None, b"\r\n\0")
    with pytest.raises(BadRequest, match="--data-binary"):
        read(stripped, task, content_type="application/x-www-form-urlencoded")
    body = json.dumps({"inputs": encoded(FILES[task])}).encode()  # has none of them either
    assert read(body, task, content_type="application/x-www-form-urlencoded").contents


@pytest.mark.parametrize("task", FILES)
@pytest.mark.parametrize("encode", [encoded, broken_into_lines, as_data_url])
def test_a_file_comes_in_base64(task: Task, encode: Callable[[bytes], str]) -> None:
    assert read({"inputs": encode(FILES[task])}, task).contents == (FILES[task],)


@pytest.mark.parametrize("content_type", [*CONTENT_TYPES, "application/json; charset=utf-8"])
def test_json_is_told_by_how_it_begins(content_type: str) -> None:
    body = b'\xef\xbb\xbf \r\n{"inputs": "I like you"}'
    assert read(body, "text-classification", content_type=content_type).arguments == {
        "inputs": ["I like you"]
    }


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_a_text_comes_raw(content_type: str) -> None:
    body = 'GIF89a is "déjà vu".'.encode()
    question = read(body, "text-classification", content_type=content_type)
    assert question.arguments == {"inputs": ['GIF89a is "déjà vu".']}


def test_a_text_alone_is_json_enough() -> None:
    body = b'"I like you"'
    question = read(body, "text-classification", content_type="application/json")
    assert question.arguments == {"inputs": ["I like you"]}


def test_texts_come_in_pairs_and_in_lists() -> None:
    pairs = [{"text": "Where?", "text_pair": "There."}, {"text": "Where?", "text_pair": None}, "a"]
    expected = [{"text": "Where?", "text_pair": "There."}, {"text": "Where?"}, "a"]
    assert read({"inputs": pairs}, "text-classification").arguments == {"inputs": expected}
    assert read({"inputs": pairs[0]}, "text-classification").arguments == {"inputs": expected[:1]}


def test_files_come_in_lists() -> None:
    question = read({"inputs": [encoded(SOUND), as_data_url(SOUND)]}, "audio-classification")
    assert question.contents == (SOUND, SOUND)
    assert question.is_list


def test_null_is_as_good_as_left_out() -> None:
    plain = read({"inputs": "a"}, "text-classification")
    nulls = {"parameters": {"top_k": None, "function_to_apply": None}, "options": None}
    assert read({"inputs": "a", **nulls}, "text-classification") == plain
    assert read({"inputs": "a", "parameters": None}, "text-classification") == plain


@pytest.mark.parametrize("function", ["sigmoid", "softmax", "none"])
def test_parameters_of_a_classification_go_on_to_its_operation(function: str) -> None:
    parameters = {"top_k": 3, "function_to_apply": function}
    question = read({"inputs": encoded(PICTURE), "parameters": parameters}, "image-classification")
    assert question.operation == "classify"
    assert question.arguments == parameters


# Every parameter of the page, each with what it needs beside it.
GENERATION = [
    {"do_sample": True, "temperature": 0.7, "top_k": 20, "top_p": 0.9, "typical_p": 0.9},
    {"do_sample": True, "epsilon_cutoff": 3e-4, "eta_cutoff": 2e-3},
    {"max_length": 40, "min_length": 2},
    {"max_new_tokens": 40, "min_new_tokens": 2},
    *({"num_beams": 4, "early_stopping": value} for value in ("never", True, False)),
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
    {"penalty_alpha": 0.6, "top_k": 4},
    {"use_cache": False},
]


@pytest.mark.parametrize("generation", GENERATION)
@pytest.mark.parametrize("name", ["generation_parameters", "generate_kwargs"])
def test_parameters_of_generation_go_on_to_transcription(
    name: str, generation: dict[str, object]
) -> None:
    parameters = {name: {**generation, "repetition_penalty": None}, "return_timestamps": True}
    question = read(
        {"inputs": encoded(SOUND), "parameters": parameters}, "automatic-speech-recognition"
    )
    assert question.operation == "transcribe"
    assert question.arguments == {"generation_parameters": generation, "return_timestamps": True}


def test_language_and_task_are_taken_among_them_as_transformers_does() -> None:
    parameters = {"generate_kwargs": {"language": "fr", "task": "translate", "num_beams": 2}}
    question = read(
        {"inputs": encoded(SOUND), "parameters": parameters}, "automatic-speech-recognition"
    )
    assert question.arguments == {
        "language": "fr",
        "task": "translate",
        "generation_parameters": {"num_beams": 2},
    }


def test_a_language_is_called_as_transformers_calls_it() -> None:
    inputs = encoded(SOUND[:HEAD_BYTES])
    for code, name in LANGUAGES.items():
        for said in (code, name, name.capitalize(), f"<|{code}|>"):
            body = {"inputs": inputs, "parameters": {"generate_kwargs": {"language": said}}}
            question = read(body, "automatic-speech-recognition")
            assert question.arguments == {"language": code}


@pytest.mark.parametrize(
    ("generation", "is_drawn"),
    [
        ({}, False),
        ({"num_beams": 3}, False),
        ({"do_sample": False}, False),
        ({"do_sample": True}, True),
        ({"do_sample": True, "seed": 0}, False),
    ],
)
def test_what_is_drawn_without_a_seed_is_known(
    generation: dict[str, object], is_drawn: bool
) -> None:
    body = {"inputs": encoded(SOUND), "parameters": {"generation_parameters": generation}}
    assert read(body, "automatic-speech-recognition").is_drawn == is_drawn


@pytest.mark.parametrize(
    ("options", "headers", "use_cache", "waits"),
    [
        ({}, {}, True, True),
        ({"use_cache": False, "wait_for_model": False, "use_gpu": False}, {}, False, False),
        ({}, {"x_use_cache": "false", "x_wait_for_model": "0"}, False, False),
        ({}, {"x_use_cache": "1", "x_wait_for_model": "True"}, True, True),
        ({"use_cache": False}, {"x_use_cache": "true"}, True, True),
        ({"wait_for_model": True}, {"x_wait_for_model": "false"}, True, False),
    ],
)
def test_options_come_in_headers_or_in_the_body(
    options: dict[str, bool], headers: dict[str, str], use_cache: bool, waits: bool
) -> None:
    question = read({"inputs": "a", "options": options}, "text-classification", **headers)
    assert (question.use_cache, question.waits) == (use_cache, waits)


def speech(**parameters: object) -> dict[str, object]:
    return {"inputs": encoded(SOUND), "parameters": parameters}


def text(**more: object) -> dict[str, object]:
    return {"inputs": "a", **more}


TEXT, SPEECH, AUDIO = "text-classification", "automatic-speech-recognition", "audio-classification"


@pytest.mark.parametrize(
    ("body", "task", "told"),
    [
        (b"", AUDIO, ["empty"]),
        (b"", TEXT, ["empty"]),
        (b"{", TEXT, ["JSON"]),
        (b'{"inputs": "a"', AUDIO, ["JSON"]),
        ({"parameters": {}}, TEXT, ["inputs", "missing"]),
        ({"inputs": None}, TEXT, ["inputs", "missing"]),
        ({"input": "a"}, TEXT, ["input", "'inputs'"]),
        (text(paramaters={}), TEXT, ["paramaters", "'parameters'"]),
        (text(parameters=[]), TEXT, ["parameters", "mapping"]),
        (text(parameters={"topk": 3}), TEXT, ["topk", "'top_k'"]),
        (text(parameters={"top_k": 0}), TEXT, ["top_k", "1 or more"]),
        (text(parameters={"top_k": -1}), TEXT, ["top_k", "1 or more"]),
        (text(parameters={"top_k": 1.5}), TEXT, ["top_k", "whole number"]),
        (text(parameters={"top_k": True}), TEXT, ["top_k", "whole number"]),
        (text(parameters={"top_k": "3"}), TEXT, ["top_k", "whole number"]),
        (text(parameters={"function_to_apply": "max"}), TEXT, ["function_to_apply", "sigmoid"]),
        (text(options={"cache": False}), TEXT, ["cache", "'use_cache'"]),
        (text(options={"use_cache": "no"}), TEXT, ["use_cache", "true or false"]),
        (text(options={"use_gpu": True}), TEXT, ["use_gpu"]),
        ({"inputs": 5}, TEXT, ["inputs", "text"]),
        ({"inputs": ["a", 5]}, TEXT, ["inputs[1]", "text"]),
        ({"inputs": [["a", "b"]]}, TEXT, ["inputs[0]", "text"]),
        ({"inputs": {"text_pair": "a"}}, TEXT, ["inputs", "'text'"]),
        ({"inputs": {"text": 5}}, TEXT, ["inputs.text", "string"]),
        ({"inputs": [{"text": "a", "pair": "b"}]}, TEXT, ["inputs[0]", "pair"]),
        ({"inputs": []}, TEXT, ["inputs", "1 to"]),
        ({"inputs": ["a"] * (MAX_INPUTS + 1)}, TEXT, ["inputs", str(MAX_INPUTS)]),
        ({"inputs": ""}, AUDIO, ["inputs", "empty"]),
        ({"inputs": 5}, AUDIO, ["inputs", "base64"]),
        ({"inputs": {"text": "a"}}, AUDIO, ["inputs", "base64"]),
        ({"inputs": "***"}, AUDIO, ["inputs", "base64", "expected a sound file"]),
        ({"inputs": encoded(SOUND)[:-3]}, AUDIO, ["inputs", "base64"]),
        ({"inputs": "https://example.org/a.wav"}, AUDIO, ["inputs", "base64"]),
        ({"inputs": "/etc/passwd"}, AUDIO, ["inputs", "base64"]),
        ({"inputs": "data:audio/wav,abc"}, AUDIO, ["inputs", "base64"]),
        ({"inputs": [encoded(SOUND), "*"]}, AUDIO, ["inputs[1]", "base64"]),
        (speech(return_timestamps="words"), SPEECH, ["return_timestamps", "word"]),
        (speech(return_timestamps=1), SPEECH, ["return_timestamps", "word"]),
        (speech(generation=5), SPEECH, ["generation", "'generation_parameters'"]),
        (speech(generation_parameters=[]), SPEECH, ["generation_parameters", "mapping"]),
        (speech(generation_parameters={"beams": 2}), SPEECH, ["beams", "'num_beams'"]),
        (speech(generation_parameters={"num_beams": 0}), SPEECH, ["num_beams", "at least 1"]),
        (speech(generation_parameters={"top_p": 1.5}), SPEECH, ["top_p", "at most 1"]),
        (speech(generation_parameters={"top_p": 0.5}), SPEECH, ["top_p", "do_sample"]),
        (speech(top_k=5), SPEECH, ["top_k"]),
        (
            speech(generation_parameters={"num_beams": 2}, generate_kwargs={"num_beams": 2}),
            SPEECH,
            ["generation_parameters", "generate_kwargs"],
        ),
    ],
)
def test_what_is_wrong_is_named(body: object, task: Task, told: list[str]) -> None:
    with pytest.raises(BadRequest) as problem:
        read(body, task)
    for word in told:
        assert word in problem.value.message
    assert "\n" not in problem.value.message


@pytest.mark.parametrize("name", ["x_use_cache", "x_wait_for_model"])
@pytest.mark.parametrize("value", ["", "yes", "2"])
def test_a_header_that_is_neither_true_nor_false_is_named(name: str, value: str) -> None:
    with pytest.raises(BadRequest, match=name.replace("_", "-")):
        read({"inputs": "a"}, "text-classification", **{name: value})


@pytest.mark.parametrize(
    ("task", "body", "told"),
    [
        ("image-classification", SOUND, ["picture", "sound"]),
        ("audio-classification", PICTURE, ["sound", "picture"]),
        ("text-classification", PICTURE, ["text", "picture"]),
        ("text-classification", b"RIFF\x24\0\0\0WAVEfmt ", ["text", "sound"]),
        ("audio-classification", b"I like you", ["sound", "49 20 6c"]),
        ("audio-classification", b"\x1aE\xdf\xa3", ["sound", "got WebM or Matroska"]),
        ("image-classification", b"\x7fELF\2\1", ["picture", "7f 45 4c 46"]),
        ("text-classification", "déjà vu".encode("latin-1"), ["UTF-8"]),
    ],
)
def test_another_kind_of_file_is_told_from_a_damaged_one(
    task: Task, body: bytes, told: list[str]
) -> None:
    ways: list[object] = [body]
    if task != "text-classification":  # where any string is a text
        ways.append({"inputs": encoded(body)})
    for way in ways:
        with pytest.raises(UnsupportedKind) as problem:
            read(way, task)
        for word in told:
            assert word in problem.value.message


@pytest.mark.parametrize("task", ["text-classification", "audio-classification"])
def test_a_form_is_not_taken_for_what_is_in_it(task: Task) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="inputs"\r\n\r\nI like you\r\n--x--\r\n'
    with pytest.raises(UnsupportedKind, match="a form"):
        read(form, task, content_type="multipart/form-data; boundary=x")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PARAMETERS = st.dictionaries(
    st.sampled_from(["top_k", "function_to_apply", "return_timestamps", "generation_parameters"]),
    VALUES,
)
BODIES = (
    st.binary()
    | st.sampled_from([SOUND, PICTURE]).flatmap(
        lambda data: st.integers(0, HEAD_BYTES).map(lambda n_bytes: data[:n_bytes])
    )
    | st.fixed_dictionaries({"inputs": VALUES}, optional={"parameters": PARAMETERS | VALUES})
)


@given(body=BODIES, task=st.sampled_from([*FILES, "text-classification"]))
def test_whatever_comes_is_a_question_or_is_refused(body: object, task: Task) -> None:
    with suppress(BadRequest, UnsupportedKind):
        read(body, task)
