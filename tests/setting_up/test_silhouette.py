"""What a silhouette shows, measured on a real clip and on scenes made to be hard: never enough of a face."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from safecount.counting.decode import picture_scale
from safecount.counting.values import Frame
from safecount.edges.video_file import VideoFile
from safecount.setting_up.silhouette import RESOLUTIONS, Share, SilhouetteArtist
from safecount.wire.scene import MAX_CELLS, Silhouette, SilhouetteLevel
from safecount_ops.assets import find_asset
from safecount_ops.desk.models import REGISTRY_MODEL, load_model

DRAWN = [level for level in SilhouetteLevel if level in RESOLUTIONS]
HEADS_IN_A_BODY = 7.5
"""A grown person is seven and a half heads tall (Drillis and Contini 1966: 0.130 of the height)."""
DETECTION_PX_A_METRE = 25
"""EN 62676-4: enough to say that there is somebody; to recognise a known person takes 125, an unknown one 250."""
TALL_M = 1.7


def cells(drawn: Silhouette) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(drawn.bits, np.uint8))[: drawn.rows * drawn.columns]
    return bits.reshape(drawn.rows, drawn.columns).astype(bool)


@pytest.fixture(scope="module")
def street() -> list[tuple[NDArray[np.uint8], Frame, list[Share]]]:
    """Every second of a real clip, with everybody whom the model finds in it."""
    model = load_model(REGISTRY_MODEL)
    seen = []
    with VideoFile(find_asset("vtest"), model.card.input, 1.0) as clip:
        across, down = picture_scale(model.card.input, clip.picture)
        for frame in clip:
            width, height = clip.picture
            boxes = model.decode(model.detector.invoke(frame.pixels), frame.picture).tolist()
            people = [(x1 / width, y1 / height, x2 / width, y2 / height) for x1, y1, x2, y2, _ in boxes]
            pixels = frame.pixels[: round(height * down), : round(width * across)].copy()
            seen.append((pixels, frame, people))
    return seen


def drawings(
    street: list[tuple[NDArray[np.uint8], Frame, list[Share]]], level: SilhouetteLevel
) -> Iterator[tuple[Silhouette, list[Share]]]:
    artist = SilhouetteArtist()
    for pixels, frame, people in street:
        drawn = artist.draw(pixels, frame.picture, people, level, frame.captured_at_s)
        assert drawn
        yield drawn, people


@pytest.mark.parametrize("level", DRAWN)
def test_nobody_of_a_real_clip_has_more_cells_than_the_level_allows(
    street: list[tuple[NDArray[np.uint8], Frame, list[Share]]], level: SilhouetteLevel
) -> None:
    resolution = RESOLUTIONS[level]
    tallest = 0.0
    for drawn, people in drawings(street, level):
        assert max(drawn.columns, drawn.rows) <= resolution.picture
        sizes = [max((x2 - x1) * drawn.columns, (y2 - y1) * drawn.rows) for x1, y1, x2, y2 in people]
        tallest = max([tallest, *sizes])
    assert 3 < tallest <= resolution.person, "people were there, and never larger than allowed"
    assert tallest / TALL_M < DETECTION_PX_A_METRE
    assert tallest / HEADS_IN_A_BODY <= 3, "a head has three cells by three at most: nine bits"


def test_the_scene_level_holds_nothing_of_anybody_who_was_found(
    street: list[tuple[NDArray[np.uint8], Frame, list[Share]]],
) -> None:
    for drawn, people in drawings(street, SilhouetteLevel.SCENE):
        drawn_cells = cells(drawn)
        for x1, y1, x2, y2 in people:
            rows = slice(int(y1 * drawn.rows), int(np.ceil(y2 * drawn.rows)))
            assert not drawn_cells[rows, int(x1 * drawn.columns) : int(np.ceil(x2 * drawn.columns))].any()


def test_at_the_last_level_nothing_is_drawn(street: list[tuple[NDArray[np.uint8], Frame, list[Share]]]) -> None:
    pixels, frame, people = street[0]
    assert SilhouetteArtist().draw(pixels, frame.picture, people, SilhouetteLevel.PATHS, 0.0) is None


def test_a_head_that_fills_the_picture_has_as_few_cells_as_a_whole_person() -> None:
    """Somebody on a ladder before the camera: the box is the picture, and the drawing a few cells."""
    face = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
    artist = SilhouetteArtist()
    drawn = artist.draw(face, (640, 480), [(0.0, 0.0, 1.0, 1.0)], SilhouetteLevel.OUTLINES, 10.0)
    assert drawn
    assert (drawn.columns, drawn.rows) == (20, 15)
    later = artist.draw(face, (640, 480), [], SilhouetteLevel.OUTLINES, 14.0)
    assert later
    assert later.columns == 20, "the detector may miss somebody for a while"
    gone = artist.draw(face, (640, 480), [], SilhouetteLevel.OUTLINES, 16.0)
    assert gone
    assert gone.columns == MAX_CELLS


def test_when_the_whole_picture_stirs_nothing_is_drawn() -> None:
    """Something is too near to be found: the detector says nothing, and still nothing is shown."""
    artist = SilhouetteArtist()
    empty = np.full((240, 320, 3), 40, np.uint8)
    near = np.full((240, 320, 3), 200, np.uint8)
    assert artist.draw(empty, (640, 480), [], SilhouetteLevel.OUTLINES, 0.0)
    assert artist.draw(near, (640, 480), [], SilhouetteLevel.OUTLINES, 0.2) is None
    assert artist.draw(near, (640, 480), [], SilhouetteLevel.OUTLINES, 0.4), "what stands still is the scene"


def test_grey_levels_leave_no_trace() -> None:
    """A step is a bit: whoever is dark or light, two pictures with the same steps give the same drawing."""
    picture = np.full((240, 320, 3), 60, np.uint8)
    picture[60:180, 100:200] = 120
    drawn = SilhouetteArtist().draw(picture, (640, 480), [], SilhouetteLevel.OUTLINES, 0.0)
    lighter = SilhouetteArtist().draw(picture + np.uint8(80), (640, 480), [], SilhouetteLevel.OUTLINES, 0.0)
    assert drawn == lighter
    assert drawn
    assert cells(drawn).any()


@pytest.mark.parametrize("shape", [(640, 480), (480, 640), (1920, 1080), (320, 320), (5, 1000)])
def test_every_shape_of_picture_has_its_cells(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (300, 300, 3), np.uint8)
    for level in DRAWN:
        drawn = SilhouetteArtist().draw(pixels, shape, [(0.4, 0.4, 0.5, 0.9)], level, 0.0)
        assert drawn
        assert max(drawn.columns, drawn.rows) <= RESOLUTIONS[level].picture
