"""Runs where the data partition cannot be used, in the seal process's place at the lamp: says so until it is stopped."""

from pathlib import Path

from safecount.delivery.lamp_pattern import pattern_of
from safecount.edges.lamp import Lamp
from safecount.edges.systemd import ServiceManager, StopRequest
from safecount.settings import read_settings
from safecount.wire.values import Trouble

LOOK_EVERY_S = 60.0


def run(settings_file: Path) -> None:
    """Show the pattern of a failing disk. Raise UsageError where the settings cannot be used."""
    settings = read_settings(settings_file)
    manager = ServiceManager.of_environment()
    with StopRequest() as stop, Lamp(settings.lamp.folder) as lamp:
        lamp.show(pattern_of(Trouble.DISK_FAILING))
        manager.ready()
        while not stop.wait(LOOK_EVERY_S):
            manager.alive()
        manager.stopping()
