"""Files and texts on the page: what is in them appears."""

import re
from base64 import b64encode
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.server.conftest import TOKEN
from tests.server.page.conftest import OpenPage
from tests.server.program import Program


def _give(page: Page, event: str, file: Path, media_type: str) -> None:
    """Drop a file, or paste it."""
    page.evaluate(
        """([event, base64, name, type]) => {
          const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          const files = new DataTransfer();
          files.items.add(new File([bytes], name, { type }));
          const options = { bubbles: true, dataTransfer: files, clipboardData: files };
          const Made = event === "drop" ? DragEvent : ClipboardEvent;
          document.body.dispatchEvent(new Made(event, options));
        }""",
        [event, b64encode(file.read_bytes()).decode(), file.name, media_type],
    )


def _best(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name=name).get_by_role("listitem").first


def test_a_picture_that_is_picked_is_shown_with_what_is_in_it(
    open_page: OpenPage, pictures: Path
) -> None:
    page = open_page("#picture")
    page.get_by_label("Pick a picture").set_input_files(pictures / "cat.jpg")
    expect(_best(page, "What it shows")).to_contain_text("Egyptian cat")
    shown = page.get_by_role("img", name="The picture that was picked")
    assert shown.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [384, 256]


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_may_be_dropped_or_pasted_anywhere(
    open_page: OpenPage, pictures: Path, event: str
) -> None:
    page = open_page("#text")
    expect(page.locator("#picture-model option").first).to_be_attached()  # files are taken now
    _give(page, event, pictures / "bird.jpg", "image/jpeg")
    expect(_best(page, "What it shows")).to_contain_text("chickadee")


def test_a_text_is_classified(open_page: OpenPage) -> None:
    page = open_page("#text")
    page.get_by_label("Text", exact=True).fill("It was dull, and far too long.")
    page.get_by_role("button", name="Classify").click()
    expect(_best(page, "What it says")).to_contain_text("NEGATIVE")


def test_a_sound_is_named(open_page: OpenPage, recordings: Path) -> None:
    page = open_page("#sound")
    page.locator("#sound-model").select_option("yamnet")
    page.get_by_label("Pick a sound file").set_input_files(recordings / "speech.flac")
    expect(_best(page, "What is heard")).to_contain_text("Speech")


def test_a_recording_is_written_down_and_its_lines_are_played(
    open_page: OpenPage, recordings: Path
) -> None:
    page = open_page("#sound")
    page.get_by_label("Pick a sound file").set_input_files(recordings / "speech.flac")
    lines = page.get_by_role("list", name="Transcript").get_by_role("button")
    said = (recordings / "speech.txt").read_text(encoding="utf-8").splitlines()
    expect(lines).to_have_count(len(said))
    for line, words in zip(lines.all(), said, strict=True):
        assert re.sub(r"[^a-z ]", "", line.inner_text().lower()).strip() == words
    lines.nth(1).click()
    # The second line is said behind the 1.2 s of noise, and played at once.
    assert 5 < page.locator("audio").evaluate("(player) => player.currentTime") < 13.6
    expect(lines.nth(1)).to_have_attribute("aria-current", "true")
    page.locator("audio").evaluate("(player) => player.pause()")
    # Of the spectrogram of 13.6 s, the middle; within a pixel of some hundred.
    page.locator("#sound-overview").click()
    at = page.locator("audio").evaluate("(player) => player.currentTime")
    assert at == pytest.approx(13.6 / 2, abs=0.1)


def test_subtitles_are_downloaded(open_page: OpenPage, recordings: Path) -> None:
    page = open_page("#sound")
    page.get_by_label("Pick a sound file").set_input_files(recordings / "speech.flac")
    # https://www.w3.org/TR/webvtt1/, and SubRip's comma; a word is said in the first second.
    expected = {
        "SRT": ("speech.srt", r"1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\nBut I am hugely"),
        "WebVTT": (
            "speech.vtt",
            r"WEBVTT\n\n00:00:00\.\d{3} --> 00:00:0\d\.\d{3}\nBut I am hugely",
        ),
        "Text": ("speech.txt", "But I am hugely"),
    }
    for button, (name, beginning) in expected.items():
        with page.expect_download() as download:
            page.get_by_role("button", name=button).click()
        assert download.value.suggested_filename == name
        assert re.match(beginning, download.value.path().read_text(encoding="utf-8"))


def test_a_file_that_only_the_browser_can_decode_is_decoded_there(
    open_page: OpenPage, recordings: Path
) -> None:
    page = open_page("#sound", refused=(415,))
    page.locator("#sound-model").select_option("commands-en")
    page.evaluate(
        """async (base64) => {
          const flac = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          // As a phone records it: Opus in WebM.
          const context = new AudioContext();
          const sound = await context.decodeAudioData(flac.buffer);
          const source = new AudioBufferSourceNode(context, { buffer: sound });
          const to = context.createMediaStreamDestination();
          source.connect(to);
          const recorder = new MediaRecorder(to.stream, { mimeType: "audio/webm;codecs=opus" });
          const pieces = [];
          recorder.ondataavailable = ({ data }) => pieces.push(data);
          const ended = new Promise((resolve) => (recorder.onstop = resolve));
          recorder.start();
          source.start(0, 0.8, 0.8); // "go"
          source.onended = () => recorder.stop();
          await ended;
          const files = new DataTransfer();
          files.items.add(new File(pieces, "memo.webm", { type: "audio/webm" }));
          const input = document.getElementById("sound-file");
          input.files = files.files;
          input.dispatchEvent(new Event("change"));
        }""",
        b64encode((recordings / "commands.flac").read_bytes()).decode(),
    )
    expect(_best(page, "What is heard")).to_contain_text("go")


