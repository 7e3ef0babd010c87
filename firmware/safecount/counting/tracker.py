"""Follows people from frame to frame by their boxes alone, and forgets them within seconds.

The way is that of SORT (Bewley et al. 2016, motion, then assignment) with the two stages of ByteTrack (Zhang et al. 2022:
strong boxes first, weak ones only continue what is already followed). What differs, and why, is measured in ADR 3:
distances are between centres and in body sizes (the square root of the box area), not overlaps, so that one setting holds
for every camera height; time is in seconds, so that it holds for every frame rate; and it is plain Python, since with the
few people of a door the calls into an array library cost more than the sums.

Nothing here leaves the vision process: a track's number is a counter that starts anew with the process.
"""

from bisect import bisect_left
from collections.abc import Sequence
from math import exp, sqrt

from safecount.counting.counting_settings import TrackerSettings
from safecount.counting.values import Boxes


class Track:
    """One person as followed so far: a constant-velocity Kalman filter per axis (both share one covariance).

    Remembers one state and the last box, for `memory_s` after it was last seen. `box` is what the detector measured last:
    x1, y1, x2, y2 in picture pixels, `first_box` what it measured first; `size` is the square root of the smoothed area.
    """

    __slots__ = (
        *("number", "first_box", "box", "seen_at_s", "hits", "confirmed"),
        *("x", "y", "vx", "vy", "p_x", "p_xv", "p_v"),
        *("width", "height", "size"),
    )

    def __init__(self, number: int, found: "_Found", at_s: float, settings: TrackerSettings) -> None:
        self.number = number
        self.x, self.y, self.width, self.height, _, self.box = found
        self.first_box = self.box
        self.vx = self.vy = 0.0
        self.size = sqrt(self.width * self.height)
        self.p_x = (settings.jitter * self.size) ** 2
        self.p_xv = 0.0
        self.p_v = (settings.speed * self.size) ** 2
        self.seen_at_s = at_s
        self.hits = 1
        self.confirmed = settings.confirm_hits <= 1

    def predict(self, dt_s: float, fade: float, acceleration: float) -> None:
        """Move on by `dt_s`; white-noise acceleration (Bar-Shalom, Estimation with Applications, 6.2.2)."""
        self.x += self.vx * dt_s
        self.y += self.vy * dt_s
        self.vx *= fade
        self.vy *= fade
        q = (acceleration * self.size) ** 2 * dt_s
        p_v = self.p_v
        self.p_x += dt_s * (2.0 * self.p_xv + dt_s * (p_v + q / 3.0))
        self.p_xv += dt_s * (p_v + q / 2.0)
        self.p_v = p_v + q

    def correct(self, found: "_Found", at_s: float, settings: TrackerSettings) -> None:
        """Take in the box that was found to be this person's."""
        x, y, width, height, _, self.box = found
        noise = (settings.jitter * self.size) ** 2
        gain = self.p_x / (self.p_x + noise)
        gain_v = self.p_xv / (self.p_x + noise)
        off_x, off_y = x - self.x, y - self.y
        self.x += gain * off_x
        self.y += gain * off_y
        self.vx += gain_v * off_x
        self.vy += gain_v * off_y
        self.p_v -= gain_v * self.p_xv
        self.p_x *= 1.0 - gain
        self.p_xv *= 1.0 - gain
        self.width += settings.size_gain * (width - self.width)
        self.height += settings.size_gain * (height - self.height)
        self.size = sqrt(self.width * self.height)
        self.seen_at_s = at_s
        self.hits += 1
        if self.hits >= settings.confirm_hits:
            self.confirmed = True


# A box taken apart once: centre x and y, width, height, score, and the box itself.
_Found = tuple[float, float, float, float, float, tuple[float, float, float, float]]


