"""The fine load: what flowed at the site and into each vehicle, in short slots, tick by tick.

    book = LoadBook(site)
    cuts = Cuts()
    cuts.look(events, from, to)                 once a minute: where slots end for the events' sake
    rows = book.step(tick, record, cuts)        every tick

Rule 1: where the wall clock has run otherwise than the monotonic one, nothing is counted: a new slot begins.
Rule 2: what was not measured is not counted: a gap is neither zero nor the last value.  A power holds
    until the next tick.
Rule 3: chargers have slots only while an event limits the site or asks for reports; bills and baselines are
    made of quarter-hours (load.py).
Rule 4: slots end at whole minutes (of a charger: quarter-hours), and where an interval of an event of the
    utility begins or ends; while a limit of the utility holds, every five seconds: so its plot is worth it.

What the slots are for: reports to the utility, and the picture of an event (edge/report/performance.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge.core.reportplan import Grid, boundaries, grid, groups
from edge.model.flow import AnyCommand, Keep, Tick
from edge.model.openadr import OpenAdrEvent, ReportDescriptor
from edge.model.records import ChargerSlot, LoadSlot, TickRecord
from edge.model.site import Site
from edge.model.units import MINUTE_MS, QUARTER_MS, SECOND_MS

LIMITED_SLOT_MS = 5 * SECOND_MS

# A tick that comes later than this has left a gap; a wall clock that is off by more was set.
GAP_MS = 5 * SECOND_MS
JUMP_MS = 500

# Chargers' slots are cut at intervals of events only where these are this long: there may be 200 of them.
SLOW_MS = MINUTE_MS

# What holds for years is no event to look at by the second, nor does it curtail.
STANDING = frozenset({"IMPORT_CAPACITY_SUBSCRIPTION", "IMPORT_CAPACITY_RESERVATION"})

VEHICLE_THERE = frozenset("BCD")


@dataclass(slots=True)
class _Sum:
    """What flowed since a slot began, in W·ms; what is left over of a Ws goes to the next slot."""

    since_wall_ms: int
    measured_ms: int = 0
    import_wms: int = 0
    export_wms: int = 0
    charging_wms: int = 0
    highest_w: int | None = None
    held_ms: int = 0
    limit_w: int | None = None
    charging_limit_w: int | None = None
    limited: bool = False
    there: bool = False
    vehicle: str = ""

    def flows(self, ms: int, power_w: int | None) -> None:
        """Add some time of a power; None is not measured."""
        if power_w is None:
            return
        self.measured_ms += ms
        self.import_wms += max(0, power_w) * ms
        self.export_wms += max(0, -power_w) * ms
        self.highest_w = power_w if self.highest_w is None else max(self.highest_w, power_w)

    def next(self, wall_ms: int) -> "_Sum":
        """Return the slot that follows."""
        return _Sum(
            wall_ms,
            import_wms=self.import_wms % 1000,
            export_wms=self.export_wms % 1000,
            charging_wms=self.charging_wms % 1000,
        )

    def under(self, limit_w: int | None, charging_limit_w: int | None) -> None:
        """Note what limits held in it: the lowest of each."""
        self.limited = self.limited or limit_w is not None or charging_limit_w is not None
        self.limit_w = _lower(self.limit_w, limit_w)
        self.charging_limit_w = _lower(self.charging_limit_w, charging_limit_w)


@dataclass(slots=True)
class _Last:
    """What held since the last tick."""

    at_ms: int
    wall_ms: int
    power_w: int | None
    charging_w: int
    limit_w: int | None
    charging_limit_w: int | None
    chargers: dict[str, tuple[int | None, bool, bool, str]] = field(default_factory=dict)


class LoadBook:
    """Keeps the open slots of one site."""

    def __init__(self, site: Site) -> None:
        self._ids = [c.id for c in site.chargers]
        self._site: _Sum | None = None
        self._chargers: dict[str, _Sum] = {}
        self._last: _Last | None = None

    def step(self, tick: Tick, record: TickRecord, cuts: "Cuts") -> list[AnyCommand]:
        """Return the slots that ended since the last tick.

        Without a trusted clock nothing is kept: nobody could say when it was.
        """
        last, self._last = self._last, _seen(tick, record)
        if not tick.wall_trusted:
            self._last = self._site = None
            self._chargers = {}
            return []
        if last is None or self._site is None:
            self._begin(tick.wall_ms)
            return []
        passed_ms = tick.at_ms - last.at_ms
        if abs(tick.wall_ms - last.wall_ms - passed_ms) > JUMP_MS or passed_ms > GAP_MS:
            rows = [
                *self._close_site(last.wall_ms),
                *self._close_chargers(last.wall_ms, cuts.wanted(last.wall_ms)),
            ]
            self._begin(tick.wall_ms)
            return rows
        return self._pass(last, tick, cuts)

    def _begin(self, wall_ms: int) -> None:
        self._site = _Sum(wall_ms)
        self._chargers = {charger: _Sum(wall_ms) for charger in self._ids}

    def _pass(self, last: _Last, tick: Tick, cuts: "Cuts") -> list[AnyCommand]:
        """Let the time since the last tick pass, piece by piece between the ends of slots."""
        rows: list[AnyCommand] = []
        at = last.wall_ms
        limited = last.limit_w is not None or last.charging_limit_w is not None
        for cut, slow in cuts.within(at, tick.wall_ms, limited):
            self._flow(last, cut - at)
            rows += self._close_site(cut)
            if slow:
                rows += self._close_chargers(cut, cuts.wanted(cut))
            at = cut
        self._flow(last, tick.wall_ms - at)
        return rows

    def _flow(self, last: _Last, ms: int) -> None:
        assert self._site is not None
        self._site.flows(ms, last.power_w)
        self._site.charging_wms += last.charging_w * ms
        if ms:
            self._site.under(last.limit_w, last.charging_limit_w)
        for charger, (power_w, there, held_back, vehicle) in last.chargers.items():
            slot = self._chargers[charger]
            slot.flows(ms, power_w)
            slot.there = slot.there or there
            slot.under(last.limit_w, last.charging_limit_w)
            slot.held_ms += ms if held_back else 0
            slot.vehicle = vehicle or slot.vehicle

    def _close_site(self, wall_ms: int) -> list[AnyCommand]:
        slot = self._site
        assert slot is not None
        self._site = slot.next(wall_ms)
        if wall_ms <= slot.since_wall_ms or (not slot.measured_ms and not slot.charging_wms):
            return []
        row = LoadSlot(
            start_wall_ms=slot.since_wall_ms,
            duration_ms=wall_ms - slot.since_wall_ms,
            measured_ms=slot.measured_ms,
            energy_ws=slot.import_wms // 1000,
            export_ws=slot.export_wms // 1000,
            charging_ws=slot.charging_wms // 1000,
            highest_w=slot.highest_w,
            limit_w=slot.limit_w,
            charging_limit_w=slot.charging_limit_w,
        )
        return [Keep(row)]

    def _close_chargers(self, wall_ms: int, wanted_now: bool) -> list[AnyCommand]:
        rows: list[AnyCommand] = []
        for charger, slot in self._chargers.items():
            self._chargers[charger] = slot.next(wall_ms)
            wanted = slot.limited or wanted_now
            if wanted and wall_ms > slot.since_wall_ms and (slot.there or slot.import_wms >= 1000):
                rows.append(Keep(_charger_slot(charger, slot, wall_ms)))
        return rows


def _charger_slot(charger: str, slot: _Sum, wall_ms: int) -> ChargerSlot:
    return ChargerSlot(
        charger=charger,
        start_wall_ms=slot.since_wall_ms,
        duration_ms=wall_ms - slot.since_wall_ms,
        measured_ms=slot.measured_ms,
        energy_ws=slot.import_wms // 1000,
        highest_w=slot.highest_w or 0,
        held_ms=slot.held_ms,
        vehicle=slot.vehicle,
    )


def _seen(tick: Tick, record: TickRecord) -> _Last:
    """Return what a tick saw, as it holds until the next one."""
    limit_w: int | None = None
    charging_limit_w: int | None = None
    for event in record.events:
        over = event.to_wall_ms is not None and event.to_wall_ms <= tick.wall_ms
        if event.from_wall_ms <= tick.wall_ms and not over and event.payload_type not in STANDING:
            limit_w = _lower(limit_w, event.limit_w)
            charging_limit_w = _lower(charging_limit_w, event.charging_w)
    limited = limit_w is not None or charging_limit_w is not None
    return _Last(
        tick.at_ms,
        tick.wall_ms,
        record.nodes[0].power_w,
        sum(max(0, c.power_w or 0) for c in record.chargers),
        limit_w,
        charging_limit_w,
        {
            c.id: (c.power_w, c.state in VEHICLE_THERE, limited and c.granted_ma < c.asked_ma, c.vehicle)
            for c in record.chargers
        },
    )


def _lower(a: int | None, b: int | None) -> int | None:
    """Return the lower of two limits; None is no limit."""
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


class Cuts:
    """Where slots end, besides the whole minutes: at the intervals of the utility's events."""

    def __init__(self) -> None:
        self._at: dict[int, bool] = {}
        self._grids: dict[str, tuple[OpenAdrEvent, list[Grid]]] = {}
        self._wanted: list[tuple[int, int | None]] = []

    def look(self, events: Iterable[OpenAdrEvent], from_wall_ms: int, to_wall_ms: int) -> None:
        """Work out the cuts of the time to come; call it once a minute, or when something was said."""
        self._at, self._wanted, grids = {}, [], {}
        for event in events:
            known = self._grids.get(event.id)
            made = known[1] if known and known[0] is event else _grids(event)
            grids[event.id] = (event, made)
            if event.report_descriptors:
                self._wanted += [(each.start_wall_ms, each.end_wall_ms) for each in made[:1]]
            for each in made:
                for span in boundaries(each, from_wall_ms, to_wall_ms):
                    slow = span.to_wall_ms - span.from_wall_ms >= SLOW_MS
                    for at in (span.from_wall_ms, span.to_wall_ms):
                        self._at[at] = slow or self._at.get(at, False)
        self._grids = grids

    def wanted(self, wall_ms: int) -> bool:
        """Tell whether what went into vehicles until now is of interest: an event asks for reports."""
        return any(begin < wall_ms and (end is None or wall_ms <= end) for begin, end in self._wanted)

    def within(self, from_wall_ms: int, to_wall_ms: int, limited: bool) -> list[tuple[int, bool]]:
        """Return where slots end in (from, to], and whether those of the chargers do."""
        step_ms = LIMITED_SLOT_MS if limited else MINUTE_MS
        first = from_wall_ms // step_ms * step_ms + step_ms
        found = {at: at % QUARTER_MS == 0 for at in range(first, to_wall_ms + 1, step_ms)}
        for at, slow in self._at.items():
            if from_wall_ms < at <= to_wall_ms:
                found[at] = found.get(at, False) or slow
        return sorted(found.items())


def _grids(event: OpenAdrEvent) -> list[Grid]:
    paces = [group.pace for group in groups(event)] or [ReportDescriptor("")]
    return list(dict.fromkeys(grid(event, pace) for pace in paces))
