"""What the controller fetches from a collector: whose chains there are and how far they reach, and their envelopes.

Nothing here is trusted by the one who pulls: envelopes are verified with keys that the controller compares with those
it knows.
"""

from dataclasses import dataclass

from safecount.wire.encoding import Item, as_bool, as_bytes, as_fields, as_list, as_text, as_uint, decode, encode
from safecount.wire.envelope import COUNTER_MAX, ENVELOPE_BYTES
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.values import DEVICE_MAX_BYTES

DEVICES_PATH = "/v1/pull/devices"
PULL_PATH = "/v1/pull"
DEVICE_KEY_BYTES = 32
MAX_DIRECTORY = 64
MAX_EPOCHS = 1024
MAX_PAGE = 256
MAX_DIRECTORY_BYTES = MAX_DIRECTORY * (DEVICE_MAX_BYTES + DEVICE_KEY_BYTES + 16 + MAX_EPOCHS * 37) + 16
MAX_PAGE_BYTES = MAX_PAGE * (ENVELOPE_BYTES + 3) + 16


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an epoch's chain is stored: the highest sequence. Some below it may be missing, or come later.

    `removed` of its envelopes are here no more, because of their age; the last of them is `removed_to`. 0 and 0: none.
    """

    epoch: int
    last_sequence: int
    removed_to: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class DeviceChains:
    """The chains that one raw Ed25519 key (32 bytes) of a device has signed, oldest epoch first.

    A device that was enrolled again with another key has one of these for each key.
    """

    device: str
    key: bytes
    chains: tuple[Reach, ...]


@dataclass(frozen=True, slots=True)
class Directory:
    """One page of the devices that a token may see, in the order of their names. `more`: ask on, after the last one."""

    devices: tuple[DeviceChains, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Envelopes of one epoch, still untrusted, in the order of their sequences. `more`: ask on, after the last one."""

    envelopes: tuple[bytes, ...]
    more: bool


def encode_directory(directory: Directory) -> bytes:
    """The answer of DEVICES_PATH."""
    devices: list[Item] = [
        [one.device, one.key, [_reach_item(reach) for reach in one.chains]] for one in directory.devices
    ]
    return encode({1: devices, 2: directory.more})


def decode_directory(untrusted: bytes) -> Directory:
    """The value of an answer of DEVICES_PATH; UntrustedInput otherwise."""
    fields = as_fields(decode(untrusted, MAX_DIRECTORY_BYTES), frozenset({1, 2}))
    return Directory(
        tuple(_parse_device(item) for item in as_list(fields[1], 0, MAX_DIRECTORY)),
        as_bool(fields[2]),
    )


def encode_page(page: Page) -> bytes:
    """The answer of PULL_PATH."""
    return encode({1: list(page.envelopes), 2: page.more})


def decode_page(untrusted: bytes) -> Page:
    """The value of an answer of PULL_PATH, its envelopes still untrusted; UntrustedInput otherwise."""
    fields = as_fields(decode(untrusted, MAX_PAGE_BYTES), frozenset({1, 2}))
    return Page(
        tuple(as_bytes(item, ENVELOPE_BYTES, ENVELOPE_BYTES) for item in as_list(fields[1], 0, MAX_PAGE)),
        as_bool(fields[2]),
    )


def _parse_device(item: Item) -> DeviceChains:
    device, key, chains = as_list(item, 3, 3)
    name = as_text(device, DEVICE_MAX_BYTES)
    reaches = tuple(_parse_reach(chain) for chain in as_list(chains, 0, MAX_EPOCHS))
    epochs = [reach.epoch for reach in reaches]
    if not name.isprintable() or epochs != sorted(set(epochs)):
        raise UntrustedInput(Reason.BAD_FIELD, "A device's name or the order of its epochs is not as it must be.")
    return DeviceChains(name, as_bytes(key, DEVICE_KEY_BYTES, DEVICE_KEY_BYTES), reaches)


def _parse_reach(item: Item) -> Reach:
    reach = Reach(*(as_uint(one, COUNTER_MAX) for one in as_list(item, 4, 4)))
    if not reach.removed <= reach.removed_to <= reach.last_sequence or bool(reach.removed) != bool(reach.removed_to):
        raise UntrustedInput(Reason.BAD_FIELD, "A chain cannot have lost more than it had.")
    return reach


def _reach_item(reach: Reach) -> list[Item]:
    return [reach.epoch, reach.last_sequence, reach.removed_to, reach.removed]
