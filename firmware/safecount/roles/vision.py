"""The counting process: frames in, noisy whole numbers out, over the local socket to the seal process and nowhere else.

It has the camera; no network and no writable disk. Frames live in its memory for less than a second.
"""

import os
import time
from pathlib import Path

from safecount.counting.decode import decoder_for
from safecount.counting.model_card import ModelCard
from safecount.counting.values import FrameSource, InputSpec
from safecount.edges.camera import Camera, CameraHung
from safecount.edges.clip_camera import ClipCamera
from safecount.edges.clock import SystemClock, file_date_s
from safecount.edges.edge_tpu import EdgeTpuDetector, compiled_detector
from safecount.edges.frame_watch import CameraStuck, WatchedFrames
from safecount.edges.journal import Event, tell
from safecount.edges.litert import DEFAULT_MODEL, LiteRtDetector, ModelError, load_card
from safecount.edges.model_settings import ModelSettings
from safecount.edges.record_sender import RecordSender
from safecount.edges.systemd import ServiceManager, StopRequest
from safecount.errors import SafecountError, UsageError
from safecount.roles.door_watch import DoorWatch, Eye
from safecount.roles.watch_log import WatchLog
from safecount.settings import Settings, read_settings
from safecount.wire.values import Accelerator, Trouble

OPENING_S = 30.0
"""How long the first frame may take."""
REOPEN_AFTER_S = 2.0
CAMERA_FIRST_S = 1.0
"""The camera knows best when it is hung; so much later the thread that waits for its frames says so of a call that blocks."""
MODEL_RETRY_S = 60.0
DRAIN_S = 3.0
"""How long an orderly stop waits for the last records to be on disk."""


def run(settings_file: Path) -> None:
    """Count until asked to stop, or to the end of a clip that is shown once.

    Raises:
        SafecountError: the settings cannot be used, or the camera is stuck and only a new process can open it.
    """
    settings = read_settings(settings_file)
    manager = ServiceManager.of_environment()
    log = WatchLog()
    clock = SystemClock(file_date_s(Path(settings.clock.floor_file)), Path(settings.clock.synchronized_file))
    with StopRequest() as stop, RecordSender(settings.folders.record_socket, log.status) as sender:
        eye = _open_eye(settings.model, log, manager, stop)
        if eye is not None:
            manager.ready()
            watch = DoorWatch(settings, eye, clock, sender)
            try:
                _VisionProcess(settings, manager, stop, log, watch).run(eye)
            finally:
                tell(Event.STOPPING)
                watch.close()
                sender.drain(DRAIN_S)
        manager.stopping()


def _open_eye(settings: ModelSettings, log: WatchLog, manager: ServiceManager, stop: StopRequest) -> Eye | None:
    """The model, as soon as it can be loaded: without one the process stays to say so. None if asked to stop before."""
    card = load_card(settings.card or DEFAULT_MODEL)
    while not stop:
        try:
            return _loaded_eye(settings, card, log)
        except ModelError:
            tell(Event.MODEL_FAILED)
            log.met(Trouble.MODEL_FAILED)
            manager.ready()
            _wait(MODEL_RETRY_S, manager, stop)
    return None


def _loaded_eye(settings: ModelSettings, card: ModelCard, log: WatchLog) -> Eye:
    threads = settings.threads or max(1, (os.cpu_count() or 1) - 1)
    folder, tpu = Path(settings.folder), settings.edge_tpu
    processor = LiteRtDetector(card, folder / card.file, threads)
    decode = decoder_for(card, processor.quantisation)
    if not tpu.file:
        return Eye(card, processor, decode, lambda: Accelerator.CPU)
    stick = EdgeTpuDetector(
        processor,
        lambda: compiled_detector(card, folder / tpu.file, tpu.sha256, tpu.library),
        tpu.hung_after_s,
        lambda: tell(Event.ACCELERATOR_LOST),
    )

    def accelerator() -> Accelerator:
        if stick.lost:
            log.met(Trouble.ACCELERATOR_LOST)
        return stick.accelerator

    return Eye(card, stick, decode, accelerator)


def _wait(seconds: float, manager: ServiceManager, stop: StopRequest) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s and not stop.wait(1.0):
        manager.alive()


class _VisionProcess:
    """Opens the camera, and again when it is lost."""

    def __init__(
        self, settings: Settings, manager: ServiceManager, stop: StopRequest, log: WatchLog, watch: DoorWatch
    ) -> None:
        self._settings = settings
        self._manager = manager
        self._stop = stop
        self._log = log
        self._watch = watch
        self._blind = False  # the model made nothing of the last frame

    def run(self, eye: Eye) -> None:
        while not self._stop:
            for_codes = self._blank
            try:
                source = frame_source(self._settings, eye.card.input, for_codes=for_codes)
                if self._count(WatchedFrames(source), eye, for_codes=for_codes):
                    return
                continue
            except CameraStuck:
                tell(Event.CAMERA_STUCK)
                raise
            except CameraHung:
                tell(Event.CAMERA_HUNG)
                self._log.met(Trouble.CAMERA_HUNG)
            except UsageError:
                raise
            except SafecountError:
                tell(Event.CAMERA_FAILED)
                self._log.met(Trouble.CAMERA_MISSING)
            self._wait_to_reopen()

    @property
    def _blank(self) -> bool:
        """Whether there is no site file: one that cannot be read belongs to an owner all the same."""
        return not self._settings.folders.site_file.exists()

    def _count(self, frames: WatchedFrames, eye: Eye, *, for_codes: bool) -> bool:
        """Count until asked to stop or the clip is over. False: the camera has to be opened anew, as the device was taken from
        its site, and a site code must be legible; or belongs to one, and larger pictures than the model's are no longer wanted.
        """
        hung_after_s = self._settings.camera.hung_after_s + CAMERA_FIRST_S
        with frames:
            frame = frames.next(max(OPENING_S, hung_after_s), self._idle)
            if frame is not None:
                tell(Event.COUNTING)
            while frame is not None:
                self._note(eye, counted=self._watch.watch(frame))
                self._manager.alive()
                if self._mistaken(for_codes=for_codes):
                    return False
                frame = None if self._stop else frames.next(hung_after_s, self._idle)
        return True

    def _mistaken(self, *, for_codes: bool) -> bool:
        """Whether the camera was opened for the other kind of device. At every start it is first opened for codes: the data
        partition is mounted later.
        """
        return not self._watch.blank if for_codes else self._watch.blank and self._blank

    def _note(self, eye: Eye, *, counted: bool) -> None:
        if counted:
            self._log.watched(eye.accelerator())
        else:
            self._log.met(Trouble.MODEL_FAILED)
            if not self._blind:
                tell(Event.MODEL_FAILED)
        self._blind = not counted

    def _idle(self) -> bool:
        """What goes on without a frame; whether to stop waiting for one."""
        self._manager.alive()
        self._watch.pass_time()
        return bool(self._stop)

    def _wait_to_reopen(self) -> None:
        until_s = time.monotonic() + REOPEN_AFTER_S
        while time.monotonic() < until_s and not self._stop.wait(0.5):
            self._idle()


def frame_source(settings: Settings, spec: InputSpec, *, for_codes: bool = False) -> FrameSource:
    """The camera; or in trials the clip that the settings name. `for_codes`: frames in which a site code can be read."""
    if settings.clip.file:
        return ClipCamera(settings.clip, spec, settings.camera.frames_per_second, for_codes=for_codes)
    return Camera(spec, settings.camera, for_codes=for_codes)