def test_a_file_that_is_decoded_too_late_is_not_taken_for_the_one_after_it(
    open_page: OpenPage, recordings: Path
) -> None:
    waits = """
      const { decodeAudioData } = OfflineAudioContext.prototype;
      const opened = new Promise((resolve) => (window.decode = resolve));
      OfflineAudioContext.prototype.decodeAudioData = async function (data) {
        await opened;
        return decodeAudioData.call(this, data);
      };"""
    page = open_page("#sound", refused=(415,), script=waits)
    page.locator("#sound-model").select_option("commands-en")
    page.route("**/models/*", lambda route: route.fulfill(status=415), times=1)
    with page.expect_response("**/models/*"):
        page.get_by_label("Pick a sound file").set_input_files(recordings / "speech.flac")
    page.get_by_label("Pick a sound file").set_input_files(recordings / "commands.flac")
    expect(_best(page, "What is heard")).to_be_visible()
    page.evaluate("decode()")
    expect(page.locator("#sound-overview")).to_be_visible()  # which comes of the second
    with page.expect_request("**/models/*") as asked:
        page.locator("#sound-model").select_option("yamnet")
    assert asked.value.headers["content-type"] == "audio/flac"  # decoded, it would be WAV
    expect(_best(page, "What is heard")).to_be_visible()


def test_what_the_server_refuses_is_said_in_one_line(open_page: OpenPage, recordings: Path) -> None:
    page = open_page("#picture", refused=(415,))
    page.get_by_label("Pick a picture").set_input_files(recordings / "speech.flac")
    expect(page.get_by_role("alert")).to_contain_text("sound")
    assert "\n" not in page.get_by_role("alert").inner_text()
    page.get_by_role("link", name="Text").click()
    expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("model", ["commands-en", "moonshine-tiny-en"])
def test_a_file_that_is_gone_since_it_was_picked_is_no_fault_of_the_server(
    open_page: OpenPage, words: Path, tmp_path: Path, model: str
) -> None:
    page = open_page("#sound")
    page.locator("#sound-model").select_option("yamnet")
    file = tmp_path / "words.wav"
    file.write_bytes(words.read_bytes())
    page.locator("#sound-file").set_input_files(file)
    expect(_best(page, "What is heard")).to_be_visible()
    file.unlink()
    page.locator("#sound-model").select_option(model)
    expect(page.get_by_role("alert")).to_contain_text("The file cannot be read")


def test_what_no_model_can_do_is_said(open_page: OpenPage, recordings: Path) -> None:
    page = open_page()
    page.route("**/info", lambda route: route.fulfill(body='{"models": []}'))
    page.reload()
    for view, button in [("Live", "Start listening"), ("Sound", "Record"), ("Text", "Classify")]:
        page.get_by_role("link", name=view).click()
        expect(page.get_by_role("button", name=button)).to_be_disabled()
        state = page.locator(f"#{view.lower()}-state")
        expect(state).to_have_text("No model on this server does that.")
    _give(page, "drop", recordings / "commands.flac", "audio/flac")
    expect(page.get_by_role("heading", name="What is in a sound")).to_be_focused()
    expect(page.get_by_label("Pick a sound file")).to_be_disabled()
    expect(page.locator("#sound-result")).to_be_hidden()
    expect(page.locator("#notice")).to_be_hidden()


def test_a_token_is_asked_for_kept_and_used(open_page: OpenPage, guarded_server: Program) -> None:
    page = open_page(at=guarded_server, refused=(401,))
    dialog = page.get_by_role("dialog", name="This server wants a token")
    token, go_on = dialog.get_by_label("Token"), dialog.get_by_role("button", name="Continue")
    token.fill("Σήσαμον")  # which no header can hold
    go_on.click()
    assert token.evaluate("(field) => field.validity.patternMismatch")
    token.fill("open-sesame")
    go_on.click()
    expect(dialog.get_by_role("alert")).to_have_text("That token was not accepted.")
    token.fill(f" {TOKEN} ")  # as it may be copied
    go_on.click()
    expect(dialog).to_be_hidden()
    page.reload()
    expect(page.get_by_role("button", name="Start listening")).to_be_enabled()
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("status")).to_contain_text("Listening with commands-en")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Stop").click()


def test_the_browser_complains_of_what_the_policy_forbids(
    open_page: OpenPage, faults: list[str]
) -> None:
    page = open_page()
    page.evaluate("fetch('http://192.0.2.1/').catch(() => {})")  # RFC 5737: nobody's
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    expect(page.get_by_role("heading", name="Say something")).to_be_visible()
    assert any("connect-src" in fault for fault in faults)
    assert any("style-src" in fault for fault in faults)
    faults.clear()
