"""Where the set-up page is opened, and for how long."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from safecount.wire.setup_session import SESSION_LIMIT_S
from safecount.wire.values import PORT_MAX


@dataclass(frozen=True, slots=True)
class SetupSettings:
    """Where the set-up page is opened: on one address of one network interface, that of the USB cable; `interface` ""
    where the address is the machine's own. `minutes` is how long, at most 30.
    """

    interface: str = "usb0"
    address: str = "10.55.0.1"
    port: int = 8080
    minutes: int = 30

    def __post_init__(self) -> None:
        if not (1 <= self.minutes <= SESSION_LIMIT_S // 60 and 0 <= self.port <= PORT_MAX):
            raise ValueError(f"minutes must lie within 1 and {SESSION_LIMIT_S // 60}, port within 0 and {PORT_MAX}.")
        try:
            IPv4Address(self.address)
        except ValueError as error:
            raise ValueError(f"address {self.address!r} is no IPv4 address.") from error
