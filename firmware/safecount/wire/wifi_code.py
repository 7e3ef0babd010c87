"""The text of a Wi-Fi network, as phones read it from its QR code: WIFI:T:WPA;S:name;P:password;; (WPA3 specification, 7.1)."""

import re
from dataclasses import dataclass, field

from safecount.wire.code_text import MAX_WIFI_CHARACTERS, WIFI_PREFIX
from safecount.wire.errors import Reason, UntrustedInput

NAME_MAX_BYTES = 32
PASSWORD_MIN, PASSWORD_MAX = 8, 63
_FIELD = re.compile(r"([A-Z]):((?:[^\\;:,\"]|\\[\\;:,\"])*);", re.ASCII)
_PASSWORD_RULE = f"The Wi-Fi's password must have {PASSWORD_MIN} to {PASSWORD_MAX} ASCII characters."
_KINDS = {"WPA", "SAE", "nopass"}


@dataclass(frozen=True, slots=True)
class WifiCode:
    """A network by its name; the password is "" for one that has none. Its `repr` does not show the password."""

    name: str
    password: str = field(repr=False)
    hidden: bool = False


def parse_wifi(untrusted: str) -> WifiCode:
    """Read it. Raise UntrustedInput for what is not such a text, or a network that cannot be."""
    if len(untrusted) > MAX_WIFI_CHARACTERS:
        raise UntrustedInput(Reason.TOO_LARGE, f"A Wi-Fi code has at most {MAX_WIFI_CHARACTERS} characters.")
    fields, rest = {}, untrusted.removeprefix(WIFI_PREFIX)
    while found := _FIELD.match(rest):
        fields[found[1]] = re.sub(r"\\(.)", r"\1", found[2])
        rest = rest[found.end() :]
    if not untrusted.startswith(WIFI_PREFIX) or rest not in {"", ";"} or "S" not in fields:
        raise UntrustedInput(
            Reason.MALFORMED, "This is no Wi-Fi code: those are such as WIFI:T:WPA;S:name;P:password;;"
        )
    kind = fields.get("T", "nopass")
    if kind not in _KINDS:
        raise UntrustedInput(Reason.BAD_FIELD, "The Wi-Fi must be of the kind WPA, SAE or nopass: no other is joined.")
    password = "" if kind == "nopass" else fields.get("P", "")
    if kind != "nopass" and not password:
        raise UntrustedInput(Reason.BAD_FIELD, _PASSWORD_RULE)
    return checked_network(fields["S"], password, hidden=fields.get("H") == "true")


def checked_network(name: str, password: str, *, hidden: bool = False) -> WifiCode:
    """The network of that name; UntrustedInput (BAD_FIELD) for one that cannot be. `password` is "" for one without."""
    if not (1 <= len(name.encode("utf-8", "replace")) <= NAME_MAX_BYTES and name.isprintable()):
        raise UntrustedInput(Reason.BAD_FIELD, f"The Wi-Fi's name must have 1 to {NAME_MAX_BYTES} bytes.")
    fits = PASSWORD_MIN <= len(password) <= PASSWORD_MAX and password.isascii() and password.isprintable()
    if password and not fits:
        raise UntrustedInput(Reason.BAD_FIELD, _PASSWORD_RULE)
    return WifiCode(name, password, hidden)
