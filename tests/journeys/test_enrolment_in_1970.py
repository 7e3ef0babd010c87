"""A device without a clock of its own: it comes up in 1970, takes its code, and enrols as soon as it has heard the time."""

import os
import subprocess
import sys

from debian import need_file
from safecount.settings import read_site
from simulators.device import stop, wait_until
from simulators.enrolment_site import Site, enrolment_site

assert enrolment_site, "the fixture `site`"


def test_in_1970_it_says_that_it_lacks_the_time_and_goes_on_by_itself(site: Site) -> None:
    """libfaketime (Debian) gives the process its time, from a file that is read each time it asks."""
    now, told = site.folder / "now", site.device.folder / "run" / "session" / "enrolment"
    now.write_text("@1970-01-01 00:00:20\n")
    told.parent.mkdir()
    environment = {
        "LD_PRELOAD": str(need_file("faketime/libfaketime.so.1", "libfaketime")),
        "FAKETIME_TIMESTAMP_FILE": str(now),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    command = [sys.executable, "-m", "safecount", "provision", "--settings", str(site.device.settings_file)]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        site.type(site.make_code())
        site.expect("clock-unset: ")
        wait_until(lambda: told.read_text() == "clock-unset", "the lamp's word")
        assert site.collector.ca.issued == []
        now.write_text("+0\n")
        site.expect("enrolled: ")
    finally:
        stop(process)
    assert read_site(site.device.part("site") / "site.toml") is not None
