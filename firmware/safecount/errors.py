"""Errors that a person reads.

Every expected failure is a SafecountError whose text says in one sentence what is wrong, with what, and what to do.
The command line prints that text and exits with `exit_code`; a traceback means a defect of ours.
"""


class SafecountError(Exception):
    """An expected failure. The text is a whole sentence for the person who can mend it."""

    exit_code = 1


class UsageError(SafecountError):
    """A wrong argument, settings key or file: the caller's to mend. Exit code 2."""

    exit_code = 2
