"""Where an image comes from: an in-toto statement with SLSA's provenance (v1), and the envelope that it is signed in (DSSE).

It names what was built by hash, and what from: the commit, each Debian package, the locks of the wheels, the detector. The
same for the same image, whoever builds it; who did is told by the key that signs.
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from safecount_image.board import REPOSITORY
from safecount_image.packages import Package, digest
from safecount_image.sbom import debian_component

PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUILD_TYPE = "urn:safecount:image:1"
"""`make image` at the commit, for the board and time that are the parameters (docs/image.md)."""
SOURCE_COMMIT = "SOURCE_COMMIT"
"""The commit, for a copy of the sources without their history."""

Json = Mapping[str, object]


def source_commit() -> str:
    """The commit that is built; "" where the sources are not those of a commit."""
    if SOURCE_COMMIT in os.environ:
        return os.environ[SOURCE_COMMIT]
    git = ["git", "-c", f"safe.directory={REPOSITORY}", "-C", str(REPOSITORY)]
    changed = subprocess.run([*git, "status", "--porcelain"], check=False, capture_output=True, text=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=False, capture_output=True, text=True)
    return "" if changed.returncode or changed.stdout or head.returncode else head.stdout.strip()


def materials(
    commit: str, packages: Iterable[Package], locks: Iterable[Path], model: tuple[str, str]
) -> Sequence[Json]:
    """SLSA's ResourceDescriptors of what goes in. `model`: the detector's name and SHA-256."""
    claimed = {"digest": {"gitCommit": commit}} if commit else {}
    source: Json = {"name": "safecount", **claimed}
    debian = sorted({(str(debian_component(one)["purl"]), one.sha256) for one in packages})
    return [
        source,
        *({"uri": purl, "digest": {"sha256": sha256}} for purl, sha256 in debian),
        *({"name": lock.name, "digest": {"sha256": digest(lock)}} for lock in locks),
        {"name": model[0], "digest": {"sha256": model[1]}},
    ]


def statement(subjects: Mapping[str, str], board: str, version: str, epoch: int, dependencies: Sequence[Json]) -> str:
    """The statement's text. `subjects`: the SHA-256 of each file by name; `epoch`: the build's SOURCE_DATE_EPOCH."""
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": {"board": board, "version": version, "SOURCE_DATE_EPOCH": epoch},
        "resolvedDependencies": dependencies,
    }
    told = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": subjects[name]}} for name in sorted(subjects)],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": definition, "runDetails": {"builder": {"id": "urn:safecount:make-image"}}},
    }
    return json.dumps(told, indent=1) + "\n"


def to_be_signed(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding (PAE) of a statement."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(payload: bytes, signature: bytes) -> str:
    """The DSSE envelope, one line. Its key is named by nobody but whoever publishes it."""
    signed = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(signed) + "\n"
