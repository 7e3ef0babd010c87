"""Whether the network has given the device a way out: a default route, as DHCP or a router brings it (proc(5))."""

from pathlib import Path

_V4_DEFAULT, _V6_DEFAULT = "00000000", "0" * 32
_LOOPBACK = "lo"


def has_way_out(net: Path = Path("/proc/self/net")) -> bool:
    """Whether there is a default route by any interface. True where that cannot be read: nothing is claimed then."""
    try:
        v4 = [line.split() for line in (net / "route").read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return True
    try:
        v6 = [line.split() for line in (net / "ipv6_route").read_text(encoding="ascii").splitlines()]
    except OSError:  # a kernel without IPv6
        v6 = []
    if any(len(row) > 7 and row[1] == row[7] == _V4_DEFAULT for row in v4):
        return True
    return any(len(row) == 10 and row[0] == _V6_DEFAULT and row[1] == "00" and row[9] != _LOOPBACK for row in v6)
