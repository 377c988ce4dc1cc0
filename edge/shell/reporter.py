"""Answers the utility's reportDescriptors: looks every second what is due, and puts it into the outbox.

    reporter = Reporter(site, store, clock, say, line)
    reporter.kept(row)           every row that the core keeps: what is not on the disk yet
    reporter.noted(record)       every tick
    await reporter.run()         for ever

Rule 1: a report is due by the plan of its event (edge/core/reportplan.py), and made when the core has ticked
    past its end: then all of it is known.
Rule 2: it is put into the outbox under a key of its own, and the outbox takes a key once.  So a restart,
    which looks again at the last minutes, doubles nothing.
Rule 3: of reports that were missed (the gateway was off), the latest of each kind is made.  Source: User
    Guide 7.5, "a single report should be issued immediately".
Rule 4: fast telemetry is made while the line is up.  While it is down, one report a minute holds all of it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from edge.core.reportplan import Due, Plan, Span, due, next_due, plans, spans
from edge.core.timeline import lay
from edge.model.openadr import OpenAdrEvent
from edge.model.records import ChargerSlot, Kept, LoadSlot, TickRecord
from edge.model.site import Site
from edge.model.units import DAY_MS, MINUTE_MS, QUARTER_MS
from edge.report.asked import Known, figures, unknown_types
from edge.report.baseline import Baseline
from edge.shell import openadr_report
from edge.shell.clock import Clock
from edge.shell.store import Store
from edge.shell.storefile import StoreTrouble
from edge.shell.storeoutbox import Message
from edge.shell.usual import Usual

Row = TypeVar("Row", bound=Kept)
Recent = tuple[tuple[LoadSlot, ...], tuple[ChargerSlot, ...]]

log = logging.getLogger("edge.reporter")

LOOK_S = 0.5

# How far back a restart looks: what fell due while the gateway was off, and the minutes before.
MISSED_MS = DAY_MS
BEFORE_MS = 2 * MINUTE_MS

# More often than this is telemetry: it may be given up for lack of room, and waits for the line.
FAST_MS = MINUTE_MS

# Rows that the store has not written yet: it writes them within five minutes.
RECENT_MS = 8 * MINUTE_MS


class Line(Protocol):
    """What is needed of the connection: whether it is up, and where its reports go ("": by REST)."""

    @property
    def connected(self) -> bool: ...
    @property
    def report_topic(self) -> str: ...


class Reporter:
    """One utility's reports.  say: puts a message into the outbox."""

    def __init__(
        self,
        site: Site,
        store: Store,
        clock: Clock,
        say: Callable[[Message], None],
        line: Line,
    ) -> None:
        assert site.utility is not None
        self._site, self._store, self._clock = site, store, clock
        self._utility = site.utility
        self._say, self._line = say, line
        self._slots: deque[LoadSlot] = deque()
        self._charger_slots: deque[ChargerSlot] = deque()
        self._record: TickRecord | None = None
        self._plans: dict[str, tuple[OpenAdrEvent, list[Plan]]] = {}
        self._until: dict[tuple[str, int, int], int] = {}
        self._next: dict[tuple[str, int, int], int | None] = {}
        self._alive_ms = int(store.meta("last_wall_ms") or 0)
        self._usual = Usual(store, site.timezone, site.utility)
        self._named: set[tuple[str, int]] = set()

    def wants(self, event_id: str) -> bool:
        """Tell whether an event says itself which reports it wants."""
        return any(event.report_descriptors for event in self._store.events() if event.id == event_id)

    def kept(self, row: Kept) -> None:
        """Take in a row that the core keeps."""
        recent: deque[LoadSlot] | deque[ChargerSlot]
        if isinstance(row, LoadSlot):
            self._slots.append(row)
            recent = self._slots
        elif isinstance(row, ChargerSlot):
            self._charger_slots.append(row)
            recent = self._charger_slots
        else:
            return
        oldest = row.start_wall_ms - RECENT_MS - (QUARTER_MS if isinstance(row, ChargerSlot) else 0)
        while recent[0].start_wall_ms < oldest:
            recent.popleft()

    def noted(self, record: TickRecord) -> None:
        """Take in what a tick saw."""
        self._record = record

    async def run(self) -> None:
        """Make what falls due, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except StoreTrouble as error:
                log.warning("reports wait: %s", error)

    async def look(self) -> None:
        """Make what has fallen due."""
        record = self._record
        if record is None or not self._clock.wall_trusted():
            return
        events = {event.id: event for event in self._store.events() if event.report_descriptors}
        self._plans = {key: value for key, value in self._plans.items() if key in events}
        self._until = {key: value for key, value in self._until.items() if key[0] in events}
        self._next = {key: value for key, value in self._next.items() if key in self._until}
        for event in events.values():
            for plan in self._planned(event):
                for report in self._due(event, plan, record.wall_ms):
                    recent = (tuple(self._slots), tuple(self._charger_slots))
                    await asyncio.to_thread(self._tell, event, plan, report, record, recent)

    def _planned(self, event: OpenAdrEvent) -> list[Plan]:
        known = self._plans.get(event.id)
        if known is None or known[0] is not event:
            known = self._plans[event.id] = (event, plans(event))
            self._name_unknown(event)
        return known[1]

    def _name_unknown(self, event: OpenAdrEvent) -> None:
        """Write down what is asked for and cannot be told."""
        unknown = unknown_types(event)
        if unknown and (event.id, event.received_wall_ms) not in self._named:
            self._named.add((event.id, event.received_wall_ms))
            self._store.audit(
                self._clock.wall_ms(),
                "reports",
                f"event {event.id}: {', '.join(unknown)[:200]}",
                "asked for, and not known here",
            )

    def _due(self, event: OpenAdrEvent, plan: Plan, now_ms: int) -> list[Due]:
        """Return the reports of a plan to make now, and note how far this is."""
        key = (event.id, event.received_wall_ms, plan.group.n)
        after = self._until.get(key)
        first_look = after is None
        if after is not None and now_ms < after:  # the clock was set back
            self._until[key] = after = now_ms
            self._next.pop(key, None)
        if key in self._next and ((at := self._next[key]) is None or now_ms < at):
            return []
        if after is None:
            after = max(event.received_wall_ms - 1, self._alive_ms - BEFORE_MS, now_ms - MISSED_MS)
        waits = plan.period_ms < FAST_MS and not self._line.connected
        if waits and not first_look and now_ms - after < MINUTE_MS:
            return []
        found = due(plan, after, now_ms)
        while found and (more := due(plan, found[-1].at_wall_ms, now_ms)):
            found = more  # too many at a time: the latest
        self._until[key], self._next[key] = now_ms, next_due(plan, now_ms)
        if first_look:  # before a restart, some were made already
            found = [
                r for r in found if not self._store.outbox_has("utility", openadr_report.key(event, plan, r))
            ]
        if len(found) > 1 and waits:
            return [found[-1]._replace(first=found[0].first)]
        late = bool(found) and now_ms - found[0].at_wall_ms > MINUTE_MS
        return found[-1:] if late else found

    def _tell(self, event: OpenAdrEvent, plan: Plan, report: Due, record: TickRecord, recent: Recent) -> None:
        """Make one report and put it into the outbox.  Reads the disk."""
        covered = spans(plan, report)
        if not covered:
            return
        answer = figures(self._site, plan, report, self._known(event, covered, record, recent))
        if answer is None:
            return
        drill = any(each.event_id == event.id and each.drill for each in record.events)
        key = openadr_report.key(event, plan, report)
        payload = openadr_report.written(event, answer, key, self._utility.ven_name, drill)
        fast = plan.period_ms < FAST_MS
        topic, now_ms = self._line.report_topic, self._clock.wall_ms()
        self._say(Message("utility", topic, payload, key, now_ms, telemetry=fast))

    def _known(self, event: OpenAdrEvent, covered: list[Span], record: TickRecord, recent: Recent) -> Known:
        from_ms, to_ms = covered[0].from_wall_ms, covered[-1].to_wall_ms
        begin = lay(event).start_wall_ms
        if not begin <= from_ms or to_ms - begin > DAY_MS:
            begin = from_ms  # a long event has a baseline for each of its reports
        past = from_ms < record.wall_ms
        return Known(
            merged(self._store.load_slots(from_ms, to_ms), recent[0]) if past else (),
            merged(self._store.charger_slots(from_ms, to_ms), recent[1]) if past else (),
            once(lambda: self._usual.load(begin, to_ms, record.wall_ms)),
            once(lambda: self._usual.charging(begin, to_ms, record.wall_ms)),
            record.chargers,
            record.events,
            any(each.event_id == event.id and each.step == "opted out" for each in record.events),
        )


def once(make: Callable[[], Baseline]) -> Callable[[], Baseline]:
    """Return what makes a baseline when it is first asked for, and has it from then on."""
    made: list[Baseline] = []

    def of() -> Baseline:
        if not made:
            made.append(make())
        return made[0]

    return of


def merged(stored: Sequence[Row], recent: Iterable[Row]) -> list[Row]:
    """Return slots of the disk and of memory, each once."""
    known = {slot_key(row) for row in stored}
    return [*stored, *(row for row in recent if slot_key(row) not in known)]


def slot_key(row: Kept) -> tuple[int, str]:
    """Return what tells a slot from others of its kind."""
    assert isinstance(row, LoadSlot | ChargerSlot)
    return row.start_wall_ms, row.charger if isinstance(row, ChargerSlot) else ""
