"""A device that has asked once and the release side that it asks, on loopback, and a thief of some of its keys.

Real TUF metadata, real bundles signed by RAUC and checked by it, and a real web server.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from safecount.edges.tuf_client import RepositorySettings, TufRepository
from safecount.edges.web import Pace, Web
from safecount.wire.release import Release
from safecount.wire.update_state import Refusal, UpdateState
from safecount_ops.release.bundle import describe, index_of
from safecount_ops.release.rauc_ca import RaucCa
from safecount_ops.release.repository import ReleaseRepository
from safecount_ops.release.signing_keys import SigningKeys
from simulators.release_desk import PASSPHRASE, ReleaseDesk
from simulators.release_server import ReleaseServer
from simulators.update_device import Counter, checked_by_rauc


class Field:
    """A device that has asked once, and the release side that it asks."""

    def __init__(self, desk: ReleaseDesk, server: ReleaseServer, folder: Path) -> None:
        self.desk, self.server = desk, server
        self.versions: dict[bytes, str] = {}
        self.device = Counter(folder, checked_by_rauc(desk.rauc.ca, self.versions))
        root = folder / "root.json"
        shutil.copy(desk.root_file, root)
        self.pace = Pace()
        self.settings = RepositorySettings(server.url, folder / "tuf", root, keep_free=0)
        self.ask()

    @property
    def new(self) -> Path:
        return self.desk.folder / "rpi-1.1.0.raucb"

    def publish(self, bundle: Path | None = None, **changed: object) -> Release:
        return self.desk.publish(bundle or self.new, **changed)  # type: ignore[arg-type]

    def ask(self) -> tuple[UpdateState, Refusal | None]:
        for bundle in self.desk.folder.glob("*.raucb"):
            self.versions[bundle.read_bytes()[-256:]] = bundle.stem.split("-")[-1]
        web = Web(pace=self.pace)
        try:
            report = self.device.rounds(TufRepository(self.settings, web)).ask()
        finally:
            web.close()
        assert self.device.contents["A"] == "1.0.0", "what runs is never touched"
        assert isinstance(report.reason, Refusal | None)
        return report.state, report.reason

    def refusal(self) -> Refusal | None:
        """The reason of a refusal; None if it was none. A refusal leaves the other slot as it was."""
        before = self.device.contents["B"]
        state, reason = self.ask()
        if state is UpdateState.REFUSED:
            assert self.device.contents["B"] == before
            assert self.device.load().trial is None
        return reason

    def edit(self, role: str, change: Callable[[dict[str, object]], None]) -> None:
        """Change published metadata after it was signed."""
        path = self.newest(role)
        table = json.loads(path.read_text())
        change(table)
        path.write_text(json.dumps(table))

    def newest(self, role: str) -> Path:
        folder = self.desk.public / "metadata"
        if role == "timestamp":
            return folder / "timestamp.json"
        return max(folder.glob(f"*.{role}.json"), key=lambda path: int(path.name.split(".")[0]))


def thief(field: Field, *roles: str) -> ReleaseRepository:
    """Somebody with the keys of these roles, and keys of their own for the others."""
    folder = field.desk.folder / "thief"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in (field.desk.folder / "keys").glob("*.pem"):
        if path.stem.split("-")[0] in roles:
            shutil.copy(path, folder)
    return Careless(field.desk.public, SigningKeys(folder, PASSPHRASE))


class Careless(ReleaseRepository):
    """Publishes whatever its keys give, enough or not."""

    def _sign(self, role: str, md, roots) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ARG002
        md.signatures.clear()
        signers = self._keys.load(role)
        if not signers:
            signers = [self._keys.make(role, 77)]
        for signer in signers:
            md.sign(signer, append=True)


def other_ca(field: Field) -> RaucCa:
    ca = RaucCa(field.desk.folder / "other")
    if not ca.folder.exists():
        ca.create()
    return ca


def described(field: Field, bundle: Path | None = None, by: RaucCa | None = None) -> tuple[Release, Path, bytes]:
    bundle = bundle or field.new
    return describe(bundle, (by or field.desk.rauc).ca, 1000), bundle, index_of(bundle)
