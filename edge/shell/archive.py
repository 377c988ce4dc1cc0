"""What was: a month's reports, the audit log, a day's load and sessions, read from the store's file.

    await archive.report(month, "uptime")       one of REPORTS; a table of each for download
    await archive.cost(month)                   CostWorking until it is there: it may take minutes
    await archive.audit(before, limit, text)

Rule 1: everything is read in a thread, by a connection of its own that only reads; the daemon's loop and its
        writer wait for nothing here.
Rule 2: one at a time: a gateway has a core to control the depot with, and another for all the rest.
Rule 3: what is not committed is not seen; that is a second, five minutes for decisions and load.
"""

import asyncio
import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from edge.model.records import Compliance, LoadBlock, Session
from edge.model.site import Site
from edge.model.tariff import Tariff
from edge.model.units import DAY_MS
from edge.report.bill import Bill
from edge.report.health import Finding, findings
from edge.report.indicators import Indicator, indicators
from edge.report.sessions import SessionLine, Totals, rows, totals
from edge.report.uptime import PortUptime, months_ending
from edge.shell import bills, costs, uptimes
from edge.shell.answers import AuditEntry, AuditPage, DeskError, NothingRecordedError, NotYetError
from edge.shell.costs import MonthMoney
from edge.shell.monthly import facts_of, full_w
from edge.shell.storefile import MEMORY, StoreTrouble, told
from edge.shell.storelookups import Lookups

log = logging.getLogger(__name__)

AUDIT_MAX = 200
HEALTH_DAYS = 35
COSTS_KEPT = 12
WAITING_MAX = 6

T = TypeVar("T")


class MonthUptime(msgspec.Struct, frozen=True):
    """Uptime of a month, port by port (23 CFR 680.116(b)).  records_until_wall_ms: how far records go."""

    month: str
    timezone: str
    records_until_wall_ms: int
    ports: list[PortUptime]


class MonthSessions(msgspec.Struct, frozen=True):
    """The sessions that touch a month."""

    month: str
    timezone: str
    totals: Totals
    sessions: list[SessionLine]


class MonthIndicators(msgspec.Struct, frozen=True):
    """The depot's indicators of a month; docs/indicators.md defines each."""

    month: str
    timezone: str
    indicators: list[Indicator]


class MonthPerformance(msgspec.Struct, frozen=True):
    """What was done about the utility's limits of a month, interval by interval."""

    month: str
    timezone: str
    intervals: list[Compliance]


class MonthBilled(msgspec.Struct, frozen=True):
    """A month's bill, and of how much of the month it is made."""

    month: str
    timezone: str
    bill: Bill
    length_ms: int
    missing_ms: int


class CostWorking(msgspec.Struct, frozen=True):
    """The best in hindsight is being looked for.  done: tries so far, of about so many."""

    month: str
    done: int
    of: int


class DayRecords(msgspec.Struct, frozen=True):
    """What was recorded of a stretch of time: the load by quarters of an hour, and the sessions."""

    load: list[LoadBlock]
    sessions: list[Session]


class Reader(Lookups):
    """The store's file, for reading only."""

    def __init__(self, path: str) -> None:
        self.path, self.notes = path, []
        with told(path, "be read"):
            uri = Path(path).absolute().as_uri() + "?mode=ro"
            self._reader = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=5)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def audit_page(self, before: int | None, limit: int, text: str) -> list[AuditEntry]:
        """Return lines older than a line, newest first.  text: that one of the columns must hold."""
        sql = "SELECT id, wall_ms, who, what, outcome FROM audit WHERE id < ?"
        params: list[Any] = [before if before is not None else 2**62]
        if text:
            sql += " AND (instr(lower(who), ?) OR instr(lower(what), ?) OR instr(lower(outcome), ?))"
            params += [text.lower()] * 3
        return [AuditEntry(*row) for row in self._read(sql + " ORDER BY id DESC LIMIT ?", *params, limit)]


