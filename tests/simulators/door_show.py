"""A counting process that shows what a test has it show: the other end of the set-up page's socket."""

import threading
import time
from collections import deque
from pathlib import Path
from typing import Self

from safecount.edges.scene_socket import NobodyLooks, SceneClient
from safecount.wire.scene import Scene, SeenCrossing, SeenPerson, Silhouette, SilhouetteLevel, Wish

EVERY_S = 0.1
RULE = "line-1/simulated"


class DoorShow:
    """Shows a walker who goes to and fro, and the crossings that are handed to it; heeds the page's wishes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._crossings: deque[tuple[int, bool]] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.wish: Wish | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def cross(self, line: int, *, inward: bool) -> None:
        """Somebody crosses now."""
        self._crossings.append((line, inward))

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                client = SceneClient(self._path)
            except NobodyLooks:
                continue
            try:
                while not self._stop.wait(EVERY_S):
                    self.wish = client.show(self._scene())
            except NobodyLooks:
                pass
            finally:
                client.close()

    def _scene(self) -> Scene:
        serial = self.wish.serial if self.wish else 0
        crossings = []
        while self.wish and self._crossings:
            line, inward = self._crossings.popleft()
            crossings.append(SeenCrossing(serial, line, inward, 0))
        level = self.wish.level if self.wish else SilhouetteLevel.OUTLINES
        x = int(time.monotonic() * 200) % 900
        silhouette = None if level is SilhouetteLevel.PATHS else Silhouette(32, 24, bytes(range(96)))
        return Scene(RULE, level, (640, 480), silhouette, (SeenPerson(1, x, 400, 60, 300),), tuple(crossings))
