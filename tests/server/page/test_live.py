"""The microphone on the page: what is said into it appears."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, expect

from tests.rig.virtual_microphone import until
from tests.server.page.conftest import HEARD, SAID, WAIT_MS, OpenPage
from tests.server.program import Program

RATE = 48_000  # Hz, of Chromium's microphone
# What a page opens, and does not close by itself.
WATCH = """
  window.opened = { tracks: [], contexts: [], sockets: [], addresses: new Set() };
  const ask = MediaDevices.prototype.getUserMedia;
  MediaDevices.prototype.getUserMedia = async function (...asked) {
    const media = await ask.apply(this, asked);
    opened.tracks.push(...media.getTracks());
    return media;
  };
  const watched = (Opened, kept) => class extends Opened {
    constructor(...asked) {
      super(...asked);
      kept.push(this);
    }
  };
  window.AudioContext = watched(AudioContext, opened.contexts);
  window.WebSocket = watched(WebSocket, opened.sockets);
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (file) => {
    const address = createObjectURL(file);
    opened.addresses.add(address);
    return address;
  };
  URL.revokeObjectURL = (address) => {
    opened.addresses.delete(address);
    revokeObjectURL(address);
  };"""


def _listen(page: Page, mode: str) -> None:
    page.get_by_role("radio", name=re.compile(mode)).check(force=True)
    page.get_by_role("button", name="Start listening").click()


def _stop(page: Page) -> None:
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start listening")).to_be_enabled()
    expect(page.locator("#notice")).to_be_hidden()


def _n_colours(page: Page) -> tuple[int, int]:
    """Of the timeline: in a strip of the spectrogram, and in one of the scores."""
    spectrogram, scores = page.get_by_role("img", name=re.compile("Spectrogram")).evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const pixels = new Uint32Array(data.buffer);
          const strip = (from, to) => pixels.subarray(from * pixels.length, to * pixels.length);
          return [strip(0.3, 0.5), strip(0.8, 0.95)].map((strip) => new Set(strip).size);
        }"""
    )
    return spectrogram, scores


def test_words_that_are_said_appear_with_their_scores(open_page: OpenPage) -> None:
    page = open_page()
    _listen(page, "Words it knows")
    log = page.get_by_role("list", name="Heard")
    for word in HEARD:
        expect(log.get_by_text(word, exact=True).first).to_be_visible()
    bars = page.get_by_role("list", name="Score of each word")
    expect(bars.get_by_role("listitem")).to_have_count(9)  # the words of commands-en
    # Of silence, there would be the colour of the card, and that of some marks of the time.
    spectrogram, scores = _n_colours(page)
    assert spectrogram > 100
    assert scores > 10
    _stop(page)
    heard = set(log.locator("li:not(.rejected) span:not(.score)").all_inner_texts())
    assert heard == set(HEARD)


def test_a_sentence_appears_while_it_is_said_and_then_as_it_stays(
    open_page: OpenPage, sentence: Path
) -> None:
    page = open_page(microphone=sentence)
    _listen(page, "All that is said")
    partial = page.locator("#live-partial")
    expect(partial).to_contain_text(re.compile(r"\w"))
    # The recording goes round, and may be entered in its middle: then it is whole the second time.
    whole = page.locator("#live-text p").filter(has_text=re.compile(SAID, re.IGNORECASE)).first
    expect(whole).to_be_visible()
    # What is being said when it is stopped is written down, too.
    expect(partial).to_contain_text(re.compile(r"\w"))
    lines = page.locator("#live-text p").count()
    _stop(page)
    expect(partial).to_be_empty()
    assert page.locator("#live-text p").count() > lines


