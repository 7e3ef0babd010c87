from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

from safecount.counting.values import InputSpec
from safecount.edges.camera import Camera, CameraError, CameraHung, CameraMissing
from safecount.edges.camera_settings import CameraSettings
from simulators.picamera2 import Clock, DmaAllocator, LibcameraAllocator, Scene, Shot, picamera2

SPEC = InputSpec(320, 320, "bgr", "letterbox", 114)
START_S = 100.0


def shots(fps: float, seconds: float, size: tuple[int, int] = (320, 240), start_s: float = START_S) -> Iterator[Shot]:
    """Frame n is of the one colour n."""
    for n in range(int(fps * seconds)):
        at_s = start_s + n / fps
        yield Shot(at_s + 0.02, np.full(size[0] * size[1] * 3, n % 256, np.uint8), at_s)


def camera(scene: Scene, spec: InputSpec = SPEC, fps: float = 10.0) -> Camera:
    return Camera(spec, CameraSettings(fps), picamera2(scene), scene.clock)


def test_the_pi_is_asked_for_the_models_size_and_order_from_the_whole_sensor() -> None:
    scene = Scene(shots(10, 1))
    with camera(scene) as opened:
        assert opened.picture == (320, 240)
    asked = scene.opened[0].asked
    assert asked["main"] == {"format": "RGB888", "size": (320, 240)}, "RGB888 lies in memory as blue, green, red"
    assert asked["raw"] is None
    assert asked["encode"] is None
    assert asked["sensor"] == {"output_size": (1640, 1232), "bit_depth": 8}, "sees all, carries least"
    assert asked["controls"] == {"FrameDurationLimits": (100_000, 100_000)}
    assert isinstance(scene.opened[0].allocator, DmaAllocator)


def test_a_mode_too_slow_for_the_pace_is_left_out() -> None:
    scene = Scene(shots(10, 1))
    with camera(scene, fps=50.0):
        assert scene.opened[0].asked["sensor"]["output_size"] == (1640, 1232)
    with camera(scene, fps=100.0):
        assert scene.opened[1].asked["sensor"]["output_size"] == (640, 480)


def test_a_wide_sensor_keeps_its_shape() -> None:
    modes = [{"size": (4608, 2592), "bit_depth": 10, "fps": 14.0, "crop_limits": (0, 0, 4608, 2592)}]
    with camera(Scene((), modes=modes)) as opened:
        assert opened.picture == (320, 180)
    with camera(Scene((), modes=modes), InputSpec(300, 300, "rgb", "stretch")) as opened:
        assert opened.picture == (534, 300), "a stretched model gets no fewer pixels than it takes in"


def test_frames_come_in_one_buffer_with_the_sensors_time() -> None:
    scene = Scene(shots(10, 2))
    with camera(scene) as opened:
        seen = [
            (frame.captured_at_s, int(frame.pixels[0, 0, 0]), frame.pixels, scene.held) for frame in islice(opened, 5)
        ]
    assert [at_s for at_s, *_ in seen] == pytest.approx([START_S + n / 10 for n in range(5)])
    assert [colour for _, colour, *_ in seen] == [0, 1, 2, 3, 4]
    assert len({id(pixels) for *_, pixels, _ in seen}) == 1
    assert (seen[0][2][240:] == 114).all(), "below the picture lies the model's padding"
    assert {held for *_, held in seen} == {0}, "every buffer went back before the model ran"
    assert scene.opened[0].closed


def test_a_faster_camera_is_thinned_to_the_pace() -> None:
    with camera(Scene(shots(67, 10))) as opened:
        stamps = np.array([frame.captured_at_s for frame in islice(opened, 60)])
    assert 9.0 < 1 / np.diff(stamps).mean() < 11.5


def test_a_jittery_camera_at_the_pace_loses_no_frame() -> None:
    def jittery() -> Iterator[Shot]:
        rng = np.random.default_rng(1)
        for shot in shots(10, 20):
            stamp_s = (shot.stamp_s or 0.0) + rng.uniform(-0.012, 0.012)
            yield Shot(stamp_s + 0.02, shot.raw, stamp_s)

    with camera(Scene(jittery())) as opened:
        colours = [int(frame.pixels[0, 0, 0]) for frame in islice(opened, 200)]
    assert colours == list(range(200))


def test_a_silent_camera_is_hung_by_the_age_of_its_last_frame() -> None:
    scene = Scene(shots(10, 1))
    with camera(scene) as opened:
        frames = iter(opened)
        last_s = [next(frames).captured_at_s for _ in range(10)][-1]
        with pytest.raises(CameraHung, match="no new frame for 5 s"):
            next(frames)
    assert last_s == pytest.approx(START_S + 0.9)
    assert scene.clock() == pytest.approx(last_s + 0.02 + 5.0)
    assert scene.held == 0


