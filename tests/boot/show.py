"""`make boot`: the card that was built, in an emulated board, before a clip of real people, with a collector and a controller
on this machine. Ctrl-C ends it.
"""

import sys
import tempfile
import time
from pathlib import Path

from boot.bench import Bench, open_bench
from boot.board import BootError

COUNT_HOUR = 1


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="safecount-boot-") as folder:
        try:
            say("Making a bench disk with the clip, and a collector and a controller on this machine ...")
            with open_bench(Path(folder)) as bench:
                show(bench)
        except KeyboardInterrupt:
            say("Ended; the emulated board and its collector are gone.")
        except BootError as error:
            say(f"The board did not do what it should: {error}")
            return 1
    return 0


def show(bench: Bench) -> None:
    """Enrol, count, and stay until the user has seen enough."""
    say("Power on: a new card. (An emulated processor is slow: this takes a minute or more.)")
    bench.begin()
    say("Enrolled over the serial cable, as an installer would. Power off, and on again an hour later ...")
    counted = bench.count_an_hour(COUNT_HOUR)
    say(
        f"Counted, sealed, sent, pulled, opened: {counted} came in, noise included; at the desk, without: {bench.expected}."
    )
    say(f"The collector is at {bench.shop.collector.pull_url} for people, its folder is {bench.shop.collector.folder}.")
    say("The board goes on counting; Ctrl-C ends it.")
    while True:
        bench.board.run_for(3600)


def say(sentence: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