def test_typed_commands_are_heard_and_other_words_are_rejected(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("radio", name=re.compile("Words you type")).check(force=True)
    page.get_by_label("Commands, one a line").fill("{direction}\nopen the window")
    page.get_by_label("direction").fill("left, right")
    page.get_by_role("button", name="Start listening").click()
    log = page.get_by_role("list", name="Heard")
    expect(log.get_by_text("left · direction: left").first).to_be_visible()
    expect(log.get_by_text("none of the commands").first).to_be_visible()  # it is "go"
    _stop(page)
    assert "open the window" not in log.inner_text().splitlines()  # nearly, perhaps


def test_what_is_wrong_with_a_typed_command_is_said_in_a_line(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("radio", name=re.compile("Words you type")).check(force=True)
    page.get_by_label("Commands, one a line").fill("turn {on|off the light")
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("alert")).to_contain_text("turn {on|off the light")
    expect(page.get_by_role("button", name="Start listening")).to_be_enabled()
    page.get_by_label("Commands, one a line").fill(" \n")
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("alert")).to_contain_text("Type a command")


def test_a_page_that_may_not_have_the_microphone_says_what_to_do(open_page: OpenPage) -> None:
    page = open_page(permissions=())  # in a headless browser nobody answers the question: denied
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("alert")).to_contain_text("allow it for this page")


def test_a_page_that_is_not_secure_says_where_the_microphone_works(open_page: OpenPage) -> None:
    # As browsers do on http:// of another machine: https://www.w3.org/TR/mediacapture-streams/
    hidden = "Object.defineProperty(Navigator.prototype, 'mediaDevices', {value: undefined})"
    page = open_page(script=hidden)
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("alert")).to_contain_text("only over https or on the machine itself")
    expect(page.get_by_role("alert")).to_contain_text("ssh -L ")


def test_nothing_is_left_open_by_streams_recordings_and_files(
    open_page: OpenPage, pictures: Path
) -> None:
    page = open_page(script=WATCH)
    start = page.locator("#live-toggle")
    for leave in ("Text", "Stop"):
        page.get_by_role("button", name="Start listening").click()
        expect(page.locator("#live-state")).to_contain_text("Listening with commands-en")
        page.get_by_text(leave, exact=True).first.click()
        _expect_nothing_open(page)  # nobody listens unseen
        expect(start).to_be_enabled()
        page.get_by_role("link", name="Live").click()
    page.get_by_role("link", name="Sound").click()
    page.locator("#sound-model").select_option("commands-en")
    for leave in ("Stop", "Picture"):
        page.get_by_role("button", name="Record").click()
        expect(page.locator("#sound-recorded")).to_contain_text("Recording, 0:0")
        page.get_by_text(leave, exact=True).first.click()
        _expect_nothing_open(page)
        page.get_by_role("link", name="Sound").click()
    for name in ("cat.jpg", "bird.jpg"):
        page.locator("#picture-file").set_input_files(pictures / name)
        expect(page.locator("#picture-shown img")).to_be_visible()
    # Of the files only the last recording, for its player.
    _until(page, "opened.addresses.size === 1")
    assert page.evaluate("opened.addresses.has(document.querySelector('audio').src)")


def test_nobody_is_recorded_who_left_while_the_browser_asked(open_page: OpenPage) -> None:
    asks = """
      const open = MediaDevices.prototype.getUserMedia;
      MediaDevices.prototype.getUserMedia = async function (...asked) {
        await new Promise((resolve) => (window.allow = resolve));
        return open.apply(this, asked);
      };"""
    page = open_page("#sound", script=asks + WATCH)
    page.get_by_role("button", name="Record").click()
    _until(page, "Boolean(window.allow)")
    page.get_by_role("link", name="Text").click()
    page.evaluate("allow()")
    _until(page, "opened.tracks.length === 1")
    _expect_nothing_open(page)


def _expect_nothing_open(page: Page) -> None:
    """https://www.w3.org/TR/mediacapture-streams/: an ended track is a microphone let go."""
    _until(page, "opened.tracks.every(({ readyState }) => readyState === 'ended')")
    _until(page, "opened.contexts.every(({ state }) => state === 'closed')")
    _until(page, "opened.sockets.every(({ readyState }) => readyState === WebSocket.CLOSED)")


def _until(page: Page, condition: str) -> None:
    """Asked from outside, for the policy of the page forbids what `wait_for_function` does."""
    until(lambda: bool(page.evaluate(condition)), condition)


