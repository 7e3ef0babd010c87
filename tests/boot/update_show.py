"""`make update-demo`: the card that was built, in an emulated board, is given a good release and then a broken one. A log to
read, and at its end how long it took and what of the counting was lost.
"""

import sys
import tempfile
import time
from pathlib import Path

from boot.board import BootError
from boot.update_bench import FIRST, Standing, UpdateBench, end_at_once, open_update_bench
from safecount.wire.update_state import Failure, UpdateState
from safecount_ops.controller.table import Status

GOOD, BROKEN = "0.2.0", "0.3.0"
LONGEST_S = 1800
BAR_S = 360


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="safecount-updates-") as folder:
        try:
            say(
                "Making keys (root 2 of 3, targets, snapshot, timestamp; RAUC's authority), a published folder behind HTTPS,"
            )
            say("a collector, a controller, and a bench disk, all on this machine ...")
            with open_update_bench(Path(folder)) as updates:
                updates.say = say
                rehearse(updates)
        except KeyboardInterrupt:
            say("Ended; the emulated board is gone.")
        except BootError as error:
            say(f"The board did not do what it should: {error}")
            return 1
    return 0


def rehearse(updates: UpdateBench) -> None:
    say(
        f"Building {GOOD} and {BROKEN} from the image: other versions, and in {BROKEN} a process that ends as it starts ..."
    )
    good = updates.publisher.bundle(GOOD, updates.builder.build(GOOD))
    broken = updates.publisher.bundle(BROKEN, updates.builder.build(BROKEN, end_at_once))
    say(f"Power on: a new card with {FIRST}; it is enrolled over its serial cable.")
    updates.begin()
    updates.bench.power(1, minute=50)
    updates.board.until("systemctl is-active safecount-update safecount-vision", LONGEST_S)
    updates.note_stops()
    took_s = give(updates, GOOD, good, Standing(GOOD, "B", UpdateState.UPDATED, None))
    blind_s = updates.blind_s()
    give(updates, BROKEN, broken, Standing(GOOD, "B", UpdateState.FELL_BACK, Failure.SERVICES))
    say("The release that runs is the good one; the broken one is not tried again.")
    hours = updates.bench.shop.hours()
    lost = [hour for hour in hours.values() if hour.status is Status.MISSING]
    verdict = "pass" if took_s <= BAR_S else "miss"
    say(f"From publication to the commit, as the collector heard it: {took_s:.0f} s (at most {BAR_S}: {verdict}).")
    say(f"Not watched because of the good release: {blind_s:.0f} s, its restart. Closed bins lost: {len(lost)}.")


def give(updates: UpdateBench, version: str, bundle: Path, end: Standing) -> float:
    """Publish, and wait for how it ends; the seconds from the one to the other."""
    began_s = time.monotonic()
    updates.publisher.publish(bundle)
    say(f"{version} is published for all devices: {bundle.stat().st_size / 1e6:.1f} MB.")
    before = updates.publisher.server.sent
    updates.until_told(end, LONGEST_S)
    say(f"Of it {(updates.publisher.server.sent - before) / 1e6:.1f} MB were fetched; the rest lay in the slots.")
    return time.monotonic() - began_s


def say(sentence: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
