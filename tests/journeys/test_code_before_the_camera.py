"""A blank device sees its site code and enrols: the real counting and provision processes, and nothing typed."""

import shutil
from contextlib import ExitStack

import numpy as np
from PIL import Image

from safecount.edges.identity import load_identity
from safecount.edges.litert import load_card
from safecount.settings import read_site
from safecount.wire.site_code import parse_site_code
from safecount_ops.assets import find_asset
from simulators.code_camera import HEIGHT, WIDTH, frames, held
from simulators.device import DeviceFolder, wait_until
from simulators.enrolment_site import Site, enrolment_site

assert enrolment_site, "the fixture `site`"

MODEL = "ssd_mobilenetv2_oidv4_fp16"


def show(site: Site, *texts: str) -> None:
    """Make a clip of what the camera sees: an empty room, then each text held before it for a third of a second."""
    room = np.random.default_rng(1).integers(60, 90, (HEIGHT, WIDTH), np.uint8)
    pictures = [room]
    for number, text in enumerate(texts):
        pictures += [*frames(held(text, number), number, 25.0, 0.12)] * 3
    folder = site.folder / "clip"
    folder.mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number:03}.png")
    (site.folder / "models").mkdir()
    card = load_card(MODEL)
    shutil.copy(find_asset(MODEL), site.folder / "models" / card.file)
    site.device.settings_file.write_text(
        f'[clip]\nfile = "{folder}"\n[model]\ncard = "{MODEL}"\nfolder = "{site.folder / "models"}"\nthreads = 1\n'
        "[camera]\nframes_per_second = 10\n" + site.device.settings_file.read_text()
    )


def test_a_device_that_is_shown_its_wifi_and_its_code_belongs_to_its_site(site: Site) -> None:
    show(site, "WIFI:T:WPA;S:street;P:correct horse;;", "https://example.org/of-somebody", site.make_code())
    with ExitStack() as stack, (site.folder / "vision.log").open("wb") as log:
        stack.enter_context(site.device.running("provision"))
        stack.enter_context(site.device.running("vision", log))
        site.expect("The Wi-Fi network is kept")
        site.expect("enrolled: ")
        enrolled = read_site(site.device.part("site") / "site.toml")
        assert enrolled is not None
        assert enrolled.site == "station"
        site.type(f"reset {parse_site_code(site.make_code()).serial}")
        site.expect("blank: ")
        site.expect("token-taken: ")  # a code that is still before the camera was good once
    assert f"ssid={b'street'.hex()}" in (site.device.part("wifi") / "wpa_supplicant.conf").read_text()
    journal = (site.folder / "vision.log").read_text()
    assert journal.count("being counted") == 3, "for codes, for counting alone, and for codes again"
    for secret in ("street", "correct horse", "SC1:", "example.org"):
        assert secret not in journal


def test_another_devices_code_before_the_camera_changes_nothing_and_the_lamp_says_so(site: Site) -> None:
    other = DeviceFolder(site.folder / "other")
    other.folder.mkdir()
    other.configure()
    label = load_identity(*(other.part(part) for part in ("provision", "seal", "uplink"))).label
    (site.device.folder / "run" / "session").mkdir()
    show(site, site.make_code_for(label))
    with site.device.running("provision"), site.device.running("vision"):
        site.expect("refused: The code is for another device")
        told = site.device.folder / "run" / "session" / "enrolment"
        wait_until(lambda: told.exists() and told.read_text() == "refused", "the lamp's word")
        site.type("status")
        site.expect("blank: ")
    assert site.collector.ca.issued == []
