"""HTTPS to the collector: one pinned CA, a bearer token, no redirects, no proxy, answers of bounded size.

Implements `pull.Source`. A collector that is busy is asked again a few times, after the wait it wishes for.
"""

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import requests
import urllib3
from requests.adapters import HTTPAdapter

from safecount.errors import SafecountError, UsageError
from safecount.wire.pull import (
    DEVICES_PATH,
    MAX_DIRECTORY_BYTES,
    MAX_PAGE_BYTES,
    PULL_PATH,
    Directory,
    Page,
    decode_directory,
    decode_page,
)
from safecount.wire.uplink import CONTENT_TYPE, KEYSET_PATH
from safecount_ops.controller.home import CollectorAddress

TIMEOUT_S = (20.0, 60.0)
ANSWER_DEADLINE_S = 300.0
BUSY_TRIES = 5
LONGEST_WAIT_S = 60
_MAX_TOKEN_BYTES = 4096
_MAX_REFUSAL_BYTES = 1024
_SAID = {
    401: "does not know our token: have a new one made and name its file with `controller collector`",
    403: "does not allow this with our token",
    404: "does not know what was asked for",
    409: "refuses the keyset: its serial is not higher than the one there, or its root key is not ours",
}


class CollectorError(SafecountError):
    """The collector cannot be reached, or refuses."""


class _PinnedTls(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: object) -> None:  # noqa: FBT001, FBT002 - as requests has it
        self.poolmanager = urllib3.PoolManager(connections, maxsize=maxsize, block=block, ssl_context=self._context)


class CollectorClient:
    """The collector at an address, as the tenant that our token stands for.

    Raises:
        UsageError: the CA or the token cannot be read.
        CollectorError: from every call, if the collector cannot be reached or refuses.
        UntrustedInput: from every call, for an answer that is none.
    """

    def __init__(self, address: CollectorAddress, wait: Callable[[float], None] = time.sleep) -> None:
        self._wait = wait
        self._url = address.url.rstrip("/")
        if not self._url.startswith("https://"):
            raise UsageError(f"The collector's address {self._url} must begin with https://.")
        try:
            context = ssl.create_default_context(cafile=str(address.ca_file))
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        except OSError as error:  # ssl.SSLError is one
            raise UsageError(f"The collector's CA {address.ca_file} cannot be used: {error}.") from error
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(address.ca_file)
        self._session.headers = {
            "Accept": CONTENT_TYPE,
            "Accept-Encoding": "identity",
            "User-Agent": "safecount-controller",
            "Authorization": f"Bearer {_token(address.token_file)}",
        }
        self._session.mount("https://", _PinnedTls(context))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._session.close()

    def directory(self, after: str | None) -> Directory:
        return decode_directory(
            self._call("GET", DEVICES_PATH, MAX_DIRECTORY_BYTES, {} if after is None else {"after": after})
        )

    def page(self, device: str, epoch: int, after: int, limit: int) -> Page:
        asked = {"device": device, "epoch": str(epoch), "after": str(after), "limit": str(limit)}
        return decode_page(self._call("GET", PULL_PATH, MAX_PAGE_BYTES, asked))

    def put_keyset(self, signed: bytes) -> None:
        """Publish a signed keyset for our devices."""
        self._call("PUT", KEYSET_PATH, _MAX_REFUSAL_BYTES, {}, signed)

    def _call(self, method: str, path: str, limit: int, asked: dict[str, str], body: bytes | None = None) -> bytes:
        for tries_left in reversed(range(BUSY_TRIES)):
            status, answer, wish = self._once(method, path, limit, asked, body)
            if status in {200, 204}:
                return answer
            if status not in {429, 503} or not tries_left:
                break
            self._wait(min(LONGEST_WAIT_S, int(wish) if wish.isascii() and wish.isdigit() and len(wish) < 9 else 5))
        said = _SAID.get(status, f"answers with status {status}")
        raise CollectorError(f"The collector {self._url} {said}.")

    def _once(
        self, method: str, path: str, limit: int, asked: dict[str, str], body: bytes | None
    ) -> tuple[int, bytes, str]:
        """Status, body of at most `limit` bytes, and Retry-After."""
        try:
            with self._session.request(
                method,
                self._url + path,
                params=asked,
                data=body,
                headers={"Content-Type": CONTENT_TYPE} if body is not None else None,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = self._read(response, limit) if response.status_code == 200 else b""
                return response.status_code, answer, response.headers.get("Retry-After", "")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise CollectorError(f"The collector {self._url} cannot be reached: {_innermost(error)}.") from error

    def _read(self, response: requests.Response, limit: int) -> bytes:
        deadline_s = time.monotonic() + ANSWER_DEADLINE_S
        parts, size = [], 0
        while chunk := response.raw.read1(min(65_536, limit + 1 - size), decode_content=False):
            parts.append(chunk)
            size += len(chunk)
            if size > limit or time.monotonic() > deadline_s:
                raise CollectorError(
                    f"The collector {self._url} gives more than the {limit} bytes, or takes longer than the "
                    f"{ANSWER_DEADLINE_S:.0f} seconds, that an answer may have: that is no collector of ours."
                )
        return b"".join(parts)


def _token(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            token = opened.read(_MAX_TOKEN_BYTES + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The token file {file} cannot be read: {error}.") from error
    if not token or len(token) > _MAX_TOKEN_BYTES or not token.isprintable() or " " in token:
        raise UsageError(f"The token file {file} must hold one token, as `safecount-ops collector token` prints it.")
    return token


def _innermost(error: BaseException) -> str:
    """The innermost cause that the libraries have wrapped, in one line."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error).splitlines()[0] if str(error) else type(error).__name__
