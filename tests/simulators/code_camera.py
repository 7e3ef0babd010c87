"""What a camera sees of a printed QR code that somebody holds before it: geometry, shade, the hand's motion, lens and noise.

A pinhole camera of 640 x 480 whose lens sees 62 degrees across (530 px focal length, as the Pi's Camera Module 2 has). The
code is printed on white paper at 8 cm with its quiet edge, held 15 to 20 cm away, 40 degrees aslant about any axis, turned
anyhow. The edge of a shadow that takes 70 % of the light runs through its middle. The hand drifts (3 to 10 mm, 0.3 to 0.8
times a second) and trembles (0.3 mm, 7 to 10 times a second) while the shutter is open for 20 ms. The lens is focused, and
spreads a point by 0.6 px (standard deviation); noise is that of 6,000 electrons for white, with 10 of reading out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import segno
from numpy.typing import NDArray

WIDTH, HEIGHT, FOCAL_PX = 640, 480, 530.0
SIDE_M, PAPER_M, QUIET_MODULES = 0.08, (0.105, 0.1485), 4
TILT, DISTANCES_M = np.radians(40.0), (0.15, 0.20)
SHADE, SHADE_EDGE_M = 0.3, 0.004
DRIFT_M, DRIFT_HZ, TREMBLE_M, TREMBLE_HZ = 0.010, (0.3, 0.8), 0.0003, (7.0, 10.0)
SHUTTER_S, EXPOSURES, FINE = 0.02, 5, 2
SPREAD_PX, WHITE_ELECTRONS, READ_ELECTRONS = 0.6, 6000.0, 10.0
INK, PAPER, BEHIND = 0.06, 0.85, 0.25
_Map = NDArray[np.float32]


@dataclass(frozen=True)
class Held:
    """One way to hold the code: `turn` takes the paper's plane (metres) to the camera's axes, `away_m` along the view."""

    modules: NDArray[np.uint8]
    turn: NDArray[np.float64]
    away_m: float
    shade_at: float
    drift: NDArray[np.float64]
    tremble: NDArray[np.float64]

    def place(self, at_s: float) -> NDArray[np.float64]:
        """Where the middle of the code is, in metres. Rows of `drift` and `tremble`: amplitude, rate, phase for x and y."""
        moves = [one[0] * np.sin(2 * np.pi * one[1] * at_s + one[2]) for one in (self.drift, self.tremble)]
        return np.array([*(moves[0] + moves[1]), self.away_m])


def held(text: str, seed: int, distances_m: tuple[float, float] = DISTANCES_M) -> Held:
    """A way to hold the code with this text, as `site-qr` prints it: correction level M."""
    rng = np.random.default_rng(seed)
    code = segno.make(text, error="m", micro=False)
    modules = np.pad(np.array([list(row) for row in code.matrix], np.uint8), QUIET_MODULES)
    axis, roll = rng.uniform(0, 2 * np.pi, 2)
    x, y = np.cos(axis), np.sin(axis)
    cross = np.array([[0, 0, y], [0, 0, -x], [-y, x, 0]])
    aslant = np.eye(3) + np.sin(TILT) * cross + (1 - np.cos(TILT)) * cross @ cross
    rolled = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])

    def swing(amplitude_m: float, rates: tuple[float, float]) -> NDArray[np.float64]:
        return np.array([np.full(2, amplitude_m), rng.uniform(*rates, 2), rng.uniform(0, 2 * np.pi, 2)])

    drift = swing(DRIFT_M * rng.uniform(0.3, 1), DRIFT_HZ)
    away_m, shade_at = float(rng.uniform(*distances_m)), float(rng.uniform(0, 2 * np.pi))
    return Held(modules, aslant @ rolled, away_m, shade_at, drift, swing(TREMBLE_M, TREMBLE_HZ))


def frames(code: Held, seed: int, fps: float, seconds: float) -> Iterator[NDArray[np.uint8]]:
    """What the camera gives of it, uint8 (480, 640), one by one."""
    rng = np.random.default_rng((seed, 1))
    for number in range(round(fps * seconds)):
        yield _developed(_exposed(code, number / fps), rng)


def _exposed(code: Held, at_s: float) -> _Map:
    """Light on the sensor, 1 for the brightest: the mean over the time that the shutter is open."""
    parts = [_seen(code, code.place(at_s + SHUTTER_S * share)) for share in np.linspace(0, 1, EXPOSURES)]
    light: _Map = np.mean(parts, axis=0, dtype=np.float32)
    return light


def _seen(code: Held, place: NDArray[np.float64]) -> _Map:
    onto = np.diag([FOCAL_PX, FOCAL_PX, 1]) @ np.column_stack([code.turn[:, 0], code.turn[:, 1], place])
    back = np.linalg.inv(onto).astype(np.float32)
    y, x = np.mgrid[0 : HEIGHT * FINE, 0 : WIDTH * FINE].astype(np.float32)
    x, y = (x + 0.5) / FINE - WIDTH / 2, (y + 0.5) / FINE - HEIGHT / 2
    scale = back[2, 0] * x + back[2, 1] * y + back[2, 2]
    across = (back[0, 0] * x + back[0, 1] * y + back[0, 2]) / scale
    down = (back[1, 0] * x + back[1, 1] * y + back[1, 2]) / scale
    count = len(code.modules)
    columns, rows = (np.floor((one / SIDE_M + 0.5) * count).astype(np.int32) for one in (across, down))
    on_code = (columns >= 0) & (columns < count) & (rows >= 0) & (rows < count)
    dark = on_code & (code.modules[rows.clip(0, count - 1), columns.clip(0, count - 1)] == 1)
    on_paper = (np.abs(across) < PAPER_M[0]) & (np.abs(down) < PAPER_M[1])
    reflected = np.where(dark, INK, np.where(on_paper, PAPER, BEHIND)).astype(np.float32)
    beyond = (across * np.cos(code.shade_at) + down * np.sin(code.shade_at)) / SHADE_EDGE_M
    reflected *= SHADE + (1 - SHADE) / (1 + np.exp(-beyond.clip(-50, 50)))
    light: _Map = reflected.reshape(HEIGHT, FINE, WIDTH, FINE).mean((1, 3))
    return light


def _developed(light: _Map, rng: np.random.Generator) -> NDArray[np.uint8]:
    reach = 2
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SPREAD_PX) ** 2)
    weights /= weights.sum()
    padded = np.pad(light, reach, mode="edge")
    padded = sum(weight * padded[n : n + HEIGHT] for n, weight in enumerate(weights))
    spread = sum(weight * padded[:, n : n + WIDTH] for n, weight in enumerate(weights))
    electrons = spread * WHITE_ELECTRONS
    electrons = electrons + rng.normal(size=electrons.shape) * np.sqrt(electrons + READ_ELECTRONS**2)
    picture: NDArray[np.uint8] = (255 * np.clip(electrons / WHITE_ELECTRONS, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    return picture
