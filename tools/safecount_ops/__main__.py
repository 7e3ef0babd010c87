"""The command line of the operator: one table of commands, each loaded only when it is called."""

import sys
from collections.abc import Sequence

import click

from safecount.errors import SafecountError
from safecount_ops import __version__
from safecount_ops.lazy import LazyCommands

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module : the click command in it, one line for `--help`)
    "assets": ("assets.command:command", "Find models and clips by their sha256, and fetch what is missing."),
    "certificate": ("controller.certificate:command", "Check a device's validation certificate, and read it."),
    "collector": ("collector.command:command", "Take envelopes from devices, and hand them to the controller."),
    "controller": ("controller.command:command", "Keep the keys, fetch and open what devices sent, and report it."),
    "dpia": ("proof.dpia:command", "Draft the data protection impact assessment of a counter, and its sign."),
    "enrol-batch": ("enrolment.enrol_batch:command", "Enrol a fleet by a signed list: nothing typed, no code scanned."),
    "evaluate": (
        "desk.evaluate:command",
        "Count a clip whose truth is known, and tell what was missed and what was extra.",
    ),
    "label": ("enrolment.label:command", "Print the label sheet of freshly flashed devices."),
    "privacy-audit": ("privacy_audit.command:command", "Attack the release path, and tell what it shows of a person."),
    "release": ("release.command:command", "Sign releases, publish them, and roll them out."),
    "replay": ("desk.replay:command", "Draw boxes, paths and lines over a clip, for tuning at a desk."),
    "run": ("desk.run:command", "Count people in a clip and leave a report."),
    "scorecard": ("proof.scorecard:command", "Show what catalogues of security ask, and what this release answers."),
    "setup-page": ("desk.setup_page:command", "Try a device's set-up page in a browser, before a clip."),
    "simulate": ("simulate.command:command", "Send real envelopes of many simulated devices to a collector, for load."),
    "site-qr": ("enrolment.site_qr:command", "Make the signed code that enrols a device at a site."),
}


@click.group(cls=LazyCommands, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="safecount-ops")
def commands() -> None:
    """Tools of the operator and the controller of safecount people counters."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; an expected failure is one sentence on stderr."""
    try:
        result = commands.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except SafecountError as error:
        print(f"safecount-ops: {error}", file=sys.stderr)
        return error.exit_code
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
