"""What the camera can be told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """How often a frame is taken, how old the last one may grow, and which way is up.

    Attributes:
        frames_per_second: frames to take; a camera that gives more has the rest left out.
        hung_after_s: the age of the last new frame, in seconds, from which the camera counts as hung.
        upside_down: the camera hangs by its foot; its pictures are turned by half a turn.
    """

    frames_per_second: float = 10.0
    hung_after_s: float = 5.0
    upside_down: bool = False

    def __post_init__(self) -> None:
        if not 0.1 <= self.frames_per_second <= 120 or not 0.1 <= self.hung_after_s <= 3600:
            raise ValueError("frames_per_second must lie within 0.1 and 120, hung_after_s within 0.1 and 3600.")
