"""The sender of the counting process against a real seal side that is absent, late, restarted or full."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from safecount.edges import record_sender
from safecount.edges.record_sender import MAX_WAITING, RecordSender
from safecount.edges.record_socket import RecordServer, Reply
from safecount.wire.local import Message, WatchStatus, Welcome
from safecount.wire.values import Accelerator, BinOpened, CameraState, Node, Trouble
from simulators.device import wait_until

STATUS = WatchStatus(CameraState.WORKING, Accelerator.CPU, Trouble(0))


def opened(number: int) -> BinOpened:
    return BinOpened("north", Node.HOUR, number * 3600, number * 3600 + 3600)


@dataclass
class SealSide:
    """Takes messages; `replies` are given first, then STORED. `lost`: stores, and hangs up instead of answering."""

    path: Path
    taken: list[Message] = field(default_factory=list)
    statuses: list[WatchStatus] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    lost: int = 0
    welcomes: int = 0

    def welcome(self) -> Welcome:
        self.welcomes += 1
        return Welcome((), self.welcomes)

    def take(self, message: Message) -> Reply:
        if isinstance(message, WatchStatus):
            self.statuses.append(message)
            return Reply.STORED
        reply = self.replies.pop(0) if self.replies else Reply.STORED
        if reply is Reply.STORED:
            self.taken.append(message)
        if self.lost:
            self.lost -= 1
            raise ConnectionError("the answer is lost")
        return reply

    @contextmanager
    def serving(self) -> Iterator[None]:
        stopping = threading.Event()

        def serve() -> None:
            with RecordServer(self.path) as server:
                while not stopping.is_set():
                    server.serve_once(0.02, self.welcome, self.take)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


@pytest.fixture
def seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SealSide:
    monkeypatch.setattr(record_sender, "RETRY_S", 0.02)
    return SealSide(tmp_path / "record.sock")


def nothing_known() -> None:
    return None


def test_what_is_offered_before_the_seal_side_listens_arrives_in_order(seal: SealSide) -> None:
    with RecordSender(seal.path, lambda: STATUS) as sender:
        sender.offer([opened(1)])
        sender.offer([opened(2), opened(3)])
        assert not sender.drain(0.05)
        before = sender.welcome
        with seal.serving():
            assert sender.drain(5)
            assert (before, sender.welcome) == (None, Welcome((), 1))
    assert seal.taken == [opened(1), opened(2), opened(3)]
    assert seal.statuses[:1] == [STATUS]


def test_a_full_disk_and_a_lost_answer_mean_that_it_comes_again(seal: SealSide) -> None:
    seal.replies = [Reply.TRY_AGAIN, Reply.TRY_AGAIN]
    with seal.serving(), RecordSender(seal.path, nothing_known) as sender:
        sender.offer([opened(1)])
        assert sender.drain(5)
        assert seal.taken == [opened(1)]
        seal.lost = 1
        sender.offer([opened(2), opened(3)])
        assert sender.drain(5)
    assert seal.taken == [opened(1), opened(2), opened(2), opened(3)], "the spool takes a repeat for what it is"


def test_a_restart_of_the_seal_side_loses_nothing(seal: SealSide) -> None:
    with RecordSender(seal.path, nothing_known) as sender:
        for number in range(1, 6):
            with seal.serving():
                sender.offer([opened(number)])
                assert sender.drain(5)
    assert seal.taken == [opened(number) for number in range(1, 6)]


def test_a_new_welcome_is_fetched_once_all_that_waits_is_stored(seal: SealSide) -> None:
    with RecordSender(seal.path, nothing_known) as sender:
        with seal.serving():
            wait_until(lambda: sender.welcome, "the first welcome")
        sender.offer([opened(1)])
        sender.renew_welcome()
        assert sender.welcome is None
        with seal.serving():
            wait_until(lambda: sender.welcome, "the ledger with what waited")
    assert seal.taken == [opened(1)]


def test_what_waits_is_bounded_and_the_oldest_is_kept(seal: SealSide, capfd: pytest.CaptureFixture[str]) -> None:
    with RecordSender(seal.path, nothing_known) as sender:
        for number in range(MAX_WAITING + 5):
            sender.offer([opened(number)])
        assert capfd.readouterr().err.count("given up") == 5
        with seal.serving():
            assert sender.drain(10)
    assert seal.taken == [opened(number) for number in range(MAX_WAITING)]


def test_what_waits_for_an_owner_that_was_forgotten_is_not_given_to_the_next(seal: SealSide) -> None:
    with RecordSender(seal.path, lambda: STATUS) as sender:
        sender.offer([opened(1), opened(2)])
        sender.forget()
        assert sender.welcome is None, "the ledger before was the former owner's"
        sender.offer([opened(3)])
        with seal.serving():
            assert sender.drain(20)
            wait_until(lambda: sender.welcome is not None, "a new welcome")
    assert seal.taken == [opened(3)]


def test_an_owner_is_forgotten_while_a_record_is_on_its_way(seal: SealSide) -> None:
    with RecordSender(seal.path, lambda: STATUS) as sender:
        take = seal.take

        def forgetting(message: Message) -> Reply:
            if message == opened(1):
                sender.forget()
                sender.offer([opened(2)])
            return take(message)

        seal.take = forgetting  # type: ignore[method-assign]  # the moment in between is the point
        sender.offer([opened(1)])
        with seal.serving():
            assert sender.drain(20)
    assert seal.taken == [opened(1), opened(2)]
