"""What holds for every test."""

from hypothesis import settings

# A shared machine may stop for longer than hypothesis's 200 ms between two lines: how long an example takes is no finding.
settings.register_profile("safecount", deadline=None)
settings.load_profile("safecount")
