"""What must last: one SQLite file, WAL, synchronous=FULL, one commit a second (I11).

For the daemon:

    store, notes = open_store(path, boot_id)       never raises: at worst it keeps in memory, and notes say so
    store.remember("timezone", site.timezone)      so that reports find it in the file
    restored = store.restore(at_ms, wall_ms)       the first event for the core
    store.keep(row, message)                       a Keep command; the message goes to the outbox with it
    store.window_set(window) …                     all of these only fill a buffer
    store.heartbeat(wall_ms)                       every tick with a trusted clock
    await asyncio.to_thread(store.commit)          every second: the only thing that waits for the disk
    store.prune(wall_ms)                           once a day, in the same thread as commit

commit() raises StoreTrouble (disk full, read-only, corrupt).  Nothing is lost by that: the buffer stays
and the next commit tries again.  The daemon goes on controlling and tells the trouble.

For reports: Store(path, read_only=True), then sessions(), port_intervals(), decisions() …

Rule 1: what is not committed has not happened: reads answer from what is on the disk, but windows(),
events() and opt_outs(), which answer what was said last.
Rule 2: a row under a known key replaces it; a message under a known key is the same message.
Rule 3: decisions, audit lines and acknowledged messages are pruned; sessions and outages never.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge.model.flow import Restored
from edge.model.openadr import OpenAdrEvent
from edge.model.records import Compliance, Decision, EventStep, Kept, PortInterval, Session
from edge.model.site import Window
from edge.model.units import DAY_MS, MINUTE_MS
from edge.shell import storetables
from edge.shell.storefile import MEMORY, StoreDamaged, StoreTrouble, connect, set_aside, told
from edge.shell.storetables import KEPT, Params, Row, columns, key_of, put_row, row_of

Link = Literal["utility", "network"]

# A heartbeat costs a page or two; every second would write half a gigabyte a day.
HEARTBEAT_MS = MINUTE_MS

# How long things are kept.  An acknowledged message can be sent again for a month; the audit log stands
# for more than the year that uptime looks back on.
DECISIONS_KEPT_MS = 30 * DAY_MS
DECISIONS_KEPT = 500_000
MESSAGES_KEPT_MS = 30 * DAY_MS
AUDIT_KEPT_MS = 400 * DAY_MS

# While the disk refuses, this much waits in memory; then decisions and audit lines go, oldest first.
BUFFER_MAX = 20_000
_MAY_BE_DROPPED = ("decision", "audit")

# What SQLite or its Python module refuses for the value, whatever the disk does.
_UNFIT = (OverflowError, UnicodeEncodeError, sqlite3.IntegrityError, sqlite3.InterfaceError)


class Message(msgspec.Struct, frozen=True):
    """What goes to a broker.  key: tells the message from all others; sending it twice is once."""

    link: Link
    topic: str
    payload: bytes
    key: str
    made_wall_ms: int = 0


class OutboxRow(msgspec.Struct, frozen=True):
    """A message with its number.  seq: 1, 2, 3 … per link, without gaps, never given twice."""

    seq: int
    link: str
    topic: str
    payload: bytes
    key: str
    made_wall_ms: int = 0


class AuditLine(msgspec.Struct, frozen=True):
    """Who or what, did what, and what became of it."""

    wall_ms: int
    who: str
    what: str
    outcome: str


Pending = dict[tuple[Any, ...], tuple[str, Params]]


def open_store(path: Path | str, boot_id: str) -> tuple["Store", list[str]]:
    """Open the store, come what may.  Returns it with notes for the audit log and the page.

    A file that is damaged is set aside beside the new one, for people to look at.  Where no file can be
    made the store is in memory: the depot is controlled, and nothing recorded survives.
    """
    notes: list[str] = []
    try:
        return Store(path, boot_id), notes
    except StoreDamaged as error:
        notes.append(str(error))
        notes.append(set_aside(Path(path)))
    except StoreTrouble as error:
        notes.append(str(error))
    if len(notes) > 1:
        try:
            return Store(path, boot_id), notes
        except StoreTrouble as error:
            notes.append(str(error))
    notes.append("records are kept in memory only: nothing of them survives the daemon")
    return Store(MEMORY, boot_id), notes


class Store:
    """The file.  boot_id: of this run of the machine, kept with the heartbeat."""

    def __init__(self, path: Path | str, boot_id: str = "", read_only: bool = False) -> None:
        """Open the file, or make it.

        Raises StoreTrouble if that cannot be done, StoreDamaged if it is broken or of a newer version.
        """
        self.path = str(path)
        self._boot_id = boot_id
        self._read_only = read_only
        self._buffer: Pending = {}
        self._done: set[tuple[str, int]] = set()
        self._count = 0  # makes buffer keys of what never replaces anything
        self._beat_wall_ms: int | None = None
        self._beat_kept_wall_ms: int | None = None
        self._lock = threading.RLock()  # the buffer
        self._writing = threading.Lock()  # the writer's connection
        with told(self.path, "be opened"):
            self._writer = connect(self.path, read_only)
            alone = read_only or self.path == MEMORY
            self._reader = self._writer if alone else sqlite3.connect(self.path, check_same_thread=False)
        self._windows = {w.id: w for w in self._structs(Window, "SELECT json FROM window ORDER BY id")}
        self._events = {e.id: e for e in self._structs(OpenAdrEvent, "SELECT json FROM utility_event")}
        self._opt_outs: dict[str, str] = dict(self._read("SELECT event_id, reason FROM opt_out"))

    def close(self, wall_ms: int | None = None) -> None:
        """Commit what is left and close.  wall_ms: a last heartbeat, where the clock is trusted."""
        try:
            if not self._read_only:
                if wall_ms is not None:
                    self._beat_wall_ms, self._beat_kept_wall_ms = wall_ms, None
                self.commit()
        finally:
            self._reader.close()
            self._writer.close()

    # --- starting -----------------------------------------------------------------------------------

    def restore(self, at_ms: int, wall_ms: int) -> Restored:
        """Return the first event for the core: what was going on when the gateway was last running.

        kept: sessions and port intervals without an end, and all rows of the events still known.
        """
        kept: list[Kept] = [*self._rows(Session, "WHERE end_wall_ms IS NULL")]
        kept += self._rows(PortInterval, "WHERE end_wall_ms IS NULL")
        for event_id in self._events:
            kept += self._rows(EventStep, "WHERE event_id = ? ORDER BY wall_ms", event_id)
            kept += self._rows(Compliance, "WHERE event_id = ? ORDER BY start_wall_ms", event_id)
        return Restored(
            at_ms=at_ms,
            wall_ms=wall_ms,
            boot_id=self._boot_id,
            last_wall_ms=self.meta("last_wall_ms"),
            kept=kept,
            windows=self.windows(),
            events=self.events(),
            opt_outs=self.opt_outs(),
        )

    def meta(self, key: str) -> Any:
        """Return a value of the table meta, None where there is none."""
        found = self._read("SELECT value FROM meta WHERE key = ?", key)
        return found[0][0] if found else None

    def remember(self, key: str, value: str | int) -> None:
        """Keep a value in the table meta: "timezone" and "site" for those who read the file alone."""
        self._put(("meta", key), "INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # --- keeping ------------------------------------------------------------------------------------

    def keep(self, row: Kept, message: Message | None = None) -> None:
        """Keep a row with the next commit; in the same transaction, put a message into the outbox."""
        self._put(key_of(row), *put_row(row))
        if message is not None:
            self.tell(message)

    def tell(self, message: Message) -> None:
        """Put a message into the outbox.  One with a known key of its link changes nothing."""
        key = ("outbox", message.link, message.key)
        with self._lock:
            if key not in self._buffer:
                self._put(key, storetables.PUT_MESSAGE, msgspec.structs.asdict(message))

    def window_set(self, window: Window) -> None:
        """Keep a charge window; one with the same id is replaced."""
        self._windows[window.id] = window
        self._put_struct("window", "id", window.id, window)

    def window_remove(self, window_id: str) -> bool:
        """Forget a charge window.  Returns whether there was one."""
        self._put(("window", window_id), "DELETE FROM window WHERE id = ?", (window_id,))
        return self._windows.pop(window_id, None) is not None

    def windows(self) -> list[Window]:
        """Return the windows that were set here; those of the site file are not among them."""
        return list(self._windows.values())

    def event_set(self, event: OpenAdrEvent) -> None:
        """Keep an event of the utility; one with the same id is replaced."""
        self._events[event.id] = event
        self._put_struct("utility_event", "id", event.id, event)

    def event_remove(self, event_id: str) -> None:
        """Forget an event of the utility, and that it was opted out of.  What was done stays kept."""
        self._events.pop(event_id, None)
        self._put(("utility_event", event_id), "DELETE FROM utility_event WHERE id = ?", (event_id,))
        self.opt_out(event_id, None)

    def events(self) -> list[OpenAdrEvent]:
        """Return the utility's events that are known."""
        return list(self._events.values())

    def opt_out(self, event_id: str, reason: str | None) -> None:
        """Keep that an event was opted out of; None opts back in."""
        if reason is None:
            self._opt_outs.pop(event_id, None)
            self._put(("opt_out", event_id), "DELETE FROM opt_out WHERE event_id = ?", (event_id,))
            return
        self._opt_outs[event_id] = reason
        sql = "INSERT OR REPLACE INTO opt_out (event_id, reason) VALUES (?, ?)"
        self._put(("opt_out", event_id), sql, (event_id, reason))

    def opt_outs(self) -> dict[str, str]:
        """Return the reasons of opting out, by event id."""
        return dict(self._opt_outs)

    def audit(self, wall_ms: int, who: str, what: str, outcome: str) -> None:
        """Write a line of the audit log."""
        sql = "INSERT INTO audit (wall_ms, who, what, outcome) VALUES (?, ?, ?, ?)"
        self._count += 1
        self._put(("audit", self._count), sql, (wall_ms, who, what, outcome))

    def heartbeat(self, wall_ms: int) -> None:
        """Say that the gateway runs.  Only with a trusted clock; written about once a minute."""
        self._beat_wall_ms = wall_ms

    def _put_struct(self, table: str, key: str, value: str, struct: msgspec.Struct) -> None:
        sql = f"INSERT OR REPLACE INTO {table} ({key}, json) VALUES (?, ?)"
        self._put((table, value), sql, (value, msgspec.json.encode(struct).decode()))

    def _put(self, key: tuple[Any, ...], sql: str, params: Params) -> None:
        with self._lock:
            self._buffer.pop(key, None)  # the newest goes last: statements run in the order of saying
            self._buffer[key] = (sql, params)
            if len(self._buffer) > BUFFER_MAX:
                oldest = next((k for k in self._buffer if k[0] in _MAY_BE_DROPPED), None)
                if oldest is not None:
                    del self._buffer[oldest]

    # --- committing ---------------------------------------------------------------------------------

    def commit(self) -> None:
        """Write the buffer in one transaction, and wait for the disk.

        Raises StoreTrouble if the disk refuses: the buffer then waits for the next commit.  Also if
        single rows can never be kept (a figure beyond 64 bits): those are dropped, all others are kept.
        """
        with self._writing:
            with self._lock:
                batch, self._buffer = self._buffer, {}
                done, beat = set(self._done), self._beat_wall_ms
            try:
                with told(self.path, "be written"):
                    refused = self._write(batch, beat)
            except BaseException:
                with self._lock:  # what was said meanwhile is newer and stays
                    self._buffer = {k: v for k, v in batch.items() if k not in self._buffer} | self._buffer
                raise
            with self._lock:
                self._done -= done
        if refused:
            raise StoreTrouble(f"{self.path}: {len(refused)} rows cannot be kept, such as {refused[0]}")

    def _write(self, batch: Pending, beat_wall_ms: int | None) -> list[str]:
        """Write a batch.  Returns what was refused for what it is, not for the disk."""
        if self._beat_is_due(beat_wall_ms, bool(batch)):
            sql = "INSERT OR REPLACE INTO meta VALUES ('last_wall_ms', ?), ('boot_id', ?)"
            batch = {**batch, ("meta",): (sql, (beat_wall_ms, self._boot_id))}
        if not batch:
            return []
        refused = []
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for key, (sql, params) in batch.items():
                try:
                    self._writer.execute(sql, params)
                except _UNFIT as error:
                    refused.append(f"{' '.join(map(str, key))}: {error}")
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        if ("meta",) in batch:
            self._beat_kept_wall_ms = beat_wall_ms
        return refused

    def _beat_is_due(self, beat_wall_ms: int | None, writes_anyway: bool) -> bool:
        if beat_wall_ms is None:
            return False
        kept = self._beat_kept_wall_ms
        return writes_anyway or kept is None or abs(beat_wall_ms - kept) >= HEARTBEAT_MS

    def prune(self, wall_ms: int) -> None:
        """Delete what is old and may go: decisions, audit lines, acknowledged messages."""
        with self._writing, told(self.path, "be pruned"):
            self._writer.execute("DELETE FROM decision WHERE wall_ms < ?", (wall_ms - DECISIONS_KEPT_MS,))
            self._writer.execute(
                "DELETE FROM decision WHERE wall_ms < "
                "(SELECT wall_ms FROM decision ORDER BY wall_ms DESC LIMIT 1 OFFSET ?)",
                (DECISIONS_KEPT,),
            )
            self._writer.execute("DELETE FROM audit WHERE wall_ms < ?", (wall_ms - AUDIT_KEPT_MS,))
            self._writer.execute("DELETE FROM outbox WHERE done_wall_ms < ?", (wall_ms - MESSAGES_KEPT_MS,))

    # --- outbox -------------------------------------------------------------------------------------

    def outbox_pending(self, link: Link, limit: int) -> list[OutboxRow]:
        """Return the oldest messages that nobody has acknowledged yet, in order.  Only committed ones."""
        with self._lock:
            done = {seq for of, seq in self._done if of == link}
        where = "WHERE link = ? AND done_wall_ms IS NULL ORDER BY seq LIMIT ?"
        return [row for row in self._messages(where, link, limit + len(done)) if row.seq not in done][:limit]

    def outbox_range(self, link: Link, first: int, last: int) -> list[OutboxRow]:
        """Return the messages from one number to another, acknowledged or not: for sending them again."""
        return self._messages("WHERE link = ? AND seq BETWEEN ? AND ? ORDER BY seq", link, first, last)

    def outbox_done(self, link: Link, seqs: list[int], wall_ms: int = 0) -> None:
        """Say that messages were acknowledged.  They stay for outbox_range until they are pruned."""
        sql = "UPDATE outbox SET done_wall_ms = ? WHERE link = ? AND seq = ?"
        with self._lock:
            for seq in seqs:
                self._done.add((link, seq))
                self._put(("done", link, seq), sql, (wall_ms, link, seq))

    def outbox_waiting(self, link: Link) -> int:
        """Return how many messages nobody has acknowledged yet."""
        sql = "SELECT COUNT(*) FROM outbox WHERE link = ? AND done_wall_ms IS NULL"
        return int(self._read(sql, link)[0][0])

    def _messages(self, where: str, *params: Any) -> list[OutboxRow]:
        sql = f"SELECT seq, link, topic, payload, key, made_wall_ms FROM outbox {where}"
        return [OutboxRow(*row) for row in self._read(sql, *params)]

    # --- reading ------------------------------------------------------------------------------------

    def sessions(self, from_wall_ms: int, to_wall_ms: int, charger: str = "") -> list[Session]:
        """Return the sessions that touch a stretch of time, by start."""
        where = "WHERE start_wall_ms < ? AND (end_wall_ms IS NULL OR end_wall_ms > ?)"
        if charger:
            return self._rows(Session, where + " AND charger = ? ORDER BY start_wall_ms", to_wall_ms,
                              from_wall_ms, charger)  # fmt: skip
        return self._rows(Session, where + " ORDER BY start_wall_ms", to_wall_ms, from_wall_ms)

    def port_intervals(self, from_wall_ms: int, to_wall_ms: int) -> list[PortInterval]:
        """Return the port intervals that touch a stretch of time, by port and start."""
        where = "WHERE start_wall_ms < ? AND (end_wall_ms IS NULL OR end_wall_ms > ?)"
        return self._rows(PortInterval, where + " ORDER BY port, start_wall_ms", to_wall_ms, from_wall_ms)

    def first_seen(self) -> dict[str, int]:
        """Return when each port was first recorded: its clock of uptime starts then."""
        return dict(self._read("SELECT port, MIN(start_wall_ms) FROM port_interval GROUP BY port"))

    def decisions(self, charger: str, at_wall_ms: int, limit: int = 1) -> list[Decision]:
        """Return what held at a time, and what was decided before it, newest first."""
        where = "WHERE charger = ? AND wall_ms <= ? ORDER BY wall_ms DESC LIMIT ?"
        return self._rows(Decision, where, charger, at_wall_ms, limit)

    def event_steps(self, event_id: str) -> list[EventStep]:
        """Return how an event of the utility moved."""
        return self._rows(EventStep, "WHERE event_id = ? ORDER BY wall_ms", event_id)

    def compliance(self, from_wall_ms: int, to_wall_ms: int) -> list[Compliance]:
        """Return what was done about limits that touch a stretch of time."""
        where = "WHERE start_wall_ms < ? AND end_wall_ms > ? ORDER BY start_wall_ms"
        return self._rows(Compliance, where, to_wall_ms, from_wall_ms)

    def audit_lines(self, limit: int = 100) -> list[AuditLine]:
        """Return the newest lines of the audit log, newest first."""
        sql = "SELECT wall_ms, who, what, outcome FROM audit ORDER BY id DESC LIMIT ?"
        return [AuditLine(*row) for row in self._read(sql, limit)]

    def _rows(self, kind: type[Row], where: str, *params: Any) -> list[Row]:
        sql = f"SELECT {', '.join(columns(kind))} FROM {KEPT[kind].name} {where}"
        return [row_of(kind, values) for values in self._read(sql, *params)]

    def _structs(self, kind: Callable[..., Any], sql: str) -> list[Any]:
        return [msgspec.json.decode(text, type=kind) for (text,) in self._read(sql)]

    def _read(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        with told(self.path, "be read"):
            return self._reader.execute(sql, params).fetchall()
