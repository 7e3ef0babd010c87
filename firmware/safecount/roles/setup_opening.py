"""Opens the set-up page for a hand at the device, and keeps the lines that the page proposes: provisioning's part of it."""

import secrets
import time
from collections.abc import Callable, Sequence

from safecount.edges.identity import Identity
from safecount.edges.session_file import write_session
from safecount.edges.small_file import WatchedFiles
from safecount.provisioning.enrolment_flow import TOLD, State
from safecount.roles.site_lines import keep_proposal
from safecount.settings import Settings
from safecount.wire.enrolment import SETUP_CODE_BYTES, setup_code_bytes
from safecount.wire.setup_session import SetupSession, code_text, digest_of_code

SHORTEST_PRESS_S, LONGEST_PRESS_S = 0.05, 5.0
"""A press by a finger: no crackle of the contact, and nothing that leans on the button."""


class SetupOpening:
    """Remembers the stamp of the newest proposal."""

    def __init__(self, settings: Settings, identity: Identity, say: Callable[[str], None]) -> None:
        """`say` speaks on the serial console."""
        self._settings = settings
        self._identity = identity
        self._say = say
        self._proposals = WatchedFiles(settings.folders.proposal_file)
        self._proposals.changed()

    def look(self, presses: Sequence[float]) -> None:
        """Heed the button, which was held for these seconds, and the page."""
        if any(SHORTEST_PRESS_S <= held_s <= LONGEST_PRESS_S for held_s in presses):
            self._open(code_text(setup_code_bytes(self._identity.secret)), "on the label")
        if self._proposals.changed():
            self._keep()

    def open_told(self) -> None:
        """Open a session for whoever reads the serial console."""
        code = code_text(secrets.token_bytes(SETUP_CODE_BYTES))
        self._open(code, code)

    def _open(self, code: str, told: str) -> None:
        """Open a session, in the place of one that is open."""
        where, now_s = self._settings.setup, int(time.monotonic())
        session = SetupSession(now_s, now_s + where.minutes * 60, digest_of_code(code))
        try:
            write_session(self._settings.folders.session_file, session)
        except OSError:
            self._say("The set-up page cannot be opened: the device's memory takes nothing.")
            return
        self._say(f"Set-up page: http://{where.address}:{where.port}/ code {told} for {where.minutes} minutes.")

    def _keep(self) -> None:
        try:
            if keep_proposal(self._settings.folders):
                self._say("The site's lines were changed on the set-up page.")
        except OSError:
            self._say(TOLD[State.DISK_FAILED])
