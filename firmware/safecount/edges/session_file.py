"""The file in memory by which a set-up session is known, and the one by which the page asks for lines to be kept."""

import time
from pathlib import Path

from safecount.edges.durable_file import replace_file
from safecount.edges.small_file import read_small
from safecount.wire.errors import UntrustedInput
from safecount.wire.setup_session import MAX_SESSION_BYTES, SetupSession, decode_session, encode_session

_READABLE = 0o644


def write_session(path: Path, session: SetupSession) -> None:
    """Open a session. OSError if the folder does not take it."""
    replace_file(path, encode_session(session), _READABLE)


def open_session(path: Path) -> SetupSession | None:
    """The session that is open now; None where there is none, or no file that can be read."""
    try:
        raw = read_small(path, MAX_SESSION_BYTES)
        session = decode_session(raw) if raw is not None else None
    except (OSError, UntrustedInput):
        return None
    return session if session is not None and session.is_open(time.monotonic()) else None
