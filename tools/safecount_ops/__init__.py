"""safecount-ops: what the operator and the controller run. Never part of the image."""

__version__ = "0.1.0"
