"""Writes vectors.json, the frozen bytes of every wire format; `--check` only tells whether they would still be the
same.

Everything here is deterministic but the encapsulation in a sealed content, which is kept from the file; `--reseal`
makes it anew. Keys come from their names (SHA-256), see simulators.keys.
"""

import difflib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from safecount.delivery.sealer import Sealer
from safecount.wire.chain import Link, start_of
from safecount.wire.enrolment import Statement, encode_label, sign_statement
from safecount.wire.envelope import (
    Envelope,
    EnvelopeHeader,
    Kind,
    info_for,
    pack_envelope,
    parse_envelope,
    verify_envelope,
)
from safecount.wire.errors import Reason
from safecount.wire.fleet import Fleet, sign_fleet
from safecount.wire.keyset import Role, sign_keyset
from safecount.wire.receipt import receipt_for, sign_receipt
from safecount.wire.record import encode_count, encode_health, pad_body
from safecount.wire.reset_order import sign_reset
from safecount.wire.site_code import prove, sign_site_code
from safecount.wire.uplink import Answer, Refusal, encode_answer, encode_batch
from simulators.enrolment import LABEL, SIGNER, site_code
from simulators.keys import keyset, reader, signing_key
from simulators.records import HEALTH_RECORD, HOUR_RECORD

VECTORS = Path(__file__).with_name("vectors.json")
DEVICE, COLLECTOR, ROOT = signing_key("device"), signing_key("collector"), signing_key("root")
CONTROLLER, BACKUP = reader("controller"), reader("backup")
RING = keyset(CONTROLLER.recipient(Role.CONTROLLER), BACKUP.recipient(Role.BACKUP))
STATEMENT = Statement(
    signing_key("identity").public_key().public_bytes_raw(), DEVICE.public_key().public_bytes_raw(), bytes(32)
)
SEALER = Sealer("counter-7", DEVICE, RING)


def sealed_contents() -> list[str]:
    """Two HPKE messages for the first envelope of epoch 1; different each time they are made."""
    raw = SEALER.seal_count(HOUR_RECORD, start_of(1), HOUR_RECORD.start_s).raw
    return [content.hex() for content in parse_envelope(raw).contents]


def verified(raw: bytes) -> Envelope:
    return verify_envelope(parse_envelope(raw), DEVICE.public_key())


def build(contents: list[str]) -> dict[str, object]:
    readers = tuple(recipient.key_id for recipient in RING.readers_at(0))
    header = EnvelopeHeader(Kind.COUNT, "counter-7", 1, 1, bytes(32), readers)
    count = verified(pack_envelope(header, [bytes.fromhex(content) for content in contents], DEVICE))
    health = SEALER.seal_health(HEALTH_RECORD, Link(1, 1, count.digest))
    receipt = sign_receipt(receipt_for(count, HOUR_RECORD.start_s + 3700), COLLECTOR)
    keys = {"device": DEVICE, "collector": COLLECTOR, "root": ROOT}
    return {
        "public_keys": {name: key.public_key().public_bytes_raw().hex() for name, key in keys.items()},
        "reader_seeds": {"controller": CONTROLLER.seed.hex(), "backup": BACKUP.seed.hex()},
        "reader_public_keys": {"controller": CONTROLLER.public_key.hex(), "backup": BACKUP.public_key.hex()},
        "count_record": encode_count(HOUR_RECORD).hex(),
        "count_body": pad_body(encode_count(HOUR_RECORD)).hex(),
        "health_record": encode_health(HEALTH_RECORD).hex(),
        "info": info_for(header).hex(),
        "sealed_contents": contents,
        "count_envelope": count.raw.hex(),
        "count_envelope_digest": count.digest.hex(),
        "health_envelope": health.raw.hex(),
        "receipt": receipt.hex(),
        "keyset": sign_keyset(RING, ROOT).hex(),
        "batch_of_two": encode_batch([count.raw, health.raw]).hex(),
        "label": encode_label(LABEL),
        "site_code": sign_site_code(site_code(), SIGNER),
        "site_code_proven": sign_site_code(prove(site_code(), LABEL.serial, LABEL.secret), SIGNER),
        "fleet_line": sign_fleet(Fleet(site_code().url, site_code().ca, site_code().signer, 1_700_000_000), SIGNER),
        "statement": sign_statement(STATEMENT, signing_key("identity")).hex(),
        "answer": encode_answer(Answer((receipt,), (Refusal(1, Reason.RETRY_LATER),), 1)).hex(),
        "reset_order": sign_reset("counter-7", SIGNER).hex(),
        "answer_with_reset": encode_answer(Answer((receipt,), (), 1, sign_reset("counter-7", SIGNER))).hex(),
    }


def regenerated(*, reseal: bool = False) -> str:
    contents = sealed_contents() if reseal else json.loads(VECTORS.read_text())["sealed_contents"]
    return json.dumps(build(contents), indent=1) + "\n"


def main() -> int:
    text = regenerated(reseal="--reseal" in sys.argv)
    if "--check" not in sys.argv:
        VECTORS.write_text(text)
        return 0
    difference = list(difflib.unified_diff(VECTORS.read_text().splitlines(), text.splitlines(), "frozen", "now", n=0))
    print("\n".join(line[:160] for line in difference) or "the vectors are the same")  # noqa: T201 - its user asked
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
