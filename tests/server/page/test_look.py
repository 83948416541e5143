"""The page for those who have no mouse, a phone, bad light, or no patience for motion."""

import re
from itertools import product
from typing import Literal

from playwright.sync_api import Page, expect

from tests.server.page.conftest import OpenPage

VIEWS = ("live", "sound", "picture", "text")
PHONE = {"width": 360, "height": 740}
TOUCH_PX = 44  # WCAG 2.2, 2.5.5: the least side of what is touched
CONTRAST = 4.5  # WCAG 2.2, 1.4.3: of text

Scheme = Literal["light", "dark"]


def _ready(page: Page) -> Page:
    expect(page.locator("#models tr").first).to_be_attached()
    return page


def _show(page: Page, view: str) -> None:
    page.locator(f"nav a[href='#{view}']").click()
    expect(page.locator(f"#{view}-view")).to_be_visible()


def test_the_keyboard_reaches_everything_in_its_order_and_shows_where_it_is(
    open_page: OpenPage,
) -> None:
    page = _ready(open_page())
    walked = []
    for _ in range(12):
        page.keyboard.press("Tab")
        where = page.evaluate(
            """() => {
              const at = document.activeElement;
              const ring = [at, at.nextElementSibling].some(
                (element) => element && getComputedStyle(element).outlineStyle !== "none");
              return [at.textContent.trim() || at.value || at.id, ring];
            }"""
        )
        walked.append(where)
    names = [name for name, _ in walked]
    expected = ["earlet", "Live", "Sound", "Picture", "Text", "theme", "words", "Start listening"]
    assert names[: len(expected)] == expected
    assert "Models on this server" in names
    assert all(ring for name, ring in walked if name in expected)


def test_a_text_is_classified_by_the_keyboard_alone(open_page: OpenPage) -> None:
    page = _ready(open_page())
    for _ in range(5):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # on "Text"
    expect(page.get_by_role("heading", name="What a text says")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("It was dull, and far too long.")
    page.keyboard.press("Control+Enter")
    bars = page.get_by_role("list", name="What it says")
    expect(bars.get_by_role("listitem").first).to_contain_text("NEGATIVE")


def test_the_arrow_keys_choose_what_to_listen_for(open_page: OpenPage) -> None:
    page = _ready(open_page())
    page.get_by_role("radio", name=re.compile("Words it knows")).focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Commands, one a line")).to_be_visible()


def test_a_phone_has_one_column_that_fits(open_page: OpenPage) -> None:
    page = _ready(open_page(viewport=PHONE, has_touch=True, is_mobile=True))
    for view in VIEWS:
        _show(page, view)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.evaluate("scrollY") == 0
        touched = page.locator("button, nav a, select, .choice label, .drop")
        boxes = [box for element in touched.all() if (box := element.bounding_box()) is not None]
        assert len(boxes) > 5
        small = [b for b in boxes if min(b["width"], b["height"]) < TOUCH_PX - 0.5]  # rounding
        assert small == []


def test_text_can_be_read_in_either_light(open_page: OpenPage) -> None:
    page = _ready(open_page())
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for view, scheme in product(VIEWS, schemes):
        _show(page, view)
        page.emulate_media(color_scheme=scheme)
        told = page.evaluate(
            """() => {
              const text = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
              const seen = [...document.querySelectorAll("body *")].filter(
                (element) => element.checkVisibility() && [...element.childNodes].some(text));
              const ink = (element) => getComputedStyle(element).color;
              const behind = (element) => {
                const colour = getComputedStyle(element).backgroundColor;
                return colour === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : colour;
              };
              return seen.filter((element) => !element.closest(":disabled, [aria-hidden]"))
                .map((element) => [element.textContent.trim(), ink(element), behind(element)]);
            }"""
        )
        assert len(told) > 10
        faint = [text for text, ink, ground in told if _contrast(ink, ground) < CONTRAST]
        assert faint == []
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (_luminance(ground) < 0.1) == (scheme == "dark")


def test_the_switch_changes_the_colours_and_is_remembered(open_page: OpenPage) -> None:
    page = _ready(open_page(color_scheme="light"))
    switch = page.get_by_role("button", name="Dark colours")
    expect(switch).to_have_attribute("aria-pressed", "false")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert _luminance(dark) < 0.1 < 0.8 < _luminance(light)
    page.reload()
    expect(switch).to_have_attribute("aria-pressed", "true")


def test_those_who_want_no_motion_get_two_pictures_a_second(
    open_page: OpenPage,
) -> None:
    count = """
      window.frames_asked = 0;
      const ask = window.requestAnimationFrame;
      window.requestAnimationFrame = (drawn) => { window.frames_asked += 1; return ask(drawn); };"""
    page = _ready(open_page(script=count, reduced_motion="reduce"))
    page.get_by_role("button", name="Start listening").click()
    expect(page.locator("#live-log li").first).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start listening")).to_be_enabled()
    assert page.evaluate("frames_asked") == 0
    page.emulate_media(reduced_motion="no-preference")
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("status")).to_contain_text("Listening with commands-en")
    assert page.evaluate("frames_asked") > 0


def test_headings_and_labels_are_there_for_those_who_hear_the_page(open_page: OpenPage) -> None:
    page = _ready(open_page())
    for view in VIEWS:
        _show(page, view)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        assert page.locator(f"nav a[aria-current=page][href='#{view}']").count() == 1
        for field in page.locator("input, select, textarea").all():
            if field.is_visible():
                assert field.evaluate("(field) => field.labels.length > 0 || field.ariaLabel")


def _luminance(colour: str) -> float:
    """WCAG 2.2: relative luminance."""
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(ink: str, ground: str) -> float:
    """WCAG 2.2: contrast ratio."""
    lighter, darker = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
