"""The controller's day on the command line: init, pull over HTTPS, verify, open, export, report."""

import json
import socket
import ssl
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safecount.wire.keyset import verify_keyset
from safecount.wire.pull import encode_directory, encode_page
from safecount_ops.controller.command import command
from safecount_ops.controller.home import existing
from safecount_ops.controller.keys import load_root_public
from safecount_ops.controller.keysets import latest
from simulators.chains import MemorySource, chain_of, hours
from simulators.keys import signing_key
from simulators.tls import Authority, LoopbackServer, http, read_request

CBOR = {"Content_Type": "application/cbor"}


class PullServer:
    """The pull API of docs/formats.md over TLS on loopback, in front of envelopes in memory."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.source = MemorySource()
        self.keyset = b""
        self.authority = Authority(folder)
        identity = self.authority.issue("collector", address="127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate_file, identity.key_file)
        self.server = LoopbackServer(self.talk, context)
        (folder / "token").write_text("t0ken\n")
        receipt = signing_key("collector").public_key()
        (folder / "receipt.pem").write_bytes(receipt.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def talk(self, connection: socket.socket) -> None:
        head, body = read_request(connection)
        method, target, _ = head.split("\r\n")[0].split(" ")
        parts = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "Authorization: Bearer t0ken" not in head.split("\r\n"):
            connection.sendall(http("401 Unauthorized"))
        elif (method, parts.path) == ("PUT", "/v1/keyset"):
            self.keyset = body
            connection.sendall(http("204 No Content"))
        elif parts.path == "/v1/pull/devices":
            connection.sendall(http("200 OK", encode_directory(self.source.directory(asked.get("after"))), **CBOR))
        else:
            place = (asked["device"], int(asked["epoch"]), int(asked["after"]), int(asked["limit"]))
            connection.sendall(http("200 OK", encode_page(self.source.page(*place)), **CBOR))


def run(*arguments: object, exits: int = 0) -> Result:
    result = CliRunner().invoke(command, [str(one) for one in arguments])
    code = getattr(result.exception, "exit_code", result.exit_code)
    assert code == exits, (result.output, result.exception)
    return result


@pytest.fixture(scope="module")
def phrase(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("phrase") / "phrase"
    file.write_text("correct horse battery staple\n")
    return file


def test_from_nothing_to_a_report(tmp_path: Path, phrase: Path) -> None:
    served, home = PullServer(tmp_path / "server"), tmp_path / "home"
    files = tmp_path / "server"
    run("init", home, "--receipt-key", files / "receipt.pem", "--passphrase-file", phrase)
    keyset, signed = latest(existing(home), load_root_public(existing(home)))
    chain = chain_of("counter-7", hours(30), keyset)
    served.source.take("counter-7", chain)
    with served.server:
        url = f"https://127.0.0.1:{served.server.port}"
        run("collector", home, "--url", url, "--ca", files / "ca.pem", "--token-file", files / "token")
        run("keyset", "publish", home)
        assert verify_keyset(served.keyset, [load_root_public(existing(home))]) == keyset
        assert served.keyset == signed
        assert "30 new envelopes of 1 device." in run("pull", home).output
        assert "0 new envelopes" in run("pull", home).output
        served.source.stored["counter-7", 1][30] = chain_of("counter-7", hours(30), keyset)[29]
        told = run("pull", home, exits=3)
        assert "gave another envelope for a number than before" in told.output
    assert "none removed" in run("verify", home, exits=3).output
    assert "30 new counts" in run("open", home, "--passphrase-file", phrase).output
    run("export", home, tmp_path / "all.json")
    rows = json.loads((tmp_path / "all.json").read_text())
    assert sum(row["noisy_entered"] for row in rows if row["kind"] == "hour") == sum(range(30))
    run("report", home, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "gave another envelope for a number than before" in page, "the report does not hide it"
    for arguments, says in [
        (("export", home, tmp_path / "x.xls"), "--format"),
        (("export", home, tmp_path / "no" / "x.csv"), "no folder"),
        (("report", home, tmp_path / "r.html", "--site", "moon"), "There is no site moon"),
        (("report", home, tmp_path / "r.html", "--from", "2030-01-01"), "no counts of these days"),
    ]:
        assert says in str(run(*arguments, exits=2).exception)
    assert run("report", home, tmp_path / "r.html", "--from", "soon", exits=2).output.count("is no day") == 1


def test_opening_before_anything_was_pulled_is_told(tmp_path: Path, phrase: Path) -> None:
    (tmp_path / "keysets").mkdir()
    for arguments, says in [
        (("open", tmp_path, "--passphrase-file", phrase), "pull first"),
        (("report", tmp_path, tmp_path / "r.html"), "Nothing is opened"),
    ]:
        assert says in str(run(*arguments, exits=2).exception)
