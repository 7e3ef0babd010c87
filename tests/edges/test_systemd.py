import os
import signal
import socket
from pathlib import Path

import pytest

from safecount.edges.systemd import ServiceManager, StopRequest


def test_the_manager_hears_ready_alive_and_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        service = ServiceManager.of_environment()
        service.ready()
        for _ in range(100):
            service.alive()
        service.stopping()
        heard = [manager.recv(100) for _ in range(3)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"], "alive is told rarely, however often it is called"


def test_an_abstract_address_works_too() -> None:
    name = f"safecount-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        manager.settimeout(5)
        ServiceManager(f"@{name}").ready()
        assert manager.recv(100) == b"READY=1"


def test_without_a_manager_or_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    for address in (None, "", str(tmp_path / "gone")):
        ServiceManager(address).ready()


def test_a_request_to_stop_is_heard_and_ends_waiting() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        assert not stop
        assert not stop.wait(0)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5)
        assert stop
    assert signal.getsignal(signal.SIGTERM) is before
