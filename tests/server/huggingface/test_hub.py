"""huggingface_hub's own client, three versions of it: every task, every parameter, every error.

Numbers are held to the pipeline in this process, to the last digit: the way there and back must not
change them. What is in the clips and in the picture is known.
"""

import asyncio
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from tests.rig.virtual_microphone import WAIT_S
from tests.server.huggingface.hub import Hub
from tests.server.program import Program

AUDIO, IMAGE, TEXT = "audio-classification", "image-classification", "text-classification"
SPEECH = "automatic-speech-recognition"
BUNDLES = {
    AUDIO: "commands-en",
    IMAGE: "efficientnet-lite0",
    TEXT: "sentiment-en",
    SPEECH: "moonshine-tiny-en",
}
BAD = Path(__file__).parents[2] / "bad"
LIKENESS = 0.95  # of what is heard and what was read, difflib's ratio: a word of eleven
# Every parameter of the page, some with what they need beside them; a draw has a seed.
GENERATION: list[dict[str, object]] = [
    {"do_sample": True, "seed": 1, "temperature": 1.5, "top_k": 20, "top_p": 0.9, "typical_p": 0.9},
    {"do_sample": True, "seed": 1, "epsilon_cutoff": 3e-4, "eta_cutoff": 2e-3},
    {"max_length": 5, "min_length": 2},
    {"max_new_tokens": 5, "min_new_tokens": 2},
    {"num_beams": 2, "early_stopping": "never"},
    {"num_beams": 2, "early_stopping": True},
    {"num_beams": 2, "num_beam_groups": 2, "diversity_penalty": 0.5, "early_stopping": False},
    {"penalty_alpha": 0.6, "top_k": 4},
    {"use_cache": False, "max_new_tokens": 5},
]


def url(server: Program, task: str) -> str:
    return f"{server.url}/models/{BUNDLES[task]}"


def as_json(labels: list[Any]) -> list[dict[str, object]]:
    return [label.to_json() for label in labels]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("how", ["path", "name", "bytes", "file"])
def test_a_sound_is_classified(
    hub: Hub, server: Program, go: Path, here: Callable[[str], Any], how: str, is_async: bool
) -> None:
    answer = hub.ask(url(server, AUDIO), AUDIO, go, how=how, is_async=is_async)
    assert answer["result"] == as_json(here(BUNDLES[AUDIO])(go))
    assert answer["result"][0]["label"] == "go"


@pytest.mark.parametrize("how", ["path", "bytes"])
def test_a_picture_is_classified(
    hub: Hub, server: Program, cat: Path, here: Callable[[str], Any], how: str
) -> None:
    answer = hub.ask(url(server, IMAGE), IMAGE, cat, how=how)
    assert answer["result"] == as_json(here(BUNDLES[IMAGE])(cat))
    assert answer["result"][0]["label"] == "Egyptian cat"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I like you. I love you", "POSITIVE"),
        ("It was dull, and far too long.", "NEGATIVE"),
        ("日本語 — naïve ☕ \U0001f600", None),
    ],
)
def test_a_text_is_classified(
    hub: Hub, server: Program, here: Callable[[str], Any], text: str, label: str | None
) -> None:
    answer = hub.ask(url(server, TEXT), TEXT, text)
    assert answer["result"] == as_json(here(BUNDLES[TEXT])(text))
    assert label in (None, answer["result"][0]["label"])


@pytest.mark.parametrize("how", ["path", "bytes"])
def test_speech_is_written_down(
    hub: Hub,
    server: Program,
    sentence: Path,
    recordings: Path,
    here: Callable[[str], Any],
    how: str,
) -> None:
    answer = hub.ask(url(server, SPEECH), SPEECH, sentence, how=how)
    assert answer["result"] == here(BUNDLES[SPEECH])(sentence).to_json()
    said = (recordings / "speech.txt").read_text(encoding="utf-8").splitlines()[0].split()
    heard = answer["result"]["text"].lower().replace(".", "").split()
    assert SequenceMatcher(None, said, heard).ratio() > LIKENESS


@pytest.mark.usefixtures("litert")
@pytest.mark.parametrize("task", [AUDIO, IMAGE, TEXT])
@pytest.mark.parametrize(
    ("function", "top_k"), [("softmax", 1), ("sigmoid", 3), ("none", None), (None, 2)]
)
def test_labels_come_as_they_are_asked_for(
    hub: Hub,
    server: Program,
    go: Path,
    cat: Path,
    here: Callable[[str], Any],
    task: str,
    function: str | None,
    top_k: int | None,
) -> None:
    given = go if task == AUDIO else cat if task == IMAGE else "I like you"
    bundle = "yamnet" if task == AUDIO else BUNDLES[task]  # a spotter's are those of softmax
    asked = {"function_to_apply": function, "top_k": top_k}
    answer = hub.ask(f"{server.url}/models/{bundle}", task, given, asked)
    limited = {name: value for name, value in asked.items() if value is not None}
    assert answer["result"] == as_json(here(bundle)(given, **limited))


@pytest.mark.parametrize("generation", GENERATION)
def test_speech_is_written_as_the_parameters_say(
    hub: Hub,
    server: Program,
    sentence: Path,
    here: Callable[[str], Any],
    generation: dict[str, object],
) -> None:
    parameters = {"generation_parameters": generation, "return_timestamps": True}
    answer = hub.ask(url(server, SPEECH), SPEECH, sentence, parameters)["result"]
    assert answer == here(BUNDLES[SPEECH])(sentence, **parameters).to_json()
    (chunk,) = answer["chunks"]
    start_s, end_s = chunk["timestamp"]
    assert 0 < start_s < end_s < 5.5


