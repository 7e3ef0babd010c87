"""The collector's certificate authority: its own TLS certificate, and those of the devices. ECDSA P-256 throughout.

A device's certificate carries its name as the subject's common name and serves as a client's only; the collector's
serves as a server's only.
"""

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from safecount.errors import SafecountError

CA_DAYS = 20 * 365
SERVER_DAYS = 825
DEVICE_DAYS = 3 * 365
"""Devices renew at 60 % of it: what is left then outlasts a year without a network."""
_EARLIER = dt.timedelta(hours=1)

PublicKey = ec.EllipticCurvePublicKey


class Authority:
    """The CA in a folder: `ca.pem` and `ca.key.pem`.

    Raises:
        SafecountError: if they cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ca.pem"
        try:
            self.certificate = x509.load_pem_x509_certificate(self.file.read_bytes())
            key = serialization.load_pem_private_key((folder / "ca.key.pem").read_bytes(), None)
        except (OSError, ValueError) as error:
            raise SafecountError(f"The certificate authority in {folder} cannot be read: {error}.") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SafecountError(f"The key of the certificate authority in {folder} is of another kind than ours.")
        self._key = key

    @classmethod
    def create(cls, folder: Path, name: str) -> "Authority":
        """A new CA, with its files in `folder`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _builder(subject, subject, key.public_key(), CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(folder / "ca.key.pem", private_pem(key))
        (folder / "ca.pem").write_bytes(_pem(certificate))
        return cls(folder)

    def issue_server(self, key: PublicKey, names: Sequence[str]) -> bytes:
        """The collector's own certificate for host names or addresses, as PEM."""
        alternative = x509.SubjectAlternativeName([_general_name(name) for name in names])
        return self._issue(key, names[0], SERVER_DAYS, ExtendedKeyUsageOID.SERVER_AUTH, alternative)

    def issue_device(self, key: PublicKey, device: str, days: int = DEVICE_DAYS) -> bytes:
        """A device's certificate, as PEM."""
        return self._issue(key, device, days, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(
        self,
        key: PublicKey,
        name: str,
        days: int,
        usage: x509.ObjectIdentifier,
        alternative: x509.SubjectAlternativeName | None = None,
    ) -> bytes:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(subject, self.certificate.subject, key, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(issuer_id, critical=False)
        )
        if alternative is not None:
            builder = builder.add_extension(alternative, critical=False)
        return _pem(builder.sign(self._key, hashes.SHA256()))


def device_name(certificate: bytes) -> str | None:
    """The device that a client certificate (DER, whose chain TLS has checked) is for."""
    parsed = x509.load_der_x509_certificate(certificate)
    names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else None


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as PKCS8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_private(path: Path, content: bytes) -> None:
    """Make `path`, for its owner's eyes from the first moment on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    start = dt.datetime.now(dt.UTC) - _EARLIER
    return x509.CertificateBuilder(
        issuer, subject, key, x509.random_serial_number(), start, start + dt.timedelta(days=days)
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
