"""What is asked of the server over HTTP in a soak, good and bad, and what must come of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).parents[3]
PICTURE = (ROOT / "tests" / "pictures" / "cat.jpg").read_bytes()
SPEECH = (ROOT / "tests" / "recordings" / "speech.flac").read_bytes()
COMMANDS = (ROOT / "tests" / "recordings" / "commands.flac").read_bytes()
SAID = "my lady"  # in SPEECH

SPOTTER, SOUNDS, RECOGNISER = "/models/commands-en", "/models/yamnet", "/models/moonshine-tiny-en"
PICTURES, TEXTS = "/models/efficientnet-lite0", "/models/sentiment-en"
JSON = {"Content-Type": "application/json"}
TRANSCRIPTIONS = "/v1/audio/transcriptions"


@dataclass(frozen=True)
class Request:
    """A request, and its only answer that is right."""

    path: str
    body: bytes = b""
    method: str = "POST"
    status: int = 200
    says: str = ""  # somewhere in the answer
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None  # fields beside `body` as a file


def asking(path: str, document: object, status: int = 200, says: str = "") -> Request:
    """With JSON, or what is to be taken for it."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Request(path, body, status=status, says=says, headers=JSON)


def transcription(status: int = 200, says: str = SAID, **fields: str) -> Request:
    """As OpenAI's clients ask for it."""
    form = {"model": "moonshine-tiny-en", **fields}
    return Request(TRANSCRIPTIONS, SPEECH, status=status, says=says, form=form)


def fresh(request: Request) -> Request:
    """The same, and computed anew."""
    return replace(request, headers={**request.headers, "x-use-cache": "false"})


# How often each comes, of their sum.
GOOD: dict[str, tuple[int, Request]] = {
    "a text": (10, fresh(asking(TEXTS, {"inputs": "What a lovely day!"}, says="POSITIVE"))),
    "a text again": (5, asking(TEXTS, {"inputs": "It was dull."}, says="NEGATIVE")),
    "texts": (5, fresh(asking(TEXTS, {"inputs": ["Lovely!", "A dull mess."]}, says="NEGATIVE"))),
    "a picture": (5, fresh(Request(PICTURES, PICTURE, says="cat"))),
    "a word": (5, fresh(Request(SPOTTER, COMMANDS, says="five"))),
    "a sound": (3, fresh(Request(SOUNDS, SPEECH, says="Speech"))),
    "speech": (2, fresh(Request(RECOGNISER, SPEECH, says=SAID))),
    "speech as OpenAI": (2, transcription()),
    "its subtitles": (1, transcription(response_format="srt", says="00:00:00,")),
    "its segments": (1, transcription(response_format="verbose_json", says="segments")),
    "its events": (1, transcription(stream="true", says="transcript.text.done")),
    "the page": (2, Request("/", method="GET", says="<html")),
    "health": (3, Request("/health", method="GET", says="ok")),
    "info": (1, Request("/info", method="GET", says="earlet")),
    "models": (1, Request("/models", method="GET", says="sentiment-en")),
    "models as OpenAI": (1, Request("/v1/models", method="GET", says="moonshine-tiny-en")),
    "figures": (2, Request("/metrics", method="GET", says="# TYPE earlet_")),
    "description": (1, Request("/openapi.json", method="GET", says="openapi")),
}

BAD: dict[str, tuple[int, Request]] = {
    "no JSON": (1, asking(TEXTS, b'{"inputs": ', 400)),
    "JSON with NaN": (1, asking(TEXTS, b'{"inputs": "a", "parameters": {"top_k": NaN}}', 400)),
    "JSON that is deep": (1, asking(TEXTS, b"[" * 100_000, 400)),
    "an unknown parameter": (
        1,
        asking(TEXTS, {"inputs": "a", "parameters": {"top_n": 1}}, 400, says="top_n"),
    ),
    "a wrong value": (
        1,
        asking(TEXTS, {"inputs": "a", "parameters": {"top_k": -1}}, 400, says="top_k"),
    ),
    "wrong base64": (1, asking(PICTURES, {"inputs": "no base64!"}, 400)),
    "nothing": (1, Request(PICTURES, b"", status=400)),
    "a model that is not there": (1, asking("/models/sentiment-fr", {"inputs": "a"}, 404)),
    "a model outside": (1, asking("/models/..%2f..%2fetc%2fpasswd", {"inputs": "a"}, 404)),
    "a path that is not there": (1, Request("/nonesuch", method="GET", status=404)),
    "a wrong method": (1, Request(TEXTS, method="DELETE", status=405)),
    "a picture as sound": (1, Request(SPOTTER, PICTURE, status=415)),
    "no kind of file": (1, Request(PICTURES, b"\0" * 1000, status=415)),
    "half a picture": (1, Request(PICTURES, PICTURE[: len(PICTURE) // 2], status=422)),
    "half a recording": (1, Request(RECOGNISER, SPEECH[:3000], status=422)),
    "a format of none": (1, transcription(400, response_format="docx", says="response_format")),
    "speech of no model": (1, transcription(404, model="nonesuch", says="nonesuch")),
    "translation": (
        1,
        Request("/v1/audio/translations", SPEECH, status=400, form={"model": "moonshine-tiny-en"}),
    ),
}
