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
events(), opt_outs() and exclusions(), which answer what was said last.
Rule 2: a row under a known key replaces it; a message under a known key is the same message.
Rule 3: what others may have been told of is on the disk a second later.  Decisions, the progress of a
        session and acknowledgements wait up to WAIT_MS, and a heartbeat is written every HEARTBEAT_MS:
        every second, they would wear out an SD card.  A power cut may take that much of them.
Rule 4: decisions, load, audit lines and acknowledged messages are pruned; sessions and outages never.
        Messages that were not acknowledged and are no telemetry stay, too (storeoutbox.py).
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from edge.core.learned import KEPT as STAYS_KEPT
from edge.core.peaktarget import LOOKS_BACK_MS
from edge.model.exclusion import Exclusion
from edge.model.flow import Restored
from edge.model.openadr import OpenAdrEvent
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
    Session,
)
from edge.model.site import Window
from edge.model.trends import DeviceHealth, MonthPeak
from edge.model.units import DAY_MS, MINUTE_MS, QUARTER_MS
from edge.shell import storetables
from edge.shell.storefile import MEMORY, StoreDamaged, StoreTrouble, connect, set_aside, told
from edge.shell.storeoutbox import LINKS, Gone, Message, OutboxTable, Pending, shorten
from edge.shell.storetables import Params, key_of, put_row

# Measured with 50 busy chargers (depot bench store): committing everything every second writes 850 MB a day,
# and an SD card wears out by that; with this, 43 MB.  All that the daemon keeps: 41 MB (depot bench disk).
WAIT_MS = 5 * MINUTE_MS

# The moment of a power cut is known to this; it costs a page each time.
HEARTBEAT_MS = MINUTE_MS

# How long things are kept.  An acknowledged message can be sent again for a month; the audit log stands
# for more than the year that uptime looks back on.
DECISIONS_KEPT_MS = 30 * DAY_MS
DECISIONS_KEPT = 500_000
MESSAGES_KEPT_MS = 30 * DAY_MS
AUDIT_KEPT_MS = 400 * DAY_MS
# A year and the month before it: annual peaks and ratchets look back a year.
LOAD_KEPT_MS = 400 * DAY_MS
# Minutes and less are for reports of events, which are looked at in the month after: 4 MB of the site, 40 MB
# where a limit of the utility holds all the time; of 50 chargers 2 MB with events of four hours a day.
SLOTS_KEPT_MS = 45 * DAY_MS

# While the disk refuses, this much waits in memory; then decisions and audit lines go, oldest first.
BUFFER_MAX = 20_000
_MAY_BE_DROPPED = ("decision", "audit", "load_slot", "charger_slot")

# What SQLite or its Python module refuses for the value, whatever the disk does.
_UNFIT = (OverflowError, UnicodeEncodeError, sqlite3.IntegrityError, sqlite3.InterfaceError)


# What is learned from at a start: the last of each bay, the newest STAYS_KEPT.
LAST_STAYS = (
    "WHERE id IN (SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY charger ORDER BY "
    "start_wall_ms DESC) AS back FROM session WHERE end_reason = 'unplugged') WHERE back <= ?) "
    "ORDER BY start_wall_ms"
)


def monotonic_ms() -> int:
    """Return the monotonic clock."""
    return time.monotonic_ns() // 1_000_000


def _may_wait(row: Kept) -> bool:
    """Whether nobody has been told of a row: a decision, a block, or how far a session has come."""
    if isinstance(row, Session):
        return row.end_wall_ms is None and row.duration_ms > 0
    return isinstance(row, Decision | DeviceHealth | LoadBlock | ChargeBlock | LoadSlot | ChargerSlot)


def open_store(path: Path | str, boot_id: str) -> tuple["Store", list[str]]:
    """Open the store, come what may.  Returns it with notes for the audit log and the page.

    A file that is damaged is set aside beside the new one, for people to look at.  Where no file can be
    made the store is in memory: the depot is controlled, and nothing recorded survives.
    """
    notes: list[str] = []
    for _ in range(2):
        try:
            store = Store(path, boot_id)
            return store, notes + store.notes
        except StoreDamaged as error:
            notes += [str(error), set_aside(Path(path))]
        except StoreTrouble as error:
            notes.append(str(error))
            break
    notes.append("records are kept in memory only: nothing of them survives the daemon")
    return Store(MEMORY, boot_id), notes


