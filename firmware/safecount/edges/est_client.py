"""EST (RFC 7030): the collector's CA, known by the fingerprint in the site code, and the device's certificate.

The CA certificate is fetched without trust and believed for its SHA-256 alone (section 4.1.1, with the fingerprint in
the place of the person who compares it). Everything after it speaks TLS 1.3 with that CA.
"""

import base64
import binascii
import ssl
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from cryptography.x509.oid import NameOID

from safecount.provisioning.enrolment_flow import Event
from safecount.wire.enrolment import STATEMENT_OID, TOKEN_TAKEN_STATUS
from safecount.wire.fleet import LIST_ENDED_STATUS, NOT_LISTED_STATUS, SITE_CODE_PATH

CA_PATH, ENROL_PATH, RENEW_PATH = (f"/.well-known/est/{name}" for name in ("cacerts", "simpleenroll", "simplereenroll"))
MAX_ANSWER_BYTES = 64 * 1024
ANSWER_WITHIN_S = 30.0
"""The body of an answer comes within so many seconds, or it comes to nothing: who answers is not known yet."""
_PKCS10 = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
_TIMEOUT = urllib3.Timeout(connect=20.0, read=30.0)
_NOT_YET_VALID = 9  # X509_V_ERR_CERT_NOT_YET_VALID
_REFUSALS = {
    401: Event.TOKEN_REFUSED,
    403: Event.TOKEN_REFUSED,
    TOKEN_TAKEN_STATUS: Event.TOKEN_TAKEN,
    NOT_LISTED_STATUS: Event.NOT_LISTED,
    LIST_ENDED_STATUS: Event.LIST_ENDED,
}


class EnrolmentFailed(Exception):  # noqa: N818 - it says what became of it
    """An attempt came to nothing; `event` says how."""

    def __init__(self, event: Event) -> None:
        super().__init__(event.value)
        self.event = event


def certificate_request(device: str, statement: bytes, key: EllipticCurvePrivateKey) -> bytes:
    """A PKCS #10 request (DER) for the device's name, with its statement as an extension."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(STATEMENT_OID), statement)
    builder = x509.CertificateSigningRequestBuilder(subject).add_extension(extension, critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def fetch_ca(url: str, fingerprint: bytes, within_s: float = ANSWER_WITHIN_S) -> x509.Certificate:
    """The collector's CA certificate; EnrolmentFailed (NOT_THE_COLLECTOR) if none there has the fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # what comes is believed for its fingerprint, and nothing is told
    with warnings.catch_warnings():  # urllib3 would write to the journal that nobody is believed here
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        answer = _exchange(context, _Request("GET", url + CA_PATH, within_s=within_s))
    for certificate in _certificates(answer):
        if certificate.fingerprint(SHA256()) == fingerprint:
            return certificate
    raise EnrolmentFailed(Event.NOT_THE_COLLECTOR)


def enrol(
    url: str, ca: x509.Certificate, token: bytes, request: bytes, key: EllipticCurvePrivateKey
) -> x509.Certificate:
    """The device's certificate for the one-time token.

    Raises:
        EnrolmentFailed: no network, another's certificate, a clock before it, a token that is not taken, or no sense.
    """
    headers = urllib3.make_headers(basic_auth=f"device:{token.hex()}")
    return _ask(_trusting(ca), url + ENROL_PATH, headers, request, key)


def renew(
    url: str, ca: x509.Certificate, identity: tuple[str, str], request: bytes, key: EllipticCurvePrivateKey
) -> x509.Certificate:
    """A new certificate for the one in `identity` (the paths of certificate and key). Raises as `enrol` does."""
    context = _trusting(ca)
    try:
        context.load_cert_chain(*identity)
    except (OSError, ssl.SSLError) as error:
        raise EnrolmentFailed(Event.DISK_FAILED) from error
    return _ask(context, url + RENEW_PATH, {}, request, key)


def ask_site_code(url: str, ca: x509.Certificate, request: bytes) -> str:
    """The text that a fleet's collector has for the device that made the request, still untrusted.

    Raises:
        EnrolmentFailed: as `enrol` does, and for a device that is not listed or a list that is past its date.
    """
    answer = _exchange(_trusting(ca), _Request("POST", url + SITE_CODE_PATH, _PKCS10, base64.b64encode(request)))
    return answer.decode("ascii", "replace")


def _ask(
    context: ssl.SSLContext, url: str, headers: dict[str, str], request: bytes, key: EllipticCurvePrivateKey
) -> x509.Certificate:
    answer = _exchange(context, _Request("POST", url, {**headers, **_PKCS10}, base64.b64encode(request)))
    ours = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for certificate in _certificates(answer):
        theirs = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if sha256(theirs).digest() == sha256(ours).digest():
            return certificate
    raise EnrolmentFailed(Event.COLLECTOR_FAILED)


def _trusting(ca: x509.Certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca.public_bytes(Encoding.PEM).decode("ascii"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent, and in how many seconds the answer's body must come."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    within_s: float = ANSWER_WITHIN_S


def _exchange(context: ssl.SSLContext, sent: _Request) -> bytes:
    """The body of a good answer, still untrusted."""
    try:
        with urllib3.PoolManager(ssl_context=context, retries=False, timeout=_TIMEOUT) as pool:
            answer = pool.request(
                sent.method, sent.url, headers=sent.headers, body=sent.body, redirect=False, preload_content=False
            )
            content = _read(answer, sent.within_s)
            answer.close()
    except ssl.SSLError as error:
        raise EnrolmentFailed(_of_tls(error)) from error
    except urllib3.exceptions.SSLError as error:
        raise EnrolmentFailed(_of_tls(error.args[0] if error.args else error)) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise EnrolmentFailed(Event.NO_NETWORK) from error
    if answer.status in _REFUSALS:
        raise EnrolmentFailed(_REFUSALS[answer.status])
    if answer.status != 200 or content is None:
        raise EnrolmentFailed(Event.COLLECTOR_FAILED)
    return content


def _read(answer: urllib3.BaseHTTPResponse, within_s: float) -> bytes | None:
    """The body; None for one that is too long, or trickles."""
    until_s, content = time.monotonic() + within_s, b""
    while chunk := answer.read1(MAX_ANSWER_BYTES + 1 - len(content), decode_content=False):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES or time.monotonic() > until_s:
            return None
    return content


def _of_tls(error: object) -> Event:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Event.CLOCK_UNSET if error.verify_code == _NOT_YET_VALID else Event.NOT_THE_COLLECTOR
    return Event.NOT_THE_COLLECTOR if isinstance(error, ssl.SSLError) else Event.NO_NETWORK


def _certificates(untrusted: bytes) -> list[x509.Certificate]:
    """Those of a base64 "certs-only" PKCS #7 message (RFC 8951)."""
    try:
        return load_der_pkcs7_certificates(base64.b64decode(b"".join(untrusted.split()), validate=True))
    except (ValueError, binascii.Error) as error:
        raise EnrolmentFailed(Event.COLLECTOR_FAILED) from error
