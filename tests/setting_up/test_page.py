"""The set-up page in Debian's Chromium: by pointer, by touch, by keyboard alone, and as a screen reader is told of it.

The device's own processes serve it; a simulated counting process shows the door, so that a test knows who crosses.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from debian import need
from safecount.settings import SiteSettings, read_site
from simulators.device import wait_until
from simulators.door_show import DoorShow
from simulators.setup_bench import Setup, setup_bench

LAPTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DARK: dict[str, Any] = LAPTOP | {"color_scheme": "dark"}
NEAR_ENOUGH_S = 2.7
"""Longer than the tolerance of a round, which is left out at both its ends."""


FOCUSED = "(({id, className}) => id || className.baseVal || className)(document.activeElement)"
SWAP_THE_LAST_AND_SAVE_AT_ONCE = "[[...document.querySelectorAll('.swap')].at(-1), save].forEach((one) => one.click())"
PAINTED = "[...document.querySelector('#silhouette').getContext('2d').getImageData(0, 0, 32, 24).data].some(Boolean)"


@dataclass
class Desk:
    """The device, its simulated door, and the browser that looks at it."""

    setup: Setup
    door: DoorShow
    browser: Browser
    log: Path

    def sessions(self) -> int:
        """How many sessions the page process has served."""
        return self.log.read_text().count("The set-up page is open.")

    def site(self) -> SiteSettings:
        site = read_site(self.setup.device.part("site") / "site.toml")
        assert site
        return site


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("page")
        setup = stack.enter_context(setup_bench(folder))
        log = stack.enter_context((folder / "setup.log").open("wb"))
        setup.open()
        stack.enter_context(setup.device.running("seal"))
        stack.enter_context(setup.device.running("setup", log))
        door = stack.enter_context(DoorShow(setup.scene_socket))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
        stack.callback(browser.close)
        yield Desk(setup, door, browser, folder / "setup.log")


@pytest.fixture
def opened(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page with its code typed, on a laptop, a phone or in the dark. Nothing went wrong in it, nobody else was asked."""
    context = desk.browser.new_context(**getattr(request, "param", LAPTOP))
    page = context.new_page()
    wrong: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda sent: asked.add(sent.url.split("/")[2] if sent.url.startswith("http") else sent.url[:5]))
    enter(desk, page)
    yield page
    context.close()
    assert wrong == []
    assert asked <= {desk.setup.base.removeprefix("http://"), "blob:"}


def enter(desk: Desk, page: Page) -> None:
    """Open a session at the device, and the page with its code."""
    before = desk.sessions()
    code = desk.setup.open()
    wait_until(lambda: desk.sessions() > before, "the page is that of the new session")
    page.goto(desk.setup.base)
    page.get_by_label("Code").fill(code)
    page.get_by_label("Code").press("Enter")
    expect(page.get_by_role("heading", name="Counting lines")).to_be_visible()
    expect(page.locator("#left")).to_be_visible()
    expect(page.locator("#blind")).to_be_hidden()


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """A place of the picture on the screen, from shares of its width and height."""
    box = page.locator("#stage").bounding_box()
    assert box
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=4)
    page.mouse.up()


def test_a_line_is_drawn_named_turned_and_saved(desk: Desk, opened: Page) -> None:
    cards = opened.locator(".line-card")
    before = cards.count()
    drag(opened, (0.1, 0.6), (0.9, 0.8))
    expect(cards).to_have_count(before + 1)
    card = cards.last
    card.get_by_label("Door", exact=True).fill("Käsetheke")
    card.get_by_label("Door", exact=True).press("Enter")
    expect(card.get_by_label("In is")).to_have_value("down")
    expect(opened.get_by_text("Not saved yet")).to_be_visible()
    expect(opened.get_by_role("button", name="Save the lines")).to_be_enabled()
    opened.evaluate(SWAP_THE_LAST_AND_SAVE_AT_ONCE)
    expect(card.get_by_label("In is")).to_have_value("up")
    expect(opened.get_by_role("status").first).to_have_text(
        "The lines are saved: the site counts with them from now on."
    )
    drawn = desk.site().line[-1]
    assert (drawn.door, drawn.in_side) == ("Käsetheke", "up")
    assert drawn.start == pytest.approx((0.1, 0.6), abs=0.02)
    assert drawn.end == pytest.approx((0.9, 0.8), abs=0.02)
    expect(opened.get_by_text("These are the lines of the site.")).to_be_visible()  # else a late view shuts Save again
    card.get_by_role("button", name="Remove").click()
    expect(cards).to_have_count(before)
    opened.get_by_role("button", name="Save the lines").click()
    wait_until(lambda: len(desk.site().line) == before, "it is removed from the site")


def test_a_line_is_moved_and_what_it_counts_is_told(desk: Desk, opened: Page) -> None:
    drag(opened, (0.5, 0.45), (0.3, 0.45))
    moved = desk.door
    wait_until(lambda: moved.wish is not None and abs(moved.wish.lines[0].start[0] - 300) < 20, "the whole line moved")
    drag(opened, (0.3, 0.99), (0.6, 0.99))
    wait_until(lambda: moved.wish is not None and abs(moved.wish.lines[0].end[0] - 600) < 20, "its end alone moved")
    assert moved.wish
    assert abs(moved.wish.lines[0].start[0] - 300) < 20
    for inward in (True, True, False):
        desk.door.cross(0, inward=inward)
    expect(opened.locator(".tally").first).to_have_text("Would have counted since it was drawn: 2 in, 1 out")


