"""Run once by a timer, long after a trial's check must have ended: a device that is still on trial then is left.

It stands apart from the update process, since what it guards against is that this process hangs.
"""

from pathlib import Path

from safecount.edges.journal import Event, tell
from safecount.roles.update import world_of
from safecount.settings import read_settings
from safecount.updating.rounds import Rounds


def run(settings_file: Path) -> None:
    """Leave a trial that has not ended.

    Raises:
        SafecountError: the settings cannot be used.
    """
    settings = read_settings(settings_file)
    if Rounds(settings.update, world_of(settings)).give_up_trial():
        tell(Event.UPDATE_RESTARTS)
