"""The set-up page's process: serves one page over the USB cable while a session is open that a hand at the device began.

It has that one network interface; no camera, no key and no disk. What it is shown are silhouettes, paths and crossings
(`wire.scene`); what it knows ends with the session. It can ask provisioning to keep lines, and the seal process to sign
rates, and neither has to.
"""

import secrets
import time
from pathlib import Path

from safecount.edges.journal import Event, tell
from safecount.edges.scene_socket import SceneServer
from safecount.edges.session_file import open_session
from safecount.edges.setup_server import SetupServer
from safecount.edges.systemd import ServiceManager, StopRequest
from safecount.errors import SafecountError
from safecount.roles.setup_page import SetupPage
from safecount.setting_up.access import Access
from safecount.settings import Settings, read_settings
from safecount.wire.setup_session import SetupSession

LOOK_EVERY_S = 0.2


def run(settings_file: Path) -> None:
    """Serve the page until the session is over; a session that is opened meanwhile takes the place of the one before.

    Raises:
        SafecountError: no session is open, or the address cannot be had.
    """
    settings = read_settings(settings_file)
    session = open_session(settings.folders.session_file)
    if session is None:
        raise SafecountError(
            "No set-up session is open: press the device's button, or say `setup` on its serial console."
        )
    manager = ServiceManager.of_environment()
    with StopRequest() as stop:
        while session is not None and not stop:
            session = _serve(settings, session, manager, stop)
        manager.stopping()


def _serve(
    settings: Settings, session: SetupSession, manager: ServiceManager, stop: StopRequest
) -> SetupSession | None:
    """Serve one session to its end; the one that has taken its place, if any."""
    folders = settings.folders
    page = SetupPage(settings, Access(session, secrets.token_bytes))
    where = settings.setup
    with (
        SceneServer(folders.scene_socket, page.take),
        SetupServer(where.address, where.port, where.interface, page.handle) as server,
    ):
        page.host = server.host
        manager.ready()
        tell(Event.SETUP_OPEN)
        while not (stop.wait(LOOK_EVERY_S) or page.ended):
            manager.alive()
            newest = open_session(folders.session_file)
            if newest != session or not session.is_open(time.monotonic()):
                tell(Event.SETUP_OVER)
                return newest if newest != session else None
    tell(Event.SETUP_OVER)
    return None
