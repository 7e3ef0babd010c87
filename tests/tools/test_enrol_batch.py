"""A fleet's list: signed at the desk, taken by the collector or refused with a sentence, and what it answers devices."""

import base64
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from safecount.edges.est_client import certificate_request
from safecount.errors import UsageError
from safecount.wire.code_line import Side
from safecount.wire.enrolment import Statement, fingerprint, serial_of, sign_statement
from safecount.wire.errors import UntrustedInput
from safecount.wire.fleet import parse_fleet
from safecount.wire.reset_order import verify_reset
from safecount.wire.site_code import parse_site_code, sign_site_code
from safecount.wire.values import Profile
from safecount_ops.collector.database import Database
from safecount_ops.enrolment.est import EstServer
from safecount_ops.enrolment.fleet_list import MAX_LIST_BYTES, parse_list, sign_list
from safecount_ops.enrolment.tokens import Tokens, Verdict
from simulators.bare_collector import bare_collector
from simulators.enrolment import site_code
from simulators.est_collector import DeviceCa
from simulators.fleet_desk import HEAD, FleetDesk, row_of
from simulators.keys import signing_key
from simulators.tls import Authority

SIGNER = signing_key("fleet")
NOW_S, WHO = 1_700_000_000, "command:tester"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FleetDesk:
    """A desk and a collector's folder: that it is the real one is seen in tests/journeys."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "collector" / "keys").mkdir(parents=True)
    Authority(folder / "collector" / "keys")
    desk = FleetDesk(folder / "desk", folder / "collector")
    desk.make_key()
    desk.make_key("other")
    return desk


@pytest.fixture
def desk(made: FleetDesk) -> FleetDesk:
    """Its collector has taken no list."""
    bare_collector(made.collector)
    return made


def statement_of(name: str, owner: str = "first owner") -> Statement:
    identity, envelope_key = (signing_key(one).public_key().public_bytes_raw() for one in (name, owner))
    return Statement(identity, envelope_key, bytes(32))


def device_list(*names: str, ends_s: int = NOW_S) -> bytes:
    """A list of devices whose identity keys have these names, signed by SIGNER."""
    devices = []
    for name in names:
        identity = signing_key(name).public_key()
        code = replace(
            site_code(),
            serial=serial_of(identity),
            signer=SIGNER.public_key().public_bytes_raw(),
            token=sha256(name.encode()).digest()[:16],
        )
        devices.append((serial_of(identity), fingerprint(identity), sign_site_code(code, SIGNER)))
    return sign_list(devices, NOW_S - 1, ends_s, SIGNER)


def test_a_signed_list_is_taken_and_its_devices_get_their_own_codes(desk: FleetDesk) -> None:
    head = f"{HEAD},site,zone,line,profile,exits"
    rows = (
        f"{row_of('one')},airport,Europe/Berlin,",
        f'{row_of("two")},,,"a=0,0.1:1,0.1:up; b=0,0.9:1,0.9:down",strict,yes',
    )
    assert desk.sign(rows[0] + ",,", *rows[1:], head=head) == (0, "")
    assert desk.take() == (0, "")
    tokens = Tokens.in_folder(desk.collector)
    one, two = (tokens.find_listed(statement_of(name), int(time.time())) for name in ("one", "two"))
    assert isinstance(one, str)
    assert isinstance(two, str)
    first, second = parse_site_code(one), parse_site_code(two)
    assert (first.site, first.zone, first.profile, first.exits) == ("airport", "Europe/Berlin", Profile.STANDARD, False)
    assert (second.site, second.zone, second.profile, second.exits) == ("station", "Etc/UTC", Profile.STRICT, True)
    assert [(line.door, line.in_side) for line in second.lines] == [("a", Side.UP), ("b", Side.DOWN)]
    fleet = parse_fleet(desk.card_file.read_text())
    assert {first.signer, second.signer} == {fleet.signer}
    assert first.token != second.token


def test_each_refusal_is_a_sentence_and_changes_nothing(desk: FleetDesk) -> None:
    desk.sign(row_of("one"))
    good = desk.list_file.read_bytes()
    row = row_of("one").encode()
    for changed in (
        good.replace(b"made,1", b"made,2"),
        good.replace(row, row_of("two").encode()),
        good[1:],
        good + b"\n",
        good[:-9],
    ):
        desk.list_file.write_bytes(changed)
        code, told = desk.take()
        assert (code, changed != good, "changed after it was signed" in told) == (2, True, True), told
        desk.list_file.write_bytes(good)
    assert "another key than this one" in desk.take("other")[1]
    desk.list_file.write_bytes(b"serial,fingerprint\n")
    assert "has no signature" in desk.take()[1]
    assert Tokens.in_folder(desk.collector).find_listed(statement_of("one"), 0) is Verdict.UNKNOWN


def test_a_list_for_another_collector_or_past_its_date_is_not_taken(desk: FleetDesk, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    Authority(tmp_path / "keys")
    assert FleetDesk(desk.folder, tmp_path).sign(row_of("one")) == (0, "")
    assert "another CA" in desk.take()[1]
    pem = SIGNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (desk.folder / "old.pub").write_bytes(pem)
    desk.list_file.write_bytes(device_list("one"))
    assert "past its date" in desk.take("old")[1]


def test_an_older_list_is_not_taken_again_and_a_newer_one_counts_alone(desk: FleetDesk) -> None:
    tokens = Tokens.in_folder(desk.collector)
    first, later = (parse_list(device_list(name), SIGNER.public_key()) for name in ("one", "two"))
    tokens.take_list(first, NOW_S, WHO)
    used = parse_site_code(str(tokens.find_listed(statement_of("one"), 0))).token
    with pytest.raises(UsageError, match="taken already"):
        tokens.take_list(first, NOW_S, WHO)
    tokens.take_list(replace(later, made_s=first.made_s + 1), NOW_S, WHO)
    with pytest.raises(UsageError, match="taken already"):
        tokens.take_list(first, NOW_S, WHO)
    assert tokens.find_listed(statement_of("one"), 0) is Verdict.UNKNOWN
    assert tokens.redeem(used, statement_of("one").serial, "any", 0) is Verdict.UNKNOWN, "its token went with it"
    assert isinstance(tokens.find_listed(statement_of("two"), 0), str)


def test_a_code_is_handed_out_again_to_the_same_owner_only_and_not_after_the_list_has_ended(desk: FleetDesk) -> None:
    tokens = Tokens.in_folder(desk.collector)
    tokens.take_list(parse_list(device_list("one"), SIGNER.public_key()), NOW_S, WHO)
    ours, reset = statement_of("one"), statement_of("one", "second owner")
    code = tokens.find_listed(ours, NOW_S - 1)
    assert tokens.redeem(parse_site_code(str(code)).token, ours.serial, ours.device, 0) is Verdict.GOOD
    assert tokens.find_listed(ours, NOW_S - 1) == code
    assert tokens.find_listed(reset, NOW_S - 1) is Verdict.USED
    assert tokens.find_listed(ours, NOW_S) is Verdict.ENDED
    assert tokens.has_listed(ours.device)
    assert not tokens.has_listed(reset.device)


def test_an_identity_with_another_fingerprint_gets_nothing(desk: FleetDesk) -> None:
    """80 bits of the fingerprint are the serial; the other 176 are compared too."""
    listed = parse_list(device_list("one"), SIGNER.public_key())
    (one,) = listed.devices
    Tokens.in_folder(desk.collector).take_list(
        replace(listed, devices=(replace(one, fingerprint=bytes(32)),)), NOW_S, WHO
    )
    assert Tokens.in_folder(desk.collector).find_listed(statement_of("one"), 0) is Verdict.OTHER_DEVICE


def test_the_collector_answers_each_device_with_its_code_or_a_sentence(desk: FleetDesk) -> None:
    ca = DeviceCa(Authority(desk.folder))
    tokens = Tokens.in_folder(desk.collector)
    tokens.take_list(parse_list(device_list("one"), SIGNER.public_key()), NOW_S, WHO)
    server = EstServer(ca, ca, tokens)
    answers = {name: server.answer_listed(request_of(name), 0) for name in ("one", "two")}
    assert parse_site_code(answers["one"].body.decode()).serial == statement_of("one").serial
    assert (answers["two"].status, b"is not on the list" in answers["two"].body) == (422, True)
    assert server.answer_listed(request_of("one"), NOW_S).status == 410
    forged = request_of("one", signed_by="two")
    assert server.answer_listed(forged, 0).status == 400


@given(st.binary(max_size=400))
def test_any_bytes_get_no_code(body: bytes) -> None:
    server = EstServer(None, None, Tokens(Database(Path("/nonexistent"))))  # type: ignore[arg-type]
    for untrusted in (body, base64.b64encode(body)):
        assert server.answer_listed(untrusted, 0).status == 400


@given(st.data())
@settings(max_examples=100)
def test_a_list_with_any_byte_changed_is_refused(data: st.DataObject) -> None:
    good = device_list("one", "two")
    place, bit = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(good)
    changed[place] ^= 1 << bit
    try:
        parsed = parse_list(bytes(changed), SIGNER.public_key())
    except UntrustedInput:
        return
    assert parsed == parse_list(good, SIGNER.public_key()), "only the case of the signature's digits may differ"


@given(st.binary(max_size=300))
def test_any_bytes_are_no_list(raw: bytes) -> None:
    with pytest.raises(UntrustedInput):
        parse_list(raw, SIGNER.public_key())


def test_a_list_of_ten_million_bytes_and_more_is_not_read() -> None:
    with pytest.raises(UntrustedInput, match="sign it in parts"):
        parse_list(b"x" * (MAX_LIST_BYTES + 1), SIGNER.public_key())


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("", "must name columns"),
        ("serial,place\nx,y", "must name columns"),
        (f"{HEAD}\n", "has 0 devices"),
        (f"{HEAD}\nsc-one,00", "64 hex digits"),
        (f"{HEAD}\nsc-one,{'00' * 32}", "is not that of its fingerprint"),
        (f"{HEAD}\n{row_of('one')},more", "3 cells where 2 columns"),
        (f"{HEAD}\n{row_of('one')}\n{row_of('one')}", "a serial twice"),
        (f"{HEAD},zone\n{row_of('one')},Mars/Olympus", "no time zone"),
        (f"{HEAD},line\n{row_of('one')},across", "is not DOOR="),
        (f"{HEAD},profile\n{row_of('one')},loose", "'loose' is none of strict, standard, accurate"),
        (f"{HEAD},exits\n{row_of('one')},perhaps", "'perhaps' is none of yes, no"),
        (f"{HEAD},site\n{row_of('one')},{'x' * 65}", "make no site codes"),
        (f'{HEAD}\n"{"x" * 200_000}', "is no CSV"),
    ],
)
def test_a_bad_table_is_refused_with_a_sentence(desk: FleetDesk, table: str, why: str) -> None:
    head, _, rows = table.partition("\n")
    code, told = desk.sign(*([rows] if rows else []), head=head)
    assert (code, why in told, "Traceback" in told) == (2, True, False), told


def test_a_site_must_be_named_and_the_key_opens_with_its_own_pass_phrase_only(desk: FleetDesk, tmp_path: Path) -> None:
    assert "has no site" in desk.sign(row_of("one"), more=())[1]
    (tmp_path / "phrase").write_text("another phrase entirely\n")
    (tmp_path / "root.pub").write_bytes((desk.folder / "root.pub").read_bytes())
    (tmp_path / "fleet.key").write_bytes((desk.folder / "fleet.key").read_bytes())
    assert "another pass-phrase" in FleetDesk(tmp_path, desk.collector).sign(row_of("one"))[1]
    assert "already" in desk.batch("key", str(desk.folder / "fleet.key"))[1]
    assert b"ENCRYPTED" in (desk.folder / "fleet.key").read_bytes()


def test_an_order_to_reset_is_signed_with_the_fleets_key(desk: FleetDesk, tmp_path: Path) -> None:
    out = tmp_path / "reset.order"
    assert desk.batch("order", "sc-one.abc", "--key", str(desk.folder / "fleet.key"), "--out", str(out)) == (0, "")
    desk.sign(row_of("one"))
    fleet = parse_fleet(desk.card_file.read_text())
    verify_reset(out.read_bytes(), "sc-one.abc", Ed25519PublicKey.from_public_bytes(fleet.signer))


def request_of(name: str, signed_by: str = "") -> bytes:
    """What the device of this identity key posts."""
    key = ec.derive_private_key(7, ec.SECP256R1())
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    statement = replace(statement_of(name), tls_key_digest=sha256(spki).digest())
    raw = sign_statement(statement, signing_key(signed_by or name))
    return base64.encodebytes(certificate_request(statement.device, raw, key))
