"""`safecount-ops setup-page`: the device's set-up page at a desk, before a clip instead of a door. What `make setup-page`
calls.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from safecount.edges.systemd import StopRequest
from safecount_ops.desk.desk_device import DeskDevice
from safecount_ops.desk.line_option import default_line, parse_line
from safecount_ops.desk.run import clip_named

LOOK_EVERY_S = 0.5


@click.command("setup-page")
@click.option("--clip", help="Video file, or name of an asset (default: vtest, a real clip).")
@click.option("--line", "lines", multiple=True, metavar="X1,Y1,X2,Y2[:IN-SIDE[:DOOR]]", help="Line to begin with.")
@click.option("--model", help="Name of the model (default: the one that ships, else the registry's).")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option("--fps", type=click.FloatRange(min=0.1, max=120), default=10.0, show_default=True)
def command(clip: str | None, lines: tuple[str, ...], model: str | None, port: int, fps: float) -> None:
    """Try the device's set-up page in a browser, with a clip in the camera's place.

    Nothing is kept: the device is one of a temporary folder, which belongs to a site of its own.
    """
    asked = [parse_line(text, number) for number, text in enumerate(lines, 1)] or [default_line((4, 3))[0]]
    shown = clip_named(clip)
    with StopRequest() as stop, TemporaryDirectory(prefix="safecount-") as folder:
        device = DeskDevice(Path(folder), port, fps)
        device.lay_out(shown, model, asked)
        with device.running() as session:
            print(session.said)
            print("End it on the page or with Ctrl-C; by itself it ends after 30 minutes.", flush=True)
            while session.page.poll() is None and not stop.wait(LOOK_EVERY_S):
                pass
