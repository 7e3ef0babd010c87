"""Shows the set-up page what passes, as silhouettes and paths, while a hand at the device has opened a session.

The counting process judges by itself whether a session is open and how much may be shown: whoever takes over the page's
process sees no more than this draws, for no longer than provisioning has said. Lines that the page tries are counted
beside those of the site and release nothing.
"""

import time
from itertools import count

from safecount.counting.counting_settings import LineCounterSettings
from safecount.counting.decode import picture_scale
from safecount.counting.line_counter import LineCounter
from safecount.counting.pipeline import Pipeline
from safecount.counting.tracker import Track
from safecount.counting.values import Frame, InputSpec
from safecount.edges.scene_sender import SceneSender
from safecount.edges.session_file import open_session
from safecount.errors import UsageError
from safecount.roles.code_lines import line_settings
from safecount.setting_up.silhouette import Share, SilhouetteArtist
from safecount.settings import Settings
from safecount.wire.code_line import PER_MILLE, CodeLine
from safecount.wire.scene import (
    MAX_AGE_MS,
    MAX_CROSSINGS_SHOWN,
    MAX_PEOPLE_SHOWN,
    Scene,
    SeenCrossing,
    SeenPerson,
    SilhouetteLevel,
    Wish,
)
from safecount.wire.setup_session import SetupSession

LOOK_EVERY_S = 1.0
SHOW_EVERY_S = 0.19
"""Five scenes a second, at ten frames a second or more."""
MAX_NUMBERS = 256


class SceneFeed:
    """Remembers, for one session at most, its level, the tracks' path numbers and what the trial lines' counters remember."""

    def __init__(self, settings: Settings, spec: InputSpec, rule: str) -> None:
        self._settings = settings
        self._spec = spec
        self._rule = rule
        self._sender = SceneSender(settings.folders.scene_socket)
        self._looked_s = self._shown_s = float("-inf")
        self._showing: _Showing | None = None

    def take(self, frame: Frame, pipeline: Pipeline, site_level: SilhouetteLevel | None) -> None:
        """A frame was counted by `pipeline`; show it if somebody may look."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._look(site_level or SilhouetteLevel.OUTLINES)
        showing = self._showing
        if showing is None or not showing.session.is_open(now_s):
            return
        showing.heed(self._sender.wish)
        showing.count(frame, pipeline)
        if now_s - self._shown_s >= SHOW_EVERY_S:
            self._shown_s = now_s
            if self._sender.offer(showing.scene(frame, pipeline)):
                showing.handed_over()

    def _look(self, site_level: SilhouetteLevel) -> None:
        session = open_session(self._settings.folders.session_file)
        if session == (self._showing.session if self._showing else None):
            return
        self._showing = None
        if session is None:
            self._sender.stop()
        else:
            self._sender.start()
            self._showing = _Showing(session, self._settings.counter, self._spec, self._rule, site_level)


class _Showing:
    """What one session has seen: at most MAX_NUMBERS path numbers and MAX_CROSSINGS_SHOWN crossings not handed over."""

    def __init__(
        self, session: SetupSession, counter: LineCounterSettings, spec: InputSpec, rule: str, level: SilhouetteLevel
    ) -> None:
        self.session = session
        self._counter_settings = counter
        self._spec = spec
        self._rule = rule
        self._level = level
        self._artist = SilhouetteArtist()
        self._wish: Wish | None = None
        self._counters: list[LineCounter | None] = []
        self._counted_on: tuple[Pipeline, int, tuple[int, int]] | None = None
        self._crossed: list[tuple[int, int, bool, float]] = []
        self._numbers: dict[int, int] = {}
        self._next_number = count(1)

    def heed(self, wish: Wish | None) -> None:
        """The page would like this. A level that shows more than the one before is not heard."""
        if wish is not None:
            self._wish = wish
            self._level = max(self._level, wish.level)

    def count(self, frame: Frame, pipeline: Pipeline) -> None:
        """Try the page's lines on the tracks of a frame."""
        wish = self._wish
        if wish is None:
            return
        if self._counted_on != (pipeline, wish.serial, frame.picture):  # another pipeline numbers its tracks anew
            self._counted_on = (pipeline, wish.serial, frame.picture)
            self._counters = [self._counter(line, frame.picture) for line in wish.lines]
            self._numbers.clear()
        for number, counter in enumerate(self._counters):
            crossings = () if counter is None else counter.update(pipeline.tracks, frame.captured_at_s)
            for crossing in crossings:
                if len(self._crossed) < MAX_CROSSINGS_SHOWN:
                    self._crossed.append((wish.serial, number, crossing.direction == "in", crossing.at_s))

    def scene(self, frame: Frame, pipeline: Pipeline) -> Scene:
        """One look at the door. The silhouette heeds every box that was found, the paths those who are followed."""
        found = [_share((x1, y1, x2, y2), frame.picture) for x1, y1, x2, y2, _ in pipeline.boxes.tolist()]
        followed = pipeline.tracks[:MAX_PEOPLE_SHOWN]
        across, down = picture_scale(self._spec, frame.picture)
        width, height = round(frame.picture[0] * across), round(frame.picture[1] * down)
        silhouette = self._artist.draw(
            frame.pixels[:height, :width], frame.picture, found, self._level, frame.captured_at_s
        )
        now_s = time.monotonic()
        return Scene(
            rule=self._rule,
            level=self._level,
            picture=frame.picture,
            silhouette=silhouette,
            people=tuple(_seen(self._number(track), _share(track.box, frame.picture)) for track in followed),
            crossings=tuple(
                SeenCrossing(serial, line, inward, _age_ms(now_s - at_s))
                for serial, line, inward, at_s in self._crossed
            ),
        )

    def handed_over(self) -> None:
        self._crossed.clear()

    def _counter(self, line: CodeLine, picture: tuple[int, int]) -> LineCounter | None:
        """None for a line whose in side cannot be told: the page says so."""
        try:
            return LineCounter(line_settings(line), picture, self._counter_settings)
        except UsageError:
            return None

    def _number(self, track: Track) -> int:
        number = self._numbers.pop(track.number, None) or next(self._next_number)
        self._numbers[track.number] = number  # the newest last
        if len(self._numbers) > MAX_NUMBERS:
            del self._numbers[next(iter(self._numbers))]
        return number


def _share(box: tuple[float, float, float, float], picture: tuple[int, int]) -> Share:
    (x1, y1, x2, y2), (width, height) = box, picture
    return _bounded(x1 / width), _bounded(y1 / height), _bounded(x2 / width), _bounded(y2 / height)


def _bounded(share: float) -> float:
    return min(1.0, max(0.0, share))


def _seen(number: int, box: Share) -> SeenPerson:
    left, top, right, bottom = (round(share * PER_MILLE) for share in box)
    return SeenPerson(number, left, top, right - left, bottom - top)


def _age_ms(age_s: float) -> int:
    return min(MAX_AGE_MS, max(0, round(age_s * 1000)))
