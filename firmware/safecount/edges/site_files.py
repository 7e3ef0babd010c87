"""What an enrolment leaves in the device's folders, in an order that a cut cannot hurt: the site file, which makes the
device somebody's, comes last.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from safecount.edges.durable_file import replace_file
from safecount.edges.seal_keys import KEYSET_FILE, ROOT_FILE
from safecount.wire.code_line import PER_MILLE, CodeLine
from safecount.wire.site_code import SiteCode

CA_FILE, CERTIFICATE_FILE = "ca.pem", "tls.cert.pem"
_READABLE = 0o644


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """The folders of the seal and the uplink process, and the site file."""

    seal: Path
    uplink: Path
    site_file: Path

    def put_certificate(self, certificate: x509.Certificate, ca: x509.Certificate) -> None:
        """Give the uplink its identity. OSError if the disk does not take it."""
        replace_file(self.uplink / CA_FILE, ca.public_bytes(Encoding.PEM), _READABLE)
        replace_file(self.uplink / CERTIFICATE_FILE, certificate.public_bytes(Encoding.PEM), _READABLE)

    def put_lines(self, facts: Mapping[str, object], lines: Sequence[CodeLine]) -> None:
        """Give the site other lines. OSError if the disk does not take it."""
        replace_file(self.site_file, site_text(facts, lines).encode(), _READABLE)

    def put_site(self, code: SiteCode, device: str, signed_keyset: bytes) -> None:
        """Give the device to its owner. OSError if the disk does not take it."""
        replace_file(self.seal / ROOT_FILE, code.root, _READABLE)
        replace_file(self.seal / KEYSET_FILE, signed_keyset, _READABLE)
        replace_file(self.site_file, site_toml(code, device).encode(), _READABLE)


def site_toml(code: SiteCode, device: str) -> str:
    """The site file of this code. JSON's strings of printable text are TOML's."""
    facts = {
        "device": device,
        "site": code.site,
        "zone": code.zone,
        "collector": code.url,
        "profile": code.profile.name.lower(),
        "exits": code.exits,
    }
    return site_text(facts, code.lines)


def site_text(facts: Mapping[str, object], lines: Sequence[CodeLine]) -> str:
    """A site file of these facts and lines."""
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in facts.items())
    for number, line in enumerate(lines, 1):
        line_facts = {
            "name": f"line-{number}",
            "door": line.door,
            "start": [place / PER_MILLE for place in line.start],
            "end": [place / PER_MILLE for place in line.end],
            "in_side": line.in_side.name.lower(),
        }
        text += "\n[[line]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in line_facts.items())
    return text


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
