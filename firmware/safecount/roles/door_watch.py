"""Counts what passes, for whoever the device belongs to at the moment: the site may come, change and go, and the camera
runs on.

Before the device belongs to a site it counts the shipped lines in memory, opens no bin and releases nothing.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from safecount.counting.aggregator import Aggregator, ReleaseSettings
from safecount.counting.decode import UnusableOutput
from safecount.counting.model_card import ModelCard
from safecount.counting.pipeline import Decoder, Detector, LineCrossings, Pipeline
from safecount.counting.values import Frame, LineSettings
from safecount.edges.clock import SystemClock, boot_id
from safecount.edges.journal import Event, tell
from safecount.edges.record_sender import RecordSender
from safecount.edges.small_file import WatchedFiles
from safecount.errors import UsageError
from safecount.roles.code_watch import CodeWatch
from safecount.roles.scene_feed import SceneFeed
from safecount.settings import Settings, SiteSettings, read_site
from safecount.wire.values import Accelerator

COUNTING_RULE = "line-1"
"""The version of the way from boxes to crossings; with the model's name it stands in every record."""
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Eye:
    """A loaded model: its card, the detector, the decoder of its outputs, and what it runs on at the moment."""

    card: ModelCard
    detector: Detector
    decode: Decoder
    accelerator: Callable[[], Accelerator]


class DoorWatch:
    """Remembers the site, and what the tracker, the line counters and the aggregator remember."""

    def __init__(self, settings: Settings, eye: Eye, clock: SystemClock, sender: RecordSender) -> None:
        self._settings = settings
        self._eye = eye
        self._clock = clock
        self._sender = sender
        self._site: SiteSettings | None = None
        self._site_file = WatchedFiles(settings.folders.site_file)
        self._looked_at_s = float("-inf")
        self._picture: tuple[int, int] | None = None
        self._pipeline: Pipeline | None = None
        self._aggregator: Aggregator | None = None
        self._codes = CodeWatch(settings.folders.code_socket)
        self._feed = SceneFeed(settings, eye.card.input, f"{COUNTING_RULE}/{eye.card.name}")

    def watch(self, frame: Frame) -> bool:
        """Count one frame, and hand over what it opens and closes. False if the model made nothing of it: then nothing was
        watched.
        """
        if self._pipeline is None or frame.picture != self._picture:
            self._picture = frame.picture
            self._pipeline = self._made_pipeline(frame.picture, self._lines())
        self._look_for_site()
        if self._site is None:
            self._codes.take(frame)
        try:
            crossings = self._pipeline.step(frame)
        except UnusableOutput:
            self.pass_time()
            return False
        self._feed.take(frame, self._pipeline, None if self._site is None else self._site.silhouette_level)
        self._begin_release()
        if self._aggregator is not None:
            accelerator = self._eye.accelerator()
            self._sender.offer(self._aggregator.observe(self._clock.now(), crossings, accelerator))
        return True

    def pass_time(self) -> None:
        """No frame has come: close what is over."""
        self._look_for_site()
        if self._aggregator is not None:
            self._sender.offer(self._aggregator.pass_time(self._clock.now()))

    @property
    def blank(self) -> bool:
        """Whether the device belongs to nobody, and a site code may be shown to it."""
        return self._site is None

    def close(self) -> None:
        """Release the open bins early, before an orderly stop or another site."""
        if self._aggregator is not None:
            self._sender.offer(self._aggregator.close(self._clock.now()))
            self._aggregator = None

    def _lines(self) -> Sequence[LineSettings]:
        return self._settings.line if self._site is None else self._site.line

    def _made_pipeline(self, picture: tuple[int, int], lines: Sequence[LineSettings]) -> Pipeline:
        """UsageError for a line that does not fit the picture."""
        card, settings = self._eye.card, self._settings
        tracker = replace(settings.tracker, strong_score=card.strong_score, weak_score=card.weak_score)
        crossings = LineCrossings(lines, picture, tracker, settings.counter)
        return Pipeline(self._eye.detector, self._eye.decode, crossings, time.perf_counter)

    def _look_for_site(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_at_s < LOOK_EVERY_S:
            return
        self._looked_at_s = now_s
        if not self._site_file.changed():
            return
        try:
            site = read_site(self._settings.folders.site_file)
            if self._picture is not None:
                lines = self._settings.line if site is None else site.line
                self._pipeline = self._made_pipeline(self._picture, lines)
        except UsageError:
            tell(Event.SITE_UNREADABLE)
            return
        self._change_site(site)

    def _change_site(self, site: SiteSettings | None) -> None:
        """Another site or other doors need other bins; another level counts from the next local midnight on."""
        before, self._site = self._site, site
        if before is not None and site is not None and _bins_of(before) == _bins_of(site):
            if self._aggregator is not None:
                self._aggregator.change_level(site.level)
            return
        if before is not None and (site is None or site.device != before.device):
            self._aggregator = None  # what was counted for an owner that the device has forgotten is nobody's
            self._sender.forget()
        else:
            self.close()
            self._sender.renew_welcome()
        if site is None:
            tell(Event.NOT_ENROLLED)

    def _begin_release(self) -> None:
        """Open bins as soon as there is a site, and a seal process that says what is accounted for."""
        if self._aggregator is not None or self._site is None:
            return
        welcome = self._sender.welcome
        if welcome is None:
            return
        self._clock.raise_floor(welcome.clock_floor_s)
        site = self._site
        rule = f"{COUNTING_RULE}/{self._eye.card.name}"
        release = ReleaseSettings(site.site, site.doors, ZoneInfo(site.zone), site.level, rule, boot_id())
        self._aggregator = Aggregator(release, secrets.randbelow, welcome.ledger)
        tell(Event.RELEASING)


def _bins_of(site: SiteSettings) -> tuple[object, ...]:
    return site.device, site.site, site.doors, site.zone