class Archive:
    """The store's file as pages and API ask it.  path: MEMORY where nothing is kept on disk."""

    def __init__(self, path: str, site: Site, tariff: Tariff | None) -> None:
        self._path = path
        self._site = site
        self._tariff = tariff
        self._one = asyncio.Semaphore(1)
        self._waiting = 0
        self._costs: OrderedDict[str, MonthMoney | str] = OrderedDict()
        self._working: dict[str, CostWorking] = {}

    # Reports of a month.  All raise DeskError where the month is none or nothing is on disk.

    async def uptime(self, month: str) -> MonthUptime:
        """Return the month's uptime."""

        def made(store: Reader) -> MonthUptime:
            until = _until(store)
            ports = uptimes.report(store, month, self._site.timezone, until)
            return MonthUptime(month, self._site.timezone, until, ports)

        return await self._read(made)

    async def sessions(self, month: str) -> MonthSessions:
        """Return the sessions that touch the month."""

        def made(store: Reader) -> MonthSessions:
            found = store.sessions(*months_ending(month, 1, self._site.timezone))
            return MonthSessions(month, self._site.timezone, totals(found), rows(found))

        return await self._read(made)

    async def indicators(self, month: str) -> MonthIndicators:
        """Return the month's indicators."""

        def made(store: Reader) -> MonthIndicators:
            zone = self._site.timezone
            facts = facts_of(store, month, zone, _until(store), full_w(self._site))
            return MonthIndicators(month, zone, indicators(facts))

        return await self._read(made)

    async def performance(self, month: str) -> MonthPerformance:
        """Return what was done about the utility's limits."""

        def made(store: Reader) -> MonthPerformance:
            found = store.compliance(*months_ending(month, 1, self._site.timezone))
            return MonthPerformance(month, self._site.timezone, found)

        return await self._read(made)

    async def bill(self, month: str) -> MonthBilled:
        """Return the month's bill."""
        tariff = self._with_tariff()

        def made(store: Reader) -> MonthBilled:
            found = bills.of_month(store, tariff, month, _until(store))
            return MonthBilled(
                month, self._site.timezone, found.bill, max(0, found.length_ms), found.missing_ms
            )

        return await self._read(made)

    async def cost(self, month: str) -> MonthMoney | CostWorking:
        """Return what charging cost, uncontrolled and at best; CostWorking while that is being found."""
        tariff = self._with_tariff()
        working = next(iter(self._working.values()), None)  # one at a time (rule 2)
        if working is not None and working.month == month:
            return working
        until = await self._read(_until)
        key = f"{month} {until // (15 * 60_000)}"  # a month that runs is made anew as it grows
        made = self._costs.get(key)
        if isinstance(made, str):
            raise DeskError(made)
        if made is not None:
            return made
        await self._read(lambda store: months_ending(month, 1, self._site.timezone))
        if self._working:
            raise NotYetError(f"the cost of {next(iter(self._working))} is being found; ask again after it")
        begun = self._working[month] = CostWorking(month, 0, 0)
        threading.Thread(target=self._cost, args=(month, key, tariff, until), daemon=True).start()
        return begun  # it may be over by now

    def _cost(self, month: str, key: str, tariff: Tariff, until: int) -> None:
        """Find a month's cost; in a thread of its own, because it may take minutes."""
        done = 0

        def watch(tries: int) -> None:
            nonlocal done
            done += 1
            self._working[month] = CostWorking(month, done, max(tries, done))

        try:
            reader = Reader(self._path)
            try:
                self._costs[key] = costs.of_month(reader, self._site, tariff, month, until, watch)
            finally:
                reader.close()
        except (StoreTrouble, ValueError) as error:
            self._costs[key] = f"month: {error}"
        except Exception as error:
            log.exception("the cost of %s", month)
            self._costs[key] = f"month: our mistake: {error!r}"
        finally:
            while len(self._costs) > COSTS_KEPT:
                self._costs.popitem(last=False)
            self._working.pop(month, None)

    # Other look-ups.

    async def look_at(self) -> list[Finding]:
        """Return what to look at before it fails."""

        def made(store: Reader) -> list[Finding]:
            until = _until(store)
            since = until - HEALTH_DAYS * DAY_MS
            return findings(store.health(since, until), store.sessions(since, until), until)

        return await self._read(made)

    async def audit(self, before: int | None, limit: int, text: str) -> AuditPage:
        """Return a page of the audit log, newest first."""
        found = await self._read(lambda store: store.audit_page(before, limit + 1, text))
        lines = found[:limit]
        return AuditPage(lines, lines[-1].id if len(found) > limit and lines else None)

    async def between(self, from_wall_ms: int, to_wall_ms: int) -> DayRecords:
        """Return what was recorded of a stretch of time."""
        return await self._read(
            lambda store: DayRecords(
                store.load(from_wall_ms, to_wall_ms), store.sessions(from_wall_ms, to_wall_ms)
            )
        )

    def _with_tariff(self) -> Tariff:
        if self._tariff is None:
            raise DeskError("tariff: the site file names none; expected one for what anything costs")
        return self._tariff

    async def _read(self, work: Callable[[Reader], T]) -> T:
        """Do some reading in a thread.  Raises DeskError."""
        if self._path == MEMORY:
            raise NothingRecordedError("nothing is on disk: the log says why the records are in memory only")
        if self._waiting >= WAITING_MAX:
            raise NotYetError("others are being answered; ask again in a few seconds")
        self._waiting += 1
        try:
            async with self._one:
                return await asyncio.to_thread(self._opened, work)
        finally:
            self._waiting -= 1

    def _opened(self, work: Callable[[Reader], T]) -> T:
        try:
            reader = Reader(self._path)
            try:
                return work(reader)
            finally:
                reader.close()
        except StoreTrouble as error:
            raise DeskError(str(error)) from None
        except ValueError as error:
            raise DeskError(str(error)) from None


def _until(store: Lookups) -> int:
    """Return how far the records go."""
    return int(store.meta("last_wall_ms") or 0)


def month_of(wall_ms: int, timezone: str) -> str:
    """Return the month of a time, as "2026-11"."""
    return f"{datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(timezone)):%Y-%m}"
