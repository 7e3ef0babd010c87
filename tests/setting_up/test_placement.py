"""Warnings about a line that is badly placed, from the ways that people take."""

from random import Random

import pytest

from safecount.setting_up.placement import Fault, Step, faults
from safecount.wire.code_line import CodeLine, Side

PICTURE = (640, 480)
MIDDLE = CodeLine("north", (500, 0), (500, 1000), Side.RIGHT)


def way(start: tuple[float, float], end: tuple[float, float], size: tuple[float, float] = (0.06, 0.3)) -> list[Step]:
    shares = [n / 19 for n in range(20)]
    return [
        Step(start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]), *size) for share in shares
    ]


ACROSS = [way((0.1, y), (0.9, y)) for y in (0.3, 0.4, 0.5, 0.6, 0.65, 0.7)]


def test_a_line_across_the_way_in_the_middle_has_no_fault() -> None:
    assert faults(MIDDLE, ACROSS, PICTURE) == ()
    assert faults(MIDDLE, [], PICTURE) == (), "before anybody has passed there is nothing to say"


def test_a_line_at_the_edge_is_too_near_to_it() -> None:
    bottom = CodeLine("north", (0, 970), (1000, 970), Side.DOWN)
    assert Fault.NEAR_EDGE in faults(bottom, [], PICTURE)
    assert Fault.NEAR_EDGE in faults(CodeLine("north", (20, 0), (20, 1000), Side.RIGHT), ACROSS, PICTURE)


def test_people_who_walk_along_the_line_are_told() -> None:
    along = [way((0.47 + n / 100, 0.05), (0.53 - n / 200, 0.95)) for n in range(6)]
    assert faults(MIDDLE, along, PICTURE) == (Fault.ALONG,)


def test_people_who_are_too_small_are_told() -> None:
    small = [way((0.1, 0.3 + n / 20), (0.9, 0.3 + n / 20), (0.02, 0.06)) for n in range(6)]
    assert faults(MIDDLE, small, PICTURE) == (Fault.SMALL,)


def test_people_who_are_cut_off_at_the_line_are_told() -> None:
    cut = [way((0.1, 0.92), (0.9, 0.92), (0.1, 0.16)) for _ in range(6)]
    assert faults(MIDDLE, cut, PICTURE) == (Fault.CUT,)


def test_a_line_that_people_walk_around_is_told() -> None:
    short = CodeLine("north", (500, 0), (500, 350), Side.RIGHT)
    assert Fault.BESIDE in faults(short, ACROSS, PICTURE)


def test_an_in_side_along_the_line_is_told() -> None:
    assert faults(CodeLine("north", (500, 0), (500, 1000), Side.UP), [], PICTURE) == (Fault.IN_SIDE,)


def test_people_far_from_the_line_or_standing_say_nothing() -> None:
    elsewhere = [way((0.8, 0.1), (0.95, 0.9)) for _ in range(9)]
    standing = [way((0.5, 0.5), (0.5, 0.5)) for _ in range(9)]
    assert faults(MIDDLE, elsewhere + standing, PICTURE) == ()


@pytest.mark.parametrize("picture", [(640, 480), (480, 640), (1920, 1080), (320, 320)])
def test_no_line_and_no_way_breaks_it(picture: tuple[int, int]) -> None:
    random = Random(str(picture))
    for _ in range(300):
        places = [(random.randrange(1001), random.randrange(1001)) for _ in range(2)]
        if places[0] == places[1]:
            continue
        line = CodeLine("north", places[0], places[1], random.choice(list(Side)))
        paths = [
            [
                Step(random.random(), random.random(), random.random(), random.random())
                for _ in range(random.randrange(9))
            ]
            for _ in range(8)
        ]
        assert set(faults(line, paths, picture)) <= set(Fault)
