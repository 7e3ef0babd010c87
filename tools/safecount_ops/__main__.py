"""The command line of the operator: one table of commands, each loaded only when it is called."""

import importlib
import sys
from collections.abc import Sequence

import click

from safecount.errors import SafecountError
from safecount_ops import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module : the click command in it, one line for `--help`)
    "assets": ("assets.command:command", "Find models and clips by their sha256, and fetch what is missing."),
    "evaluate": (
        "desk.evaluate:command",
        "Count a clip whose truth is known, and tell what was missed and what was extra.",
    ),
    "replay": ("desk.replay:command", "Draw boxes, paths and lines over a clip, for tuning at a desk."),
    "run": ("desk.run:command", "Count people in a clip and leave a report."),
}


class LazyCommands(click.Group):
    """A group that imports a command's module when it is asked for: `--help` needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module_name, attribute = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(f"safecount_ops.{module_name}"), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"safecount_ops.{module_name}.{attribute} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
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
