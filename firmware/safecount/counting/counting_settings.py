"""What the tracker and the line counter can be told. Apart from them, so that a process which only reads the settings does
without numpy.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Sizes are in body sizes (square root of the box area), times in seconds, scores from 0 to 1.

    Attributes:
        strong_score: boxes from here on are associated first, and may begin a track.
        weak_score: boxes from here to `strong_score` only continue confirmed tracks; lower ones are ignored.
        confirm_hits: boxes that a track needs before it counts.
        memory_s: how long a confirmed person who is hidden is remembered.
        tentative_s: the same for a track that is not confirmed yet.
        fade_s: while somebody is unseen, the speed we believe fades with this time constant: hidden people often stop.
        speed: standard deviation of a newcomer's unknown speed, body sizes a second: people walk in at 1 to 2.
        acceleration: how much a walker's speed wanders, body sizes a second per root second.
        jitter: standard deviation of a detector's box centre, body sizes.
        gate: a box further than this from where its person should be is somebody else.
        size_weight: what a difference in size costs against a distance, both squared.
        size_limit: the most that width and height may differ, as the squared sum of their relative differences.
        size_gain: the share of a new box's size that a track takes on.
        max_tracks: the bound on memory; when it is reached, newcomers are ignored until somebody is forgotten.
    """

    strong_score: float = 0.45
    weak_score: float = 0.22
    confirm_hits: int = 2
    memory_s: float = 1.5
    tentative_s: float = 0.5
    fade_s: float = 2.3
    speed: float = 1.8
    acceleration: float = 1.1
    jitter: float = 0.065
    gate: float = 0.95
    size_weight: float = 1.2
    size_limit: float = 0.85
    size_gain: float = 0.3
    max_tracks: int = 512

    def __post_init__(self) -> None:
        if not 0 <= self.weak_score <= self.strong_score <= 1:
            raise ValueError("weak_score and strong_score must lie within 0 and 1, in this order.")
        if min(self.memory_s, self.tentative_s, self.fade_s, self.speed, self.jitter, self.gate, self.size_limit) <= 0:
            raise ValueError("the tracker's times, sizes and speeds must be above 0.")
        if not 0 < self.size_gain <= 1:
            raise ValueError("size_gain must lie above 0 and up to 1.")
        if self.confirm_hits < 1 or self.max_tracks < 1:
            raise ValueError("confirm_hits and max_tracks must be at least 1.")


@dataclass(frozen=True, slots=True)
class LineCounterSettings:
    """How wide the band is on each side, in body sizes, and how long a person's side is remembered, in seconds.

    `memory_s` must outlast the tracker's memory: who is hidden at the line and comes out behind it has crossed it.
    """

    band: float = 0.115
    memory_s: float = 10.0

    def __post_init__(self) -> None:
        if self.band < 0 or self.memory_s <= 0:
            raise ValueError("band must be at least 0 and memory_s above 0.")
