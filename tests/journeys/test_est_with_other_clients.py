"""The EST server before tools that share no code with ours: curl and OpenSSL, as RFC 7030 tells them what to say."""

import subprocess
from pathlib import Path

import pytest

from debian import need, need_file
from safecount.edges.identity import load_identity
from safecount.wire.enrolment import STATEMENT_OID
from safecount.wire.site_code import parse_site_code
from simulators.enrolment_site import Site, enrolment_site

assert enrolment_site, "the fixture `site`"
EST = "/.well-known/est/"


def run(*command: str | Path) -> bytes:
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True)
    assert done.returncode == 0, (command, done.stderr.decode())
    return done.stdout


def certificates(answer: Path) -> bytes:
    """The certificates in a base64 answer of certs-only PKCS #7, as PEM."""
    der = answer.with_suffix(".p7")
    run(need("openssl"), "base64", "-d", "-A", "-in", answer, "-out", der)
    return run(need("openssl"), "pkcs7", "-inform", "DER", "-in", der, "-print_certs")


@pytest.fixture
def request_file(site: Site) -> Path:
    """A PKCS #10 request of OpenSSL's making, with this device's statement as its extension."""
    folder = site.folder
    identity = load_identity(*(site.device.part(part) for part in ("provision", "seal", "uplink")))
    (folder / "request.cnf").write_text(
        "[req]\nprompt = no\ndistinguished_name = name\nreq_extensions = more\n[name]\nCN = anybody\n"
        f"[more]\n{STATEMENT_OID} = DER:{identity.statement().hex()}\n"
    )
    key = site.device.part("uplink") / "tls.key.pem"
    out = folder / "request.der"
    run(need("openssl"), "req", "-new", "-key", key, "-config", folder / "request.cnf", "-outform", "DER", "-out", out)
    run(need("openssl"), "base64", "-in", out, "-out", folder / "request.b64")
    return folder / "request.b64"


def test_curl_and_openssl_fetch_the_ca_enrol_and_renew(site: Site, request_file: Path) -> None:
    folder, key = site.folder, site.device.part("uplink") / "tls.key.pem"
    curl = [need("curl"), "--silent", "--show-error", "--fail", "--tlsv1.3"]
    run(*curl, "--insecure", "--output", folder / "ca.b64", f"{site.url}{EST}cacerts")
    (folder / "est-ca.pem").write_bytes(certificates(folder / "ca.b64"))
    curl += ["--cacert", str(folder / "est-ca.pem"), "--header", "Content-Type: application/pkcs10"]
    curl += ["--data-binary", f"@{request_file}"]
    code = parse_site_code(site.make_code())
    password = ["--user", f"{code.serial}:{code.token.hex()}"]
    run(*curl, *password, "--output", folder / "first.b64", f"{site.url}{EST}simpleenroll")
    (folder / "first.pem").write_bytes(certificates(folder / "first.b64"))
    device = load_identity(*(site.device.part(part) for part in ("provision", "seal", "uplink"))).device
    subject = run(need("openssl"), "x509", "-in", folder / "first.pem", "-noout", "-subject", "-nameopt", "RFC2253")
    assert subject.decode().strip() == f"subject=CN={device}", "named by its keys, whatever it asked for"
    run(need("openssl"), "verify", "-CAfile", folder / "est-ca.pem", folder / "first.pem")
    ours = ["--cert", str(folder / "first.pem"), "--key", str(key)]
    run(*curl, *ours, "--output", folder / "second.b64", f"{site.url}{EST}simplereenroll")
    assert certificates(folder / "second.b64") != (folder / "first.pem").read_bytes()
    assert site.collector.ca.issued == [device, device]


def test_without_the_token_or_with_a_used_one_curl_gets_nothing(site: Site, request_file: Path) -> None:
    curl = [need("curl"), "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--insecure"]
    curl += ["--data-binary", f"@{request_file}", f"{site.url}{EST}simpleenroll"]
    assert run(*curl) == b"401"
    assert run(*curl, "--user", f"x:{'00' * 16}") == b"403"
    assert run(*curl, "--user", "x:no hexadecimal") == b"401"
    assert site.collector.ca.issued == []


def test_strongswans_est_client_enrols_and_renews(site: Site, request_file: Path) -> None:
    """Its TLS and its parsers are its own (strongSwan's pki, in Debian)."""
    folder = site.folder
    need_file("ipsec/plugins/libstrongswan-openssl.so", "libstrongswan-standard-plugins")
    (folder / "strongswan.conf").write_text("libtls {\n version_max = 1.3\n}\n")
    pki = ["env", f"STRONGSWAN_CONF={folder / 'strongswan.conf'}", need("pki")]
    run(
        *pki,
        "--estca",
        "--url",
        site.url,
        "--cacert",
        site.collector.ca.authority.file,
        "--caout",
        folder / "est-ca.der",
    )
    ca = site.collector.ca.authority.file
    run(need("openssl"), "x509", "-inform", "DER", "-in", folder / "est-ca.der", "-out", folder / "est-ca.pem")
    assert (folder / "est-ca.pem").read_bytes() == ca.read_bytes()
    code = parse_site_code(site.make_code())
    asked: list[str | Path] = ["--in", folder / "request.der", "--url", site.url, "--cacert", ca, "--outform", "pem"]
    first = run(*pki, "--est", *asked, "--userpass", f"{code.serial}:{code.token.hex()}")
    (folder / "first.pem").write_bytes(first)
    run(need("openssl"), "verify", "-CAfile", ca, folder / "first.pem")
    key = site.device.part("uplink") / "tls.key.pem"
    second = run(*pki, "--est", *asked, "--cert", folder / "first.pem", "--key", key)
    assert b"BEGIN CERTIFICATE" in second
    assert second != first
    device = load_identity(*(site.device.part(part) for part in ("provision", "seal", "uplink"))).device
    assert site.collector.ca.issued == [device, device]
