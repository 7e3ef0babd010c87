"""What the page works on: lines that are tried, paths, and a validation round."""

import json

from safecount.setting_up.desk import MAX_PATHS, Objection, SetupDesk
from safecount.wire.code_line import CodeLine, Side
from safecount.wire.scene import Scene, SeenCrossing, SeenPerson, Silhouette, SilhouetteLevel

NORTH = CodeLine("north", (500, 0), (500, 1000), Side.RIGHT)
SOUTH = CodeLine("south", (0, 500), (1000, 500), Side.DOWN)
DRAWN = Silhouette(8, 6, bytes(6))


def scene(*people: SeenPerson, crossings: tuple[SeenCrossing, ...] = ()) -> Scene:
    return Scene("line-1/model", SilhouetteLevel.OUTLINES, (640, 480), DRAWN, people, crossings)


def desk() -> SetupDesk:
    return SetupDesk([NORTH], SilhouetteLevel.OUTLINES)


def crossed(serial: int, line: int = 0, *, inward: bool = True, age_ms: int = 0) -> Scene:
    return scene(crossings=(SeenCrossing(serial, line, inward, age_ms),))


def test_crossings_are_counted_for_the_lines_as_they_are_now() -> None:
    one = desk()
    one.take(crossed(1), 10.0)
    one.take(crossed(1, inward=False), 10.2)
    assert one.view(10.3)["lines"][0]["in"] == 1  # type: ignore[index] # a view is JSON
    assert one.draft((NORTH, SOUTH)) is None
    one.take(crossed(1), 11.0)
    one.take(crossed(2, 1), 11.2)
    lines = one.view(11.3)["lines"]
    assert [(line["in"], line["out"]) for line in lines] == [(0, 0), (1, 0)]  # type: ignore[attr-defined]


def test_a_level_never_shows_more_again() -> None:
    one = desk()
    assert one.show_less(SilhouetteLevel.SCENE) is None
    assert one.show_less(SilhouetteLevel.OUTLINES) is Objection.LESS_PRIVATE
    assert one.wish.level is SilhouetteLevel.SCENE


def test_a_view_is_json_and_paths_fade() -> None:
    one = desk()
    for n in range(40):
        one.take(scene(SeenPerson(1, 10 * n, 400, 60, 300)), n * 0.2)
    shown = json.loads(json.dumps(one.view(8.0)))
    assert shown["picture"] == [640, 480]
    assert len(shown["paths"]) == 1
    assert shown["paths"][0][-1] == [420, 550]
    assert shown["silhouette"]["columns"] == 8
    assert one.view(60.0)["paths"] == []
    assert not one.view(60.0)["seeing"]


def test_however_many_pass_only_the_newest_paths_are_kept() -> None:
    one = desk()
    for n in range(500):
        one.take(scene(SeenPerson(n, 500, 400, 60, 300)), n * 0.01)
    assert len(one.view(5.0)["paths"]) == MAX_PATHS  # type: ignore[arg-type]


def test_while_a_round_runs_nothing_of_what_the_device_sees_is_told() -> None:
    one = desk()
    one.take(scene(SeenPerson(1, 100, 400, 60, 300)), 10.0)
    assert one.start_round(10.1) is None
    one.take(crossed(1), 11.0)
    view = one.view(11.0)
    assert (view["silhouette"], view["people"], view["paths"]) == (None, [], [])
    assert view["lines"][0]["in"] is None  # type: ignore[index]
    assert one.draft((SOUTH,)) is Objection.ROUND_RUNS


def test_a_round_of_forty_passings_gives_a_rate() -> None:
    one = desk()
    one.take(scene(), 0.0)
    one.start_round(0.1)
    for n in range(1, 41):
        one.press((0, n % 2 == 0), 10.0 * n)
        if n != 7:
            one.take(crossed(1, inward=n % 2 == 0, age_ms=700), 10.0 * n)
    assert one.finish_round(600.0) is None
    assert one.result
    assert one.result.whole
    assert (one.result.whole.passings, one.result.whole.percent, one.result.minutes) == (40, 98, 9)
    assert one.result.rows == (), "of 20 in one direction nothing is said"
    assert one.view(601.0)["result"] is not None
    one.draft((SOUTH,))
    assert one.view(602.0)["result"] is None, "it was about other lines"


def test_too_short_a_round_gives_none_and_a_dropped_one_is_forgotten() -> None:
    one = desk()
    one.take(scene(), 0.0)
    one.start_round(0.0)
    one.press((0, True), 10.0)
    one.finish_round(100.0)
    assert one.result
    assert one.result.whole is None
    one.take(scene(), 100.0)
    one.start_round(100.0)
    assert one.drop_round() is None
    assert one.drop_round() is Objection.NO_ROUND


def test_what_cannot_be_done_is_told() -> None:
    one = desk()
    assert one.start_round(50.0) is Objection.NOTHING_SEEN
    assert one.press((0, True), 50.0) is Objection.NO_ROUND
    assert one.undo_press() is Objection.NO_ROUND
    assert one.finish_round(50.0) is Objection.NO_ROUND
    one.take(scene(), 50.0)
    one.start_round(50.0)
    assert one.start_round(51.0) is Objection.ROUND_RUNS
    assert one.press((1, True), 51.0) is Objection.NO_SUCH_LINE
    assert one.undo_press() is Objection.NOTHING_PRESSED
    one.drop_round()
    one.draft(())
    assert one.start_round(52.0) is Objection.NO_LINES