class Tracker:
    """Remembers at most `max_tracks` people, each for `memory_s` after they were last seen; forgets the rest at once."""

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._tracks: list[Track] = []
        self._last_number = 0
        self._at_s = float("-inf")

    def update(self, boxes: Boxes, at_s: float) -> Sequence[Track]:
        """Take in one frame.

        Args:
            boxes: (n, 5) x1, y1, x2, y2 in picture pixels and the score.
            at_s: when the frame was taken, monotonic seconds, never before the last one's.

        Returns:
            The confirmed tracks that were seen in this frame. They are the tracker's own and change with the next frame.

        Raises:
            ValueError: `at_s` lies before the last frame.
        """
        if at_s < self._at_s:
            raise ValueError(f"frames must come in order of time, but {at_s} s came after {self._at_s} s")
        settings = self._settings
        self._forget(at_s)
        self._predict(at_s)
        strong, weak = _split(boxes, settings)
        confirmed = [track for track in self._tracks if track.confirmed]
        tentative = [track for track in self._tracks if not track.confirmed]
        unseen, strong = self._associate(confirmed, strong, at_s)
        self._associate(unseen, weak, at_s)
        _, strong = self._associate(tentative, strong, at_s)
        for found in strong[: max(0, settings.max_tracks - len(self._tracks))]:
            self._last_number += 1
            self._tracks.append(Track(self._last_number, found, at_s, settings))
        return [track for track in self._tracks if track.confirmed and track.seen_at_s == at_s]

    @property
    def remembered(self) -> int:
        """How many people, tentative ones included. Not `__len__`: a tracker that remembers nobody would be false."""
        return len(self._tracks)

    def _forget(self, at_s: float) -> None:
        memory_s, tentative_s = self._settings.memory_s, self._settings.tentative_s
        self._tracks = [t for t in self._tracks if at_s - t.seen_at_s <= (memory_s if t.confirmed else tentative_s)]

    def _predict(self, at_s: float) -> None:
        dt_s, self._at_s = at_s - self._at_s, at_s
        if not self._tracks or dt_s <= 0.0:
            return
        acceleration, fade = self._settings.acceleration, exp(-dt_s / self._settings.fade_s)
        before_s = at_s - dt_s
        for track in self._tracks:
            track.predict(dt_s, 1.0 if track.seen_at_s >= before_s else fade, acceleration)

    def _associate(self, tracks: list[Track], found: list[_Found], at_s: float) -> tuple[list[Track], list[_Found]]:
        """Give each box to the nearest track in place and size, nearest pair first; what is left of both comes back.

        `found` is sorted by x, so that each track looks only at the boxes beside it.
        """
        if not tracks or not found:
            return tracks, found
        pairs = self._pairs(tracks, found, at_s)
        pairs.sort()
        taken_tracks, taken_found = set[int](), set[int]()
        for _, t, f in pairs:
            if t not in taken_tracks and f not in taken_found:
                taken_tracks.add(t)
                taken_found.add(f)
                tracks[t].correct(found[f], at_s, self._settings)
        return (
            [track for t, track in enumerate(tracks) if t not in taken_tracks],
            [box for f, box in enumerate(found) if f not in taken_found],
        )

    def _pairs(self, tracks: list[Track], found: list[_Found], at_s: float) -> list[tuple[float, int, int]]:
        settings = self._settings
        size_weight, size_limit, jitter, widest = (
            settings.size_weight,
            settings.size_limit,
            settings.jitter,
            settings.gate,
        )
        xs = [box[0] for box in found]
        pairs = []
        for t, track in enumerate(tracks):
            size, x, y, width, height = track.size, track.x, track.y, track.width, track.height
            # Three standard deviations of the prediction and the box, but at least LEAST_GATE and at most `gate`.
            gate = min(widest * size, max(3.0 * (sqrt(track.p_x) + jitter * size), LEAST_GATE * size))
            gate2, area = gate * gate, size * size
            waited = UNSEEN_COST * (at_s - track.seen_at_s)
            for f in range(bisect_left(xs, x - gate), len(xs)):
                box = found[f]
                off_x = box[0] - x
                if off_x > gate:
                    break
                off_y = box[1] - y
                distance2 = off_x * off_x + off_y * off_y
                if distance2 >= gate2:
                    continue
                # 2 (a - b) / (a + b) is the log of a / b to third order, without the call.
                wider = 2.0 * (box[2] - width) / (box[2] + width)
                taller = 2.0 * (box[3] - height) / (box[3] + height)
                differs = wider * wider + taller * taller
                if differs < size_limit:
                    pairs.append((distance2 / area + size_weight * differs + waited, t, f))
        return pairs


# People turn on their heel: even of the steadiest walker the next box may be this far off, in body sizes.
LEAST_GATE = 0.5
# Of two tracks that fit a box alike, the one seen last wins: a small cost for each second unseen.
UNSEEN_COST = 0.02


def _split(boxes: Boxes, settings: TrackerSettings) -> tuple[list[_Found], list[_Found]]:
    """Strong and weak boxes, each sorted by x; lower ones and boxes without area are dropped."""
    strong_score, weak_score = settings.strong_score, settings.weak_score
    strong: list[_Found] = []
    weak: list[_Found] = []
    for x1, y1, x2, y2, score in boxes.tolist():
        if score >= weak_score and x2 > x1 and y2 > y1:
            found = ((x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1, score, (x1, y1, x2, y2))
            (strong if score >= strong_score else weak).append(found)
    strong.sort()
    weak.sort()
    return strong, weak
