"""The real controller, reading whatever a running collector has: pull, verify, open."""

from pathlib import Path

from safecount.wire.values import CountRecord
from safecount_ops.controller.archive import Archive
from safecount_ops.controller.counts import Counts
from safecount_ops.controller.home import CollectorAddress
from safecount_ops.controller.https import CollectorClient
from safecount_ops.controller.keys import reader_key
from safecount_ops.controller.opening import open_archive
from safecount_ops.controller.pull import pull
from safecount_ops.controller.verify import verify
from simulators.keys import Reader


def read_everything(folder: Path, address: CollectorAddress, reader: Reader, now_s: int) -> list[CountRecord]:
    """Every count that the collector has, once all chains have held: AssertionError for one that is missing, doubled,
    out of order, changed, told twice, or does not open.
    """
    with CollectorClient(address) as collector, Archive(folder / "archive.db") as archive:
        done = pull(collector, archive, folder, now_s, lambda *_: None, least_free_bytes=0)
        assert done.findings == []
        statement = verify(archive, lambda _: None)
        assert statement.whole, statement
        with Counts(folder / "counts.db") as counts:
            seen = open_archive(archive, counts, [reader_key(reader.seed)], lambda *_: None, 1)
            assert seen == statement.envelopes
            assert counts.refused() == []
            return [told.record for site in counts.sites() for told in counts.told(site)]
