"""Hands scenes to the set-up page in a thread of its own, so that counting never waits for a page.

A scene that nobody takes is dropped: the next one is newer.
"""

import threading
from pathlib import Path

from safecount.edges.scene_socket import NobodyLooks, SceneClient
from safecount.wire.scene import Scene, Wish

RETRY_S = 1.0


class SceneSender:
    """Remembers one scene at most, and the newest wish. Runs from `start` to `stop`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._change = threading.Condition()
        self._waiting: Scene | None = None
        self._wish: Wish | None = None
        self._thread: threading.Thread | None = None
        self._running = False

    @property
    def wish(self) -> Wish | None:
        """What the page would like; None until it has said so."""
        return self._wish

    @property
    def running(self) -> bool:
        return self._running

    def start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return  # that of the session before is on its way out
        self._running, self._wish, self._waiting = True, None, None
        self._thread = threading.Thread(target=self._run, name="scene-sender", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._change:
            self._running, self._wish, self._waiting = False, None, None
            self._change.notify_all()

    def offer(self, scene: Scene) -> bool:
        """Hand a scene over; False if the one before is still on its way."""
        with self._change:
            if not self._running or self._waiting is not None:
                return False
            self._waiting = scene
            self._change.notify_all()
        return True

    def _run(self) -> None:
        while self._running:
            try:
                client = SceneClient(self._path)
            except NobodyLooks:
                self._pause()
                continue
            try:
                self._serve(client)
            except NobodyLooks:
                self._pause()
            finally:
                client.close()

    def _serve(self, client: SceneClient) -> None:
        while self._running:
            with self._change:
                self._change.wait_for(lambda: self._waiting is not None or not self._running)
                scene = self._waiting
            if scene is None:
                return
            wish = client.show(scene)
            with self._change:
                self._waiting = None
                self._wish = wish if self._running else None

    def _pause(self) -> None:
        with self._change:
            self._waiting = None
            self._change.wait_for(lambda: not self._running, RETRY_S)
