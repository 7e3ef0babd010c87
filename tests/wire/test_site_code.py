"""The site code, the label and the statement: what we write we read, and whatever else comes is refused with a reason."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecount.wire.base45 import ALPHABET, decode45, encode45
from safecount.wire.code_line import CodeLine, Side
from safecount.wire.code_text import MAX_SITE_CODE_BYTES, SITE_CODE_PREFIX
from safecount.wire.cose import sign1
from safecount.wire.encoding import encode
from safecount.wire.enrolment import (
    Label,
    Statement,
    encode_label,
    fingerprint,
    parse_label,
    serial_of,
    sign_statement,
    verify_statement,
)
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.site_code import SITE_CODE_TYPE, SiteCode, is_proven, parse_site_code, prove, sign_site_code
from safecount.wire.values import Profile
from simulators.enrolment import LABEL, SIGNER, site_code
from simulators.keys import signing_key

names = st.text(st.characters(categories=("L", "N", "Zs"), max_codepoint=0x2FF), min_size=1, max_size=16).filter(
    lambda text: text.isprintable()
)
shares = st.integers(0, 1000)
lines = st.builds(CodeLine, names, st.tuples(shares, shares), st.tuples(shares, shares), st.sampled_from(Side)).filter(
    lambda line: line.start != line.end
)
codes = st.builds(
    SiteCode,
    url=st.sampled_from(["https://collector.example", "https://10.0.0.1:8443", "https://[2001:db8::1]:1"]),
    ca=st.binary(min_size=32, max_size=32),
    root=st.binary(min_size=32, max_size=32),
    signer=st.just(SIGNER.public_key().public_bytes_raw()),
    token=st.binary(min_size=16, max_size=16),
    expires_s=st.integers(0, 2**40),
    site=names,
    zone=names,
    lines=st.lists(lines, min_size=1, max_size=4).map(tuple),
    profile=st.sampled_from(Profile),
    exits=st.booleans(),
)


# RFC 9285, section 4.3 and 4.4.
@pytest.mark.parametrize(
    ("raw", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0")]
)
def test_base45_is_that_of_the_rfc(raw: bytes, text: str) -> None:
    assert encode45(raw) == text
    assert decode45(text, 100) == raw


@pytest.mark.parametrize("text", ["GGW", "ABCD", ":::", "A", "ab", "A=B", "ZZ"])
def test_text_that_no_bytes_have_is_refused(text: str) -> None:
    with pytest.raises(UntrustedInput):
        decode45(text, 100)


@given(st.binary(max_size=700))
def test_any_bytes_survive_base45(raw: bytes) -> None:
    assert decode45(encode45(raw), 1100) == raw


@given(st.text(alphabet=ALPHABET, max_size=40))
def test_each_bytes_have_one_base45_text(text: str) -> None:
    try:
        raw = decode45(text, 100)
    except UntrustedInput:
        return
    assert encode45(raw) == text


@given(codes)
@settings(max_examples=60)
def test_a_code_is_read_as_it_was_written(code: SiteCode) -> None:
    assert parse_site_code(sign_site_code(code, SIGNER)) == code


@given(codes, st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
@settings(max_examples=30)
def test_only_the_labels_secret_proves_a_code(code: SiteCode, secret: bytes, other: bytes) -> None:
    proven = parse_site_code(sign_site_code(prove(code, LABEL.serial, secret), SIGNER))
    assert is_proven(proven, secret)
    assert is_proven(proven, other) == (secret == other)
    assert not is_proven(code, secret)


def test_whatever_is_changed_in_a_proven_code_its_proof_no_longer_fits() -> None:
    code = prove(site_code(), LABEL.serial, LABEL.secret)
    thief = signing_key("thief")
    changes: list[dict[str, object]] = [
        {"url": "https://thief.example"},
        {"ca": bytes(32)},
        {"root": bytes(32)},
        {"signer": thief.public_key().public_bytes_raw()},
        {"site": "elsewhere"},
        {"profile": Profile.ACCURATE},
        {"exits": True},
        {"token": bytes(16)},
        {"expires_s": 2**40},
        {"serial": "sc-another"},
    ]
    for change in changes:
        assert not is_proven(replace(code, **change), LABEL.secret), change  # type: ignore[arg-type]


@given(st.data())
@settings(max_examples=150)
def test_a_code_with_any_part_changed_is_refused(data: st.DataObject) -> None:
    text = sign_site_code(site_code(), SIGNER)
    place = data.draw(st.integers(len(SITE_CODE_PREFIX), len(text) - 1))
    character = data.draw(st.sampled_from(ALPHABET.replace(text[place], "")))
    with pytest.raises(UntrustedInput):
        parse_site_code(text[:place] + character + text[place + 1 :])


@given(st.text(max_size=300) | st.text(alphabet=ALPHABET, max_size=300).map(lambda text: "SC1:" + text))
@settings(max_examples=200)
def test_any_text_is_refused_with_a_reason_and_nothing_else(text: str) -> None:
    for parse in (parse_site_code, parse_label):
        with pytest.raises(UntrustedInput):
            parse(text)


@given(st.binary(max_size=200))
def test_any_payload_is_refused_even_if_it_is_signed(payload: bytes) -> None:
    with pytest.raises(UntrustedInput):
        parse_site_code(SITE_CODE_PREFIX + encode45(sign1(SITE_CODE_TYPE, payload, SIGNER)))


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (1, 2),
        (2, "http://collector.example"),
        (2, "https://user@collector.example"),
        (2, "https://collector.example/path"),
        (2, "https://collector.example:99999"),
        (2, "https://cöllector.example"),
        (2, "https://"),
        (5, bytes(31)),
        (8, "two\nlines"),
        (8, "x" * 65),
        (10, []),
        (10, [["door", 0, 0, 0, 0, 1]]),
        (10, [["door", 0, 0, 1001, 0, 1]]),
        (10, [["door", 0, 0, 10, 0, 5]]),
        (10, [["door", 0, 0, 10, 0, 1]] * 5),
        (11, 4),
        (14, bytes(16)),
        (15, 1),
    ],
)
def test_a_signed_code_with_a_field_out_of_range_is_refused(change: int, value: object) -> None:
    code = site_code()
    fields: dict[int, object] = {
        1: 1,
        2: code.url,
        3: code.ca,
        4: code.root,
        5: code.signer,
        6: code.token,
        7: code.expires_s,
        8: code.site,
        9: code.zone,
        10: [["door", 0, 0, 10, 0, 3]],
        11: 2,
        12: False,
    }

    def text(payload: dict[int, object]) -> str:
        return SITE_CODE_PREFIX + encode45(sign1(SITE_CODE_TYPE, encode(payload), SIGNER))  # type: ignore[arg-type]

    parse_site_code(text(fields))
    with pytest.raises(UntrustedInput):
        parse_site_code(text(fields | {change: value}))


def test_a_code_signed_by_another_than_it_names_is_refused() -> None:
    code = replace(site_code(), signer=signing_key("another").public_key().public_bytes_raw())
    with pytest.raises(ValueError, match="signed by the key"):
        sign_site_code(code, SIGNER)
    forged = sign_site_code(site_code(), SIGNER)
    with pytest.raises(UntrustedInput) as caught:
        parse_site_code(forged[:-1] + ("0" if forged[-1] != "0" else "1"))
    assert caught.value.reason in {Reason.BAD_SIGNATURE, Reason.MALFORMED}


def test_texts_that_are_too_long_are_not_even_decoded() -> None:
    with pytest.raises(UntrustedInput) as caught:
        parse_site_code(SITE_CODE_PREFIX + "0" * 10_000_000)
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_usual_code_fits_a_qr_code_of_73_modules() -> None:
    """Version 14 at level M holds 528 alphanumeric characters (ISO/IEC 18004, table 7)."""
    text = sign_site_code(prove(site_code(), LABEL.serial, LABEL.secret), SIGNER)
    assert set(text) <= set(ALPHABET)
    assert len(text) <= 528
    assert MAX_SITE_CODE_BYTES * 3 // 2 < 1852  # the largest of level L that 97 modules hold: a bound, not a wish


def test_no_secret_stands_in_a_repr() -> None:
    code = prove(site_code(), LABEL.serial, LABEL.secret)
    for value in (code, LABEL):
        assert LABEL.secret.hex() not in repr(value)
        assert repr(LABEL.secret) not in repr(value)
        assert repr(code.token) not in repr(value)


def test_a_label_is_read_as_it_was_written() -> None:
    assert parse_label(encode_label(LABEL) + "\r\n") == LABEL
    another = Label(LABEL.serial, sha256(b"another").digest(), LABEL.secret)
    with pytest.raises(UntrustedInput, match="serial is not that"):
        parse_label(encode_label(another))


def test_a_statement_holds_for_its_own_tls_key_only() -> None:
    identity = signing_key("identity")
    envelope_key = signing_key("device").public_key()
    digest = sha256(b"tls key").digest()
    statement = Statement(identity.public_key().public_bytes_raw(), envelope_key.public_bytes_raw(), digest)
    raw = sign_statement(statement, identity)
    assert verify_statement(raw, digest) == statement
    assert statement.device.startswith(serial_of(identity.public_key()) + ".")
    assert fingerprint(identity.public_key()) == LABEL.fingerprint
    with pytest.raises(UntrustedInput, match="another TLS key"):
        verify_statement(raw, sha256(b"another").digest())
    with pytest.raises(UntrustedInput):
        verify_statement(sign_statement(statement, signing_key("thief")), digest)
