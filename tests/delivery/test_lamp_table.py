import re
from pathlib import Path

from safecount.delivery.lamp_pattern import FLASHES

PAGE = Path(__file__).parents[2] / "docs" / "device.md"


def test_the_table_for_people_has_a_line_for_each_number_of_flashes() -> None:
    told = [int(number) for number in re.findall(r"^\| (\d) flashes, pause \|", PAGE.read_text("utf-8"), re.MULTILINE)]
    assert told == [flashes for _, flashes in FLASHES]
