"""decode_session and decode_proposal: the files by which a set-up session is known, and asks for lines to be kept."""

from safecount.errors import SafecountError
from safecount.wire.code_line import CodeLine, Side
from safecount.wire.scene import SilhouetteLevel
from safecount.wire.setup_session import (
    Proposal,
    SetupSession,
    decode_proposal,
    decode_session,
    encode_proposal,
    encode_session,
)

SEEDS = [
    encode_proposal(Proposal((CodeLine("north", (0, 500), (1000, 480), Side.DOWN),), SilhouetteLevel.COARSE)),
    encode_session(SetupSession(100, 1900, bytes(32))),
]


def one_input(data: bytes) -> None:
    try:
        session = decode_session(data)
    except SafecountError:
        assert encode_proposal(decode_proposal(data)) == data
    else:
        assert encode_session(session) == data
