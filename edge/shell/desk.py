"""What pages and commands may ask of the running daemon, and what they may wish.

Rule 1: the desk shows what the core has decided (one TickRecord a second, by `noted`) and decides nothing.
Rule 2: a wish is checked here, handed to the store (whose next commit is within a second), and then told
        to the core as an event.  Who wished what is on the audit log, refusals as well.
Rule 3: nothing waits for a slow reader.  A subscriber that is late gets the newest tick, not a queue.

Everything here runs in the daemon's loop.  Wall times are UTC ms.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.core.demand_state import EVERYTHING, PROGRAM
from edge.model.exclusion import Exclusion
from edge.model.flow import AnyEvent, GridReset, GridSignal, OptOut
from edge.model.records import Decision, TickRecord
from edge.model.site import Site
from edge.model.units import SECOND_MS
from edge.report.performance import EventReport
from edge.shell import exclusions, why, words
from edge.shell.ahead import Ahead
from edge.shell.answers import (
    DayStatus,
    DeskError,
    EventStatus,
    GridStatus,
    NothingRecordedError,
    NotYetError,
    OptOutStatus,
    Status,
    UnknownError,
    Why,
    WindowConsequence,
)
from edge.shell.archive import Archive
from edge.shell.day import day
from edge.shell.deskbase import REASON_MAX, DeskStore, HasDecisions
from edge.shell.exclusions import ExclusionStatus, ExclusionWish
from edge.shell.lines import Lines
from edge.shell.lookback import Lookback
from edge.shell.reception import Reception
from edge.shell.status import StatusMaker
from edge.shell.storefile import MEMORY
from edge.shell.windowdesk import WindowDesk
from edge.shell.windows import WindowWish, charger_of, checked, note


class Desk(WindowDesk):
    """Answer for the daemon.

    say: hands an event to the core.  now_ms, wall_ms: the clocks.  report: makes the report of an event by
    its id, None where nothing was measured of it; it reads the disk.  accounts: their file.
    archive, lines, ahead, reception: parts of the desk that answer for themselves.
    ticks: how many were noted: another number is a newer status.  site_file: where it stands, if it does.
    """

    def __init__(
        self,
        site: Site,
        store: DeskStore,
        say: Callable[[AnyEvent], None],
        *,
        now_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        report: Callable[[str], EventReport | None] = lambda event_id: None,
        accounts: Path | None = None,
        archive: Archive | None = None,
        lines: Lines | None = None,
    ) -> None:
        super().__init__(site, store, say, now_ms, wall_ms)
        self.reception = Reception(accounts, store.audit, now_ms, wall_ms)
        self.ahead = Ahead(site)
        self.archive = archive or Archive(MEMORY, site, None)
        self.lines = lines or Lines(now_ms)
        self.lookback = Lookback()
        self._make = StatusMaker(site)
        self._report = report
        self._latest: TickRecord | None = None
        self._made: Status | None = None
        self._next = asyncio.Event()
        self.closed = False
        self.ticks = 0
        self.site_file: Path | None = None

    # What the daemon does.

    def noted(self, record: TickRecord) -> None:
        """Take in what a tick saw and decided; wake the subscribers."""
        self._latest = record
        self._made = None
        self.ticks += 1
        self.lookback.add(record)
        self._wake()

    def close(self) -> None:
        """End all subscriptions: the daemon stops."""
        self.closed = True
        self._wake()

    # What pages and commands ask.

    def status(self) -> Status:
        """Return the depot now.  Raises DeskError before the first tick."""
        if self._latest is None:
            raise NotYetError("the daemon has not made its first tick yet; ask again in a second")
        age_ms = max(0, self._now_ms() - self._latest.at_ms)
        if self._made is None or abs(age_ms - self._made.age_ms) >= SECOND_MS:
            self._made = self._make.status(self._latest, age_ms, self._store.opt_outs())
        return self._made

    def why(self, charger: str, at_wall_ms: int | None = None) -> Why:
        """Return why a charger gets what it gets now, or got at a time.

        Raises DeskError where there is no such charger, or nothing is known of that time.
        """
        drawn = charger_of(self.site, charger)
        now_ms = self._wall_ms()
        if at_wall_ms is None:
            self.status()
            assert self._latest is not None
            found = why.from_record(self._latest, self.site, drawn, "now", now_ms)
        else:
            record = self.lookback.at(at_wall_ms)
            found = why.from_record(record, self.site, drawn, "memory", now_ms) if record else None
        if found:
            return found
        zone = ZoneInfo(self.site.timezone)
        return why_from_store(
            self._store, zone, charger, now_ms if at_wall_ms is None else at_wall_ms, now_ms
        )

    def decisions(self, charger: str, at_wall_ms: int | None, limit: int) -> list[Decision]:
        """Return the latest changes of a charger's grant up to a time (None: now), newest first."""
        return self._store.decisions(charger, self._wall_ms() if at_wall_ms is None else at_wall_ms, limit)

    async def newer(self, than: int) -> None:
        """Wait until `ticks` is not `than`, or the desk is closed."""
        while self.ticks == than and not self.closed:
            await self._next.wait()

    async def subscribe(self) -> AsyncIterator[Status]:
        """Yield the depot now and after every tick, until the desk is closed; a late reader skips."""
        shown = 0
        while not self.closed:
            await self.newer(shown)
            if self.ticks != shown:
                shown = self.ticks
                yield self.status()

    async def window_consequence(self, wish: WindowWish) -> WindowConsequence:
        """Return what a window would change; nothing is saved.  Raises DeskError."""
        known = self._all_windows()
        window = checked(wish, self.site, known)
        self.status()
        assert self._latest is not None
        before = self.ahead.seen(self._latest, known)
        mine = next((c for c in self._latest.chargers if c.id == window.charger), None)
        session_wh = (mine.session_wh if mine else None) or 0
        warning = note(window, self.site, known)
        return await self.ahead.consequence(window, warning, before, session_wh)

    async def day(self, date: str) -> DayStatus:
        """Return a local day (ISO date; "" is today): what was, and what is planned.  Raises DeskError."""
        return await day(self, date)

    def events(self) -> list[EventStatus]:
        """Return the utility's events that the last tick knew."""
        if self._latest is None:
            return []
        opt_outs = self._store.opt_outs()
        return [self._make.event(e, self._latest.wall_ms, opt_outs) for e in self._latest.events]

    async def event_report(self, event_id: str) -> EventReport:
        """Return what was done about an event.  Raises DeskError where nothing was measured of it."""
        found = await asyncio.to_thread(self._report, event_id)
        if found is None:
            raise NothingRecordedError(f"nothing was measured of event {event_id!r}")
        return found

    # What commands wish.  who: the person, as the shell knows them, for the audit log.

    def opt_out(self, event_id: str, reason: str, who: str, back_in: bool = False) -> EventStatus:
        """Opt out of an event of the utility with a reason, or back in.  Raises DeskError."""
        reason = reason.strip()
        with self._audited(who, f"opt {'in to' if back_in else 'out of'} event {event_id}"):
            known = [e.id for e in self.events()]
            if event_id not in known:
                ids = ", ".join(known) or "(there are none)"
                raise UnknownError(f"id: there is no event {event_id!r}; expected one of {ids}")
            if not back_in:
                self._checked_reason(reason)
            self._not_binding(next(e.program for e in self.events() if e.id == event_id), back_in)
            self._opted(event_id, reason, back_in)
        return next(e for e in self.events() if e.id == event_id)

    def opt_out_standing(self, program: str, reason: str, who: str, back_in: bool = False) -> OptOutStatus:
        """Opt out of all that a program sends, "" of everything; or back in.  Raises DeskError."""
        key = PROGRAM + program if program else EVERYTHING
        what = f"all events of program {program}" if program else "all events"
        reason = reason.strip()
        with self._audited(who, f"opt {'in to' if back_in else 'out of'} {what}"):
            if back_in and key not in self._store.opt_outs():
                raise UnknownError(f"program: nobody has opted out of {what}")
            if not back_in:
                self._checked_reason(reason)
            self._not_binding(program, back_in)
            self._opted(key, reason, back_in)
        words = f"{what} are obeyed again" if back_in else f"{what} are not obeyed: {reason}"
        binding = self.site.response.binding
        if binding and not back_in and not program:
            words += f"; but for those of {', '.join(binding)}, which are binding"
        return OptOutStatus(key, reason, words)

    def _not_binding(self, program: str, back_in: bool) -> None:
        told = any(event.binding and event.program == program for event in self.events())
        if (told or program in self.site.response.binding) and not back_in:
            raise DeskError(f"program: events of {program} are binding: there is no opting out of them")

    def _checked_reason(self, reason: str) -> None:
        if not (0 < len(reason) <= REASON_MAX and reason.isprintable()):
            raise DeskError(
                f"reason: expected 1 to {REASON_MAX} printable characters: it is kept with the event"
            )

    def _opted(self, key: str, reason: str, back_in: bool) -> None:
        self._store.opt_out(key, None if back_in else reason)
        self._say(OptOut(self._now_ms(), self._wall_ms(), key, reason, back_in))
        self._made = None

    def grid(self) -> list[GridStatus]:
        """Return the grid operator's limits as the last tick left them."""
        if self._latest is None:
            return []
        return [GridStatus(g.id, g.kind, g.node, g.state, g.limit_w, g.says) for g in self._latest.grid]

    def grid_beat(self, limit_id: str, limit_w: int | None, for_s: int | None) -> list[GridStatus]:
        """Take in a heartbeat of the grid operator's box.  Raises DeskError."""
        self._grid_limit(limit_id, [g.id for g in self.site.grid_limits if g.by_heartbeat], "heartbeat")
        for_ms = None if for_s is None else for_s * SECOND_MS
        self._say(GridSignal(self._now_ms(), limit_id, limit_w, for_ms))
        return self.grid()

    def grid_reset(self, limit_id: str, who: str, installer: bool) -> list[GridStatus]:
        """Take a lockout back, as far as whoever asks may; the audit log says whether.  Raises DeskError."""
        self._grid_limit(limit_id, [g.id for g in self.site.grid_limits if g.kind == "g100"], "lockout")
        self._say(GridReset(self._now_ms(), self._wall_ms(), limit_id, who, installer))
        return self.grid()

    def _grid_limit(self, limit_id: str, known: list[str], what: str) -> None:
        if limit_id not in known:
            ids = ", ".join(known) or "(there are none)"
            raise UnknownError(f"id: there is no limit {limit_id!r} with a {what}; expected one of {ids}")

    def exclusions(self) -> list[ExclusionStatus]:
        """Return what people have entered about outages, withdrawn entries as well."""
        return [exclusions.shown(entry, self.site.timezone) for entry in self._store.exclusions()]

    def exclusion_add(self, wish: ExclusionWish, who: str) -> ExclusionStatus:
        """Enter an outage, maintenance or a repair.  Raises DeskError."""
        with self._audited(who, f"{wish.kind} entered for {', '.join(wish.ports) or 'all ports'}"):
            taken = {entry.id for entry in self._store.exclusions()}
            return self._entered(exclusions.checked(wish, self.site, taken, self._wall_ms(), who))

    def exclusion_end(self, entry_id: str, to_time: str, who: str) -> ExclusionStatus:
        """Give an entry the end that nobody knew.  Raises DeskError."""
        with self._audited(who, f"{entry_id} ended"):
            entry = exclusions.found(entry_id, self._store.exclusions())
            return self._entered(exclusions.ended(entry, to_time, self.site, self._wall_ms()))

    def exclusion_withdraw(self, entry_id: str, because: str, who: str) -> ExclusionStatus:
        """Withdraw an entry; it stays on record.  Raises DeskError."""
        with self._audited(who, f"{entry_id} withdrawn"):
            entry = exclusions.found(entry_id, self._store.exclusions())
            return self._entered(exclusions.withdrawn(entry, because, self._wall_ms()))

    def _entered(self, entry: Exclusion) -> ExclusionStatus:
        self._store.keep(entry)
        return exclusions.shown(entry, self.site.timezone)

    def _wake(self) -> None:
        woken, self._next = self._next, asyncio.Event()
        woken.set()


def why_from_store(
    store: HasDecisions, zone: ZoneInfo | None, charger: str, at_wall_ms: int, now_ms: int
) -> Why:
    """Return why a charger got what it got, as the store knows it; works while no daemon runs.

    Raises NothingRecordedError where nothing is recorded.
    """
    decisions = store.decisions(charger, at_wall_ms)
    if not decisions:
        when = words.clock(at_wall_ms, zone, now_ms, seconds=True)
        raise NothingRecordedError(f"nothing is recorded of {charger} at or before {when}")
    return why.from_decision(decisions[0], zone, now_ms)
