import pytest

from safecount.counting.geometry import segment
from safecount.counting.values import ImageDirection, LineSettings
from safecount.errors import UsageError


def line(start: tuple[float, float], end: tuple[float, float], in_side: ImageDirection = "right") -> LineSettings:
    return LineSettings("street", "front", start, end, in_side)


@pytest.mark.parametrize(
    ("in_side", "inside"), [("right", (0.9, 0.5)), ("left", (0.1, 0.5)), ("down", (0.5, 0.9)), ("up", (0.5, 0.1))]
)
@pytest.mark.parametrize(("start", "end"), [((0.2, 0.2), (0.8, 0.8)), ((0.8, 0.8), (0.2, 0.2))])
def test_the_in_side_is_positive_whichever_end_comes_first(
    in_side: ImageDirection, inside: tuple[float, float], start: tuple[float, float], end: tuple[float, float]
) -> None:
    laid = segment(line(start, end, in_side), (640, 480))
    assert laid.distance(inside[0] * 640, inside[1] * 480) > 0


def test_distance_and_place_are_in_pixels() -> None:
    laid = segment(line((0.5, 0.0), (0.5, 1.0)), (640, 480))
    assert laid.distance(330, 100) == pytest.approx(10)
    assert laid.along(330, 100) == pytest.approx(100)
    assert laid.length == pytest.approx(480)


@pytest.mark.parametrize(
    ("start", "end", "in_side", "says"),
    [
        ((0.5, 0.0), (0.5, 1.2), "right", "leaves the picture"),
        ((-0.1, 0.0), (0.5, 1.0), "right", "leaves the picture"),
        ((0.5, 0.5), (0.5, 0.5), "right", "has no length"),
        ((0.5, 0.0), (0.5, 1.0), "up", "choose left or right"),
        ((0.0, 0.5), (1.0, 0.5), "left", "choose up or down"),
    ],
)
def test_a_line_that_nobody_could_cross_is_refused(
    start: tuple[float, float], end: tuple[float, float], in_side: ImageDirection, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        segment(line(start, end, in_side), (640, 480))
    assert "'street'" in str(caught.value)
