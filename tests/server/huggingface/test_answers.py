"""What goes over the wire, byte by byte; and the cache, lists, and what is refused.

How the API's own servers write JSON is in the sources of api-inference-community (Starlette's
JSONResponse), and in which order keys come, in those of transformers 4.57: `score` first where a
sound is classified, `label` first where a picture or a text is.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from earlet.server.huggingface.answering import LARGE
from tests.server.huggingface.hub import encoded
from tests.server.program import Program

RATE_HZ = 8_000


@pytest.fixture(scope="module")
def post(server: Program) -> Iterator[Callable[..., httpx.Response]]:
    """`post("/models/...", ...)` as httpx has it."""
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        yield client.post


def test_a_sounds_labels_are_written_as_the_api_writes_them(
    post: Callable[..., httpx.Response], go: Path, here: Callable[[str], Any]
) -> None:
    response = post("/models/commands-en", content=go.read_bytes())
    labels = here("commands-en")(go)
    items = (f'{{"score":{label.score!r},"label":"{label.label}"}}' for label in labels)
    assert response.text == f"[{','.join(items)}]"
    assert response.headers["content-type"] == "application/json"


def test_a_pictures_labels_are_written_as_the_api_writes_them(
    post: Callable[..., httpx.Response], cat: Path, here: Callable[[str], Any]
) -> None:
    response = post("/models/efficientnet-lite0", content=cat.read_bytes())
    labels = here("efficientnet-lite0")(cat)
    items = (f'{{"label":"{label.label}","score":{label.score!r}}}' for label in labels)
    assert response.text == f"[{','.join(items)}]"


def test_texts_are_answered_nested(
    post: Callable[..., httpx.Response], here: Callable[[str], Any]
) -> None:
    texts = ["I like you", {"text": "I like you", "text_pair": "not"}]
    response = post("/models/sentiment-en", json={"inputs": texts})
    answers = here("sentiment-en")(texts)
    written = [
        ",".join(f'{{"label":"{label.label}","score":{label.score!r}}}' for label in labels)
        for labels in answers
    ]
    assert response.text == f"[[{written[0]}],[{written[1]}]]"
    for single in ("I like you", ["I like you"]):
        assert post("/models/sentiment-en", json={"inputs": single}).text == f"[[{written[0]}]]"
    assert post("/models/sentiment-en", content=b"I like you").text == f"[[{written[0]}]]"


def test_files_in_a_list_are_answered_in_a_list(
    post: Callable[..., httpx.Response], go: Path, cat: Path, sentence: Path
) -> None:
    for model, file in (("commands-en", go), ("efficientnet-lite0", cat)):
        one = post(f"/models/{model}", content=file.read_bytes()).text
        two = post(f"/models/{model}", json={"inputs": [encoded(file)] * 2}).text
        assert two == f"[{one},{one}]"
    body = {"inputs": [encoded(sentence)]}
    (answer,) = post("/models/moonshine-tiny-en", json=body).json()
    assert answer["text"].startswith("But I am hugely pleased")


def test_an_item_that_cannot_be_used_is_named(
    post: Callable[..., httpx.Response], go: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(go.read_bytes()[:20])
    response = post("/models/commands-en", json={"inputs": [encoded(go), encoded(broken)]})
    assert response.status_code == 422
    assert response.json()["error"].startswith("inputs[1]: ")


def test_an_answer_is_computed_once(
    post: Callable[..., httpx.Response], recordings: Path, tmp_path: Path
) -> None:
    waveform, rate = soundfile.read(recordings / "commands.flac", dtype="int16")
    soundfile.write(tmp_path / "long.wav", np.tile(waveform, 2), rate)
    sound = (tmp_path / "long.wav").read_bytes()
    assert len(sound) > LARGE  # so that it is read and hashed aside
    in_base64 = {"inputs": encoded(tmp_path / "long.wav"), "parameters": None}
    sent: list[dict[str, Any]] = [
        {"content": sound},
        {"content": sound},
        {"json": in_base64},
        {"json": {**in_base64, "parameters": {"top_k": None}}},
        {"content": sound, "headers": {"x-use-cache": "false"}},
        {"json": {**in_base64, "options": {"use_cache": False}}},
        {"json": {**in_base64, "parameters": {"top_k": 5}}},
    ]
    responses = [post("/models/yamnet", **request) for request in sent]
    told = [response.headers["x-cache"] for response in responses]
    assert told == ["miss", "hit", "hit", "hit", "bypass", "bypass", "miss"]
    assert len({response.content for response in responses}) == 1


def test_what_is_drawn_is_drawn_anew_unless_it_has_a_seed(
    post: Callable[..., httpx.Response], sentence: Path
) -> None:
    def ask(**more: object) -> tuple[str, str]:
        generation = {"do_sample": True, "temperature": 3.0, "max_new_tokens": 20, **more}
        body = {
            "inputs": encoded(sentence),
            "parameters": {"generation_parameters": generation},
        }
        response = post("/models/moonshine-tiny-en", json=body)
        return response.headers["x-cache"], response.json()["text"]

    first, second = ask(), ask()
    assert first[0] == second[0] == "bypass"
    assert first[1] != second[1]
    first, second = ask(seed=7), ask(seed=7)
    assert (first[0], second[0]) == ("miss", "hit")
    assert first[1] == second[1]


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/", 404, "commands-en"),
        ("/models/vad", 400, "voice-activity-detection"),
        ("/models/sentiment", 404, "'sentiment-en'"),
        ("/models/..%2f..%2fetc%2fpasswd", 404, "etc/passwd"),
        ("/models/%2e%2e/sentiment-en", 404, "'sentiment-en'"),
        ("/models//sentiment-en", 404, "/sentiment-en"),
        ("/models/sentiment-en%00", 404, "'sentiment-en'"),
    ],
)
def test_only_what_is_served_has_a_name(
    post: Callable[..., httpx.Response], path: str, status: int, told: str
) -> None:
    response = post(path, content=b"I like you")
    assert response.status_code == status
    assert [*response.json()] == ["error"]
    assert told in response.json()["error"]


def test_the_only_model_needs_no_name_and_its_labels_are_not_escaped(
    start_server: Callable[..., Program], altered: Callable[..., Path]
) -> None:
    labels = "négatif «»\n肯定 \U0001f600\n"
    bundle = altered(Path("models/sentiment-en"), {"labels.txt": labels.encode()})
    server = start_server("--bundle", f"somebody/feelings={bundle}", "--bundle", "vad")
    for path in ("/", "/models/somebody/feelings"):
        response = httpx.post(
            f"{server.url}{path}", content=b"I like you", trust_env=False, timeout=60
        )
        assert '{"label":"肯定 \U0001f600","score":0.9'.encode() in response.content
        assert "négatif «»".encode() in response.content


def test_a_model_that_is_being_loaded_says_how_long_that_takes(narrow_server: Program) -> None:
    def ask(**options: bool) -> httpx.Response:
        model = f"{narrow_server.url}/models/feelings-raw"
        body = {"inputs": "I like you", "options": options}
        return httpx.post(model, json=body, timeout=60, trust_env=False)

    response = ask(wait_for_model=False)
    assert response.status_code == 503
    answer = response.json()
    assert [*answer] == ["error", "estimated_time"]
    assert answer["error"] == "Model feelings-raw is currently loading"
    assert 0 < answer["estimated_time"] < 60
    assert ask().status_code == 200


def test_a_small_file_of_a_long_silence_is_too_large(
    narrow_server: Program, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "hour.flac", np.zeros(3600 * RATE_HZ, np.int16), RATE_HZ)
    sound = (tmp_path / "hour.flac").read_bytes()
    model = f"{narrow_server.url}/models/moonshine-tiny-en"
    response = httpx.post(model, content=sound, timeout=60, trust_env=False)
    assert len(sound) < 100_000
    assert response.status_code == 413
    assert "100 s" in response.json()["error"]


@pytest.mark.parametrize("name", ["png_bomb_12000x12000_1bit.png", "png_huge_dimensions.png"])
def test_a_small_file_of_a_large_picture_is_too_large(
    post: Callable[..., httpx.Response], name: str
) -> None:
    bomb = (Path(__file__).parents[2] / "bad" / name).read_bytes()
    response = post("/models/efficientnet-lite0", content=bomb)
    assert response.status_code == 413
    assert "million" in response.json()["error"]


@pytest.mark.parametrize("model", ["commands-en", "efficientnet-lite0", "moonshine-tiny-en"])
def test_a_damaged_file_is_never_the_servers_fault(
    post: Callable[..., httpx.Response], go: Path, cat: Path, sentence: Path, model: str
) -> None:
    file = {"commands-en": go, "efficientnet-lite0": cat, "moonshine-tiny-en": sentence}[model]
    whole, random = file.read_bytes(), Random(7)
    for _ in range(40):
        damaged = bytearray(whole[: random.randrange(1, len(whole) * 2)])  # half of them whole
        for _ in range(random.randrange(1, 20)):
            end = random.choice([64, 512, len(damaged)])  # mostly the header
            damaged[random.randrange(min(end, len(damaged)))] = random.randrange(256)
        response = post(f"/models/{model}", content=bytes(damaged))
        assert response.status_code in (200, 400, 413, 415, 422), response.text
