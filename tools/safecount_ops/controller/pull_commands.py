"""`controller collector`, `pull`, `devices` and `verify`."""

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import click

from safecount.errors import SafecountError, UsageError
from safecount_ops.controller.archive import Archive, Finding
from safecount_ops.controller.home import CollectorAddress, existing
from safecount_ops.controller.https import CollectorClient
from safecount_ops.controller.progress import work_bar
from safecount_ops.controller.pull import Pulled, pull
from safecount_ops.controller.verify import Statement, fingerprint, verify

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
SHOWN = 20


class NotWhole(SafecountError):  # noqa: N818 - it says what the archive is
    """The archive, or the collector, is not as it should be. Exit code 3: a script can tell it from a failure."""

    exit_code = 3


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--url", required=True, metavar="https://HOST[:PORT]", help="The collector's address for controllers.")
@click.option("--ca", type=FILE, required=True, help="PEM file of the CA that vouches for it.")
@click.option("--token-file", type=FILE, required=True, help="File with the token of `safecount-ops collector token`.")
def collector(folder: Path, url: str, ca: Path, token_file: Path) -> None:
    """Remember where the collector is."""
    home = existing(folder)
    address = CollectorAddress(url, ca, token_file)
    CollectorClient(address)  # tells what is wrong with it before it is written
    home.write_collector(address)
    print(f"{folder} pulls from {url}.")


@click.command("pull")
@click.argument("folder", type=FOLDER)
@click.option("--accept-removed", is_flag=True, help="Believe that age removed what was never fetched: a new archive.")
def pull_command(folder: Path, *, accept_removed: bool) -> None:
    """Fetch what the archive in FOLDER lacks, verified. May be interrupted, and goes on where it stopped."""
    home = existing(folder)
    with CollectorClient(home.collector()) as source, Archive(home.archive) as archive, work_bar("Pull", 0) as bar:
        done = pull(source, archive, folder, int(time.time()), bar, accept_removed=accept_removed)
    print("\n".join(pulled_text(done)))
    if done.findings:
        raise NotWhole("The collector is not honest, or is damaged: see `controller verify`.")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "--compared", nargs=2, metavar="DEVICE FINGERPRINT", help="Note that this key is the one the device shows."
)
def devices(folder: Path, compared: tuple[str, str] | None) -> None:
    """Show each device's key. Compare it with the one on the device's set-up page: until then it is the
    collector's word only.
    """
    home = existing(folder)
    with Archive(home.archive) as archive:
        keys = archive.known_keys()
        if compared:
            wanted = compared[1].replace(" ", "").lower()
            fitting = [
                one for one in keys if one.device == compared[0] and fingerprint(one.key).replace(" ", "") == wanted
            ]
            if not fitting:
                raise UsageError(f"No known key of {compared[0]} has the fingerprint {compared[1]}: do not trust it.")
            archive.compared(fitting[0].device, fitting[0].key, int(time.time()))
            keys = archive.known_keys()
    for one in keys:
        how = f"compared {_day(one.compared_s)}" if one.compared_s else "not compared yet"
        print(f"{one.device:<32} {fingerprint(one.key)}  since {_day(one.first_seen_s)}, {how}")


@click.command("verify")
@click.argument("folder", type=FOLDER)
def verify_command(folder: Path) -> None:
    """Check every chain of the archive in FOLDER, without a key. Exit code 3 if anything is wrong."""
    home = existing(folder)
    if not home.archive.exists():
        raise UsageError(f"There is no archive in {folder} yet: pull first.")
    with Archive(home.archive, read_only=True) as archive:
        total = archive.count()
        with work_bar("Verify", total) as bar:
            statement = verify(archive, lambda checked: bar(checked, total))
    print("\n".join(statement_text(statement)))
    if not statement.whole:
        raise NotWhole("The archive is not whole.")


def pulled_text(done: Pulled) -> list[str]:
    """What a pull came to, a line a fact."""
    lines = [f"{_number(done.envelopes, 'new envelope')} of {_number(done.devices, 'device')}."]
    lines += [
        f"New: {device}, key {fingerprint(key)}. Compare it with the device (controller devices --compared)."
        for device, key in done.new_keys[:SHOWN]
    ]
    if len(done.new_keys) > SHOWN:
        lines.append(f"... and {len(done.new_keys) - SHOWN} more new keys: see `controller devices`.")
    lines += [
        f"Left out, because it was forgotten here: {device}. To fetch it again: controller remember."
        for device in sorted(done.left_out)[:SHOWN]
    ]
    return lines + findings_text(done.findings)


def statement_text(statement: Statement) -> list[str]:
    """The statement of `verify`, to be read, printed and kept."""
    chained = {chain.device for chain in statement.chains}
    envelopes, devices = _number(statement.envelopes, "envelope"), _number(len(chained), "device")
    lines = [f"Checked: {envelopes} of {devices} in {_number(len(statement.chains), 'chain')}."]
    if statement.faults:
        kinds = Counter(fault.flaw for fault in statement.faults)
        lines.append(f"Faults: {', '.join(f'{count} {flaw.name.lower()}' for flaw, count in kinds.items())}.")
        lines += [f"  {fault.text()}" for fault in statement.faults[:SHOWN]]
        more = len(statement.faults) - SHOWN + statement.faults_left_out
        lines += [f"  ... and {more} more."] if more > 0 else []
    else:
        lines.append(
            "Every signature holds, and every envelope follows the one before it: none removed, edited, reordered, "
            "replayed or forked up to the last one of each chain."
        )
    behind = [chain for chain in statement.chains if chain.last < chain.claimed]
    lines += [
        f"  {chain.device}, epoch {chain.epoch}: kept up to {chain.last}, the collector has {chain.claimed}: pull again."
        for chain in behind[:SHOWN]
    ]
    lines += removals_text(statement)
    lines += findings_text(statement.findings)
    open_keys = sorted({key.device for key in statement.keys if key.compared_s is None})
    if open_keys:
        lines.append(
            f"{len(open_keys)} devices have a key that nobody has compared ({', '.join(open_keys[:3])}"
            f"{', ...' if len(open_keys) > 3 else ''}): that these are your devices is the collector's word."
        )
    return lines


def removals_text(statement: Statement) -> list[str]:
    """What was removed on purpose, a line a chain or device."""
    lines = [
        f"  {_day(one.at_s)}: {one.device}, epoch {one.epoch}, removed up to envelope {one.up_to}"
        + (", which the next one follows." if one.digest else ", before it was fetched: that is the collector's word.")
        for one in statement.removed[:SHOWN]
    ]
    if len(statement.removed) > SHOWN:
        lines.append(f"  ... and {len(statement.removed) - SHOWN} more.")
    return lines + [
        f"  {_day(one.at_s)}: {one.device} was forgotten, with {one.envelopes} envelopes."
        for one in statement.forgotten
    ]


def findings_text(findings: list[Finding] | tuple[Finding, ...]) -> list[str]:
    """What a collector did, a line a finding."""
    lines = [
        f"  {_day(one.at_s)}: the collector {one.misdeed.value}"
        + (
            f" ({one.device}, epoch {one.epoch}, envelope {one.sequence}; {one.text})."
            if one.device
            else f" ({one.text})."
        )
        for one in findings[:SHOWN]
    ]
    if len(findings) > SHOWN:
        lines.append(f"  ... and {len(findings) - SHOWN} more.")
    return lines


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _day(utc_s: int) -> str:
    return datetime.fromtimestamp(utc_s, UTC).date().isoformat()
