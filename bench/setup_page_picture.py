"""Takes the picture of docs/setup-page.md: the set-up page before a real clip, in Debian's Chromium. `make picture-setup`."""

import argparse
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from safecount.counting.values import LineSettings
from safecount_ops.assets import find_asset
from safecount_ops.desk.desk_device import DeskDevice

LINES = [LineSettings("north door", "north door", (0.62, 0.2), (0.58, 0.98), "right")]
PORT = 18_080
WATCH_S = 40.0
SIZES = {"setup-page.png": (1180, 760), "setup-page-phone.png": (390, 844)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="name of the model (default: the one that ships, else the registry's)")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    chosen = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        print("This needs Debian's Chromium: apt-get install chromium", file=sys.stderr)
        return 1
    with TemporaryDirectory(prefix="safecount-") as folder, sync_playwright() as playwright:
        device = DeskDevice(Path(folder) / "device", PORT)
        device.lay_out(find_asset("vtest"), chosen.model, LINES)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with device.running() as session:
            page = browser.new_page()
            page.goto(session.address)
            page.get_by_label("Code").fill(session.code)
            page.get_by_label("Code").press("Enter")
            time.sleep(WATCH_S)
            for name, size in SIZES.items():
                take(page, size, chosen.out / name)
        browser.close()
    return 0


def take(page: Page, size: tuple[int, int], path: Path) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    time.sleep(1.0)
    page.screenshot(path=path)
    print(path)


if __name__ == "__main__":
    sys.exit(main())
