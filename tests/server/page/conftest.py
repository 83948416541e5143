"""The page in a real Chromium, whose microphone hears a file.

Playwright keeps an event loop in this thread while it runs. Other tests have loops of their own, so
a browser ends with its module.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.server.program import ROOT, Program

WAIT_MS = 60_000  # for what takes a second, on a machine that is busy with something else
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
HEARD = ("go", "left")  # in `words`, tests/recordings/commands.tsv
SAID = "but i am hugely"  # in `sentence`, tests/recordings/speech.txt

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Photographs with what is on them; tests/pictures/README.md."""
    return ROOT / "tests" / "pictures"


@pytest.fixture(scope="session")
def words(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2.8 s in which two commands are said, a second apart; as a microphone, again and again."""
    spans = [(0.6, 2.0), (2.6, 4.0)]
    return _cut(recordings / "commands.flac", spans, tmp_path_factory)


@pytest.fixture(scope="session")
def sentence(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3.2 s: a second of quiet, `SAID`, and one word more."""
    spans = [(4.6, 5.6), (0.3, 2.5)]
    return _cut(recordings / "speech.flac", spans, tmp_path_factory)


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[[Path], Browser]]:
    """`launch(microphone)`: a browser whose microphone hears this WAV file; started once."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("needs Chromium: apt install chromium")
    expect.set_options(timeout=WAIT_MS)
    started: dict[Path, Browser] = {}
    with ExitStack() as running:
        playwright = running.enter_context(sync_playwright())

        def launch(microphone: Path) -> Browser:
            if microphone not in started:
                flags = [
                    "--no-sandbox",  # root has none
                    "--use-fake-device-for-media-stream",
                    f"--use-file-for-fake-audio-capture={microphone}",
                ]
                browser = playwright.chromium.launch(executable_path=program, args=flags)
                running.callback(browser.close)
                started[microphone] = browser
            return started[microphone]

        yield launch


@pytest.fixture
def faults() -> list[str]:
    """What the browser complained of: faults of scripts, broken rules of the page's own security
    policy, and requests to anybody but its server."""
    return []


@pytest.fixture
def open_page(
    server: Program, launch: Callable[[Path], Browser], words: Path, faults: list[str]
) -> Iterator[OpenPage]:
    """`open_page("#text", microphone=wav, refused=(415,), color_scheme="dark")`: the page in a
    window of its own, about which the browser has nothing to complain but the requests that the
    server is to refuse. The microphone may be used, and hears `words` unless told otherwise."""
    with ExitStack() as opened:

        def open_page(
            view: str = "",
            *,
            at: Program = server,
            microphone: Path = words,
            permissions: tuple[str, ...] = ("microphone",),
            refused: tuple[int, ...] = (),
            script: str = "",
            **window: Any,
        ) -> Page:
            context = launch(microphone).new_context(permissions=[*permissions], **window)
            opened.callback(context.close)
            context.set_default_timeout(WAIT_MS)
            page = context.new_page()
            _watch(page, at.url, refused, faults)
            page.add_init_script(script)
            page.goto(f"{at.url}/{view}")
            return page

        yield open_page
    assert faults == []


def _watch(page: Page, url: str, refused: tuple[int, ...], faults: list[str]) -> None:
    expected = tuple(f"the server responded with a status of {status} " for status in refused)

    def said(message: ConsoleMessage) -> None:
        is_expected = any(line in message.text for line in expected)
        if message.type in ("error", "warning") and not is_expected:
            faults.append(message.text)

    def asked(address: str) -> None:
        scheme, host = urlsplit(address)[:2]
        if scheme not in ("blob", "data") and host != urlsplit(url).netloc:
            faults.append(f"asked {address}")

    page.on("console", said)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))


def _cut(
    recording: Path, spans: list[tuple[float, float]], folders: pytest.TempPathFactory
) -> Path:
    """These seconds of a recording, one behind the other."""
    samples, rate = soundfile.read(recording, dtype="int16")
    path = folders.mktemp("microphone") / f"{recording.stem}.wav"
    cut = [samples[round(start * rate) : round(end * rate)] for start, end in spans]
    soundfile.write(path, np.concatenate(cut), rate)
    return path
