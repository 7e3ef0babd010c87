"""How often the interval of a validation certificate holds the truth: rounds on simulated streets, each with the real
tracker, line counter and pairing, and a person who presses a little late. `make bench-validation`.

The truth of a street is the share that its device counts right in the long run: all rounds together, held against when
people really crossed.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from simulators.validation_street import STREETS, Street, Validated, validate

BAR = 0.95


def one_round(street: Street, minutes: float, number: int) -> Validated:
    return validate(street, minutes, f"{street.name} {number}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="rounds on each street (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of a round (default: %(default)s)")
    chosen = parser.parse_args()
    started_s, passed = time.monotonic(), True
    print(f"{chosen.runs} rounds of {chosen.minutes:g} minutes on each street, {os.cpu_count()} processes")
    print(f"{'street':<18}{'truth':>8}{'passings':>10}{'too few':>9}{'width':>8}{'held':>8}   bar")
    with ProcessPoolExecutor() as pool:
        for street in STREETS:
            rounds = list(pool.map(partial(one_round, street, chosen.minutes), range(chosen.runs), chunksize=8))
            truth = [passing.right for one in rounds for passing in one.truth]
            share = sum(truth) / len(truth)
            rates = [one.result.whole for one in rounds if one.result.whole]
            held = sum(rate.low <= 100 * share <= rate.high for rate in rates) / len(rates)
            width = sum(rate.high - rate.low for rate in rates) / len(rates)
            passed &= held >= BAR
            print(
                f"{street.name:<18}{share:>8.1%}{len(truth) / len(rounds):>10.1f}{len(rounds) - len(rates):>9}"
                f"{width:>7.1f}%{held:>8.1%}   {'pass' if held >= BAR else 'MISS'} (95 %)",
                flush=True,
            )
    print(f"{time.monotonic() - started_s:.0f} s")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
