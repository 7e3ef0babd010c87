"""decode_scene: what the set-up page's process takes from the counting process."""

from safecount.wire.scene import (
    Scene,
    SeenCrossing,
    SeenPerson,
    Silhouette,
    SilhouetteLevel,
    decode_scene,
    encode_scene,
)

DRAWN = Silhouette(8, 6, bytes(range(6)))
SEEN = (SeenPerson(3, 10, 200, 60, 300),)
SEEDS = [
    encode_scene(Scene("line-1/a", SilhouetteLevel.OUTLINES, (640, 480), DRAWN, SEEN, (SeenCrossing(1, 0, True, 40),))),
    encode_scene(Scene("line-1/a", SilhouetteLevel.PATHS, (640, 480), None)),
]


def one_input(data: bytes) -> None:
    assert encode_scene(decode_scene(data)) == data
