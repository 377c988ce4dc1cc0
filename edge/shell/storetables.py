"""The tables of the store, and how an older file becomes a current one.

Rule 1: a kind of Kept row is a table, its fields are the columns.  A field that is new in the struct is
added as a column when the file is opened; older rows then have the struct's default.
Rule 2: everything else that changes is a script in MIGRATIONS, run once, in one transaction.
Rule 3: a file of a newer version is not touched.

Rows are updated in place (upsert), and decisions and load are appended at the end of their tree: what is
written together lies together, because an SD card wears by pages, not by rows.
"""

import sqlite3
from typing import Any, NamedTuple, TypeVar

import msgspec

from edge.model.exclusion import Exclusion, UptimeStatement
from edge.model.records import (
    ChargeBlock,
    ChargerSlot,
    Compliance,
    Decision,
    EventStep,
    Forgotten,
    GridCount,
    Kept,
    LoadBlock,
    LoadSlot,
    NodeLoad,
    PortInterval,
    Promise,
    Session,
)
from edge.model.trends import Departure, DeviceHealth, MonthPeak

# The version of FIXED and of the keys in KEPT.  Raise it together with a script in MIGRATIONS.
VERSION = 1

# version -> what makes the next one of it.
MIGRATIONS: dict[int, str] = {}


class KeptTable(NamedTuple):
    """Where a kind of row is kept.  key: its columns that tell a row from others."""

    name: str
    key: tuple[str, ...]
    extra: str = ""


KEPT: dict[type[Kept], KeptTable] = {
    Session: KeptTable(
        "session",
        ("id",),
        "CREATE INDEX IF NOT EXISTS session_start ON session(start_wall_ms);"
        "CREATE INDEX IF NOT EXISTS session_open ON session(charger) WHERE end_wall_ms IS NULL;",
    ),
    PortInterval: KeptTable(
        "port_interval",
        ("port", "start_wall_ms"),
        "CREATE INDEX IF NOT EXISTS port_interval_open ON port_interval(port) WHERE end_wall_ms IS NULL;",
    ),
    Decision: KeptTable("decision", ("wall_ms", "charger")),
    EventStep: KeptTable("event_step", ("event_id", "wall_ms", "step")),
    Compliance: KeptTable("compliance", ("event_id", "interval_id", "start_wall_ms")),
    LoadBlock: KeptTable("load_block", ("start_wall_ms",)),
    ChargeBlock: KeptTable("charge_block", ("start_wall_ms", "session_id")),
    LoadSlot: KeptTable("load_slot", ("start_wall_ms",)),
    ChargerSlot: KeptTable("charger_slot", ("start_wall_ms", "charger")),
    GridCount: KeptTable("grid_count", ("id",)),
    NodeLoad: KeptTable("node_load", ("week_at", "node")),
    Promise: KeptTable("promise", ("charger", "ready_by_wall_ms")),
    Departure: KeptTable("departure", ("ready_by_wall_ms", "charger")),
    MonthPeak: KeptTable("month_peak", ("month", "priced_as")),
    DeviceHealth: KeptTable("device_health", ("start_wall_ms", "device")),
    Exclusion: KeptTable("exclusion", ("id",)),
    Forgotten: KeptTable("forgotten", ("charger",)),
    UptimeStatement: KeptTable("uptime_statement", ("port", "month", "version")),
}

# Kinds whose rows come in the order of their keys: the key is the tree.
APPENDED = (Decision, LoadBlock, ChargeBlock, LoadSlot, ChargerSlot)

