"""All that a collector remembers, as tables (docs/adr/0009-collector.md).

Times are UTC seconds. Nothing here can be opened by the collector: `envelope.raw` is what the device sent.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)
from sqlalchemy.schema import ExecutableDDLElement

metadata = MetaData()

tenant = Table(
    "tenant",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("root_key", LargeBinary(32)),  # keysets of this tenant must be signed with it
    Column("added_at", BigInteger, nullable=False),
)

keyset = Table(
    "keyset",
    metadata,
    Column("tenant", ForeignKey("tenant.name"), primary_key=True),
    Column("serial", BigInteger, primary_key=True),
    Column("raw", LargeBinary, nullable=False),
    Column("added_at", BigInteger, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", String(32).with_variant(String(32, collation="C"), "postgresql"), nullable=False, unique=True),
    Column("tenant", ForeignKey("tenant.name"), nullable=False),
    Column("key", LargeBinary(32), nullable=False),  # the Ed25519 key that new envelopes must be signed with
    Column("active", Boolean, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger),  # when it last brought a valid envelope
    Column("head_epoch", BigInteger),  # of its newest chain
    Column("held_at", BigInteger),  # in quarantine since
)

reset_order = Table(
    "reset_order",
    metadata,
    Column("device", ForeignKey("device.number"), primary_key=True),
    Column("raw", LargeBinary, nullable=False),  # signed by the sites' signer
    Column("added_at", BigInteger, nullable=False),
)

chain = Table(
    "chain",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("device", ForeignKey("device.number"), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("key", LargeBinary(32), nullable=False),  # that signed it
    Column("last_sequence", BigInteger, nullable=False),
    Column("last_digest", LargeBinary(32), nullable=False),
    Column("stored", BigInteger, nullable=False),  # how many of 1 to last_sequence are here
    Column("began_at", BigInteger, nullable=False),
    Column("fetched_to", BigInteger, nullable=False, default=0),  # a controller has gone on from here
    Column("removed_to", BigInteger, nullable=False, default=0),  # the highest sequence that was removed by age
    Column("removed", BigInteger, nullable=False, default=0),  # how many were
    UniqueConstraint("device", "epoch"),
)

envelope = Table(
    "envelope",
    metadata,
    Column("chain", ForeignKey("chain.number"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("previous", LargeBinary(32), nullable=False),
    Column("kind", Integer, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),  # empty once it was removed by age
    Column("removed", Boolean, nullable=False, default=False),
    Index("envelope_by_age", "removed", "received_at"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("device", ForeignKey("device.number"), nullable=False),
    Column("reason", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),  # the signed envelope that contradicts what is stored
    Index("evidence_of_device", "device"),
)

token = Table(
    "token",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of the token; the token itself is kept nowhere
    Column("name", String(64), nullable=False, unique=True),
    Column("kind", String(8), nullable=False),  # "pull" or "metrics"
    Column("tenant", ForeignKey("tenant.name"), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

site_token = Table(
    "site_token",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of a site code's token
    Column("serial", String(32), nullable=False),  # whose it is
    Column("expires_at", BigInteger, nullable=False),
    Column("device", String(32)),  # that enrolled with it
    Index("site_token_of_device", "device"),
)

fleet_token = Table("fleet_token", metadata, Column("digest", LargeBinary(32), primary_key=True))  # that came by a list

listed = Table(
    "listed",
    metadata,
    Column("serial", String(32), primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("code", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
)

taken_list = Table(
    "taken_list",
    metadata,
    Column("made_at", BigInteger, primary_key=True),  # of the one list that counts
    Column("ends_at", BigInteger, nullable=False),
)

exclusion = Table(
    "exclusion",
    metadata,
    Column("subject", String(96), primary_key=True),  # as limits.of_device and of_address have it
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("reason", String(96), nullable=False),
    Column("strikes", Integer, nullable=False),
)

health = Table(
    "health",
    metadata,
    Column("device", ForeignKey("device.number"), primary_key=True),  # its newest record only
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("version", String(64), nullable=False),
    Column("version_since", BigInteger, nullable=False),  # 0: since it was first heard of
    Column("slot", String(1), nullable=False),
    Column("temperature", Integer),
    Column("disk_free", Integer, nullable=False),
    Column("camera", Integer, nullable=False),
    Column("accelerator", Integer, nullable=False),
    Column("clock", Integer, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("keyset", BigInteger, nullable=False),
    Column("troubles", BigInteger, nullable=False),
    Column("update_state", Integer, nullable=False),
    Column("update_reason", Integer, nullable=False),
)

person = Table(
    "person",
    metadata,
    Column("name", String(64), primary_key=True),  # as PAM has it
    Column("role", String(16), nullable=False),
    Column("tenant", ForeignKey("tenant.name")),  # null: sees all
    Column("code_secret", String(64), nullable=False),  # of one-time codes (RFC 6238), base32
    Column("code_step", BigInteger, nullable=False),  # the last one that was used
    Column("failed", Integer, nullable=False),  # attempts since the last that held
    Column("locked_until", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("added_at", BigInteger, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of the cookie
    Column("person", ForeignKey("person.name"), nullable=False),
    Column("form_key", String(64), nullable=False),  # what a form of this session must bring
    Column("began_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", String(96), nullable=False),
    Column("act", String(32), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("tenant", String(64)),  # whose it concerns; null: all
    Column("previous", LargeBinary(32), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
)
rollout_stop = Table(
    "rollout_stop",
    metadata,
    Column("tenant", ForeignKey("tenant.name"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("fell_back", BigInteger, nullable=False),
    Column("tried", BigInteger, nullable=False),
)

_APPEND_ONLY = {
    "sqlite": "CREATE TRIGGER audit_no_{0} BEFORE {0} ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); END",
    "postgresql": "CREATE FUNCTION audit_no_{0}() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'append-only'; END $$; "
    "CREATE TRIGGER audit_no_{0} BEFORE {0} ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_no_{0}()",
}
for _dialect, _rule in _APPEND_ONLY.items():
    for _act in ("UPDATE", "DELETE"):
        _made: ExecutableDDLElement = DDL(_rule.format(_act))  # type: ignore[no-untyped-call]
        event.listen(audit, "after_create", _made.execute_if(dialect=_dialect))
