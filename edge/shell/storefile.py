"""The store's file: opening it, and what SQLite says turned into words that name it.

connect(path, read_only) -> sqlite3.Connection       current tables, WAL, synchronous=FULL
told(path, doing)                                    a context: SQLite's errors become StoreTrouble
set_aside(path) -> str                               a damaged file out of the way, for people to look at
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.shell import storetables

MEMORY = ":memory:"

# A commit writes whole pages.  Measured over a day of 50 chargers: 40 MB with 2 kB, 54 MB with 4 kB pages.
PAGE = 2048

# Wait this long for another program that holds the file, such as a backup.
BUSY_S = 5

ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_READONLY: "the file or the disk is read-only",
    sqlite3.SQLITE_IOERR: "the disk does not answer; it may be worn out",
    sqlite3.SQLITE_CANTOPEN: "expected a folder that the daemon may write",
    sqlite3.SQLITE_BUSY: "another program holds it; is a second daemon running?",
}


class StoreTrouble(Exception):
    """The disk does not do what it should.  The text names the file and what went wrong."""


class StoreDamaged(StoreTrouble):
    """The file is there and is no store, a broken one, or one of a newer version."""


def connect(path: str, read_only: bool = False) -> sqlite3.Connection:
    """Open the file and make its tables current.

    The connection may be used by any thread, one at a time, and writes only in transactions that are
    written out.  Raises what SQLite raises, and ValueError for a newer version: use `told`.
    """
    if read_only:
        uri = Path(path).absolute().as_uri() + "?mode=ro"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=BUSY_S)
    else:
        connection = sqlite3.connect(path, check_same_thread=False, timeout=BUSY_S)
    connection.isolation_level = None
    try:
        if not read_only:
            connection.execute(f"PRAGMA page_size = {PAGE}")  # of a new file
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            storetables.prepare(connection)
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            raise sqlite3.DatabaseError(answer)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def told(path: str, doing: str) -> Iterator[None]:
    """Turn what SQLite raises into StoreTrouble, or StoreDamaged where the file itself is wrong."""
    try:
        yield
    except ValueError as error:
        raise StoreDamaged(f"{path}: cannot {doing}: {error}") from None
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        advice = f" ({ADVICE[code]})" if code in ADVICE else ""
        raise StoreTrouble(f"{path}: cannot {doing}: {error}{advice}") from None
    except sqlite3.DatabaseError as error:
        raise StoreDamaged(f"{path}: cannot {doing}: damaged, or no store at all: {error}") from None


def set_aside(path: Path) -> str:
    """Rename a damaged file and its journals.  Returns what was done, for the audit log."""
    for number in range(1, 1000):
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if aside.exists():
            continue
        try:
            path.rename(aside)
            for tail in ("-wal", "-shm"):
                journal = path.with_name(path.name + tail)
                if journal.exists():
                    journal.rename(aside.with_name(aside.name + tail))
        except OSError as error:
            return f"{path}: cannot be set aside: {error}"
        return f"{path}: set aside as {aside.name}; a new one begins"
    return f"{path}: a thousand damaged ones stand beside it already"
