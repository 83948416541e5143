"""What a request asks: its body and its headers, read strictly.

What a file is, its first bytes say: content types are left out, or wrong, by most clients. All that
can be checked without the model is checked here, so that a mistake waits for nobody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from earlet import schema
from earlet.errors import InputError
from earlet.files import HEAD_BYTES, decode_base64, foreign_format, kind_of, read_data_url
from earlet.manifest import Task
from earlet.server.body import parse_json
from earlet.server.failures import BadRequest, UnsupportedKind
from earlet.server.huggingface.parameters import classification, given, speech

MAX_INPUTS = 256  # of one request
SHOWN = 8  # bytes of a file that nobody knows
FORM = "application/x-www-form-urlencoded"  # what curl calls every body
STRIPPED = b"\0\r\n"  # what `curl -d @FILE` leaves out of it, and `--data-binary @FILE` does not
BINARY = 2_000  # bytes of a file; in so many, coded well, one in e^23 has none of these three
Kind = Literal["sound", "picture", "text"]
_KINDS: Mapping[Task, Kind] = {  # what each task takes
    "audio-classification": "sound",
    "automatic-speech-recognition": "sound",
    "image-classification": "picture",
    "text-classification": "text",
}
TASKS = tuple(_KINDS)  # of this API
_CALLED: Mapping[Kind, str] = {"sound": "a sound file", "picture": "a picture"}
_EXPECTED: Mapping[Kind, str] = {
    "sound": "a sound file (wav, flac, ogg, mp3 ...)",
    "picture": "a picture (jpeg, png, webp, gif, bmp, tiff)",
    "text": "text in UTF-8",
}
_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\{")  # how a JSON object begins
_FLAGS = {"true": True, "1": True, "false": False, "0": False}  # clients send both


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a model: a call of its process for each of `contents`."""

    operation: Literal["classify", "transcribe"]
    arguments: Mapping[str, object]
    contents: tuple[bytes, ...]  # files; b"" where texts are among the arguments
    is_list: bool  # whether a list is to be answered
    use_cache: bool
    waits: bool  # for the model to be loaded

    @property
    def is_drawn(self) -> bool:
        """Whether an equal question has another answer each time."""
        generation = self.arguments.get("generation_parameters")
        if not isinstance(generation, Mapping):
            return False
        return bool(generation.get("do_sample")) and "seed" not in generation


