"""safecount: the firmware of a people counter that can be trusted (the part that runs on the device)."""

__version__ = "0.1.0"
