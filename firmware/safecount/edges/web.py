"""HTTP from a server that nobody has to trust: no redirects, no proxy, bodies of bounded length and at a bounded pace.

What is read here is believed only after a signature; HTTPS keeps the device's questions to itself.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import requests
import urllib3

from safecount.updating.ports import Refused
from safecount.wire.update_state import Refusal

CHUNK = 64 * 1024
CONNECT_S = 20.0


@dataclass(frozen=True, slots=True)
class Pace:
    """The least that a server must do: `least_bytes` in every `window_s`, and a first answer within it."""

    window_s: float = 30.0
    least_bytes: int = 8 * 1024


class NoSuchFile(Exception):  # noqa: N818 - it names what was asked for
    """The server says that it does not have it: no failure where a next version is asked for."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class BrokenConnection(Refused):
    """The connection broke in the middle; asking again may help."""

    def __init__(self, host: str) -> None:
        super().__init__(Refusal.UNREACHABLE, f"The connection to {host} broke.")


class Web:
    """Counts the bytes that it has read, and keeps a connection open."""

    def __init__(self, ca_file: str = "", pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, netrc or CA bundle from the environment
        if ca_file:
            self._session.verify = ca_file
        self._session.headers = {"Accept-Encoding": "identity", "User-Agent": "safecount"}
        self.read_bytes = 0

    def close(self) -> None:
        self._session.close()

    def get(self, url: str, length: int, span: str = "") -> Iterator[tuple[int, bytes]]:
        """The body in pieces, each with its place in a file of at most `length` bytes. `span` asks for a part, as
        "bytes=0-9" does; a server that knows no parts gives the whole file, and the places tell.

        Raises:
            NoSuchFile: status 403 or 404. BrokenConnection: it may be asked again.
            Refused: UNREACHABLE, BAD_ANSWER, TOO_LONG or TOO_SLOW.
        """
        with closing(self._ask(url, span)) as response:
            at = _place(response, url)
            try:
                for piece in self._pieces(response, url):
                    if at + len(piece) > length:
                        raise Refused(Refusal.TOO_LONG, f"{url} gives more bytes than are listed.")
                    yield at, piece
                    at += len(piece)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if isinstance(error, urllib3.exceptions.ReadTimeoutError | TimeoutError):
                    raise self._slow(url) from error
                raise BrokenConnection(_host(url)) from error

    def _ask(self, url: str, span: str) -> requests.Response:
        try:
            response = self._session.get(
                url,
                headers={"Range": span} if span else None,
                timeout=(CONNECT_S, self._pace.window_s),
                allow_redirects=False,
                stream=True,
            )
        except requests.ReadTimeout as error:
            raise self._slow(url) from error
        except (requests.RequestException, OSError) as error:
            raise BrokenConnection(_host(url)) from error
        if response.status_code in {403, 404}:
            response.close()
            raise NoSuchFile(response.status_code)
        if response.status_code not in {200, 206}:
            response.close()
            raise Refused(Refusal.BAD_ANSWER, f"{url} is answered with the status {response.status_code}.")
        return response

    def _pieces(self, response: requests.Response, url: str) -> Iterator[bytes]:
        started_s, in_window = time.monotonic(), 0
        expected, got = response.headers.get("Content-Length", ""), 0
        while piece := response.raw.read1(CHUNK, decode_content=False):
            self.read_bytes += len(piece)
            got += len(piece)
            in_window += len(piece)
            yield piece
            now_s = time.monotonic()
            if now_s - started_s > self._pace.window_s:
                if in_window < self._pace.least_bytes:
                    raise self._slow(url)
                started_s, in_window = now_s, 0
        if expected.isdecimal() and got < int(expected):
            raise BrokenConnection(_host(url))

    def _slow(self, url: str) -> Refused:
        least = self._pace.least_bytes
        return Refused(Refusal.TOO_SLOW, f"{url} gave less than {least} bytes in {self._pace.window_s:g} s.")


def _place(response: requests.Response, url: str) -> int:
    """Where the body begins in the file (RFC 9110, section 14.4)."""
    if response.status_code == 200:
        return 0
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    start = rest.partition("-")[0]
    if unit != "bytes" or not start.isdecimal() or len(start) > 12:
        raise Refused(Refusal.BAD_ANSWER, f"{url} is answered with a part that does not say which.")
    return int(start)


def _host(url: str) -> str:
    return url.split("/", 3)[2] if url.count("/") > 2 else url
