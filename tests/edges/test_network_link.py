"""Whether there is a way out of the device, from the kernel's tables."""

from pathlib import Path

import pytest

from safecount.edges.network_link import has_way_out

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
LAN = "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
DEFAULT = "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
V6 = "{0} {1} {2} 00 {3} 00000400 00000001 00000000 00000003 {4:>8}\n"
NONE = "0" * 32
V6_DEFAULT = V6.format(NONE, "00", NONE, "fe80" + "0" * 27 + "1", "eth0")
V6_REFUSED = V6.format(NONE, "00", NONE, NONE, "lo")


@pytest.mark.parametrize(
    ("route", "ipv6", "way_out"),
    [
        (HEAD + LAN + DEFAULT, "", True),
        (HEAD + LAN, "", False),
        (HEAD, V6_REFUSED, False),
        (HEAD, V6_REFUSED + V6_DEFAULT, True),
        (HEAD, None, False),
        (None, None, True),
    ],
)
def test_a_default_route_is_a_way_out(tmp_path: Path, route: str | None, ipv6: str | None, *, way_out: bool) -> None:
    for name, text in (("route", route), ("ipv6_route", ipv6)):
        if text is not None:
            (tmp_path / name).write_text(text)
    assert has_way_out(tmp_path) is way_out


def test_this_machines_own_tables_can_be_read() -> None:
    assert has_way_out() in {True, False}
