"""Stops a roll-out when too many of those that tried it fell back: on the page, in a file, and by a hook.

The collector can sign nothing: whoever holds the release keys does, by the command that the file tells (docs/updates.md).
Those that tried are the active devices that fell back, and those that came to run another version within the last week.
"""

import json
import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, func, or_, select

from safecount.errors import UsageError
from safecount.wire.update_state import Refusal
from safecount.wire.values import UpdateState
from safecount_ops.collector import audit
from safecount_ops.collector.database import Database
from safecount_ops.collector.settings import Rollout
from safecount_ops.collector.tables import device, health, rollout_stop, tenant

STOP_FILE = "stop-rollout.json"
COMMAND = "safecount-ops release halt BOARD VERSION"
WEEK_S = 7 * 86_400
_HOOK_TAKES_S = 60


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the roll-out to a tenant's devices must stop: so many of those that tried fell back."""

    tenant: str
    at_s: int
    fell_back: int
    tried: int

    @property
    def told(self) -> str:
        return f"{self.fell_back} of {self.tried} devices of {self.tenant} that tried the new release fell back."


def is_too_many(fell_back: int, tried: int, settings: Rollout) -> bool:
    """Whether to stop: not for fewer than `least`, which may be bad luck, nor below the share."""
    return fell_back >= settings.least and fell_back * 100 >= tried * settings.stop_percent


def stops(connection: Connection, tenant_name: str | None) -> list[Stop]:
    """The stops that stand, of a tenant or of all (None)."""
    query = select(rollout_stop).order_by(rollout_stop.c.tenant)
    if tenant_name is not None:
        query = query.where(rollout_stop.c.tenant == tenant_name)
    return [Stop(row.tenant, row.at, row.fell_back, row.tried) for row in connection.execute(query)]


class RolloutWatch:
    """Looks at what the devices' health records tell of updates. A stop stands until a person takes it back."""

    def __init__(self, database: Database, folder: Path, settings: Rollout) -> None:
        self._database = database
        self._file = folder / STOP_FILE
        self._settings = settings

    def look(self, now_s: int) -> list[Stop]:
        """Stop what must be stopped, and return what was stopped by this call."""
        with self._database.reading() as connection:
            tried = _tried(connection, now_s)
            standing = {one.tenant for one in stops(connection, None)}
        bad = [
            one for one in tried if one.tenant not in standing and is_too_many(one.fell_back, one.tried, self._settings)
        ]
        made = [one for one in bad if self._write(one)]
        if made:
            self._tell()
        return made

    def take_back(self, tenant_name: str, now_s: int, who: str) -> None:
        """Let the roll-out to a tenant go on; UsageError if it is not stopped."""
        with self._database.writing() as connection:
            if connection.execute(rollout_stop.delete().where(rollout_stop.c.tenant == tenant_name)).rowcount != 1:
                raise UsageError(f"The roll-out to the devices of {tenant_name} is not stopped.")
            audit.append(self._database, connection, audit.Act(now_s, who, "go-on-rollout", tenant_name, tenant_name))
        self._write_file()

    def _write(self, stop: Stop) -> bool:
        """Whether this process was the first to write it."""
        with self._database.writing() as connection:
            self._database.lock(connection, "rollout")
            if stops(connection, stop.tenant):
                return False
            values = {"tenant": stop.tenant, "at": stop.at_s, "fell_back": stop.fell_back, "tried": stop.tried}
            connection.execute(rollout_stop.insert().values(values))
            audit.append(
                self._database, connection, audit.Act(stop.at_s, "collector", "stop-rollout", stop.told, stop.tenant)
            )
        return True

    def _tell(self) -> None:
        self._write_file()
        if self._settings.hook:
            try:
                subprocess.run([self._settings.hook, str(self._file)], check=False, timeout=_HOOK_TAKES_S)
            except (OSError, subprocess.TimeoutExpired) as error:
                print(f"The hook {self._settings.hook} did not run to its end: {error}.", flush=True)

    def _write_file(self) -> None:
        with self._database.reading() as connection:
            standing = stops(connection, None)
        if not standing:
            self._file.unlink(missing_ok=True)
            return
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps({"stop": [asdict(one) for one in standing], "command": COMMAND}, indent=1) + "\n")
        os.replace(beside, self._file)  # noqa: PTH105


def _tried(connection: Connection, now_s: int) -> list[Stop]:
    fell = or_(
        health.c.update_state == int(UpdateState.FELL_BACK),
        (health.c.update_state == int(UpdateState.REFUSED)) & (health.c.update_reason == int(Refusal.FAILED_BEFORE)),
    )
    since = now_s - WEEK_S
    counted = (
        select(tenant.c.name, func.count().filter(fell), func.count())
        .select_from(
            health.join(device, health.c.device == device.c.number).join(tenant, device.c.tenant == tenant.c.name)
        )
        .where(device.c.active, device.c.seen_at >= since, or_(fell, health.c.version_since >= since))
        .group_by(tenant.c.name)
    )
    return [Stop(name, now_s, fell_back, tried) for name, fell_back, tried in connection.execute(counted)]
