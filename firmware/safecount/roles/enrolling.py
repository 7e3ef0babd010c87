"""One attempt to enrol, from a judged code to the site file; what became of it is an event."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.delivery.ports import Failure, FailureKind
from safecount.edges import est_client
from safecount.edges.durable_file import replace_file
from safecount.edges.identity import TLS_KEY_FILE, Identity
from safecount.edges.network_link import has_way_out
from safecount.edges.site_files import CA_FILE, CERTIFICATE_FILE, SiteFiles
from safecount.errors import SafecountError
from safecount.provisioning.enrolment_flow import Event, Owner, judge_listed
from safecount.provisioning.wifi_state import OUTCOMES, Wifi
from safecount.roles.factory_reset import SIGNER_FILE
from safecount.roles.uplink import transport_to
from safecount.settings import FolderSettings, knows_zone, read_site
from safecount.wire.errors import UntrustedInput
from safecount.wire.fleet import Fleet
from safecount.wire.keyset import verify_keyset
from safecount.wire.site_code import SiteCode

RENEWAL_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Enrolling:
    """Does what the state table decided. Every step may be done again. `wifi` tells how joining the Wi-Fi goes."""

    folders: FolderSettings
    identity: Identity
    wifi: Callable[[], Wifi]

    def attempt(self, code: SiteCode) -> Event:
        """Fetch certificate and keyset, and put all in place."""
        try:
            self._certify(code)
            return self._take_keyset(code)
        except est_client.EnrolmentFailed as failure:
            return self._of_network(failure.event)
        except OSError:
            return Event.DISK_FAILED

    def ask(self, fleet: Fleet, now_s: int | None) -> SiteCode | Event:
        """The site code that the fleet's collector has for this device, or what stands in the way. `now_s` as for Owner."""
        us = self.identity
        try:
            ca = est_client.fetch_ca(fleet.url, fleet.ca)
            request = est_client.certificate_request(us.device, us.statement(), us.tls_key)
            untrusted = est_client.ask_site_code(fleet.url, ca, request)
        except est_client.EnrolmentFailed as failure:
            return self._of_network(failure.event)
        code = judge_listed(untrusted, fleet, Owner(us.serial, us.secret, now_s))
        return Event.COLLECTOR_FAILED if isinstance(code, SiteCode) and not knows_zone(code.zone) else code

    def renew_if_due(self, now_s: int) -> bool:
        """Fetch a new certificate once 60 % of the life of the one in use is over; whether one was put in place.

        What fails is tried again at the next call: there is time until the certificate ends.
        """
        uplink, us = self.folders.uplink, self.identity
        try:
            site = read_site(self.folders.site_file)
            certificate, ca = (_certificate(uplink / name) for name in (CERTIFICATE_FILE, CA_FILE))
            if site is None or now_s < _renewal_s(certificate):
                return False
            request = est_client.certificate_request(us.device, us.statement(), us.tls_key)
            ours = (str(uplink / CERTIFICATE_FILE), str(uplink / TLS_KEY_FILE))
            self._files.put_certificate(est_client.renew(site.collector, ca, ours, request, us.tls_key), ca)
        except (est_client.EnrolmentFailed, OSError, ValueError, SafecountError):
            return False
        return True

    def _of_network(self, event: Event) -> Event:
        """The event, told more closely where no answer came."""
        if event is not Event.NO_NETWORK or has_way_out():
            return event
        return OUTCOMES.get(self.wifi(), Event.NO_ADDRESS)

    @property
    def _files(self) -> SiteFiles:
        return SiteFiles(self.folders.seal, self.folders.uplink, self.folders.site_file)

    def _certify(self, code: SiteCode) -> None:
        us = self.identity
        ca = est_client.fetch_ca(code.url, code.ca)
        request = est_client.certificate_request(us.device, us.statement(), us.tls_key)
        certificate = est_client.enrol(code.url, ca, code.token, request, us.tls_key)
        self._files.put_certificate(certificate, ca)

    def _take_keyset(self, code: SiteCode) -> Event:
        try:
            transport = transport_to(code.url, self.folders)
        except SafecountError:
            return Event.DISK_FAILED
        try:
            fetched = transport.fetch_keyset()
        finally:
            transport.close()
        if isinstance(fetched, Failure):
            return _KEYSET_FAILURES.get(fetched.kind, Event.COLLECTOR_FAILED)
        try:
            verify_keyset(fetched, [Ed25519PublicKey.from_public_bytes(code.root)])
        except UntrustedInput:
            return Event.WRONG_KEYSET
        replace_file(self.folders.provision / SIGNER_FILE, code.signer, 0o600)  # whose orders are obeyed from now on
        self._files.put_site(code, self.identity.device, fetched)
        return Event.DONE


_KEYSET_FAILURES = {
    FailureKind.UNREACHABLE: Event.NO_NETWORK,
    FailureKind.INTRUDER: Event.NOT_THE_COLLECTOR,
    FailureKind.REJECTED: Event.NO_KEYSET,
}


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _renewal_s(certificate: x509.Certificate) -> int:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return int((start + (end - start) * RENEWAL_SHARE).timestamp())