class Store(OutboxTable):
    """The file.  boot_id: of this run of the machine, kept with the heartbeat."""

    def __init__(
        self,
        path: Path | str,
        boot_id: str = "",
        read_only: bool = False,
        clock: Callable[[], int] = monotonic_ms,
    ) -> None:
        """Open the file, or make it.  clock: monotonic ms.

        Raises StoreTrouble if that cannot be done, StoreDamaged if it is broken or of a newer version.
        """
        self.path = str(path)
        self.notes = []
        self._boot_id = boot_id
        self._read_only = read_only
        self._clock = clock
        self._buffer: Pending = {}
        self._waiting: Pending = {}  # what may wait, since _waiting_since_ms
        self._waiting_since_ms = 0
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
        self._entered: dict[str, Exclusion] = {}  # since the file was opened
        self._windows = {w.id: w for w in self._structs(Window, "window")}
        self._events = {e.id: e for e in self._structs(OpenAdrEvent, "utility_event")}
        self._opt_outs: dict[str, str] = dict(self._read("SELECT event_id, reason FROM opt_out"))

    def close(self, wall_ms: int | None = None) -> None:
        """Commit what is left and close.  wall_ms: a last heartbeat, where the clock is trusted."""
        try:
            if not self._read_only:
                if wall_ms is not None:
                    self._beat_wall_ms, self._beat_kept_wall_ms = wall_ms, None
                self.commit(all_of_it=True)
        finally:
            self._reader.close()
            self._writer.close()

    # --- starting -----------------------------------------------------------------------------------

    def restore(self, at_ms: int, wall_ms: int, load_from_wall_ms: int | None = None) -> Restored:
        """Return the first event for the core: what was going on when the gateway was last running.

        kept: sessions and port intervals without an end, the last stays of every bay, a week of what is not
        charging, all rows of the events still known, and the site's load from load_from_wall_ms on (None: of
        this quarter of an hour, and of sessions that are over no more than those stays).
        """
        this_quarter = wall_ms // QUARTER_MS * QUARTER_MS
        kept: list[Kept] = [*self._rows(Session, "WHERE end_wall_ms IS NULL")]
        kept += self._rows(PortInterval, "WHERE end_wall_ms IS NULL")
        kept += self._rows(Forgotten, "ORDER BY charger")
        over = {row.id: row for row in self._rows(Session, LAST_STAYS, STAYS_KEPT)}
        kept += self._rows(GridCount, "ORDER BY id")
        for event_id in self._events:
            kept += self._rows(EventStep, "WHERE event_id = ? ORDER BY wall_ms", event_id)
            kept += self._rows(Compliance, "WHERE event_id = ? ORDER BY start_wall_ms", event_id)
        load_from = this_quarter if load_from_wall_ms is None else min(load_from_wall_ms, this_quarter)
        kept += self._rows(NodeLoad, "ORDER BY wall_ms")
        if load_from_wall_ms is not None:  # there is a tariff: who came when is worth knowing
            recent = self._rows(Session, "WHERE end_wall_ms >= ?", wall_ms - LOOKS_BACK_MS)
            over |= {row.id: row for row in recent}
            kept += self._rows(MonthPeak, "ORDER BY month, priced_as")
        stays = sorted(over.values(), key=lambda row: row.start_wall_ms)
        kept += stays
        kept += self.load(load_from, this_quarter + QUARTER_MS)
        kept += self.charged(this_quarter, this_quarter + QUARTER_MS)
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

    def remember(self, key: str, value: str | int) -> None:
        """Keep a value in the table meta: "timezone" and "site" for those who read the file alone."""
        self._put(("meta", key), "INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # --- keeping ------------------------------------------------------------------------------------

    def keep(self, row: Kept, message: Message | None = None) -> None:
        """Keep a row with the next commit; in the same transaction, put a message into the outbox."""
        self._put(key_of(row), *put_row(row), may_wait=message is None and _may_wait(row))
        if isinstance(row, Compliance):  # an interval is over: whoever looks now wants its load, too
            self._waiting_since_ms = self._clock() - WAIT_MS
        if isinstance(row, Exclusion):
            self._entered[row.id] = row
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

    def exclusions(self) -> list[Exclusion]:
        """Return the entries of people about outages, as they were said last, by start."""
        known = {entry.id: entry for entry in super().exclusions()} | self._entered
        return sorted(known.values(), key=lambda entry: (entry.start_wall_ms, entry.id))

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

    def _put(self, key: tuple[Any, ...], sql: str, params: Params, may_wait: bool = False) -> None:
        with self._lock:
            self._buffer.pop(key, None)  # the newest goes last: statements run in the order of saying
            self._waiting.pop(key, None)
            if may_wait and not self._waiting:
                self._waiting_since_ms = self._clock()
            (self._waiting if may_wait else self._buffer)[key] = (sql, params)
            self._shorten()

    def _shorten(self) -> None:
        """While the disk refuses, let go of decisions and audit lines, oldest first."""
        if len(self._buffer) + len(self._waiting) <= BUFFER_MAX:
            return
        for pending in (self._waiting, self._buffer):
            oldest = next((key for key in pending if key[0] in _MAY_BE_DROPPED), None)
            if oldest is not None:
                del pending[oldest]
                return

    # --- committing ---------------------------------------------------------------------------------

    def commit(self, all_of_it: bool = False) -> None:
        """Write the buffer in one transaction, and wait for the disk.  all_of_it: what may wait, too.

        Raises StoreTrouble if the disk refuses: the buffer then waits for the next commit.  Also if
        single rows can never be kept (a figure beyond 64 bits): those are dropped, all others are kept.
        """
        with self._writing:
            with self._lock:
                batch, self._buffer = self._buffer, {}
                if all_of_it or self._clock() - self._waiting_since_ms >= WAIT_MS:
                    batch, self._waiting = self._waiting | batch, {}
                beat = self._beat_wall_ms
            try:
                with told(self.path, "be written"):
                    refused = self._write(batch, beat)
            except BaseException:
                with self._lock:  # what was said meanwhile is newer and stays
                    newer = self._buffer.keys() | self._waiting.keys()
                    self._buffer = {k: v for k, v in batch.items() if k not in newer} | self._buffer
                raise
            with self._lock:
                self._done -= {key[1:] for key in batch if key[0] == "done"}
        if refused:
            raise StoreTrouble(f"{self.path}: {len(refused)} rows cannot be kept, such as {refused[0]}")

    def _write(self, batch: Pending, beat_wall_ms: int | None) -> list[str]:
        """Write a batch.  Returns what was refused for what it is, not for the disk."""
        if self._beat_is_due(beat_wall_ms):
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

    def _beat_is_due(self, beat_wall_ms: int | None) -> bool:
        kept = self._beat_kept_wall_ms
        return beat_wall_ms is not None and (kept is None or abs(beat_wall_ms - kept) >= HEARTBEAT_MS)

    def prune(self, wall_ms: int) -> list[Gone]:
        """Delete what is old and may go, and what is too much.  Returns what was given up unsent."""
        with self._writing, told(self.path, "be pruned"):
            run = self._writer.execute
            run("DELETE FROM decision WHERE wall_ms < ?", (wall_ms - DECISIONS_KEPT_MS,))
            run(
                "DELETE FROM decision WHERE wall_ms < "
                "(SELECT wall_ms FROM decision ORDER BY wall_ms DESC LIMIT 1 OFFSET ?)",
                (DECISIONS_KEPT,),
            )
            run("DELETE FROM audit WHERE wall_ms < ?", (wall_ms - AUDIT_KEPT_MS,))
            for table in ("load_block", "charge_block"):
                run(f"DELETE FROM {table} WHERE start_wall_ms < ?", (wall_ms - LOAD_KEPT_MS,))
            run("DELETE FROM device_health WHERE start_wall_ms < ?", (wall_ms - LOAD_KEPT_MS,))
            run("DELETE FROM departure WHERE ready_by_wall_ms < ?", (wall_ms - LOAD_KEPT_MS,))
            for table in ("load_slot", "charger_slot"):
                run(f"DELETE FROM {table} WHERE start_wall_ms < ?", (wall_ms - SLOTS_KEPT_MS,))
            run("DELETE FROM outbox WHERE done_wall_ms < ?", (wall_ms - MESSAGES_KEPT_MS,))
            return [gone for link in LINKS for gone in shorten(self._writer, link)]