@pytest.mark.parametrize(
    ("task", "file", "status", "told"),
    [
        (AUDIO, "truncated.jpg", 415, "expected a sound file"),
        (IMAGE, "good_440hz_1s.wav", 415, "expected a picture"),
        (SPEECH, "html_error_page.wav", 415, "expected a sound file"),
        (AUDIO, "broken_flac_32.flac", 422, "damaged"),
        (SPEECH, "broken_flac_32.flac", 422, "damaged"),
        (IMAGE, "truncated.jpg", 422, "damaged"),
        (IMAGE, "png_bad_crc.png", 422, "damaged"),
        (AUDIO, "empty.wav", 400, "empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_why(
    hub: Hub, server: Program, task: str, file: str, status: int, told: str
) -> None:
    answer = hub.ask(url(server, task), task, BAD / file)
    assert answer["error"] == ("BadRequestError" if status == 400 else "HfHubHTTPError")
    assert answer["status"] == status
    assert told in answer["message"]


def test_a_parameter_that_is_wrong_is_named(hub: Hub, server: Program, go: Path) -> None:
    answer = hub.ask(url(server, AUDIO), AUDIO, go, {"top_k": 0})
    assert (answer["error"], answer["status"]) == ("BadRequestError", 400)
    assert "top_k" in answer["message"]


def test_a_model_that_is_not_there_is_told_with_the_nearest(hub: Hub, server: Program) -> None:
    answer = hub.ask(f"{server.url}/models/commands", AUDIO, BAD / "good_440hz_1s.wav")
    assert (answer["error"], answer["status"]) == ("HfHubHTTPError", 404)
    assert "commands-en" in answer["message"]


def test_a_token_is_brought(hub: Hub, guarded_server: Program) -> None:
    model = url(guarded_server, TEXT)
    for token in (None, "hf_another"):
        answer = hub.ask(model, TEXT, "I like you", token=token)
        assert (answer["error"], answer["status"]) == ("HfHubHTTPError", 401)
        assert "token" in answer["message"]
    answer = hub.ask(model, TEXT, "I like you", token=guarded_server.token)
    assert answer["result"][0]["label"] == "POSITIVE"


def test_a_model_that_is_being_loaded_says_so_to_who_does_not_wait(
    hub: Hub, narrow_server: Program
) -> None:
    model = f"{narrow_server.url}/models/feelings-{hub.version}"
    answer = hub.ask(model, TEXT, "I like you", headers={"X-Wait-For-Model": "false"})
    if hub.version == "0.25.2":  # which asks again until it is loaded
        assert answer["result"][0]["label"] == "POSITIVE"
        assert f"POST /models/feelings-{hub.version} 503 " in narrow_server.told
        return
    assert (answer["error"], answer["status"]) == ("HfHubHTTPError", 503)
    assert f"Model feelings-{hub.version} is currently loading" in answer["message"]
    assert int(answer["headers"]["retry-after"]) >= 1
    assert hub.ask(model, TEXT, "I like you")["result"][0]["label"] == "POSITIVE"


def test_a_full_queue_says_when_to_come_again(
    hub: Hub, narrow_server: Program, tmp_path: Path, recordings: Path
) -> None:
    waveform, rate = soundfile.read(recordings / "speech.flac", dtype="int16")
    soundfile.write(tmp_path / "long.flac", np.tile(waveform, 7), rate)
    model, speech = url(narrow_server, SPEECH), (tmp_path / "long.flac").read_bytes()

    async def ask_for_more_than_there_is_room() -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False, timeout=WAIT_S) as client:
            busy = [asyncio.create_task(client.post(model, content=speech)) for _ in range(2)]
            async with asyncio.timeout(WAIT_S):
                while "earlet_serve_queue_length 1" not in (await _metrics(client, narrow_server)):
                    await asyncio.sleep(0.01)
            answer = hub.ask(model, SPEECH, recordings / "speech.flac")
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)
        return answer

    answer = asyncio.run(ask_for_more_than_there_is_room())
    assert (answer["error"], answer["status"]) == ("HfHubHTTPError", 429)
    assert answer["headers"]["retry-after"] == "1"
    if hub.version == "2.4.0":  # which reads RateLimit and RateLimit-Policy
        assert "'queue' rate limit" in answer["message"]
        assert "Retry after 1 seconds (0/1 requests remaining" in answer["message"]


async def _metrics(client: httpx.AsyncClient, server: Program) -> str:
    return (await client.get(f"{server.url}/metrics")).text


@pytest.mark.parametrize("path", ["", "/models/commands-en"])
def test_a_server_and_a_model_say_how_they_fare(hub: Hub, server: Program, path: str) -> None:
    provider = {} if hub.version == "0.25.2" else {"provider": "hf-inference"}

    def told(method: str) -> Any:
        client = {"model": f"{server.url}{path}", **provider}
        answer = hub.process.ask(
            client=client, method=method, given="", how="not", is_async=False, more={}
        )
        return answer["result"]

    assert told("health_check") is True
    assert "commands-en" in str(told("get_endpoint_info"))
