"""The receiver's tables, the same in SQLite and PostgreSQL, and how they are reached.

    message     every message under its number, once; what a later release says in it is in body
    session, outage, uptime, telemetry
                the latest word about each thing: the fields of model/messages.py as columns
    gone        numbers that will not come any more
    status      whether a gateway is there, by its own word or its broker's
    conflict    a number that came with two different keys: the gateway went on with an old copy of its disk

Rule 1: (site, stream, seq) is a number, (site, key) is a message.  Both are taken once.
Rule 2: of several messages about one thing the highest number counts; of two streams the later one.
Rule 3: a column that an older release did not know is added when the tables are opened.

connect("sqlite:PATH" | "postgresql://USER@HOST/NAME") -> Connection
"""

import sqlite3
import typing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec

from edge.model import messages

THINGS: dict[str, type[messages.Message]] = {
    "session": messages.SessionMessage,
    "outage": messages.OutageMessage,
    "uptime": messages.UptimeMessage,
    "telemetry": messages.TelemetryMessage,
}

TABLES = """
CREATE TABLE IF NOT EXISTS message (
    site TEXT NOT NULL, stream TEXT NOT NULL, seq BIGINT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL,
    id TEXT NOT NULL, boot_id TEXT NOT NULL, made_wall_ms BIGINT NOT NULL, received_wall_ms BIGINT NOT NULL,
    again_of BIGINT, wrong TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (site, stream, seq));
CREATE UNIQUE INDEX IF NOT EXISTS message_key ON message(site, key) WHERE again_of IS NULL;
CREATE TABLE IF NOT EXISTS gone (
    site TEXT NOT NULL, stream TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (site, stream, first, last));
CREATE TABLE IF NOT EXISTS conflict (
    site TEXT NOT NULL, stream TEXT NOT NULL, seq BIGINT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
    received_wall_ms BIGINT NOT NULL, PRIMARY KEY (site, stream, seq, key));
CREATE TABLE IF NOT EXISTS status (
    site TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, version TEXT NOT NULL, stream TEXT NOT NULL,
    last_seq BIGINT NOT NULL, made_wall_ms BIGINT NOT NULL, received_wall_ms BIGINT NOT NULL)
"""

# Of every message, and in table message already.
_HEAD = ("schema", "key", "boot_id")


class DatabaseTrouble(Exception):
    """The database cannot be used.  Says which one, what was to be done, and why not."""


class Rows(Protocol):
    """What both drivers answer."""

    rowcount: int

    def fetchall(self) -> list[Any]: ...


class Connection:
    """One connection to either database; statements use ? for values."""

    def __init__(self, name: str, own: Any, mark: str, errors: type[Exception]) -> None:
        """Wrap a driver's connection; it must leave transactions to us."""
        self.name = name
        self._own = own
        self._mark = mark
        self._errors = errors

    def run(self, sql: str, *values: Any) -> Rows:
        """Run one statement.  Raises DatabaseTrouble."""
        with self._told(sql.split(maxsplit=1)[0].lower()):
            rows: Rows = self._own.execute(sql.replace("?", self._mark), values)
            return rows

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what a statement selects."""
        found = self.run(sql, *values)
        with self._told("read"):
            return found.fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all or nothing, and wait for the disk."""
        self.run("BEGIN")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        try:
            self.run("ROLLBACK")
        except DatabaseTrouble:
            return  # the connection is gone, and with it the transaction

    def close(self) -> None:
        """Close the connection."""
        self._own.close()

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise DatabaseTrouble(f"{self.name}: {doing}: {str(error).strip()}") from None


def connect(url: str) -> Connection:
    """Open a database, and make its tables current.

    Raises DatabaseTrouble, and ValueError where the URL names neither kind.
    """
    if url.startswith("sqlite:"):
        found = _sqlite(url.removeprefix("sqlite:"))
    elif url.startswith(("postgresql://", "postgres://")):
        found = _postgresql(url)
    else:
        raise ValueError(f'db: expected "sqlite:PATH" or "postgresql://USER@HOST/NAME", got "{url}"')
    with found.transaction():
        for statement in TABLES.split(";"):
            found.run(statement)
        for kind, struct in THINGS.items():
            _make(found, kind, struct)
    return found


def _sqlite(path: str) -> Connection:
    try:
        own = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        own.execute("PRAGMA journal_mode = WAL")
        own.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error as error:
        raise DatabaseTrouble(f"sqlite:{path}: open: {error}") from None
    return Connection(f"sqlite:{path}", own, "?", sqlite3.Error)


def _postgresql(url: str) -> Connection:
    try:
        import psycopg  # noqa: PLC0415  an optional dependency
    except ImportError:
        raise DatabaseTrouble("postgresql needs its driver: pip install 'depot-edge[postgresql]'") from None
    name = url.rpartition("@")[2]  # without the password
    try:
        own = psycopg.connect(url, autocommit=True)
    except psycopg.Error as error:
        raise DatabaseTrouble(f"postgresql at {name}: open: {str(error).strip()}") from None
    return Connection(f"postgresql at {name}", own, "%s", psycopg.Error)


def columns(kind: str) -> tuple[str, ...]:
    """Return the columns of a thing's table: its message's fields but those of every message."""
    return tuple(name for name in THINGS[kind].__struct_fields__ if name not in _HEAD)


def _make(connection: Connection, kind: str, struct: type[msgspec.Struct]) -> None:
    hints = typing.get_type_hints(struct)
    connection.run(f"CREATE TABLE IF NOT EXISTS {kind} (site TEXT, id TEXT, PRIMARY KEY (site, id))")
    there = _columns_there(connection, kind)
    for name in columns(kind):
        if name not in there:
            type_ = "BIGINT" if int in (hints[name], *typing.get_args(hints[name])) else "TEXT"
            connection.run(f"ALTER TABLE {kind} ADD COLUMN {name} {type_}")


def _columns_there(connection: Connection, table: str) -> set[str]:
    described = connection.run(f"SELECT * FROM {table} LIMIT 0")
    return {column[0] for column in getattr(described, "description", ())}


def put_thing(connection: Connection, kind: str, message: messages.Message) -> None:
    """Keep the latest word about a thing (rule 2)."""
    names = columns(kind)
    rest = ", ".join(f"{name} = excluded.{name}" for name in names if name not in ("site", "id"))
    connection.run(
        f"INSERT INTO {kind} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT (site, id) DO UPDATE SET {rest} "
        f"WHERE ({kind}.stream = excluded.stream AND {kind}.seq < excluded.seq) "
        f"OR ({kind}.stream <> excluded.stream AND {kind}.made_wall_ms <= excluded.made_wall_ms)",
        *(_plain(getattr(message, name)) for name in names),
    )


def _plain(value: Any) -> Any:
    """Return a value as a column takes it: lists as JSON, text without NUL, which PostgreSQL refuses."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, Sequence):
        return msgspec.json.encode(value).decode()
    return value