def test_a_server_that_is_too_slow_ends_the_stream_and_not_the_memory(open_page: OpenPage) -> None:
    # As if none of 5 s of sound at 48 kHz, 16 bits, had been taken.
    slow = "Object.defineProperty(WebSocket.prototype, 'bufferedAmount', {get: () => 480_001})"
    page = open_page(script=slow + WATCH)
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("alert")).to_contain_text("five seconds of sound are waiting")
    expect(page.get_by_role("button", name="Start listening")).to_be_enabled()
    _expect_nothing_open(page)


def test_a_server_that_ends_is_told_from_one_that_refuses(
    open_page: OpenPage, start_server: Callable[..., Program], faults: list[str]
) -> None:
    program = start_server("--bundle", "commands-en", "--bundle", "sentiment-en")
    page = open_page(at=program)
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("status")).to_contain_text("Listening with commands-en")
    program.process.terminate()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("button", name="Start listening")).to_be_enabled()
    program.process.wait(WAIT_MS / 1000)
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    page.get_by_role("link", name="Text").click()
    expect(page.locator("#notice")).to_be_hidden()
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    assert set(faults) == {"Failed to load resource: net::ERR_CONNECTION_REFUSED"}
    faults.clear()


def test_a_recording_is_taken_apart_like_a_file(open_page: OpenPage) -> None:
    page = open_page("#sound")
    page.locator("#sound-model").select_option("commands-en")
    page.get_by_role("button", name="Record").click()
    expect(page.locator("#sound-recorded")).to_have_text(re.compile(r"Recording, 0:0[1-9]"))
    page.get_by_role("button", name="Stop").click()
    best = page.get_by_role("list", name="What is heard").get_by_role("listitem").first
    expect(best).to_contain_text(re.compile("|".join(HEARD)))


@pytest.fixture(scope="module")
def modules(launch: Callable[[Path], Browser], server: Program, words: Path) -> Page:
    """A page in which a module can be tried alone."""
    page = launch(words).new_page()
    page.goto(server.url)
    return page


def test_the_transform_behind_the_spectrogram_is_that_of_fourier(modules: Page) -> None:
    samples = np.random.default_rng(0).standard_normal(1024)
    real, imaginary = modules.evaluate(
        """async (samples) => {
          const { fft } = await import("/page/spectrogram.js");
          const [real, imaginary] = [Float64Array.from(samples), new Float64Array(samples.length)];
          fft(real, imaginary);
          return [[...real], [...imaginary]];
        }""",
        samples.tolist(),
    )
    np.testing.assert_allclose(
        np.array(real) + 1j * np.array(imaginary), np.fft.fft(samples), atol=1e-10
    )


def test_a_tone_is_bright_where_it_lies(modules: Page) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE // 10) / RATE)
    columns = modules.evaluate(
        """async ([samples, rate]) => {
          const { Spectrum } = await import("/page/spectrogram.js");
          return new Spectrum(rate, 960).push(Float32Array.from(samples)).map((c) => [...c]);
        }""",
        [tone.tolist(), RATE],
    )
    # 96 rows evenly spaced in mel, 0 to 8000 Hz: 2840.02 and 999.99 mel of O'Shaughnessy's.
    assert {int(np.argmax(column)) for column in columns} <= {33, 34}


def test_a_wav_file_of_the_page_is_one(modules: Page, tmp_path: Path) -> None:
    samples = [0.0, 0.5, -0.5, 1.0, -1.0, 2.0]
    data = modules.evaluate(
        """async ([samples, rate]) => {
          const { wav } = await import("/page/pcm.js");
          const chunks = [samples.slice(0, 2), samples.slice(2)];
          const file = wav(chunks.map((chunk) => Float32Array.from(chunk)), rate);
          return [...new Uint8Array(await file.arrayBuffer())];
        }""",
        [samples, 44_100],
    )
    path = tmp_path / "page.wav"
    path.write_bytes(bytes(data))
    read, rate = soundfile.read(path)
    assert rate == 44_100
    np.testing.assert_allclose(read, np.clip(samples, -1, 1), atol=1 / 32_768)  # 16 bits
