"""The set-up page's server: whatever a browser sends, from HTTP by h11 to the closed list of requests."""

import socket
import threading

from safecount.edges.setup_server import Answer, Conversation
from safecount.setting_up.page_rules import Head, judge, token_in
from safecount.setting_up.requests import BadRequest, parse_request

HOST = "10.55.0.1:8080"
HEAD = f"Host: {HOST}\r\nOrigin: http://{HOST}\r\nAuthorization: Bearer aa\r\nContent-Type: application/json\r\n"


def _post(name: str, body: str) -> bytes:
    return f"POST /api/{name} HTTP/1.1\r\n{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()


LINE = '{"door": "north", "start": [0, 500], "end": [1000, 480], "in_side": "down"}'
SEEDS = [
    _post("lines", f'{{"lines": [{LINE}]}}'),
    _post("enter", '{"code": "abcd-efgh"}') + f"GET /api/look?after=7 HTTP/1.1\r\n{HEAD}\r\n".encode(),
    _post("press", '{"line": 0, "inward": true}') + _post("do", '{"what": "save"}'),
    f'POST /api/level HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\nc\r\n{{"level": 3}}\r\n0\r\n\r\n'.encode(),
]


def one_input(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        browser = threading.Thread(target=_read_all, args=(theirs,))
        browser.start()
        with ours:
            Conversation(ours, _answer).run()
        browser.join()


def _read_all(connection: socket.socket) -> None:
    """As a browser does: answers that nobody takes would hold the server up."""
    while connection.recv(65536):
        pass


def _answer(head: Head, body: bytes) -> Answer:
    if judge(head, HOST) is None:
        token_in(head)
        try:
            parse_request(head.method, head.target, body)
        except BadRequest as error:
            return Answer(400, "text/plain", str(error).encode())
    return Answer(200, "text/plain", b"ok")
