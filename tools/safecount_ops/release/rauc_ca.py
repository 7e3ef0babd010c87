"""RAUC's own authority and signer: the second lock on a release, whose keys other people hold than TUF's.

X.509 with P-256 and no extended key usage, which RAUC's own check of purpose asks for (its manual, "check-purpose").
The image carries the authority's certificate as its keyring.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from safecount.errors import UsageError

_LIFE = timedelta(days=20 * 365)
"""Longer than a counter lives: a device must read bundles when no one can renew it. TUF sees to what is current."""


@dataclass(frozen=True, slots=True)
class RaucCa:
    """The folder of the authority (`ca.pem`, `ca.key.pem`) and of the signer (`signer.pem`, `signer.key.pem`)."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "signer.pem"

    @property
    def key(self) -> Path:
        return self.folder / "signer.key.pem"

    def create(self) -> None:
        """Make authority and signer; UsageError if there is one."""
        if self.folder.exists():
            raise UsageError(f"{self.folder} exists already; RAUC's authority is made once.")
        self.folder.mkdir(mode=0o700, parents=True)
        ca_key, signer_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca_name, signer_name = _name("safecount bundles"), _name("safecount bundle signer")
        ca = _builder(ca_name, ca_name, ca_key.public_key(), ca=True).sign(ca_key, hashes.SHA256())
        signer = _builder(signer_name, ca_name, signer_key.public_key(), ca=False).sign(ca_key, hashes.SHA256())
        for path, certificate in ((self.ca, ca), (self.certificate, signer)):
            path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        for path, key in ((self.folder / "ca.key.pem", ca_key), (self.key, signer_key)):
            path.touch(mode=0o600)
            path.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage), critical=True)
    )
