"""Where site codes come from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProvisionSettings:
    """Where a site code comes from: a file on the card's first partition, and a serial port ("" for none). `button` is the
    input device of the button that opens the set-up page ("" for none). `retry_s` is the wait after an attempt that came
    to nothing, `ask_s` that before a fleet's list is asked again; each time they are shortened or lengthened by up to half.
    """

    boot_file: str = "/boot/firmware/safecount-site.txt"
    serial_port: str = ""
    button: str = ""
    retry_s: float = 30.0
    ask_s: float = 600.0

    def __post_init__(self) -> None:
        if self.retry_s <= 0 or self.ask_s <= 0:
            raise ValueError("retry_s and ask_s must be above 0.")
