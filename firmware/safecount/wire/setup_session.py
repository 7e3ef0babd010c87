"""The session of the set-up page, as provisioning opens it when a hand at the device asks for one.

A small file in memory, written by provisioning alone: the page process knows by it which code opens the page, and the
counting and the seal process know by it that they may show and sign. Times are on the device's own clock since start.
"""

import base64
from dataclasses import dataclass
from hashlib import sha256

from safecount.wire.code_line import MAX_LINES, CodeLine, line_item, parse_line
from safecount.wire.encoding import as_bytes, as_enum, as_fields, as_list, as_uint, decode, encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.scene import SilhouetteLevel
from safecount.wire.values import UTC_MAX_S

MAX_SESSION_BYTES = 128
MAX_PROPOSAL_BYTES = 1024
SESSION_LIMIT_S = 1800
CODE_CHARACTERS = 8
_VERSION = 1


@dataclass(frozen=True, slots=True)
class SetupSession:
    """From `opened_s` to `ends_s` (monotonic seconds), for whoever has the code with this SHA-256."""

    opened_s: int
    ends_s: int
    code_digest: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.opened_s < self.ends_s <= min(self.opened_s + SESSION_LIMIT_S, UTC_MAX_S):
            raise ValueError("a session that is longer than any may be")

    def is_open(self, now_s: float) -> bool:
        return self.opened_s <= now_s < self.ends_s


def code_text(random: bytes) -> str:
    """A code to be read aloud and typed: five bytes in base32, as in "abcd-efgh"."""
    text = base64.b32encode(random).decode("ascii").lower()
    return f"{text[:4]}-{text[4:]}"


def digest_of_code(typed: str) -> bytes:
    """The SHA-256 of a code, however it was typed: capitals, blanks and the dash do not matter."""
    return sha256("".join(one for one in typed.lower() if one.isalnum()).encode()).digest()


def encode_session(session: SetupSession) -> bytes:
    """The content of the session's file."""
    return encode({1: _VERSION, 2: session.opened_s, 3: session.ends_s, 4: session.code_digest})


def decode_session(untrusted: bytes) -> SetupSession:
    """The value of a session; UntrustedInput otherwise."""
    fields = as_fields(decode(untrusted, MAX_SESSION_BYTES), frozenset({1, 2, 3, 4}))
    if as_uint(fields[1]) != _VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The session is not of version {_VERSION}.")
    try:
        return SetupSession(as_uint(fields[2], UTC_MAX_S), as_uint(fields[3], UTC_MAX_S), as_bytes(fields[4], 32, 32))
    except ValueError as error:
        raise UntrustedInput(Reason.BAD_FIELD, f"The file holds {error}.") from error


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the page would have kept for the site: its lines, and the most that silhouettes may show from now on."""

    lines: tuple[CodeLine, ...]
    level: SilhouetteLevel


def encode_proposal(proposal: Proposal) -> bytes:
    """The content of the proposal's file."""
    return encode({1: _VERSION, 2: [line_item(line) for line in proposal.lines], 3: int(proposal.level)})


def decode_proposal(untrusted: bytes) -> Proposal:
    """The value of a proposal; UntrustedInput otherwise."""
    fields = as_fields(decode(untrusted, MAX_PROPOSAL_BYTES), frozenset({1, 2, 3}))
    if as_uint(fields[1]) != _VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The proposal is not of version {_VERSION}.")
    lines = tuple(parse_line(item) for item in as_list(fields[2], 1, MAX_LINES))
    return Proposal(lines, as_enum(fields[3], SilhouetteLevel))
