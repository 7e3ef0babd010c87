"""What an operator may set about updates, with defaults that suit a shop door on an ordinary line."""

import re
from dataclasses import dataclass

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """Where releases come from, and when the device may do what.

    `repository` is the address of the folder that was published ("": never ask); `ca_file` a PEM file of the only
    authorities to believe for it ("": the system's). `root_file` is TUF's first root, `keyring_file` RAUC's authority and
    `board_file` the board's name, all part of the image; `autoboot_file` chooses the slot. `sources` are searched for
    blocks of a new bundle: the slots' partitions.
    The first question comes within `first_ask_s` of a start, so that a fleet does not return from a power cut as one;
    `ask_every_s` is the mean time between two. On a `metered` line it is a day at least, and no more than
    `metered_limit_bytes` are fetched for a release. Restarts happen from `restart_from` to `restart_until`, local time
    "HH:MM" ("00:00" to "00:00": at any time): just before midnight, so that the day's bins are nearly full when they
    are closed, and that trial and fall-back are over when the next day's open. `trial_s` is the length of the trial's
    check, of which the first `settle_s` forgive.
    """

    repository: str = ""
    ca_file: str = ""
    root_file: str = "/usr/share/safecount/release-root.json"
    keyring_file: str = "/etc/rauc/keyring.pem"
    board_file: str = "/usr/share/safecount/board"
    autoboot_file: str = "/boot/autoboot.txt"
    sources: tuple[str, ...] = tuple(f"/dev/disk/by-partuuid/5afec047-0{number}" for number in (5, 2, 6, 3))
    ask_every_s: float = 3600.0
    first_ask_s: float = 900.0
    metered: bool = False
    metered_limit_bytes: int = 32 * 1024 * 1024
    restart_from: str = "23:20"
    restart_until: str = "23:40"
    trial_s: float = 600.0
    settle_s: float = 180.0

    def __post_init__(self) -> None:
        for name in ("restart_from", "restart_until"):
            if not _TIME.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} must be a time such as 23:20.")
        if self.repository and not self.repository.startswith(("https://", "http://127.0.0.1", "http://[::1]")):
            raise ValueError("repository must be an https:// address.")
        if self.ask_every_s <= 0 or self.metered_limit_bytes < 0:
            raise ValueError("ask_every_s must be above 0, and metered_limit_bytes at least 0.")
        if not 0 <= self.settle_s < self.trial_s:
            raise ValueError("settle_s must be at least 0 and less than trial_s.")

    def may_restart(self, minute_of_day: int) -> bool:
        """Whether a restart is welcome at this minute of the local day, 0 to 1439. The hours may span midnight."""
        start, end = _minute(self.restart_from), _minute(self.restart_until)
        return start == end or (minute_of_day - start) % MINUTES_A_DAY < (end - start) % MINUTES_A_DAY


def _minute(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)
