"""A second disk for the bench: a clip, its decoder, and settings that make the counting process take the clip for a camera.
The card itself is the one that ships, byte for byte, and our code runs from its slot: the disk lies over Debian's folder of
Python packages (with what the image has there, and the decoder), over the settings, and over nothing else.
"""

import shutil
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av

from safecount.counting.values import LineSettings
from safecount.edges.video_file import VideoFile
from safecount_image.toolbox import Toolbox
from safecount_ops.assets import find_asset
from safecount_ops.desk.counting import Spent, count_clip
from safecount_ops.desk.models import load_model

SHARE = "/mnt"
PACKAGES = "usr/lib/python3/dist-packages"


def laid_over(source: str, target: str) -> str:
    """A word for the kernel's command line that puts a file or folder of the disk in the place of one of the root's."""
    return f"systemd.mount-extra={SHARE}/{source}:{target}:none:bind"


def dropped_in(unit: str, text: str) -> str:
    """A word that changes a unit (systemd.system-credentials(7), "systemd.unit-dropin")."""
    return f"systemd.set_credential_binary=systemd.unit-dropin.{unit}:{b64encode(text.encode()).decode()}"


MOUNTS = (
    f"systemd.mount-extra=LABEL=SC-BENCH:{SHARE}:ext4:ro",
    laid_over("packages", f"/{PACKAGES}"),
    laid_over("safecount.toml", "/etc/safecount/safecount.toml"),
)
"""Words for the kernel's command line that put the disk in its place."""
FPS = 2.5
"""A quarter of what a device takes: an emulated processor needs seconds a frame."""
SETTINGS = """
[clip]
file = "{share}/clip.mkv"
paced = {looped}
looped = {looped}
[camera]
frames_per_second = {fps}
[model]
card = "{model}"
[provision]
boot_file = "/boot/safecount-site.txt"
serial_port = "/dev/safecount-serial"
retry_s = 5.0
[upload]
round_s = 5.0
first_retry_s = 2.0
longest_retry_s = 5.0
[health]
first_after_s = 10.0
every_s = 30.0
[[line]]
name = "door"
door = "door"
start = [0.62, 0.15]
end = [0.62, 1.0]
in_side = "right"
"""


@dataclass(frozen=True, slots=True)
class Clip:
    """A real clip, cut to what an emulated processor can count in a minute."""

    file: Path
    frames: int


def cut_clip(out: Path, frames: int, rounds: int = 1) -> Clip:
    """The first frames of vtest, of Debian's opencv-doc, again and again."""
    with av.open(str(out), "w") as made:
        stream: av.VideoStream | None = None
        for _ in range(rounds):
            with av.open(str(find_asset("vtest"))) as source:
                picture = source.streams.video[0]
                if stream is None:
                    stream = made.add_stream("mpeg4", rate=picture.average_rate)
                    stream.width, stream.height, stream.bit_rate = picture.width, picture.height, 4_000_000
                for frame in islice(source.decode(picture), frames):
                    frame.pts, frame.pict_type = None, av.video.frame.PictureType.NONE
                    made.mux(stream.encode(frame))
        if stream is not None:
            made.mux(stream.encode())
    return Clip(out, frames * rounds)


def desk_count(clip: Clip, model: str, lines: Sequence[LineSettings]) -> int:
    """How many come in by the same lines, the same model and the same clip on this machine."""
    loaded = load_model(model, None)
    with VideoFile(clip.file, loaded.card.input, FPS) as video:
        steps = count_clip(video, loaded, lines, Spent())
        return sum(crossing.direction == "in" for step in steps for crossing in step.crossings)


def bench_settings(model: str, fps: float = FPS, *, looped: bool = False) -> bytes:
    """The settings file that counts the clip once, as fast as it goes; or again and again, in its own time."""
    return SETTINGS.format(share=SHARE, model=model, fps=fps, looped=str(looped).lower()).encode()


def make_bench_disk(toolbox: Toolbox, image: Path, clip: Clip, files: Mapping[str, bytes], work: Path) -> Path:
    """The disk's file, in `work`. `files` by name lie on it; `safecount.toml` must be among them."""
    tree = work / "bench-tree"
    shutil.rmtree(tree, ignore_errors=True)
    toolbox.run("fsck.erofs", f"--extract={tree}", image / "root.erofs", writable=[work], readable=[image])
    share = work / "bench-share"
    shutil.rmtree(share, ignore_errors=True)
    share.mkdir()
    (tree / PACKAGES).rename(share / "packages")
    shutil.rmtree(tree)
    _add_decoder(share / "packages", work)
    shutil.copyfile(clip.file, share / "clip.mkv")
    for name, content in files.items():
        (share / name).write_bytes(content)
    disk = work / "bench.img"
    disk.unlink(missing_ok=True)
    toolbox.run("mke2fs", "-q", "-t", "ext4", "-L", "SC-BENCH", "-d", share, disk, "256M", writable=[work])
    shutil.rmtree(share)
    return disk


def _add_decoder(packages: Path, work: Path) -> None:
    """PyAV for the guest, in the version and with the hashes of the desk's lock."""
    lock = Path(__file__).parents[2] / "tools" / "locks" / "run.txt"
    lines = lock.read_text(encoding="ascii").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("av==") and ">= '3.12'" in line)
    end = next(n for n in range(start + 1, len(lines)) if not lines[n].startswith(" "))
    wanted = work / "decoder.txt"
    wanted.write_text("\n".join(lines[start:end]).replace(" ; python_full_version >= '3.12'", "") + "\n")
    where = ["--platform", "manylinux_2_28_aarch64", "--python-version", "3.13", "--dest", str(work)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", "download", "--no-deps"]
    subprocess.run([*pip, "--only-binary", ":all:", "--require-hashes", *where, "-r", str(wanted)], check=True)
    for wheel in work.glob("av-*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(packages)
