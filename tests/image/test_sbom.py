import json
from importlib.metadata import version
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from safecount_image.board import FOLDER, REPOSITORY, read_board
from safecount_image.packages import read_lock
from safecount_image.sbom import debian_component, make_sbom, make_wheel_sbom, model_component, wheel_components
from safecount_image.wheels import pinned
from safecount_ops.proof.licences import names_in

BOARD = read_board("virt")
MODEL = model_component("detector", "ab" * 32, "Apache-2.0 and BSD-3-Clause")


def test_a_bill_is_valid_and_the_same_for_the_same_image(tmp_path: Path) -> None:
    packages = read_lock(FOLDER / "locks/virt.tsv")
    first, second = (make_sbom(BOARD, "1.2", "cd" * 32, packages, tmp_path, MODEL) for _ in range(2))
    assert first == second
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(first) is None
    assert first != make_sbom(BOARD, "1.2", "ce" * 32, packages, tmp_path, MODEL)


def test_the_operators_wheel_has_a_bill_of_all_that_it_is_locked_to() -> None:
    desk = pinned((REPOSITORY / "tools/locks/run.txt").read_text(encoding="utf-8"))
    text = make_wheel_sbom("safecount-ops", "1.2", "cd" * 32, desk)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    named = {(one["name"], one["version"]) for one in json.loads(text)["components"]}
    installed = {(name, version(name)) for name in names_in(REPOSITORY / "tools/locks/run.txt")}
    assert named >= installed, "what is installed from the lock is in the bill"
    assert ("fastapi", version("fastapi")) in installed


def test_what_a_wheel_bundles_is_told_without_the_paths_of_its_builder(tmp_path: Path) -> None:
    bills = tmp_path / "crypt_o-2.0.dist-info/sboms"
    bills.mkdir(parents=True)
    part = {"type": "library", "name": "openssl", "version": "4.0", "bom-ref": "path+file:///build/openssl"}
    (bills / "sbom.json").write_text(json.dumps({"components": [part]}))
    (component,) = wheel_components([("crypt-o", "2.0")], tmp_path)
    assert component["components"] == [{"type": "library", "name": "openssl", "version": "4.0"}]


def test_a_version_with_an_epoch_or_a_plus_is_escaped_in_its_purl() -> None:
    package = next(p for p in read_lock(FOLDER / "locks/virt.tsv") if "+" in p.version)
    assert "+" not in debian_component(package)["purl"].partition("?")[0]
