from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from safecount.counting.values import InputSpec
from safecount.edges.video_file import VideoFile
from safecount.errors import UsageError

SPEC = InputSpec(32, 32, "bgr", "letterbox", 114)


def write_clip(path: Path, frames: int = 20, fps: int = 10, size: tuple[int, int] = (64, 48)) -> Path:
    """A clip whose frame number n is a red picture of brightness 10 n."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for n in range(frames):
            picture = np.zeros((size[1], size[0], 3), np.uint8)
            picture[..., 0] = min(255, 55 + 10 * n)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def write_pictures(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    folder.mkdir()
    for n, size in enumerate(sizes):
        with av.open(str(folder / f"{n:03}.png"), "w", format="image2", options={"update": "1"}) as container:
            stream = container.add_stream("png", rate=1)
            stream.width, stream.height = size
            stream.pix_fmt = "rgb24"
            picture = np.full((size[1], size[0], 3), 10 * n, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
    return folder


def test_frames_come_at_the_models_size_and_order(tmp_path: Path) -> None:
    with VideoFile(write_clip(tmp_path / "a.mp4"), SPEC) as clip:
        frames = [(frame.pixels.copy(), frame.captured_at_s) for frame in clip]
    assert clip.picture == (64, 48)
    assert len(frames) == 20
    assert [at_s for _, at_s in frames] == pytest.approx([n / 10 for n in range(20)])
    pixels = frames[10][0]
    assert pixels.shape == (32, 32, 3)
    assert pixels[10, 10, 2] > 120, "red comes last in bgr"
    assert pixels[10, 10, 0] < 40
    assert (pixels[24:] == 114).all(), "a letterbox is filled at the bottom"


def test_a_stretched_picture_fills_the_whole_input(tmp_path: Path) -> None:
    spec = InputSpec(32, 32, "rgb", "stretch", 0)
    with VideoFile(write_clip(tmp_path / "a.mp4"), spec) as clip:
        pixels = next(iter(clip)).pixels
    assert (pixels[:, :, 0] > 30).all()


@pytest.mark.parametrize(("degrees", "bright"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (-90, (0, 1))])
def test_a_clip_is_counted_the_way_it_is_shown(tmp_path: Path, degrees: int, bright: tuple[int, int]) -> None:
    """Stored with one bright corner, at the top left; `bright` is its (row, column) once it is turned to the left."""
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(degrees)
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[:24, :32] = 255
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")), *stream.encode()]:
            container.mux(packet)
    with VideoFile(path, SPEC) as clip:
        pixels = next(iter(clip)).pixels
        assert clip.picture == ((64, 48) if degrees % 180 == 0 else (48, 64))
    height, width = (24, 32) if degrees % 180 == 0 else (32, 24)
    corners = {
        (row, column)
        for row in (0, 1)
        for column in (0, 1)
        if pixels[row * (height - 1), column * (width - 1), 0] > 128
    }
    assert corners == {bright}


def write_uneven(path: Path, stamps: list[int]) -> Path:
    """A clip with frames at these tenths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stamp in stamps:
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 10)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.mark.parametrize("end", ["mp4", "mkv"])
def test_a_rate_that_varies_is_timed_by_the_stamps(tmp_path: Path, end: str) -> None:
    stamps = [3, 4, 5, 6, 16, 17, 18, 38, 39, 40]
    path = write_uneven(tmp_path / f"uneven.{end}", stamps)
    with VideoFile(path, SPEC) as clip:
        assert [frame.captured_at_s for frame in clip] == pytest.approx([(one - 3) / 10 for one in stamps], abs=0.002)
    with VideoFile(path, SPEC, fps=1.0) as clip:
        assert [clip.index for _ in clip] == [0, 4, 7]
    with VideoFile(path, SPEC, clip_fps=5) as clip:
        assert [frame.captured_at_s for frame in clip] == pytest.approx([n / 5 for n in range(10)])


def test_the_buffer_is_used_again(tmp_path: Path) -> None:
    with VideoFile(write_clip(tmp_path / "a.mp4"), SPEC) as clip:
        assert len({id(frame.pixels) for frame in clip}) == 1


@pytest.mark.parametrize(("fps", "taken"), [(10.0, 20), (5.0, 10), (3.0, 6), (30.0, 20)])
def test_the_first_frame_at_or_after_each_tick_is_taken(tmp_path: Path, fps: float, taken: int) -> None:
    with VideoFile(write_clip(tmp_path / "a.mp4"), SPEC, fps=fps) as clip:
        indices = [clip.index for _ in clip]
    assert len(indices) == taken
    assert indices[:2] == [0, max(1, -(-10 // int(fps)))]


def test_a_folder_of_pictures_is_a_clip(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "img1", [(64, 48)] * 5)
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nframeRate=5\n", encoding="utf-8")
    with VideoFile(folder, SPEC) as clip:
        assert (clip.frames, clip.clip_fps) == (5, 5.0)
        assert [int(frame.pixels[5, 5, 0]) for frame in clip] == [0, 10, 20, 30, 40]


def test_a_clip_that_ends_early_counts_what_was_there_and_says_so(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", frames=60).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    with VideoFile(tmp_path / "cut.mkv", SPEC) as clip:
        count = sum(1 for _ in clip)
    assert 0 < count < 60


@pytest.mark.parametrize("content", [b"", b"this is no clip", bytes(5000)])
def test_what_is_no_clip_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.mp4"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"no\.mp4 cannot be opened"):
        VideoFile(path, SPEC)


def test_a_missing_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be opened: No such file"):
        VideoFile(tmp_path / "none.mp4", SPEC)


def test_a_sound_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    with pytest.raises(UsageError, match="no video stream"):
        VideoFile(path, SPEC)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no pictures"):
        VideoFile(tmp_path, SPEC)


def test_pictures_that_change_their_size_are_refused(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "img1", [(64, 48), (64, 48), (32, 48)])
    with pytest.raises(UsageError, match="changes its size from 64 x 48 to 32 x 48"), VideoFile(folder, SPEC) as clip:
        list(clip)


def test_a_rate_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="above 0"):
        VideoFile(write_clip(tmp_path / "a.mp4"), SPEC, fps=0)
