"""One-time tokens of site codes: kept as digests, each for one serial, used by one device. In the collector's database.

A token that was used gives the same device, with the same keys, its certificate again: an answer can be lost on its way.
Beside them are the site codes of the fleet's list, for the devices on it to ask for.
"""

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, select

from safecount.errors import UsageError
from safecount.wire.enrolment import Statement
from safecount_ops.collector import audit
from safecount_ops.collector.database import Database
from safecount_ops.collector.registry import DEFAULT_TENANT
from safecount_ops.collector.settings import read_settings
from safecount_ops.collector.tables import fleet_token, listed, site_token, taken_list
from safecount_ops.enrolment.fleet_list import FleetList


class Verdict(Enum):
    """What a token is good for."""

    GOOD = "good"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    OTHER_DEVICE = "for another device"
    USED = "used"
    ENDED = "of a list that is past its date"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens in one database; each call is a transaction that is on disk when it returns, whoever else has one open."""

    database: Database

    @classmethod
    def in_folder(cls, folder: Path) -> "Tokens":
        """Those of the collector whose folder it is; UsageError if it is none."""
        return cls(Database(read_settings(folder).database))

    def add(self, token: bytes, serial: str, expires_s: int) -> None:
        row = {"digest": sha256(token).digest(), "serial": serial, "expires_at": expires_s}
        with self.database.writing() as connection:
            connection.execute(site_token.insert().values(row))

    def redeem(self, token: bytes, serial: str, device: str, now_s: int) -> Verdict:
        """Whether `device`, which has proved its serial, may have a certificate for the token, which is then its own."""
        this = site_token.c.digest == sha256(token).digest()
        with self.database.writing() as connection:
            found = connection.execute(select(site_token).where(this).with_for_update()).one_or_none()
            if found is None:
                return Verdict.UNKNOWN
            if found.serial != serial:
                return Verdict.OTHER_DEVICE
            if found.device is not None and found.device != device:
                return Verdict.USED
            if now_s >= found.expires_at:
                return Verdict.EXPIRED
            connection.execute(site_token.update().where(this).values(device=device))
            return Verdict.GOOD

    def take_list(self, taken: FleetList, now_s: int, who: str) -> None:
        """Put this list in the place of the one before. A device keeps nothing but what it has already enrolled with.

        Raises:
            UsageError: a list that is not newer than the last one that was taken.
        """
        with self.database.writing() as connection:
            self.database.lock(connection, "fleet list")
            before = connection.execute(select(taken_list.c.made_at)).scalar_one_or_none()
            if before is not None and before >= taken.made_s:
                raise UsageError("A list that is as new or newer was taken already: sign a new one.")
            unused = site_token.c.device.is_(None) & site_token.c.digest.in_(select(listed.c.digest))
            connection.execute(site_token.delete().where(unused))
            for table in (listed, taken_list):
                connection.execute(table.delete())
            connection.execute(taken_list.insert().values(made_at=taken.made_s, ends_at=taken.ends_s))
            _insert(connection, taken)
            what = f"{len(taken.devices)} devices, made {taken.made_s}"
            audit.append(self.database, connection, audit.Act(now_s, who, "take-list", what, DEFAULT_TENANT))

    def find_listed(self, statement: Statement, now_s: int) -> str | Verdict:
        """The text of the site code for the device that has made this statement, which has been verified."""
        columns = (listed.c.fingerprint, listed.c.code, site_token.c.device, taken_list.c.ends_at)
        joined = listed.join(site_token, listed.c.digest == site_token.c.digest).join(
            taken_list, taken_list.c.made_at >= 0
        )
        query = select(*columns).select_from(joined).where(listed.c.serial == statement.serial)
        with self.database.reading() as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            return Verdict.UNKNOWN
        if found.fingerprint != sha256(statement.identity).digest():
            return Verdict.OTHER_DEVICE
        if found.device is not None and found.device != statement.device:
            return Verdict.USED
        return Verdict.ENDED if now_s >= found.ends_at else str(found.code)

    def has_listed(self, device: str) -> bool:
        """Whether the device of this name has enrolled by this or an earlier list."""
        joined = fleet_token.join(site_token, fleet_token.c.digest == site_token.c.digest)
        with self.database.reading() as connection:
            query = select(site_token.c.serial).select_from(joined).where(site_token.c.device == device).limit(1)
            return connection.execute(query).one_or_none() is not None


def _insert(connection: Connection, taken: FleetList) -> None:
    """The devices of a list and their tokens, but for tokens that are known from an earlier one."""
    rows = [(sha256(one.code.token).digest(), one) for one in taken.devices]
    tokens = {
        digest: {"digest": digest, "serial": one.serial, "expires_at": one.code.expires_s} for digest, one in rows
    }
    for table, columns in ((site_token, ("digest", "serial", "expires_at")), (fleet_token, ("digest",))):
        known = set(connection.execute(select(table.c.digest)).scalars())
        new = [{name: tokens[one][name] for name in columns} for one in tokens.keys() - known]
        if new:
            connection.execute(table.insert(), new)
    texts = [
        {"serial": one.serial, "fingerprint": one.fingerprint, "code": one.text, "digest": digest}
        for digest, one in rows
    ]
    if texts:
        connection.execute(listed.insert(), texts)
