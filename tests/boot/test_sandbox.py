"""From inside each process's own sandbox, on the emulated device: everything that it does not need is tried, and refused."""

import json

import pytest

from boot.bench import SERVICES, Bench
from boot.bench_disk import SHARE
from boot.shop import HOST_AS_THE_GUEST_SEES_IT

pytestmark = pytest.mark.image

PROGRAM = f"/usr/bin/python3 -I {SHARE}/shut_in.py"
STATE, RUN = "/var/lib/safecount", "/run/safecount"
EVERY = {
    "connect /run/systemd/notify", "connect /run/systemd/journal/dev-log", "connect /run/systemd/journal/socket",
    "connect /run/systemd/journal/stdout", "connect /run/systemd/io.systemd.ManagedOOM", "write /tmp", "write /var/tmp",
    f"read {STATE}/site/site.toml",
}  # fmt: skip
"""What each may: say how it is, write to the journal, ask the first process for its memory's limits, and have files of its own
in memory."""
NETWORK = {
    "socket inet", "socket inet6", "see the network's interfaces", "connect outside", "listen to the network",
    "connect /run/systemd/resolve/io.systemd.Resolve", "connect /run/systemd/resolve/io.systemd.Resolve.Monitor",
}  # fmt: skip
"""Of those who call the collector. What listens is not reached: the firewall lets nothing in."""
PUBLIC = {f"read {STATE}/uplink/ca.pem", f"read {STATE}/uplink/tls.cert.pem"}
SPOOL = {f"read {STATE}/spool/spool.db{more}" for more in ("", "-shm", "-wal")} | {f"write {STATE}/spool"}
SEAL = {f"read {STATE}/seal/{name}" for name in ("keyset.cbor", "root.pub")}
WRITES = {
    "seal": {f"{STATE}/seal", f"{RUN}/certificate", f"{RUN}/seal", f"{RUN}/vitals"},
    "uplink": {f"{STATE}/uplink"},
    "provision": {f"{STATE}/{name}" for name in ("provision", "seal", "uplink", "site", "wifi")}
    | {f"{RUN}/session", f"{RUN}/code"},
    "update": {f"{STATE}/update", f"{RUN}/update"},
    "setup": {f"{RUN}/scene", f"{RUN}/setup"},
}
RECORDS = f"connect {RUN}/seal/record.sock"
CODES = f"connect {RUN}/code/code.sock"
NEEDS = {
    # The camera; and files in memory, by which libcamera shares its buffers.
    "vision": {"read /dev/video0", "socket netlink", "code from a file in memory", RECORDS, CODES},
    "seal": SPOOL | SEAL | PUBLIC | {f"read {STATE}/seal/signing.pem", RECORDS},
    "uplink": NETWORK | SPOOL | SEAL | PUBLIC | {f"read {STATE}/uplink/tls.key.pem"},
    "provision": NETWORK | SEAL | PUBLIC | {
        f"read {STATE}/seal/signing.pem", f"read {STATE}/uplink/tls.key.pem", f"read {STATE}/provision/identity.pem",
        f"read {STATE}/provision/ownership.secret", f"read {STATE}/provision/signer.pub", CODES,
    },
    # RAUC over D-Bus, and the slots: most blocks of a release lie there already.
    "update": NETWORK | PUBLIC | {"connect /run/dbus/system_bus_socket"},
    "setup": {"socket inet", "see the network's interfaces", "listen to the network"},
}  # fmt: skip
CARD = "read /dev/vd"
"""How the update process reads the card, which it may as a whole; what lies on the data partition is encrypted there."""
OWN = ("memory of", "file of memory of", "see", "signal")


@pytest.fixture(scope="module")
def device(bench: Bench) -> Bench:
    """Started, enrolled and running, with what the rights of files alone would refuse opened to all."""
    bench.power(1)
    bench.board.until(f"systemctl is-active {' '.join(f'safecount-{part}' for part in SERVICES)}", 400)
    bench.board.until(f"test -S {RUN}/seal/record.sock -a -f {STATE}/spool/spool.db-wal", 400)
    told(bench, "prepare")
    return bench


def told(device: Bench, *words: str) -> str:
    port = device.shop.url.rpartition(":")[2]
    return device.board.ask(f"{PROGRAM} {HOST_AS_THE_GUEST_SEES_IT} {port} {' '.join(words)}", 400)


def got_through(device: Bench, part: str, *without: str) -> set[str]:
    """The attempts that were not refused, but those on itself."""
    text = told(device, f"safecount-{part}", *without)
    outcomes: dict[str, str] = json.loads(text[text.index('{"') : text.rindex("}") + 1])
    assert len(outcomes) > 150
    assert not [f"{name}: {what}" for name, what in outcomes.items() if not what.startswith(("refused: ", "through"))]
    own = {f"{what} {part}" for what in OWN}
    return {name for name, what in outcomes.items() if what == "through" and name not in own}


@pytest.mark.parametrize("part", NEEDS)
def test_what_a_process_needs_is_open_and_all_else_is_refused(device: Bench, part: str) -> None:
    through = got_through(device, part)
    card = {name for name in through if name.startswith(CARD)}
    assert bool(card) == (part == "update")
    assert through - card == EVERY | NEEDS[part] | {f"write {folder}" for folder in WRITES.get(part, ())}


@pytest.mark.parametrize("part", SERVICES)
def test_the_process_that_runs_has_of_the_disk_what_its_sandbox_says(device: Bench, part: str) -> None:
    """The attempts are those of a new process in the same sandbox; one that runs may be older than the mount of the disk."""
    writes = f"for at in {STATE} {STATE}/*; do touch $at/probe && rm $at/probe && echo writes $at; done"
    tried = f"{writes}; ls {STATE} | sed s/^/sees./"
    told = device.board.ask(
        f"nsenter -m -t $(systemctl show -P MainPID safecount-{part}) -- sh -c '{tried}' 2>/dev/null"
    )
    lines = told.splitlines()
    spool = {f"{STATE}/spool"} if part in {"seal", "uplink"} else set()
    ours = spool | {folder for folder in WRITES.get(part, ()) if folder.startswith(STATE)}
    assert {line.removeprefix("writes ") for line in lines if line.startswith("writes ")} == ours
    if part == "vision":
        assert {line for line in lines if line.startswith("sees.")} == {"sees.site"}


@pytest.mark.parametrize(
    ("part", "directive", "seen"),
    [
        ("vision", "PrivateNetwork", "see the network's interfaces"),
        ("vision", "RestrictAddressFamilies", "socket inet"),
        ("vision", "InaccessiblePaths", "connect /run/systemd/resolve/io.systemd.Resolve"),
        ("vision", "ReadOnlyPaths", "write /run/probe-open"),
        ("vision", "NoExecPaths", "run from /tmp"),
        ("vision", "MemoryDenyWriteExecute", "writable code"),
        ("vision", "RestrictNamespaces", "new user namespace"),
        ("vision", "SystemCallFilter", "io_uring"),
        ("vision", "ProtectProc", "see seal"),
        ("vision", "PrivateTmp", "read /tmp/probe-open"),
        ("vision", "PrivateIPC", "shared memory of others"),
        ("seal", "PrivateDevices", "read /dev/video0"),
    ],
)
def test_a_sandbox_with_one_restriction_less_is_noticed(device: Bench, part: str, directive: str, seen: str) -> None:
    assert seen in got_through(device, part, directive)
