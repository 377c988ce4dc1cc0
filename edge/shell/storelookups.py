"""What may be asked of the store: sessions, port intervals, decisions and all else that was committed.

For reports and look-ups; the daemon's Store and a reader of the file alone have them both.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec

from edge.model.exclusion import Exclusion, UptimeStatement
from edge.model.records import (
    ChargeBlock,
    ChargerSlot,
    Compliance,
    Decision,
    EventStep,
    LoadBlock,
    LoadSlot,
    PortInterval,
    Session,
)
from edge.model.trends import Departure, DeviceHealth, MonthPeak
from edge.model.units import MINUTE_MS, QUARTER_MS
from edge.shell.storefile import told
from edge.shell.storetables import KEPT, Row, columns, row_of


class AuditLine(msgspec.Struct, frozen=True):
    """Who or what, did what, and what became of it."""

    wall_ms: int
    who: str
    what: str
    outcome: str


class Lookups:
    """Look-ups by a connection of their own: what is not committed is not seen.

    notes: what was found to be wrong with the file, and could be lived with.
    """

    path: str
    notes: list[str]
    _reader: sqlite3.Connection

    def meta(self, key: str) -> Any:
        """Return a value of the table meta, None where there is none."""
        found = self._read("SELECT value FROM meta WHERE key = ?", key)
        return found[0][0] if found else None

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

    def exclusions(self) -> list[Exclusion]:
        """Return the entries of people about outages, withdrawn ones as well, by start."""
        return self._rows(Exclusion, "ORDER BY start_wall_ms, id")

    def statements(self, month: str = "") -> list[UptimeStatement]:
        """Return what was stated of a month's uptime, or of all months: by month, port and version."""
        order = "ORDER BY month, port, version"
        if month:
            return self._rows(UptimeStatement, f"WHERE month = ? {order}", month)
        return self._rows(UptimeStatement, order)

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

    def compliance_of(self, event_id: str) -> list[Compliance]:
        """Return what was done about the limits of an event, by start."""
        return self._rows(Compliance, "WHERE event_id = ? ORDER BY start_wall_ms", event_id)

    def load(self, from_wall_ms: int, to_wall_ms: int) -> list[LoadBlock]:
        """Return the site's load by quarters of an hour that begin in a stretch of time."""
        where = "WHERE start_wall_ms >= ? AND start_wall_ms < ? ORDER BY start_wall_ms"
        return self._rows(LoadBlock, where, from_wall_ms, to_wall_ms)

    def month_peaks(self, priced_as: str) -> list[MonthPeak]:
        """Return what months would have needed at best under the prices of one, by month."""
        return self._rows(MonthPeak, "WHERE priced_as = ? ORDER BY month", priced_as)

    def charged(self, from_wall_ms: int, to_wall_ms: int) -> list[ChargeBlock]:
        """Return what sessions got by quarters of an hour that begin in a stretch of time."""
        where = "WHERE start_wall_ms >= ? AND start_wall_ms < ? ORDER BY start_wall_ms, session_id"
        return self._rows(ChargeBlock, where, from_wall_ms, to_wall_ms)

    def load_slots(self, from_wall_ms: int, to_wall_ms: int) -> list[LoadSlot]:
        """Return the site's load by minutes and less that touch a stretch of time, by start."""
        where = "WHERE start_wall_ms > ? AND start_wall_ms < ? ORDER BY start_wall_ms"
        rows = self._rows(LoadSlot, where, from_wall_ms - MINUTE_MS, to_wall_ms)
        return [row for row in rows if row.start_wall_ms + row.duration_ms > from_wall_ms]

    def charger_slots(self, from_wall_ms: int, to_wall_ms: int) -> list[ChargerSlot]:
        """Return what went into vehicles during events, in slots that touch a stretch of time, by start."""
        where = "WHERE start_wall_ms > ? AND start_wall_ms < ? ORDER BY start_wall_ms, charger"
        rows = self._rows(ChargerSlot, where, from_wall_ms - QUARTER_MS, to_wall_ms)
        return [row for row in rows if row.start_wall_ms + row.duration_ms > from_wall_ms]

    def departures(self, from_wall_ms: int, to_wall_ms: int) -> list[Departure]:
        """Return the vehicles whose time came in a stretch of time."""
        where = "WHERE ready_by_wall_ms >= ? AND ready_by_wall_ms < ? ORDER BY ready_by_wall_ms, charger"
        return self._rows(Departure, where, from_wall_ms, to_wall_ms)

    def health(self, from_wall_ms: int, to_wall_ms: int) -> list[DeviceHealth]:
        """Return how devices were in stretches that began in a stretch of time."""
        where = "WHERE start_wall_ms >= ? AND start_wall_ms < ? ORDER BY start_wall_ms, device"
        return self._rows(DeviceHealth, where, from_wall_ms, to_wall_ms)

    def audit_lines(self, limit: int = 100) -> list[AuditLine]:
        """Return the newest lines of the audit log, newest first."""
        sql = "SELECT wall_ms, who, what, outcome FROM audit ORDER BY id DESC LIMIT ?"
        return [AuditLine(*row) for row in self._read(sql, limit)]

    def _rows(self, kind: type[Row], where: str, *params: Any) -> list[Row]:
        sql = f"SELECT {', '.join(columns(kind))} FROM {KEPT[kind].name} {where}"
        return [row_of(kind, values) for values in self._read(sql, *params)]

    def _structs(self, kind: Callable[..., Any], table: str) -> list[Any]:
        """Return the structs of a table; what another release wrote otherwise is noted and left out."""
        found = []
        for (text,) in self._read(f"SELECT json FROM {table} ORDER BY id"):
            try:
                found.append(msgspec.json.decode(text, type=kind))
            except msgspec.DecodeError as error:
                self.notes.append(f"{self.path}: a row of {table} is left out: {error}: {text[:80]}")
        return found

    def _read(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        with told(self.path, "be read"):
            return self._reader.execute(sql, params).fetchall()
