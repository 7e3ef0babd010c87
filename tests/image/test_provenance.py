"""Provenance in the forms of in-toto, SLSA and DSSE, read with the library of others. That of an image is in test_image.py."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.exceptions import VerificationError

from safecount_image.packages import Package
from safecount_image.provenance import SOURCE_COMMIT, envelope, materials, source_commit, statement, to_be_signed
from simulators.dsse import signed_by

PACKAGES = [Package("root", "libx", "1:2+deb13u1", "arm64", "a" * 64, "pool/libx.deb")]
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def told(tmp_path: Path) -> str:
    (tmp_path / "wheels.txt").write_text("a==1\n")
    went_in = materials("c" * 40, PACKAGES, [tmp_path / "wheels.txt"], ("detector", "d" * 64))
    return statement({"root.erofs": "f" * 64, "card.img": "e" * 64}, "virt", "1.0.0", 5, went_in)


def test_it_names_what_was_built_and_what_from(told: str) -> None:
    read = json.loads(told)
    assert (read["_type"], read["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert [one["name"] for one in read["subject"]] == ["card.img", "root.erofs"]
    built = read["predicate"]["buildDefinition"]
    assert built["externalParameters"] == {"board": "virt", "version": "1.0.0", "SOURCE_DATE_EPOCH": 5}
    source, debian, wheels, model = built["resolvedDependencies"]
    assert source["digest"] == {"gitCommit": "c" * 40}
    assert debian == {
        "uri": "pkg:deb/debian/libx@1%3A2%2Bdeb13u1?arch=arm64&distro=debian-13",
        "digest": {"sha256": "a" * 64},
    }
    assert (wheels["name"], model["digest"]) == ("wheels.txt", {"sha256": "d" * 64})


def test_a_signed_statement_is_read_by_others_and_a_changed_one_is_not(told: str) -> None:
    text = envelope(told.encode(), KEY.sign(to_be_signed(told.encode())))
    assert signed_by(KEY.public_key(), text) == told.encode()
    changed = envelope(told.replace("virt", "rpi").encode(), KEY.sign(to_be_signed(told.encode())))
    for key, evil in ((KEY, changed), (Ed25519PrivateKey.generate(), text)):
        with pytest.raises(VerificationError):
            signed_by(key.public_key(), evil)


def test_no_commit_is_claimed_for_sources_that_are_not_its(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SOURCE_COMMIT, "")
    assert source_commit() == ""
    assert "digest" not in materials("", [], [], ("detector", "d" * 64))[0]
    monkeypatch.setenv(SOURCE_COMMIT, "b" * 40)
    assert source_commit() == "b" * 40
