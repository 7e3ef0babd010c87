"""The table in files that other programs read: CSV, Parquet, JSON, SQLite. Each file is written whole or not at all."""

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from safecount.errors import UsageError
from safecount_ops.controller.home import write_private
from safecount_ops.controller.reconcile import Estimate
from safecount_ops.controller.table import Row, Table, iso

Cell = str | int | float | None

SCHEMA = pa.schema(
    [
        ("site", pa.string()),
        ("door", pa.string()),
        ("kind", pa.string()),
        ("start", pa.string()),
        ("local", pa.string()),
        ("day", pa.string()),
        ("length_s", pa.int64()),
        ("status", pa.string()),
        ("entered", pa.float64()),
        ("entered_low", pa.float64()),
        ("entered_high", pa.float64()),
        ("exited", pa.float64()),
        ("exited_low", pa.float64()),
        ("exited_high", pa.float64()),
        ("noisy_entered", pa.int64()),
        ("noisy_exited", pa.int64()),
        ("watched_s", pa.int64()),
        ("accelerator", pa.string()),
        ("clock", pa.string()),
        ("rule", pa.string()),
        ("device", pa.string()),
    ]
)
"""The columns of every format; docs/controller.md explains each."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def cells(row: Row) -> dict[str, Cell]:
    """A row as the columns of SCHEMA; unknown numbers are None."""
    return {
        "site": row.site,
        "door": row.door,
        "kind": row.kind,
        "start": iso(row.start_s),
        "local": row.local.isoformat(),
        "day": row.day.isoformat(),
        "length_s": row.length_s,
        "status": row.status.value,
        **_numbers("entered", row.entered),
        **_numbers("exited", row.exited),
        "noisy_entered": row.noisy_entered,
        "noisy_exited": row.noisy_exited,
        "watched_s": row.watched_s,
        "accelerator": row.accelerator,
        "clock": row.clock,
        "rule": row.rule,
        "device": row.device,
    }


def _numbers(name: str, estimate: Estimate | None) -> dict[str, Cell]:
    if estimate is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    low, high = estimate.value - estimate.half_width, estimate.value + estimate.half_width
    return {name: round(estimate.value, 2), f"{name}_low": round(low, 2), f"{name}_high": round(high, 2)}


def rows_of(table: Table) -> list[Row]:
    """Hours, then days."""
    return [*table.hours, *table.days]


def to_csv(rows: Iterable[Row]) -> bytes:
    """RFC 4180 with a header. A name that a spreadsheet would take for a formula gets an apostrophe before it."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, SCHEMA.names)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(cell) for name, cell in cells(row).items()})
    return out.getvalue().encode()


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def to_json(rows: Iterable[Row]) -> bytes:
    """An array of objects."""
    return (json.dumps([cells(row) for row in rows], ensure_ascii=False, indent=1) + "\n").encode()


def to_parquet(rows: Iterable[Row]) -> bytes:
    """A Parquet file of SCHEMA."""
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([cells(row) for row in rows], schema=SCHEMA), out)
    return out.getvalue()


def to_sqlite(rows: Iterable[Row]) -> bytes:
    """A database with one table, `counts`."""
    columns = ", ".join(f"{name} {_sql_type(SCHEMA.field(name).type)}" for name in SCHEMA.names)
    db = sqlite3.connect(":memory:")
    try:
        db.execute(f"CREATE TABLE counts ({columns})")
        marks = ", ".join(f":{name}" for name in SCHEMA.names)
        db.executemany(f"INSERT INTO counts VALUES ({marks})", [cells(row) for row in rows])  # noqa: S608 - constants
        db.commit()
        return db.serialize()
    finally:
        db.close()


def _sql_type(kind: pa.DataType) -> str:
    return "INTEGER" if pa.types.is_integer(kind) else "REAL" if pa.types.is_floating(kind) else "TEXT"


WRITERS: dict[str, Callable[[Iterable[Row]], bytes]] = {
    "csv": to_csv,
    "json": to_json,
    "parquet": to_parquet,
    "sqlite": to_sqlite,
}


def write_export(path: Path, kind: str, rows: Sequence[Row]) -> None:
    """Write the rows in one of the formats of WRITERS; UsageError where the file cannot be written."""
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} to write {path.name} into.")
    write_private(path, WRITERS[kind](rows))


def write_parquet_days(folder: Path, table: Table) -> int:
    """table/site=SITE/DAY.parquet, a file a day. Writes those that are new or have changed; gives how many."""
    ordered = sorted(rows_of(table), key=lambda row: (row.site, row.day, row.kind, row.door, row.start_s))
    files = 0
    for (site, day), rows in groupby(ordered, key=lambda row: (row.site, row.day)):
        inside = folder / f"site={quote(site, safe='')}"
        inside.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, content = inside / f"{day.isoformat()}.parquet", to_parquet(rows)
        if not path.exists() or path.read_bytes() != content:
            write_private(path, content)
            files += 1
    return files
