"""The table of the controller's commands."""

import click

from safecount_ops.lazy import LazyCommands

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("controller.key_commands:init", "Make the folder, the root key, a reader key and the first keyset."),
    "key": ("controller.key_commands:key", "Make a reader key of one's own, such as the backup's."),
    "keyset": ("controller.key_commands:keyset", "Renew or change the keyset, and publish it."),
    "collector": ("controller.pull_commands:collector", "Say where the collector is."),
    "pull": ("controller.pull_commands:pull_command", "Fetch what the archive lacks."),
    "devices": ("controller.pull_commands:devices", "Show the devices and their keys, and note which were compared."),
    "open": ("controller.count_commands:open_command", "Open what was pulled, and bring the table up to date."),
    "export": ("controller.count_commands:export", "Write the table as CSV, JSON, Parquet or SQLite."),
    "mqtt": ("controller.mqtt_command:command", "Publish the newest counts by MQTT, for Home Assistant."),
    "report": ("controller.count_commands:report", "Write a report to look at."),
    "remove-old": ("controller.removal_commands:remove_old", "Remove old envelopes, opened before, and old counts."),
    "forget": ("controller.removal_commands:forget", "Remove for good all that is here of a device or site."),
    "remember": ("controller.removal_commands:remember", "Pull a device again that was forgotten."),
    "verify": ("controller.pull_commands:verify_command", "Check the archive: what was removed, edited, reordered."),
}


@click.group(cls=LazyCommands, table=COMMANDS)
def command() -> None:
    """Keep the keys, fetch and open what devices sent, and report it. See docs/controller.md."""
