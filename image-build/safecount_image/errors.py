"""What the build says when it cannot go on."""


class BuildError(Exception):
    """One sentence for the person who builds: what is wrong, with what, and what to do."""