@dataclass(frozen=True, kw_only=True)
class _Body:
    inputs: object
    parameters: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of a request, in its body; a header goes before."""

    use_cache: bool = True
    wait_for_model: bool = True
    use_gpu: bool = False  # huggingface_hub's InferenceApi sends it

    def __post_init__(self) -> None:
        if self.use_gpu:
            raise InputError("use_gpu: earlet computes on the CPU; leave it out")


@dataclass(frozen=True, kw_only=True)
class _Texts:
    text: str
    text_pair: str | None = None


def read_question(body: bytes, headers: Mapping[str, str], task: Task) -> Question:
    """What a request asks of a model for `task`, one of `TASKS`.

    Raises:
        BadRequest: something is missing, unknown or wrong; it is named.
        UnsupportedKind: a file that is none of those that the task takes.
    """
    try:
        return _read(body, headers, task)
    except InputError as problem:
        raise BadRequest(str(problem)) from None


def _read(body: bytes, headers: Mapping[str, str], task: Task) -> Question:
    kind = _KINDS[task]
    asked = _asked(body, headers.get("content-type", ""), kind)
    options = schema.read(Options, given(asked.options), "options", InputError)
    is_speech = task == "automatic-speech-recognition"
    arguments = (speech if is_speech else classification)(asked.parameters)
    is_list = isinstance(asked.inputs, list)
    items = _named(asked.inputs)
    contents: tuple[bytes, ...] = (b"",)
    if kind == "text":
        arguments["inputs"] = [_text(item, name) for name, item in items.items()]
    else:
        contents = tuple(_file(item, name, kind) for name, item in items.items())
    return Question(
        operation="transcribe" if is_speech else "classify",
        arguments=arguments,
        contents=contents,
        # Of texts a list is answered even where there is one.
        is_list=is_list and kind != "text",
        use_cache=_flag(headers, "x-use-cache", options.use_cache),
        waits=_flag(headers, "x-wait-for-model", options.wait_for_model),
    )


def _asked(body: bytes, content_type: str, kind: Kind) -> _Body:
    """The body, whether it is JSON or the input itself."""
    if not body:
        raise BadRequest(f"the body is empty; expected {_EXPECTED[kind]}, or JSON with `inputs`")
    is_file = kind != "text" and kind_of(body[:HEAD_BYTES]) is not None
    called = content_type.partition(";")[0].strip().lower()
    if kind != "text" and called == FORM and _is_stripped(body):  # which may still be decoded
        raise BadRequest(
            f"expected {_EXPECTED[kind]}, got one without its zeros and line ends: curl takes them "
            "out with -d; --data-binary leaves them in"
        )
    if is_file:
        return _Body(inputs=body)
    if called == "multipart/form-data":  # of which a text's classifier would make something
        raise UnsupportedKind(f"expected {_EXPECTED[kind]}, or JSON with `inputs`; got a form")
    if called != "application/json" and not _OBJECT.match(body):
        return _Body(inputs=body)
    asked = parse_json(body)
    if not isinstance(asked, dict):  # as the API's first clients sent a text
        return _Body(inputs=asked)
    return schema.read(_Body, given(asked), "the body", InputError)


def _is_stripped(body: bytes) -> bool:
    is_binary = len(body) >= BINARY and not _OBJECT.match(body)
    return is_binary and not any(byte in body for byte in STRIPPED)


def _named(inputs: object) -> dict[str, object]:
    """The items of a list, or the only one, by what messages call them."""
    if not isinstance(inputs, list):
        return {"inputs": inputs}
    if not 1 <= len(inputs) <= MAX_INPUTS:
        raise BadRequest(f"inputs: expected a list of 1 to {MAX_INPUTS}, got {len(inputs)}")
    return {f"inputs[{i}]": item for i, item in enumerate(inputs)}


def _text(item: object, name: str) -> object:
    """A text or a pair of them, as the task takes it."""
    if isinstance(item, bytes):
        try:
            text = item.decode("utf-8")
        except UnicodeDecodeError:
            raise _other_kind(item, name, "text") from None
        if "\0" in text:  # a file that happens to have no other byte
            raise _other_kind(item, name, "text")
        return text
    if isinstance(item, str):
        return item
    if isinstance(item, Mapping):
        schema.read(_Texts, given(item), name, InputError)
        return given(item)
    raise BadRequest(f'{name}: expected a string or {{"text": ..., "text_pair": ...}}')


def _file(item: object, name: str, kind: Kind) -> bytes:
    """A file, raw or in base64, by its first bytes of a kind that the task takes."""
    expected = f"expected {_EXPECTED[kind]} in base64"
    if isinstance(item, str):
        item = read_data_url(item, name, InputError)
    if isinstance(item, str):
        try:
            item = decode_base64(item, name, InputError)
        except InputError as problem:
            raise BadRequest(f"{problem}; {expected}") from None
    if not isinstance(item, bytes):
        raise BadRequest(f"{name}: {expected}")
    if not item:
        raise BadRequest(f"{name}: is empty; {expected}")
    if kind_of(item[:HEAD_BYTES]) != kind:
        raise _other_kind(item, name, kind)
    return item


def _other_kind(data: bytes, name: str, kind: Kind) -> UnsupportedKind:
    head = data[:HEAD_BYTES]
    found = kind_of(head)
    got = _CALLED[found] if found else foreign_format(head)
    unknown = f"bytes of no kind that is known: {head[:SHOWN].hex(' ')} ..."
    return UnsupportedKind(f"{name}: expected {_EXPECTED[kind]}, got {got or unknown}")


def _flag(headers: Mapping[str, str], name: str, otherwise: bool) -> bool:
    value = headers.get(name)
    if value is None:
        return otherwise
    try:
        return _FLAGS[value.strip().lower()]
    except KeyError:
        raise BadRequest(f"{name}: expected true or false, got {value!r:.60}") from None
