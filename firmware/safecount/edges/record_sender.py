"""Hands records to the seal process in a thread of its own, so that counting never waits for a disk.

What is handed over is kept until the seal process has it on disk; while that one is away, restarting or its disk full,
messages wait here in their order.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from safecount.edges.journal import Event, tell
from safecount.edges.record_socket import RecordClient, Reply, SealUnreachable
from safecount.wire.local import Message, WatchStatus, Welcome

MAX_WAITING = 1024
"""Four doors open and close 10 bins an hour and 8 more a day: four days. Beyond that what is newest is given up; the
ledger then reports the bins lost."""
RETRY_S = 2.0
STATUS_EVERY_S = 30.0


class RecordSender:
    """Remembers at most MAX_WAITING messages that are not on disk yet, and the newest welcome."""

    def __init__(self, path: Path, status: Callable[[], WatchStatus | None]) -> None:
        """`status` is asked at a fixed rhythm how the counting process is, in the sender's thread; None: not known yet."""
        self._path = path
        self._status = status
        self._waiting: deque[Message] = deque()
        self._change = threading.Condition()
        self._welcome: Welcome | None = None
        self._renew = False
        self._stopping = False
        self._status_due_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="record-sender", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._change:
            self._stopping = True
            self._change.notify_all()

    @property
    def welcome(self) -> Welcome | None:
        """What an aggregator may start from; None until the seal process has been met."""
        with self._change:
            return None if self._renew else self._welcome

    def renew_welcome(self) -> None:
        """Ask for the ledger again, once all that waits is stored."""
        with self._change:
            self._renew = True
            self._change.notify_all()

    def offer(self, messages: Sequence[Message]) -> None:
        """Hand messages over, to be stored in their order."""
        if not messages:
            return
        with self._change:
            room = MAX_WAITING - len(self._waiting)
            self._waiting.extend(messages[:room])
            self._change.notify_all()
        if room < len(messages):
            tell(Event.QUEUE_FULL)

    def forget(self) -> None:
        """Drop what waits: it is of a former owner, and not for the next one."""
        with self._change:
            self._waiting.clear()
            self._renew = True
            self._change.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything is on disk, at most so long; whether it is."""
        with self._change:
            return self._change.wait_for(lambda: not self._waiting, timeout_s)

    def _run(self) -> None:
        while not self._stopping:
            try:
                with RecordClient(self._path) as client:
                    self._meet(client.welcome)
                    self._serve(client)
            except SealUnreachable:
                self._pause(RETRY_S)

    def _meet(self, welcome: Welcome) -> None:
        with self._change:
            self._welcome = welcome
            if not self._waiting:
                self._renew = False

    def _serve(self, client: RecordClient) -> None:
        """Send until asked to stop, or for a new welcome when nothing waits any more."""
        while not self._stopping:
            message = self._next()
            if message is None:
                if self._renew:
                    return
            elif client.send(message) is Reply.TRY_AGAIN:
                self._pause(RETRY_S)
            elif not isinstance(message, WatchStatus):
                self._done(message)

    def _next(self) -> Message | None:
        """What is to be sent now: the status if it is due, else the oldest message; None after a wait for one."""
        with self._change:
            due_in_s = self._status_due_s - time.monotonic()
            if due_in_s > 0:
                if not self._waiting and not self._renew:
                    self._change.wait(due_in_s)
                return self._waiting[0] if self._waiting else None
            self._status_due_s = time.monotonic() + STATUS_EVERY_S
        status = self._status()
        if status is None:
            self._status_due_s = time.monotonic() + RETRY_S
        return status

    def _done(self, message: Message) -> None:
        with self._change:
            if self._waiting and self._waiting[0] is message:
                self._waiting.popleft()
            self._change.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._change:
            self._change.wait_for(lambda: self._stopping, seconds)
