"""What lies in a built image, looked at from outside. What it does when it runs is in tests/boot."""

import getpass
import hashlib
import json
import lzma
import os
import re
import socket
import stat
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from safecount.edges.litert import load_card
from safecount.settings import read_settings
from safecount_image.board import REPOSITORY, read_board
from safecount_image.card import MIB, layout
from safecount_image.handout import PROVENANCE, SIGNED_PROVENANCE, hand_out
from safecount_image.mirror import find_mirror
from safecount_image.packages import digest, read_lock
from safecount_image.toolbox import Toolbox, cache_folder
from safecount_image.wheels import locked
from safecount_ops.proof.secret_scan import secrets_in
from simulators.dsse import signed_by

pytestmark = pytest.mark.image

PUBLISHED: dict[str, tuple[str, ...]] = defaultdict(
    tuple,
    {
        "private key": (r"usr/lib/.*/libgnutls\.so\..*",),  # of its self-tests
        "password in an address": (
            r"usr/local/lib/python3.13/dist-packages/urllib3/util/(__pycache__/)?url\..*",
        ),  # examples
    },
)
"""Files of others, the same in every copy in the world, and what in them has the form of a secret."""
ROOT_LIMIT = 150_000_000
COMPRESSED_LIMIT = 200_000_000


def files_of(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path


def test_it_is_small(image: Path) -> None:
    assert (image / "root.erofs").stat().st_size <= ROOT_LIMIT
    assert (image / "card.img.xz").stat().st_size <= COMPRESSED_LIMIT


def test_the_root_is_the_one_that_the_command_line_asks_for(image: Path, toolbox: Toolbox) -> None:
    line = toolbox.run("mtype", "-i", image / "boot.img", "::cmdline.txt", readable=[image])
    words = dict(word.partition("=")[::2] for word in line.split())
    facts = json.loads((image / "image.json").read_text())
    assert words["safecount.roothash"] == facts["roothash"]
    offset = words["safecount.hashoffset"]
    root = image / "root.erofs"
    toolbox.run(
        "veritysetup", "verify", f"--hash-offset={offset}", root, root, words["safecount.roothash"], readable=[image]
    )


def test_the_card_carries_what_lies_beside_it(image: Path) -> None:
    facts = json.loads((image / "image.json").read_text())
    by_name = {p.name: p for p in layout(read_board(facts["board"]).sizes)}
    with (image / "card.img").open("rb") as card:
        for name, file in (("boot-a", "boot.img"), ("root-a", "root.erofs")):
            card.seek(by_name[name].start_mib * MIB)
            content = (image / file).read_bytes()
            assert card.read(len(content)) == content, name
        for name in ("boot-b", "root-b"):
            card.seek(by_name[name].start_mib * MIB)
            assert not any(card.read(MIB)), f"{name} is blank until the first update"


def test_the_compressed_card_is_the_card(image: Path) -> None:
    hashed = hashlib.sha256()
    with lzma.open(image / "card.img.xz") as file:
        while block := file.read(MIB):
            hashed.update(block)
    assert hashed.hexdigest() == digest(image / "card.img")
    listed = json.loads((image / "manifest.json").read_text())["os_list"][0]
    assert listed["extract_sha256"] == hashed.hexdigest()
    assert listed["extract_size"] == (image / "card.img").stat().st_size
    assert listed["image_download_sha256"] == digest(image / "card.img.xz")


def test_the_block_map_covers_every_byte_that_is_not_zero_and_the_first_mib_of_data(image: Path) -> None:
    told = ET.parse(image / "card.bmap").getroot()
    size = int(told.findtext("BlockSize", "").strip())
    mapped = set()
    for entry in told.iter("Range"):
        first, _, last = (entry.text or "").strip().partition("-")
        mapped |= set(range(int(first), int(last or first) + 1))
    with (image / "card.img").open("rb") as card:
        number = 0
        while block := card.read(size):
            assert number in mapped or not any(block)
            number += 1
    facts = json.loads((image / "image.json").read_text())
    data = next(p for p in layout(read_board(facts["board"]).sizes) if p.name == "data")
    assert set(range(data.start_mib * MIB // size, (data.start_mib + 1) * MIB // size)) <= mapped


def test_the_sums_are_right_and_a_signature_by_openssl_holds(image: Path, toolbox: Toolbox, tmp_path: Path) -> None:
    for line in (image / "SHA256SUMS").read_text().splitlines():
        told, name = line.split("  ")
        assert digest(image / name) == told, name
    small = tmp_path / "out"
    small.mkdir()
    (small / "card.img").write_bytes(b"card" * MIB)
    for name in ("boot.img", "image.json", "root.erofs", "sbom.cdx.json"):
        (small / name).write_bytes(name.encode())
    keys = tmp_path / "keys"
    keys.mkdir()
    toolbox.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", keys / "key.pem", writable=[keys])
    toolbox.run("openssl", "pkey", "-in", keys / "key.pem", "-pubout", "-out", keys / "public.pem", writable=[keys])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNING_KEY", str(keys / "key.pem"))
        hand_out(toolbox, small, "virt", "0", "detector", 0, [{"name": "detector", "digest": {"sha256": "0" * 64}}])
    check: list[str | Path] = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-rawin",
        "-pubin",
        "-inkey",
        keys / "public.pem",
        "-sigfile",
    ]
    sums = small / "SHA256SUMS"
    toolbox.run(*check, small / "SHA256SUMS.sig", "-in", sums, readable=[keys, small])
    assert f"{digest(small / PROVENANCE)}  {PROVENANCE}" in sums.read_text().splitlines()
    assert (
        signed_by(load_pem_public_key((keys / "public.pem").read_bytes()), (small / SIGNED_PROVENANCE).read_text())
        == (small / PROVENANCE).read_bytes()
    )


def test_the_provenance_names_what_is_handed_out_and_what_went_in(image: Path) -> None:
    told = json.loads((image / PROVENANCE).read_text())
    named = {one["name"]: one["digest"]["sha256"] for one in told["subject"]}
    listed = dict(line.split("  ")[::-1] for line in (image / "SHA256SUMS").read_text().splitlines())
    assert listed == named | {PROVENANCE: digest(image / PROVENANCE)}
    board = read_board(json.loads((image / "image.json").read_text())["board"])
    went_in = {
        one["digest"].get("sha256")
        for one in told["predicate"]["buildDefinition"]["resolvedDependencies"]
        if "digest" in one
    }
    assert {package.sha256 for package in read_lock(board.lock)} <= went_in


def test_there_is_no_secret_in_it(root: Path) -> None:
    found = set()
    for path in files_of(root):
        name = str(path.relative_to(root))
        assert not re.fullmatch(r"etc/ssh/.*key.*|.*/random-seed|.*\.(key|p12|pfx)|.*/authorized_keys", name), name
        found |= {(name, kind) for kind, _ in secrets_in(path.read_bytes())}
    unknown = {(name, kind) for name, kind in found if not any(re.fullmatch(one, name) for one in PUBLISHED[kind])}
    assert not unknown, "what has the form of a secret, and is not one that everybody has"
    assert (root / "etc/machine-id").read_text() == ""


def test_nobody_can_log_in(root: Path) -> None:
    for line in (root / "etc/shadow").read_text().splitlines():
        assert re.fullmatch(r"[!*]+", line.split(":")[1]), line
    for line in (root / "etc/passwd").read_text().splitlines():
        user, *_, shell = line.split(":")
        if user.startswith("safecount"):
            assert shell == "/usr/sbin/nologin", user
    for program in (
        "usr/sbin/sshd",
        "usr/sbin/agetty",
        "usr/bin/login",
        "usr/bin/su",
        "usr/bin/sudo",
        "usr/sbin/sulogin",
    ):
        assert not (root / program).exists(), program


def test_no_file_gives_its_caller_more_rights_and_none_is_writable_by_all(root: Path) -> None:
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            assert not mode & (stat.S_ISUID | stat.S_ISGID), path
        if not stat.S_ISLNK(mode):
            assert not mode & stat.S_IWOTH or mode & stat.S_ISVTX, path


def test_nothing_tells_where_it_was_built_and_from_which_archive(root: Path) -> None:
    mirror = find_mirror()
    hosts = {re.sub(r"^\w+://([^/:]+).*", r"\1", address) for address in (mirror.debian, mirror.security)}
    hosts = {host for host in hosts if not host.endswith(".debian.org")}  # Debian's own stand in its packages
    told = {str(REPOSITORY), str(cache_folder()), f"/home/{getpass.getuser()}/", socket.gethostname()} | hosts
    words = [word.encode() for word in told if len(word) > 5]  # a shorter host name is a word like any other
    for path in files_of(root):
        content = path.read_bytes()
        assert not [word for word in words if word in content], path


def test_the_bill_is_valid_and_names_all_that_was_locked(image: Path) -> None:
    text = (image / "sbom.cdx.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    told = {component["bom-ref"] for component in bill["components"]}
    names = {(component["name"], component["version"]) for component in bill["components"]}
    assert len(told) == len(bill["components"])
    for package in read_lock(read_board(json.loads((image / "image.json").read_text())["board"]).lock):
        assert (package.name, package.version) in names
    board = read_board(json.loads((image / "image.json").read_text())["board"])
    assert set(locked(board.wheels).items()) <= names
    cryptography = next(c for c in bill["components"] if c["name"] == "cryptography")
    assert "openssl" in {part["name"] for part in cryptography["components"]}, "the OpenSSL inside the wheel is told of"


def test_it_says_everywhere_which_detector_it_holds_and_holds_that_one(image: Path, root: Path) -> None:
    name = json.loads((image / "image.json").read_text())["model"]
    card = load_card(name)
    (held,) = (root / "usr/share/safecount/models").iterdir()
    assert (held.name, digest(held)) == (card.file, card.sha256)
    assert read_settings(root / "etc/safecount/safecount.toml").model.card == name
    assert name in json.loads((image / "manifest.json").read_text())["os_list"][0]["description"]
    (told,) = (
        c
        for c in json.loads((image / "sbom.cdx.json").read_text())["components"]
        if c["type"] == "machine-learning-model"
    )
    assert told["name"] == name


def test_every_python_file_is_compiled_so_that_no_start_compiles_it(root: Path) -> None:
    for source in (root / "usr/local/lib").rglob("*.py"):
        assert list((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")), source


def test_the_fixed_users_of_the_data_partition(root: Path) -> None:
    told = {line.split(":")[0]: line.split(":")[2] for line in (root / "etc/passwd").read_text().splitlines()}
    assert {name: uid for name, uid in told.items() if name.startswith("safecount")} == {
        "safecount-vision": "961", "safecount-seal": "962", "safecount-uplink": "963",
        "safecount-provision": "964", "safecount-update": "965", "safecount-setup": "966",
        "safecount-wifi": "967",
    }  # fmt: skip


def test_its_units_are_ones_that_systemd_accepts(root: Path, toolbox: Toolbox) -> None:
    units = sorted(path.name for path in (REPOSITORY / "config/usr/lib/systemd/system").glob("*.*") if path.is_file())
    line = toolbox.command(["systemd-analyze", f"--root={root}", "verify", "--man=no", *units], readable=[root])
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    ours = [said for said in done.stderr.splitlines() if any(unit in said for unit in units)]
    assert not ours, done.stderr
