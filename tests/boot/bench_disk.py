"""A second disk for the bench, in the place of /usr/local: what is there on the image, a clip, its decoder, and settings that
make the counting process take the clip for a camera. The card itself is the one that ships, byte for byte.
"""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
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

SHARE = "/usr/local/share/bench"
PACKAGES = "usr/local/lib/python3.13/dist-packages"
MOUNTS = (
    "systemd.mount-extra=LABEL=SC-BENCH:/usr/local:ext4:ro",
    f"systemd.mount-extra={SHARE}/safecount.toml:/etc/safecount/safecount.toml:none:bind",
)
"""Words for the kernel's command line that put the disk in its place."""
FPS = 5.0
"""Half of what a device takes: an emulated processor needs a second a frame."""
SETTINGS = """
[clip]
file = "{share}/clip.mkv"
paced = false
looped = false
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


def make_bench_disk(toolbox: Toolbox, image: Path, model: str, clip: Clip, work: Path) -> Path:
    """The disk's file, in `work`."""
    tree = work / "bench-tree"
    shutil.rmtree(tree, ignore_errors=True)
    toolbox.run("fsck.erofs", f"--extract={tree}", image / "root.erofs", writable=[work], readable=[image])
    local = tree / "usr" / "local"
    _add_decoder(tree / PACKAGES, work)
    share = tree / SHARE.removeprefix("/")
    share.mkdir(parents=True)
    shutil.copyfile(clip.file, share / "clip.mkv")
    (share / "safecount.toml").write_text(SETTINGS.format(share=SHARE, model=model, fps=FPS), encoding="utf-8")
    disk = work / "bench.img"
    disk.unlink(missing_ok=True)
    toolbox.run("mke2fs", "-q", "-t", "ext4", "-L", "SC-BENCH", "-d", local, disk, "400M", writable=[work])
    shutil.rmtree(tree)
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
