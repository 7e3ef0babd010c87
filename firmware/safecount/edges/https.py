"""HTTPS to the one host that a device calls: mutual TLS 1.3, one pinned CA, no redirects, no proxy, answers of bounded
size.

Implements `delivery.ports.Transport`: whatever the network does is told as an outcome. Timeouts hold for each wait for
the other side, and a deadline for the answer as a whole.
"""

import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3
from requests.adapters import HTTPAdapter

from safecount.delivery.ports import Failure, FailureKind, Outcome
from safecount.errors import SafecountError
from safecount.wire.errors import UntrustedInput
from safecount.wire.keyset import MAX_KEYSET_BYTES
from safecount.wire.uplink import (
    CONTENT_TYPE,
    ENVELOPES_PATH,
    KEYSET_PATH,
    MAX_ANSWER_BYTES,
    decode_answer,
    encode_batch,
)

_NOT_OUR_TLS = ("PROTOCOL_VERSION", "HANDSHAKE_FAILURE")
_LONGEST_RETRY_AFTER = 9


@dataclass(frozen=True, slots=True)
class HttpsSettings:
    """Where the collector is ("https://host" or "https://host:port"), whose certificates to trust, and who we are."""

    url: str
    ca_file: Path
    certificate_file: Path
    key_file: Path
    connect_timeout_s: float = 20.0
    read_timeout_s: float = 30.0
    answer_deadline_s: float = 120.0


class _PinnedTls(HTTPAdapter):
    """Connections that trust one CA file and speak nothing older than TLS 1.3."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: object) -> None:  # noqa: FBT001, FBT002 - as requests has it
        self.poolmanager = urllib3.PoolManager(connections, maxsize=maxsize, block=block, ssl_context=self._context)


class HttpsTransport:
    """The way to the collector. Keeps at most one connection open between visits.

    Raises:
        SafecountError: if the certificates that it is made with cannot be used.
    """

    def __init__(self, settings: HttpsSettings) -> None:
        self._settings = settings
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, netrc or CA bundle from the environment
        self._session.verify = str(settings.ca_file)
        self._session.headers = {"Accept": CONTENT_TYPE, "Accept-Encoding": "identity", "User-Agent": "safecount"}
        self._session.mount("https://", _PinnedTls(_context(settings)))

    def close(self) -> None:
        self._session.close()

    def send(self, envelopes: Sequence[bytes]) -> Outcome:
        outcome = self._exchange("POST", ENVELOPES_PATH, MAX_ANSWER_BYTES, encode_batch(envelopes))
        if isinstance(outcome, Failure):
            return outcome
        try:
            return decode_answer(outcome)
        except UntrustedInput:
            return Failure(FailureKind.BROKEN_ANSWER)

    def fetch_keyset(self) -> bytes | Failure:
        """The collector's newest keyset, still untrusted."""
        return self._exchange("GET", KEYSET_PATH, MAX_KEYSET_BYTES)

    def _exchange(self, method: str, path: str, limit: int, body: bytes | None = None) -> bytes | Failure:
        """The body of a good answer, at most `limit` bytes."""
        settings = self._settings
        try:
            with self._session.request(
                method,
                settings.url + path,
                data=body,
                headers={"Content-Type": CONTENT_TYPE} if body is not None else None,
                timeout=(settings.connect_timeout_s, settings.read_timeout_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                return _refused(response) or self._read(response, limit)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return Failure(_told_by(error))

    def _read(self, response: requests.Response, limit: int) -> bytes | Failure:
        deadline_s = time.monotonic() + self._settings.answer_deadline_s
        body = b""
        while chunk := response.raw.read1(limit + 1 - len(body), decode_content=False):
            body += chunk
            if len(body) > limit or time.monotonic() > deadline_s:
                return Failure(FailureKind.BROKEN_ANSWER)
        length = str(len(body))
        return body if response.headers.get("Content-Length", length) == length else Failure(FailureKind.BROKEN_ANSWER)


def _context(settings: HttpsSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(settings.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise SafecountError(
            f"The certificates for {settings.url} in {settings.ca_file}, {settings.certificate_file} and "
            f"{settings.key_file} cannot be used: {error}. Enrol the device again."
        ) from error
    return context


def _refused(response: requests.Response) -> Failure | None:
    """What an answer that brings nothing means; None for one that does."""
    status = response.status_code
    if status in {429, 503}:
        wish = response.headers.get("Retry-After", "")
        readable = wish.isascii() and wish.isdigit() and len(wish) <= _LONGEST_RETRY_AFTER
        return Failure(FailureKind.BUSY, retry_after_s=int(wish) if readable else None)
    if 300 <= status < 400 or (status == 200 and response.headers.get("Content-Type") != CONTENT_TYPE):
        return Failure(FailureKind.INTERCEPTED)
    return None if status == 200 else Failure(FailureKind.REJECTED)


def _told_by(error: BaseException) -> FailureKind:
    """The kind of a failed exchange, from the innermost cause that the libraries have wrapped."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FailureKind.INTRUDER
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):  # an end may be a network's cut
            reason = cause.reason or ""
            ours = "ALERT" in reason and not any(word in reason for word in _NOT_OUR_TLS)
            return FailureKind.REJECTED if ours else FailureKind.INTERCEPTED
    unconnected = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    if any(isinstance(cause, unconnected) for cause in causes):
        return FailureKind.UNREACHABLE
    return FailureKind.BROKEN_ANSWER


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it wraps, as cause, context, reason or argument."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
