"""EST (RFC 7030) over the collector's CA: `cacerts`, `simpleenroll` with a one-time token, `simplereenroll`.

No HTTP and no TLS here: the collector's app hands in a request, with the client certificate that TLS has checked. A
certificate's name follows from the keys in the request's statement; whatever subject was asked for is passed over.
"""

import base64
import binascii
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from cryptography.x509.oid import NameOID

from safecount.wire.enrolment import STATEMENT_OID, TOKEN_TAKEN_STATUS, Statement, verify_statement
from safecount.wire.errors import UntrustedInput
from safecount.wire.fleet import LIST_ENDED_STATUS, NOT_LISTED_STATUS
from safecount_ops.enrolment.tokens import Tokens, Verdict

PREFIX = "/.well-known/est/"
MAX_BODY_BYTES = 8 * 1024
_TOKEN_HEADER_MAX = 256


@dataclass(frozen=True, slots=True)
class EstRequest:
    """A request as it came: `peer` is the DER of the client certificate that TLS has checked, if there is one."""

    method: str
    path: str
    body: bytes = b""
    authorization: str = ""
    peer: bytes | None = None


@dataclass(frozen=True, slots=True)
class EstAnswer:
    """What goes back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Issuer(Protocol):
    """The CA."""

    @property
    def certificate(self) -> x509.Certificate:
        """Its own certificate."""

    def issue_device(self, key: EllipticCurvePublicKey, device: str) -> bytes:
        """A certificate for a device, as PEM."""


class Admission(Protocol):
    """Who is known to the collector."""

    def admit(self, device: str, key: bytes) -> None:
        """Let a device in, with the raw Ed25519 key that it signs with."""

    def is_admitted(self, device: str) -> bool:
        """Whether it is let in: not one that was never enrolled, nor one that has been revoked."""


_TEXT = {"Content-Type": "text/plain"}
_NOT_NOW = {
    Verdict.UNKNOWN: (NOT_LISTED_STATUS, "is not on the list: have it signed and taken again with this device."),
    Verdict.OTHER_DEVICE: (NOT_LISTED_STATUS, "is on the list with another fingerprint: compare it with the label."),
    Verdict.USED: (
        TOKEN_TAKEN_STATUS,
        "has enrolled by this list before, as another owner's: sign and take a new list.",
    ),
    Verdict.ENDED: (LIST_ENDED_STATUS, "is on a list that is past its date: sign and take a new one."),
}
"""What a listed device is answered where it gets no code. None of these counts as an offence: it asks again."""


class _Refused(Exception):  # noqa: N818 - it is an answer
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class EstServer:
    """Answers EST requests. Remembers nothing itself; the tokens are in their file."""

    def __init__(self, issuer: Issuer, admission: Admission, tokens: Tokens) -> None:
        self._issuer = issuer
        self._admission = admission
        self._tokens = tokens

    def answer(self, request: EstRequest, now_s: int) -> EstAnswer:
        try:
            match request.method, request.path.removeprefix(PREFIX):
                case "GET", "cacerts":
                    return _certificates(self._issuer.certificate)
                case "POST", "simpleenroll":
                    return self._enrol(request, now_s)
                case "POST", "simplereenroll":
                    return self._renew(request)
        except _Refused as refusal:
            challenge = {"WWW-Authenticate": 'Basic realm="site code"'} if refusal.status == 401 else {}
            return EstAnswer(refusal.status, f"{refusal}\n".encode(), {"Content-Type": "text/plain", **challenge})
        return EstAnswer(404, b"There is nothing here.\n", {"Content-Type": "text/plain"})

    def answer_listed(self, body: bytes, now_s: int) -> EstAnswer:
        """The site code of a device that is on the fleet's list, for the certificate request with its statement."""
        try:
            _, statement = _parse_request(body)
        except _Refused as refusal:
            return EstAnswer(refusal.status, f"{refusal}\n".encode(), _TEXT)
        match self._tokens.find_listed(statement, now_s):
            case str() as code:
                return EstAnswer(200, code.encode("ascii"), _TEXT)
            case verdict:
                status, why = _NOT_NOW[verdict]
                return EstAnswer(status, f"{statement.serial} {why}\n".encode(), _TEXT)

    def _enrol(self, request: EstRequest, now_s: int) -> EstAnswer:
        token = _token(request.authorization)
        key, statement = _parse_request(request.body)
        verdict = self._tokens.redeem(token, statement.serial, statement.device, now_s)
        if verdict is not Verdict.GOOD:
            status = TOKEN_TAKEN_STATUS if verdict is Verdict.USED else 403
            raise _Refused(status, f"The token is {verdict.value}: make a new site code.")
        self._admission.admit(statement.device, statement.envelope_key)
        if not self._admission.is_admitted(statement.device):
            raise _Refused(403, "The device has been revoked.")
        return self._issue(key, statement)

    def _renew(self, request: EstRequest) -> EstAnswer:
        if request.peer is None:
            raise _Refused(403, "Renewal takes the certificate before.")
        key, statement = _parse_request(request.body)
        names = x509.load_der_x509_certificate(request.peer).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if [str(name.value) for name in names] != [statement.device]:
            raise _Refused(403, "The certificate is of another device.")
        if not self._admission.is_admitted(statement.device):
            raise _Refused(403, "The device has been revoked.")
        return self._issue(key, statement)

    def _issue(self, key: EllipticCurvePublicKey, statement: Statement) -> EstAnswer:
        return _certificates(x509.load_pem_x509_certificate(self._issuer.issue_device(key, statement.device)))


def _token(untrusted: str) -> bytes:
    """The token in a Basic authorization (RFC 7617): the password, as hex."""
    kind, _, value = untrusted.partition(" ")
    if kind.lower() != "basic" or len(untrusted) > _TOKEN_HEADER_MAX:
        raise _Refused(401, "A device that has no certificate needs the token of a site code.")
    try:
        return bytes.fromhex(base64.b64decode(value, validate=True).decode("ascii").partition(":")[2])
    except (ValueError, binascii.Error) as error:
        raise _Refused(401, "The token cannot be read.") from error


def _parse_request(untrusted: bytes) -> tuple[EllipticCurvePublicKey, Statement]:
    """The key of a base64 PKCS #10 request that holds it, and the statement in it that vouches for the key."""
    if len(untrusted) > MAX_BODY_BYTES:
        raise _Refused(413, "The request is too large.")
    try:
        request = x509.load_der_x509_csr(base64.b64decode(b"".join(untrusted.split()), validate=True))
        key = request.public_key()
        extension = request.extensions.get_extension_for_oid(x509.ObjectIdentifier(STATEMENT_OID)).value
        genuine = request.is_signature_valid
    except (ValueError, TypeError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise _Refused(400, "The request is no PKCS #10 request with a device's statement.") from error
    if not genuine or not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise _Refused(400, "The request must be for a P-256 key, and signed with it.")
    if not isinstance(extension, x509.UnrecognizedExtension):
        raise _Refused(400, "The statement is not as it must be.")
    try:
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return key, verify_statement(extension.value, sha256(spki).digest())
    except UntrustedInput as error:
        raise _Refused(400, f"The device's statement is refused: {error}") from error


def _certificates(certificate: x509.Certificate) -> EstAnswer:
    # No ends of line: RFC 8951 asks for base64 by RFC 4648, which has none (section 3.1); strongSwan's client reads none.
    body = base64.b64encode(serialize_certificates([certificate], Encoding.DER))
    headers = {"Content-Type": "application/pkcs7-mime; smime-type=certs-only", "Content-Transfer-Encoding": "base64"}
    return EstAnswer(200, body, headers)
