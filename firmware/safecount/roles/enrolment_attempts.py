"""The attempts of one enrolment: with which code, asked for at which collector, when again."""

import random
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from safecount.edges.clock import SystemClock, file_date_s
from safecount.edges.durable_file import remove_file, replace_file
from safecount.edges.identity import Identity
from safecount.errors import SafecountError
from safecount.provisioning.enrolment_flow import TABLE, Event, State, step
from safecount.provisioning.wifi_state import Wifi
from safecount.roles.factory_reset import CODE_FILE
from safecount.settings import Settings
from safecount.wire.fleet import Fleet
from safecount.wire.site_code import SiteCode
from safecount.wire.values import ClockQuality

if TYPE_CHECKING:
    from safecount.roles.enrolling import Enrolling

ADDRESS_WITHIN_S = 5.0


class EnrolmentAttempts:
    """Remembers one code that was given here, or one fleet whose collector is asked for it, and when that is tried next.

    A code that was given is on disk until it is used up; a fleet's is not kept, and asked for again after a cut.
    """

    def __init__(self, settings: Settings, identity: Identity, wifi: Callable[[], Wifi]) -> None:
        self._wait = settings.provision
        self._folders = settings.folders
        self._identity = identity
        self._wifi = wifi
        self._clock = SystemClock(file_date_s(Path(settings.clock.floor_file)), Path(settings.clock.synchronized_file))
        self.kept = settings.folders.provision / CODE_FILE
        self._code: SiteCode | None = None
        self._fleet: Fleet | None = None
        self._due_s = 0.0

    @cached_property
    def _enrolling(self) -> "Enrolling":
        from safecount.roles.enrolling import Enrolling  # noqa: PLC0415 - what speaks HTTPS is loaded once it is to speak

        return Enrolling(self._folders, self._identity, self._wifi)

    @property
    def has_given_code(self) -> bool:
        """Whether a code is tried that was given here, by hand or on the card."""
        return self._code is not None

    def now_s(self) -> int | None:
        """UTC; None while the clock is not trusted."""
        now = self._clock.now()
        return None if now.clock is ClockQuality.UNSET else int(now.utc_s)

    def use_code(self, code: SiteCode, text: str) -> None:
        """Try this code from now on. OSError if the disk does not keep it."""
        replace_file(self.kept, text.strip().encode("ascii"), 0o600)
        self._code, self._fleet = code, None

    def use_fleet(self, fleet: Fleet) -> None:
        """Ask this fleet's collector for a code from now on."""
        self._code, self._fleet = None, fleet

    def due(self, state: State) -> Event | None:
        """The event by which this state is left for another attempt, once its time has come."""
        event = Event.ASK_DUE if self._fleet else Event.RETRY_DUE
        return event if (state, event) in TABLE and time.monotonic() >= self._due_s else None

    def hurry(self) -> None:
        """There is a network now: no need to wait for longer than it takes to give an address."""
        self._due_s = min(self._due_s, time.monotonic() + ADDRESS_WITHIN_S)

    def run(self) -> Event:
        """Make an attempt; what became of it."""
        outcome = self._try()
        if outcome in {Event.DONE, Event.TOKEN_REFUSED, Event.TOKEN_TAKEN}:
            remove_file(self.kept)
        soon = (step(State.ENROLLING, outcome), Event.RETRY_DUE) in TABLE
        # Spread, so that a hall full of devices that were switched on together does not go on in step.
        spread = 0.5 + random.random()  # noqa: S311 - no secret
        self._due_s = time.monotonic() + (self._wait.retry_s if soon else self._wait.ask_s) * spread
        return outcome

    def renew_if_due(self) -> None:
        """See to the certificate of a device that is enrolled."""
        self._enrolling.renew_if_due(int(self._clock.now().utc_s))

    def _try(self) -> Event:
        code = self._code if self._fleet is None else self._enrolling.ask(self._fleet, self.now_s())
        match code:
            case SiteCode():
                return self._enrolling.attempt(code)
            case Event():
                return code
            case None:
                raise SafecountError("An enrolment was begun without a code.")
