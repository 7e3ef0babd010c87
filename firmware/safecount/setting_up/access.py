"""Who may use the set-up page: whoever types the code of the session first, until the session ends. Pure; time and
randomness come in as arguments.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from safecount.wire.setup_session import SetupSession, digest_of_code

MAX_ATTEMPTS = 10
"""A code has 40 bits: whoever guesses has a chance of one in 100 thousand million."""
TOKEN_BYTES = 16


class Denial(Enum):
    """Why the page stays closed, as the installer reads it."""

    OVER = "The set-up session is over: start another one at the device."
    WRONG_CODE = "This is not the code: compare it with the one that the device told."
    CODE_USED = "The code was used already: start another session at the device for a new one."
    TOO_OFTEN = "A wrong code was typed too often: start another session at the device for a new one."


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whoever shows this token may use the page."""

    token: str


class Access:
    """Remembers how many wrong codes were typed, and the digest of the one token that was given."""

    def __init__(self, session: SetupSession, random: Callable[[int], bytes]) -> None:
        """`random` gives so many bytes that nobody can guess."""
        self._session = session
        self._random = random
        self._wrong = 0
        self._token_digest: bytes | None = None

    def enter(self, typed: str, now_s: float) -> Admitted | Denial:
        """A code was typed. The first right one is used up by it."""
        if not self._session.is_open(now_s):
            return Denial.OVER
        if self._wrong >= MAX_ATTEMPTS:
            return Denial.TOO_OFTEN
        if not hmac.compare_digest(digest_of_code(typed), self._session.code_digest):
            self._wrong += 1
            return Denial.WRONG_CODE
        if self._token_digest is not None:
            return Denial.CODE_USED
        token = self._random(TOKEN_BYTES).hex()
        self._token_digest = sha256(token.encode()).digest()
        return Admitted(token)

    def allows(self, token: str, now_s: float) -> bool:
        """Whether whoever shows this token may use the page now."""
        digest = sha256(token.encode()).digest()
        known = self._token_digest
        return self._session.is_open(now_s) and known is not None and hmac.compare_digest(digest, known)

    def left_s(self, now_s: float) -> int:
        """Seconds until the session ends."""
        return max(0, int(self._session.ends_s - now_s))