def test_a_camera_that_never_starts_is_hung() -> None:
    scene = Scene(())
    with camera(scene) as opened, pytest.raises(CameraHung):
        next(iter(opened))
    assert scene.clock() == pytest.approx(START_S + 5.0)


def test_a_camera_that_repeats_its_last_frame_is_hung() -> None:
    def frozen() -> Iterator[Shot]:
        yield from (one := list(shots(10, 1)))
        for n in range(1000):
            yield Shot(START_S + 1 + n / 10, one[-1].raw, one[-1].stamp_s)

    scene = Scene(frozen())
    with camera(scene) as opened, pytest.raises(CameraHung):
        list(opened)
    assert scene.clock() == pytest.approx(START_S + 5.9, abs=0.2)
    assert scene.held == 0


def test_a_short_pause_is_no_hang() -> None:
    scene = Scene([*shots(10, 1), *shots(10, 1, start_s=START_S + 5)])
    with camera(scene) as opened:
        assert sum(1 for _ in islice(opened, 20)) == 20


def test_a_hung_camera_can_be_opened_again() -> None:
    scene = Scene(shots(10, 1))
    counter = camera(scene)
    for _ in range(2):
        with counter as opened, pytest.raises(CameraHung):
            list(opened)
        scene.shots = shots(10, 1, start_s=scene.clock())
    assert [device.closed for device in scene.opened] == [True, True]


@pytest.mark.parametrize("missing", [RuntimeError("Camera __init__ sequence did not complete."), IndexError("list")])
def test_no_camera_is_told_in_a_sentence(missing: Exception) -> None:
    scene = Scene((), missing=missing)
    with pytest.raises(CameraMissing, match="No camera answers"), camera(scene):
        pass


def test_a_stream_that_nobody_can_read_is_refused_and_closed() -> None:
    scene = Scene((), raw_modes=False, properties={}, stream=lambda main: {**main, "format": "MJPEG", "stride": 0})
    with pytest.raises(CameraError, match="MJPEG only"), camera(scene):
        pass
    assert scene.opened[0].closed


def test_a_camera_without_raw_streams_gives_what_it_has_and_it_is_made_to_fit() -> None:
    size, stride = (640, 480), 704
    raw = np.full(stride * size[1] * 3 // 2, 128, np.uint8)
    raw[: stride * size[1]] = 235

    scene = Scene(
        [Shot(START_S + n / 60, raw, None) for n in range(60)],
        raw_modes=False,
        properties={"Model": "Virtual0"},
        stream=lambda _: {"format": "NV12", "size": size, "stride": stride},
    )
    with camera(scene) as opened:
        frames = [frame.pixels.copy() for frame in islice(opened, 5)]
    assert opened.picture == size
    assert (frames[0][:240] >= 253).all(), "235 is white in limited range"
    assert (frames[0][240:] == 114).all()
    assert isinstance(scene.opened[0].allocator, LibcameraAllocator)
    assert scene.opened[0].asked["controls"] == {}


def test_the_library_that_is_not_installed_is_told() -> None:
    with pytest.raises(CameraError, match="On a desk, count a clip instead"), Camera(SPEC, clock_s=Clock()):
        pass


@pytest.mark.parametrize(
    "wrong", [{"frames_per_second": 0.0}, {"hung_after_s": 0.0}, {"frames_per_second": float("nan")}]
)
def test_a_pace_that_no_camera_has_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="within"):
        CameraSettings(**wrong)


def test_for_a_site_code_the_pi_is_asked_for_a_larger_picture_and_the_model_gets_its_own_size() -> None:
    size = (640, 480)
    scene = Scene(shots(10, 1, size))
    with Camera(SPEC, CameraSettings(10.0), picamera2(scene), scene.clock, for_codes=True) as opened:
        assert (opened.picture, scene.opened[0].asked["main"]["size"]) == (size, size)
        seen = [(frame.pixels[:240].copy(), frame.luma) for frame in islice(opened, 3)]
    assert [int(pixels.max()) for pixels, _ in seen] == [0, 1, 2]
    assert seen[2][1] is not None
    assert seen[2][1].shape == (480, 640)
    assert (seen[2][1] == 2).all()
    assert len({id(luma) for _, luma in seen}) == 1, "one buffer, used again"


def test_a_wide_sensor_gives_a_site_code_as_many_rows() -> None:
    modes = [{"size": (4608, 2592), "bit_depth": 10, "fps": 14.0, "crop_limits": (0, 0, 4608, 2592)}]
    scene = Scene((), modes=modes)
    with Camera(SPEC, CameraSettings(10.0), picamera2(scene), scene.clock, for_codes=True) as opened:
        assert opened.picture == (854, 480)