# Tables whose rows are not Kept structs.  outbox: done_wall_ms is NULL until somebody has acknowledged;
# outbox_seq outlives the rows, so that a number is never given twice.  lane: messages of one lane go one
# after the other; telemetry: may be given up when there is too much.  meta "stream" names the file's numbers.
FIXED = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS window (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS utility_event (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS opt_out (event_id TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    outcome TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS outbox (
    link TEXT NOT NULL, seq INTEGER NOT NULL, key TEXT NOT NULL, topic TEXT NOT NULL,
    payload BLOB NOT NULL, made_wall_ms INTEGER NOT NULL, done_wall_ms INTEGER,
    lane TEXT NOT NULL DEFAULT '', telemetry INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (link, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS outbox_key ON outbox(link, key);
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox(link, seq) WHERE done_wall_ms IS NULL;
CREATE TABLE IF NOT EXISTS outbox_seq (link TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS outbox_count AFTER INSERT ON outbox BEGIN
    INSERT INTO outbox_seq VALUES (new.link, new.seq) ON CONFLICT (link) DO UPDATE SET last = new.seq;
END;
INSERT OR IGNORE INTO meta VALUES ('stream', lower(hex(randomblob(6))));
"""

# Columns of the outbox that files of earlier releases lack.
OUTBOX_LATER = {"lane": "TEXT NOT NULL DEFAULT ''", "telemetry": "INTEGER NOT NULL DEFAULT 0"}

PUT_MESSAGE = """
INSERT INTO outbox (link, seq, key, topic, payload, made_wall_ms, lane, telemetry)
SELECT :link, COALESCE((SELECT last FROM outbox_seq WHERE link = :link), 0) + 1,
       :key, :topic, :payload, :made_wall_ms, :lane, :telemetry
WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE link = :link AND key = :key)
"""

Row = TypeVar("Row", bound=Kept)
Params = tuple[Any, ...] | dict[str, Any]


def columns(kind: type[Kept]) -> tuple[str, ...]:
    """Return the columns of a kind of row, in the order of its fields."""
    return kind.__struct_fields__


def put_row(row: Kept) -> tuple[str, Params]:
    """Return the statement that keeps a row, replacing the one under its key."""
    table = KEPT[type(row)]
    names = columns(type(row))
    rest = [name for name in names if name not in table.key]
    sql = (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in rest)
    )
    return sql, tuple(getattr(row, name) for name in names)


def key_of(row: Kept) -> tuple[Any, ...]:
    """Return what tells a row from others: its table and the values of its key."""
    table = KEPT[type(row)]
    return (table.name, *(getattr(row, name) for name in table.key))


def prepare(connection: sqlite3.Connection) -> None:
    """Make a new file current, or bring an older one up, in one transaction.

    Raises ValueError if the file is of a newer version.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise ValueError(f"it is of version {version}, and this program knows up to {VERSION}")
    script = "BEGIN IMMEDIATE;" + FIXED
    if version:
        script += "".join(MIGRATIONS[step] for step in range(version, VERSION))
    there = {row[1] for row in connection.execute("PRAGMA table_info(outbox)")}
    for name, column in OUTBOX_LATER.items() if there else ():
        script += "" if name in there else f"ALTER TABLE outbox ADD COLUMN {name} {column};"
    for kind, table in KEPT.items():
        script += _table(connection, kind, table)
    connection.executescript(script + f"PRAGMA user_version = {VERSION}; COMMIT;")


def _table(connection: sqlite3.Connection, kind: type[Kept], table: KeptTable) -> str:
    """Return the script that makes a table of Kept rows, or adds the columns that it lacks."""
    there = {row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")}
    if there:
        missing = [name for name in columns(kind) if name not in there]
        added = "".join(f"ALTER TABLE {table.name} ADD COLUMN {name};" for name in missing)
        return added + table.extra
    appended = " WITHOUT ROWID" if kind in APPENDED else ""
    body = ", ".join([*columns(kind), f"PRIMARY KEY ({', '.join(table.key)})"])
    return f"CREATE TABLE {table.name} ({body}){appended};" + table.extra


def row_of(kind: type[Row], values: tuple[Any, ...]) -> Row:
    """Return a row of the store as its struct; what an older file did not have is the default."""
    fields = zip(msgspec.structs.fields(kind), values, strict=True)
    given = {field.name: value for field, value in fields if value is not None or field.required}
    return msgspec.convert(given, kind, strict=False)
