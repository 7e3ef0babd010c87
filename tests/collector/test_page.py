"""The operator's page in Debian's Chromium: keyboard, phone, dark, and before axe, which knows what screen readers need."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from debian import need
from safecount.edges.https import HttpsTransport
from safecount.wire.values import Trouble, UpdateState
from simulators.chains import chain_of
from simulators.device import KEYSET
from simulators.pam import pam_environment
from simulators.people import PASSWORDS, Visitor, add_person
from simulators.records import HEALTH_RECORD
from simulators.running_collector import RunningCollector, running_collector

PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
DARK = {"viewport": {"width": 1100, "height": 900}, "color_scheme": "dark"}
LAPTOP = {"viewport": {"width": 1100, "height": 900}}


@dataclass
class Desk:
    collector: RunningCollector
    adam: Visitor
    browser: Browser
    state: dict[str, object]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("page")
    with ExitStack() as stack:
        running = running_collector(folder / "c", "[limits]\noffences = 500\n", pam_environment(folder, PASSWORDS))
        collector = stack.enter_context(running)
        fill(collector)
        adam = add_person(collector, "adam", "administrator")
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
        stack.callback(browser.close)
        context = browser.new_context(ignore_https_errors=True, **LAPTOP)  # type: ignore[arg-type]
        log_in(context.new_page(), adam)
        state = context.storage_state()
        context.close()
        yield Desk(collector, adam, browser, state)  # type: ignore[arg-type]


def fill(collector: RunningCollector) -> None:
    """Devices in every state that there is."""
    now_s = int(time.time()) // 3600 * 3600
    well = replace(HEALTH_RECORD, at_s=now_s, troubles=Trouble(0), update=UpdateState.NOTHING_NEW)
    fleet = {
        "sc-hall-east.ab12cd": [well] * 3,
        "sc-hall-west.9k2fmq": [replace(well, troubles=Trouble.CAMERA_HUNG | Trouble.DISK_FULL)],
        "sc-gate.77xw2a": [replace(well, update=UpdateState.FELL_BACK, update_reason=53, version="0.9.9", slot="B")],
        "sc-stairs.p0pz11": [well] * 9,
        "sc-cellar.zz90aa": [well] * 2,
    }
    for name, records in fleet.items():
        transport = HttpsTransport(collector.add_device(name))
        chain = chain_of(name, records, KEYSET, epoch=5)
        transport.send(chain[:1] + chain[6:] if name.startswith("sc-stairs") else chain)
        if name.startswith("sc-cellar"):
            transport.send(chain_of(name, records[:1], KEYSET, epoch=4))
        transport.close()
    collector.add_device("sc-new.000001")
    with sqlite3.connect(collector.folder / "collector.db") as database:  # as if days had passed
        database.execute("UPDATE device SET seen_at = seen_at - 300000 WHERE name LIKE 'sc-hall-east%'")
    database.close()


def log_in(page: Page, who: Visitor) -> None:
    """By the keyboard alone."""
    page.goto(f"{who.collector.pull_url}/")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(who.name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORDS[who.name])
    page.keyboard.press("Tab")
    page.keyboard.type(who.code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("6 devices")


@pytest.fixture
def opened(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page of somebody who is logged in. Nothing went wrong in it, and nobody else was asked."""
    look = getattr(request, "param", LAPTOP)
    context = desk.browser.new_context(ignore_https_errors=True, storage_state=desk.state, **look)  # type: ignore[arg-type]
    page = context.new_page()
    wrong: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("request", lambda sent: asked.add(sent.url.partition("//")[2].partition("/")[0]))
    page.goto(f"{desk.collector.pull_url}/")
    yield page
    context.close()
    assert wrong == []
    assert asked == {desk.collector.pull_url.partition("//")[2]}


def test_the_list_tells_in_words_how_each_device_is(opened: Page) -> None:
    rows = {row.split("\n")[0].split("\t")[0]: row for row in opened.locator("tbody tr").all_inner_texts()}
    said = {name.split(".")[0]: text for name, text in rows.items()}
    assert "the camera hung, the disk is full" in said["sc-hall-west"]
    assert "fell back: camera" in said["sc-gate"]
    assert "0.9.9" in said["sc-gate"]
    assert "silent" in said["sc-hall-east"]
    assert "3 days ago" in said["sc-hall-east"]
    assert "held" in said["sc-cellar"]
    assert "never" in said["sc-new"]
    assert "5" in said["sc-stairs"].split("\t")[-1]


def test_a_tile_shows_the_devices_of_its_state(opened: Page) -> None:
    opened.get_by_role("link", name="in trouble").click()
    expect(opened.locator("tbody tr")).to_have_count(3)
    opened.get_by_role("link", name="sc-stairs.p0pz11").click()
    expect(opened.get_by_text("epoch 5: 2 to 6")).to_be_visible()


def test_a_held_device_is_found_understood_and_let_go_on_by_keyboard(opened: Page) -> None:
    opened.get_by_role("link", name="sc-cellar.zz90aa").press("Enter")
    expect(opened.get_by_text("an envelope of an epoch that was over")).to_be_visible()
    opened.get_by_role("button", name="Let it go on").press("Enter")
    expect(opened.get_by_text("Held since")).to_have_count(0)
    opened.get_by_role("link", name="Audit log").press("Enter")
    expect(opened.locator("tbody tr").first).to_contain_text("release")


@pytest.mark.parametrize("opened", [LAPTOP, PHONE, DARK], ids=["laptop", "phone", "dark"], indirect=True)
def test_every_page_fits_and_axe_finds_nothing(opened: Page, desk: Desk, request: pytest.FixtureRequest) -> None:
    axe = Axe()
    look = request.node.callspec.id
    for path in ("/", "/devices/sc-stairs.p0pz11", "/devices/sc-gate.77xw2a", "/excluded", "/audit"):
        opened.goto(desk.collector.pull_url + path)
        wide = opened.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
        found = axe.run(opened)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        opened.screenshot(path=Path(desk.collector.folder, f"{look}{path.replace('/', '-')}.png"), full_page=True)