def test_a_badly_placed_line_is_warned_about_in_a_live_region(desk: Desk, opened: Page) -> None:
    drag(opened, (0.5, 0.45), (0.02, 0.45))
    warning = opened.locator(".line-card [aria-live=polite]").first
    expect(warning).to_contain_text("too near the edge", timeout=8000)


def test_by_keyboard_alone(desk: Desk, opened: Page) -> None:
    opened.get_by_role("button", name="first end").first.focus()
    before = desk.door.wish
    for _ in range(3):
        opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Shift+ArrowDown")
    assert before
    start = before.lines[0].start
    wait_until(
        lambda: desk.door.wish and desk.door.wish.lines[0].start == (start[0] + 30, start[1] + 50),
        "the arrows moved it",
    )
    expect(opened.locator(":focus")).to_have_attribute("data-part", "start")
    reached = []
    for _ in range(30):
        opened.keyboard.press("Tab")
        reached.append(
            opened.evaluate(
                "document.activeElement.id || document.activeElement.className?.baseVal || document.activeElement.className"
            )
        )
    assert [one for one in ("end", "swap", "remove", "add", "save", "round-start") if one in reached] == [
        "end",
        "swap",
        "remove",
        "add",
        "save",
        "round-start",
    ]
    assert reached.index("swap") < reached.index("add") < reached.index("round-start"), "in the order of the page"


@pytest.mark.parametrize("opened", [PHONE], indirect=True)
def test_on_a_phone_everything_fits_and_fingers_draw(desk: Desk, opened: Page) -> None:
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390, "nothing to scroll sideways"
    for button in opened.get_by_role("button").all():
        box = button.bounding_box() if button.is_visible() else None
        if box and button.evaluate("one => one.tagName") == "BUTTON":
            assert box["height"] >= 44, "large enough for a finger (WCAG 2.5.5)"
    cards = opened.locator(".line-card")
    before = cards.count()
    client = opened.context.new_cdp_session(opened)
    places = [at(opened, 0.2, 0.2), at(opened, 0.4, 0.5), at(opened, 0.7, 0.6)]
    for kind, place in zip(("touchStart", "touchMove", "touchMove"), places, strict=True):
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": place[0], "y": place[1]}]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(cards).to_have_count(before + 1)


@pytest.mark.parametrize("opened", [LAPTOP, PHONE, DARK], indirect=True, ids=["laptop", "phone", "dark"])
def test_axe_finds_nothing_that_a_screen_reader_would_miss(opened: Page) -> None:
    opened.get_by_text("What is shown here").click()
    assert violations(opened) == []
    opened.get_by_role("button", name="Start a round").click()
    expect(opened.get_by_role("button", name="Finish the round")).to_be_visible()
    assert violations(opened) == []
    opened.get_by_role("button", name="Drop the round").click()


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


def test_the_silhouette_is_drawn_and_can_only_show_less(desk: Desk, opened: Page) -> None:
    painted = (
        "[...document.querySelector('#silhouette').getContext('2d').getImageData(0, 0, 32, 24).data].some(Boolean)"
    )
    opened.wait_for_function(painted)
    opened.get_by_text("What is shown here").click()
    opened.get_by_label("Paths only").check()
    expect(opened.get_by_label("Outlines: edges")).to_be_disabled()
    wait_until(lambda: not opened.evaluate(PAINTED), "nothing is drawn any more")
    expect(opened.locator("#lines .path")).not_to_have_count(0)


def test_a_round_by_keys_ends_in_a_certificate_that_the_tools_believe(desk: Desk, opened: Page, tmp_path: Path) -> None:
    opened.get_by_role("button", name="Start a round").click()
    expect(opened.get_by_role("button", name="north: in")).to_be_focused()
    expect(opened.locator("#stage")).to_be_hidden()
    time.sleep(NEAR_ENOUGH_S)
    for n in range(32):
        if n != 9:
            desk.door.cross(0, inward=n % 2 == 0)
        opened.keyboard.press("1" if n % 2 == 0 else "2")
    opened.keyboard.press("2")
    expect(opened.locator("#round-time")).to_contain_text("33 pressed")
    opened.get_by_role("button", name="Take the last press back").click()
    expect(opened.locator("#round-time")).to_contain_text("32 pressed")
    time.sleep(NEAR_ENOUGH_S)
    opened.get_by_role("button", name="Finish the round").click()
    told = opened.locator("#result-told")
    expect(told).to_be_focused()
    expect(told).to_have_text("Of all passings 97 % were counted right; with 95 % certainty between 83 and 100 %.")
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Save the certificate").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    fingerprint = opened.locator("#key").inner_text()
    command = [sys.executable, "-m", "safecount_ops", "certificate", str(file), "--fingerprint", fingerprint]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    on_disk = [one.read_bytes() for one in (desk.setup.device.folder / "state").rglob("*") if one.is_file()]
    assert not any(b"safecount-validation" in one for one in on_disk), "what was measured is in memory alone"
    assert "All passings: 97 % right, 95 % sure within 83 and 100 % (from at least 30 passings)" in done.stdout


def test_a_wrong_code_and_a_session_that_is_over_are_told(desk: Desk) -> None:
    with desk.browser.new_context(**LAPTOP) as context:
        page = context.new_page()
        enter(desk, page)
        page.reload()
        expect(page.get_by_role("heading", name="Counting lines")).to_be_visible()
        desk.setup.open()
        expect(page.get_by_role("status").first).to_contain_text("The set-up session is over", timeout=10_000)
        expect(page.get_by_label("Code")).to_be_focused()
        page.get_by_label("Code").fill("aaaa-aaaa")
        page.get_by_role("button", name="Open the page").click()
        expect(page.get_by_role("status").first).to_contain_text("This is not the code")
