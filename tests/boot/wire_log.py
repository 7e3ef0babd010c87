"""What went over an emulated network cable: packets of kinds that are known, and in TCP nothing but TLS."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scapy.layers.dhcp import DHCP
from scapy.layers.dns import DNS
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6MLReport2, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS
from scapy.layers.l2 import ARP
from scapy.layers.ntp import NTP
from scapy.packet import Packet
from scapy.utils import PcapReader

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
LONGEST_RECORD = (1 << 14) + 256
"""RFC 8446, 5.2."""
HOUSEKEEPING = (ARP, DHCP, NTP, ICMPv6ND_NS, ICMPv6ND_RS, ICMPv6ND_RA, ICMPv6MLReport2)
Stream = tuple[str, int, str, int]


@dataclass
class Wire:
    """What a capture holds. `streams`: the bytes of each direction of each TCP connection. `names`: what DNS was asked for.
    `unknown`: what is of no known kind, in words.
    """

    streams: dict[Stream, bytes] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)


def read(captures: Iterable[Path]) -> Wire:
    """Sort all packets of some captures, each of one start of the device."""
    wire = Wire()
    for capture in captures:
        parts: dict[Stream, dict[int, bytes]] = defaultdict(dict)
        with PcapReader(str(capture)) as packets:
            for packet in packets:
                _sort(packet, wire, parts)
        for stream, by_place in parts.items():
            wire.streams[stream] = wire.streams.get(stream, b"") + b"".join(_in_order(by_place))
    return wire


def _sort(packet: Packet, wire: Wire, parts: dict[Stream, dict[int, bytes]]) -> None:
    if TCP in packet and IP in packet:
        stream = (packet[IP].src, packet[TCP].sport, packet[IP].dst, packet[TCP].dport)
        length = packet[IP].len - 4 * packet[IP].ihl - 4 * packet[TCP].dataofs  # without what pads a short frame
        if content := bytes(packet[TCP].payload)[:length]:
            parts[stream][packet[TCP].seq] = content
    elif UDP in packet and DNS in packet:
        wire.names.update(question.qname.decode() for question in packet[DNS].qd)
    elif not any(kind in packet for kind in HOUSEKEEPING):
        wire.unknown.append(packet.summary())


def _in_order(by_place: dict[int, bytes]) -> Iterator[bytes]:
    """The bytes once, in the order of their numbers; none of these connections sends so much that the numbers begin anew."""
    at = min(by_place)
    for place, content in sorted(by_place.items()):
        if place + len(content) > at:
            yield content[max(0, at - place) :]
            at = place + len(content)


@dataclass(frozen=True, slots=True)
class Records:
    """The TLS records of one direction: how many bytes of application data, encrypted; and what is no record, or cut off."""

    application_bytes: int
    rest: bytes


def records(stream: bytes) -> Records:
    """Walk a stream from record to record (RFC 8446, 5.1)."""
    at = application = 0
    while at + 5 <= len(stream):
        kind, version, length = stream[at], stream[at + 1 : at + 3], int.from_bytes(stream[at + 3 : at + 5])
        known = kind in {CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA} and version in {b"\3\1", b"\3\3"}
        if not known or length > LONGEST_RECORD or at + 5 + length > len(stream):
            break
        application += length if kind == APPLICATION_DATA else 0
        at += 5 + length
    return Records(application, stream[at:])
