"""A folder that has of a collector no more than its settings and an empty database."""

from pathlib import Path

from safecount_ops.collector.database import Database
from safecount_ops.collector.settings import SETTINGS_FILE, read_settings
from safecount_ops.enrolment.tokens import Tokens


def bare_collector(folder: Path) -> Tokens:
    """Make it, and give its tokens; what was in the database of the folder is gone."""
    (folder / SETTINGS_FILE).touch()
    for file in folder.glob("collector.db*"):
        file.unlink()
    database = Database(read_settings(folder).database)
    database.create()
    return Tokens(database)
