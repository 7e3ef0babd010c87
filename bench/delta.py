"""What an update of one Python file costs: two whole images, real bundles, a real server, and the device's own client.

Needs a built image (`make image`), whose root it unpacks, changes and packs again with the builder's own settings.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from safecount.edges.bundle_download import Source
from safecount.edges.tuf_client import RepositorySettings, TufRepository
from safecount.edges.web import Web
from safecount.wire.release import Version
from safecount_image.filesystems import make_root
from safecount_image.toolbox import make_toolbox
from safecount_ops.release.bundle import make_bundle
from simulators.release_desk import ReleaseDesk
from simulators.release_server import ReleaseServer

CHANGED = "updating/update_policy"
EPOCH = 1_700_000_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("image", type=Path, help="the folder of a built image, such as build/image/virt")
    image = arguments.parse_args().image.resolve()
    with tempfile.TemporaryDirectory(prefix="delta.") as scratch:
        measure(image, Path(scratch))


def measure(image: Path, scratch: Path) -> None:
    toolbox, tree = make_toolbox(), scratch / "tree"
    print("unpacking and packing the root twice ...", flush=True)
    toolbox.run("fsck.erofs", f"--extract={tree}", image / "root.erofs", readable=[image], writable=[scratch])
    before = make_root(toolbox, tree, scratch / "before.erofs", "root", EPOCH)
    change(tree)
    after = make_root(toolbox, tree, scratch / "after.erofs", "root", EPOCH)
    assert before.roothash != after.roothash
    boot_before, boot_after = scratch / "before.boot", scratch / "after.boot"
    shutil.copy(image / "boot.img", boot_before)
    content = boot_before.read_bytes()
    at = content.index(b"safecount.roothash=") + len(b"safecount.roothash=")
    boot_after.write_bytes(content[:at] + after.roothash.encode() + content[at + 64 :])

    desk = ReleaseDesk(scratch / "desk").create()
    bundle = scratch / "1.1.0.raucb"
    make_bundle(after.image, boot_after, bundle, board="rpi", version=Version(1, 1, 0), ca=desk.rauc)
    desk.publish(bundle)
    whole = after.image.stat().st_size
    print(
        f"root {whole / 1e6:.1f} MB, boot {boot_after.stat().st_size / 1e6:.1f} MB, bundle {bundle.stat().st_size / 1e6:.1f} MB"
    )
    for name, sources in (
        ("from nothing", []),
        ("from the release before", [Source(before.image), Source(boot_before)]),
    ):
        fetch(name, desk, scratch / name.replace(" ", "-"), sources, whole + boot_after.stat().st_size)
    ask_again(desk, scratch / "quiet")


def change(tree: Path) -> None:
    """One line more in one file, and in its compiled form."""
    (source,) = tree.rglob(f"safecount/{CHANGED}.py")
    source.write_text(source.read_text() + "\nCHANGED = 'a line of the next release'\n")
    name = CHANGED.split("/")[1]
    for compiled in source.parent.glob(f"__pycache__/{name}.*.pyc"):
        compiled.write_bytes(compiled.read_bytes() + b"a line of the next release")


def fetch(name: str, desk: ReleaseDesk, folder: Path, sources: list[Source], whole: int) -> None:
    with ReleaseServer(desk.public) as server:
        web = Web()
        client = TufRepository(RepositorySettings(server.url, folder, desk.root_file, sources, keep_free=0), web)
        (release,) = client.releases()
        server.sent, asked = 0, len(server.asked)
        began_s = time.monotonic()
        client.fetch(release)
        took_s = time.monotonic() - began_s
        web.close()
        share = server.sent / whole
        print(
            f"{name}: {server.sent / 1e6:.2f} MB fetched, {share:.2%} of the images, "
            f"{len(server.asked) - asked} questions, {took_s:.1f} s"
        )


def ask_again(desk: ReleaseDesk, folder: Path) -> None:
    with ReleaseServer(desk.public) as server:
        for name in ("first question", "nothing new"):
            web = Web()
            server.sent = 0
            TufRepository(RepositorySettings(server.url, folder, desk.root_file), web).releases()
            web.close()
            print(f"{name}: {server.sent / 1e3:.1f} KB")


if __name__ == "__main__":
    main()
