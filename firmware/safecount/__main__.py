"""The device's command line: arguments only. Each command starts one role and nothing else."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from safecount import __version__
from safecount.errors import SafecountError

DEFAULT_SETTINGS = Path("/etc/safecount/safecount.toml")

ROLES: dict[str, str] = {
    "vision": "Count what passes before the camera, and hand noisy numbers to the seal process.",
    "seal": "Seal what is counted, and keep it in the spool.",
    "uplink": "Take what is sealed to the collector.",
    "update": "Keep the firmware up to date, and leave a release that does not do.",
    "trial_limit": "Leave a release whose trial has not ended in time.",
    "provision": "Take a site code and enrol the device.",
    "setup": "Serve the set-up page while a session is open.",
    "check": "Check settings, model and counting lines, start nothing, and say what is wrong.",
    "data": "Open the data partition of the card, and make it on first boot.",
    "diskless": "Say by the lamp that the data partition cannot be used.",
}


def parser() -> argparse.ArgumentParser:
    """The arguments of every role: which role, and which settings file."""
    top = argparse.ArgumentParser(prog="safecount", description="The firmware of a people counter that can be trusted.")
    top.add_argument("--version", action="version", version=f"safecount {__version__}")
    roles = top.add_subparsers(dest="role", metavar="ROLE", required=True)
    for name, purpose in ROLES.items():
        role = roles.add_parser(name, help=purpose, description=purpose)
        role.add_argument(
            "--settings", type=Path, default=DEFAULT_SETTINGS, help="settings file (default: %(default)s)"
        )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role. Returns the exit code; an expected failure is one sentence on stderr."""
    chosen = parser().parse_args(arguments)
    role = importlib.import_module(f"safecount.roles.{chosen.role}")
    try:
        role.run(chosen.settings)
    except SafecountError as error:
        print(f"safecount: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
