"""The uplink process: takes envelopes from the spool to the collector, and drops them for signed receipts.

It has the network and the TLS key; no camera, and no key that seals or opens anything. It calls the one host that the
site file names. When it visits depends on chance and on how visits went, never on what was counted.
"""

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

from safecount.delivery.ports import Failure
from safecount.delivery.upload_policy import UploadState, after_visit, at_start
from safecount.delivery.uploader import Delivered, upload_once
from safecount.edges.durable_file import replace_file
from safecount.edges.journal import Event, tell
from safecount.edges.seal_keys import KEYSET_FILE
from safecount.edges.small_file import WatchedFiles
from safecount.edges.spool_db import SpoolDb
from safecount.edges.spool_file import SpoolError, SpoolMissing
from safecount.edges.systemd import ServiceManager, StopRequest
from safecount.errors import SafecountError
from safecount.roles.ownership import Ownership, ownership_files, read_ownership
from safecount.settings import FolderSettings, Settings, read_settings

if TYPE_CHECKING:
    from safecount.edges.https import HttpsTransport

CA_FILE, CERTIFICATE_FILE, KEY_FILE = "ca.pem", "tls.cert.pem", "tls.key.pem"
LOOK_EVERY_S = 0.5
NOTHING_TO_DO = Delivered(0, 0, more=False, received_at_s=0, keyset=0)
_READABLE = 0o644


def run(settings_file: Path) -> None:
    """Deliver until asked to stop.

    Raises:
        SafecountError: the settings cannot be used.
    """
    settings = read_settings(settings_file)
    manager = ServiceManager.of_environment()
    with StopRequest() as stop:
        manager.ready()
        _UplinkProcess(settings, manager, stop).run()
        manager.stopping()


class _UplinkProcess:
    """Remembers when the next visit is due, and nothing of what was sent."""

    def __init__(self, settings: Settings, manager: ServiceManager, stop: StopRequest) -> None:
        self._settings = settings
        self._folders = settings.folders
        self._manager = manager
        self._stop = stop
        self._draw = random.SystemRandom().uniform
        self._state = at_start(time.monotonic(), self._draw, settings.upload)
        self._owner_files = ownership_files(self._folders)
        self._identity_files = WatchedFiles(
            *(self._folders.uplink / name for name in (CA_FILE, CERTIFICATE_FILE, KEY_FILE))
        )

    def run(self) -> None:
        while not self._stop:
            self._manager.alive()
            self._owner_files.changed()
            self._identity_files.changed()
            transport = None
            owned = read_ownership(self._folders)
            if owned is not None and (self._folders.uplink / CERTIFICATE_FILE).exists():
                transport = self._transport(owned)
            if owned is None or transport is None:
                self._wait_until_changed()
                continue
            tell(Event.UPLOADING)
            try:
                self._serve(owned, transport)
            finally:
                transport.close()

    def _transport(self, owned: Ownership) -> "HttpsTransport | None":
        try:
            return transport_to(owned.site.collector, self._folders)
        except SafecountError:
            tell(Event.CERTIFICATES_UNUSABLE)
            return None

    def _wait_until_changed(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S) and not self._changed():
            self._manager.alive()

    def _changed(self) -> bool:
        return self._owner_files.changed() | self._identity_files.changed()

    def _serve(self, owned: Ownership, transport: "HttpsTransport") -> None:
        """Visit the collector of this owner, until the device is given other keys, another site, or is to stop."""
        while not self._changed():
            self._manager.alive()
            if time.monotonic() >= self._state.due_s:
                self._state = self._visit(owned, transport)
            if self._stop.wait(min(LOOK_EVERY_S, self._state.due_s - time.monotonic())):
                return

    def _visit(self, owned: Ownership, transport: "HttpsTransport") -> UploadState:
        """One visit; when the next is due."""
        try:
            with SpoolDb(self._folders.spool_file, new_epoch=None) as spool:
                visit = upload_once(spool, transport, owned.site.device, owned.keyset.collector_keys())
        except SpoolMissing:
            visit = NOTHING_TO_DO
        except SpoolError:  # a receipt that could not be noted comes again, when the same envelopes are offered again
            tell(Event.SPOOL_UNUSABLE)
            visit = NOTHING_TO_DO
        if visit.reset:
            self._leave_order(visit.reset)
        if isinstance(visit, Failure):
            tell(Event.VISIT_FAILED, visit.kind)
        elif visit.keyset > owned.keyset.serial:
            self._fetch_keyset(transport)
        return after_visit(self._state, visit, time.monotonic(), self._draw, self._settings.upload)

    def _leave_order(self, untrusted: bytes) -> None:
        """Leave an order to forget the owner where provisioning finds it, which obeys it only with the signer's signature."""
        try:
            replace_file(self._folders.reset_order_file, untrusted, _READABLE)
        except OSError:  # it comes again with the next answer
            tell(Event.ORDER_UNKEPT)

    def _fetch_keyset(self, transport: "HttpsTransport") -> None:
        """Leave the newer keyset where the seal process finds it, which believes it only by its signature."""
        fetched = transport.fetch_keyset()
        if isinstance(fetched, Failure):
            tell(Event.VISIT_FAILED, fetched.kind)
            return
        try:
            replace_file(self._folders.uplink / KEYSET_FILE, fetched, _READABLE)
        except OSError:
            tell(Event.KEYSET_UNKEPT)


def transport_to(url: str, folders: FolderSettings) -> "HttpsTransport":
    """The way to a collector, with the identity that provisioning has fetched.

    Raises:
        SafecountError: the certificates in the folder cannot be used.
    """
    from safecount.edges.https import HttpsSettings, HttpsTransport  # noqa: PLC0415 - loaded once there is a collector

    uplink = folders.uplink
    return HttpsTransport(HttpsSettings(url, uplink / CA_FILE, uplink / CERTIFICATE_FILE, uplink / KEY_FILE))
