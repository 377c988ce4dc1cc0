"""One tick of the depot, from telemetry to setpoints.  Read this file first.

Rule 1: handle() is the only way in, the commands it returns are the only way out.
Rule 2: only Tick decides.  Every other event is folded into what is known, and waits.
Rule 3: nothing here asks a clock, a network, a disk or a random number: the same events give the same
        commands (I6).
"""

from dataclasses import replace
from typing import Literal

import msgspec

from edge.core import asks, foresight, guard, limits, obeying, quota, takes, taper, view
from edge.core.boards import Boards, Stop
from edge.core.calendar import Calendar
from edge.core.demand_effects import Vehicle
from edge.core.demand_state import Seen
from edge.core.diary import Diary
from edge.core.fleet import Fleet, Guest
from edge.core.forecast import BaseLoad
from edge.core.foresight import Foresight
from edge.core.giving import Giving
from edge.core.grid import Other, OtherLoad, highest_voltage_mv
from edge.core.gridlimits import GridLimits
from edge.core.limits import Cap
from edge.core.load import Load, SiteNow
from edge.core.loadbook import LoadBook
from edge.core.peaktarget import PeakTarget
from edge.core.planner import Planner, known
from edge.core.promises import Judged, Promises, judge
from edge.core.state import State
from edge.core.turns import Turns
from edge.core.windows import Stay, missing_wh
from edge.model.flow import (
    AnyCommand,
    AnyEvent,
    Audit,
    GridReset,
    GridSignal,
    Identified,
    Keep,
    Link,
    Lost,
    MonthsLearned,
    Noted,
    OperatorLimit,
    OptOut,
    Planned,
    ProgramSaid,
    Reading,
    Restored,
    SetCurrent,
    StaysForgotten,
    Tick,
    UtilitySaid,
    UtilityTaken,
    WindowRemoved,
    WindowSet,
    Written,
)
from edge.model.records import Session, TickRecord
from edge.model.sharing import Ask
from edge.model.site import Charger, Site
from edge.model.tariff import Tariff
from edge.model.units import PHASES, Triple, add


class Controller:
    """The core of one depot.  Feed it events in the order in which they happened."""

    def __init__(self, site: Site, tariff: Tariff | None = None) -> None:
        self.site = site
        self._state = State(site)
        self._other_load = OtherLoad(site)
        self._calendar = Calendar(site, tariff)
        self._diary = Diary(site)
        self._fleet = Fleet(site)
        self._turns = Turns(site)
        self._boards = Boards(site)
        self._base_load = BaseLoad(site)
        self._planner = Planner(site)
        self._peak_target = PeakTarget(site.timezone)
        self._promises = Promises()
        self._taken = {c.id: takes.Taken() for c in site.chargers}
        self._grid = GridLimits(site)
        self._foresight = Foresight()
        self._giving = Giving(site)
        self._load = Load(site.policy.meter_silent_ms)
        self._loadbook = LoadBook(site)
        self._paths = {n.id: site.path(n.id) for n in site.nodes}
        self._operator: dict[str, OperatorLimit] = {}

    def handle(self, event: AnyEvent) -> list[AnyCommand]:
        """Take in one event; return what is to be done now, in this order.

        Raises nothing on anything that a device, a broker or an operator can say.
        """
        match event:
            case Tick():
                return self._decide(event)
            case Reading():
                self._state.read(event.device, event.at_ms, event.values)
                self._grid.read(event.device, event.at_ms, event.values)
                return [*self._boards.read(event.device, event.at_ms, event.values)]
            case Identified():
                self._state.identified(event.device, event.identity)
                self._boards.identified(event.device, event.identity)
            case Lost():
                self._state.lost(event.device, event.why)
                self._boards.lost(event.device, event.why)
            case Written():
                self._state.written(event.charger, event.current_ma, event.at_ms)
            case UtilitySaid() | UtilityTaken() | ProgramSaid() | OptOut():
                return self._calendar.utility(event)
            case WindowSet() | WindowRemoved() | StaysForgotten():
                return self._calendar.window(event)
            case Planned():
                return self._planner.planned(event)
            case OperatorLimit():
                return self._operator_limit(event)
            case GridSignal() | GridReset():
                return self._grid.said(event)
            case Link():
                self._calendar.heard(event)
                return [Audit("mqtt", f"{event.link} link", "up" if event.up else f"down: {event.why}")]
            case Restored() | MonthsLearned():
                return self._remembered(event)
        return []

    def _remembered(self, event: Restored | MonthsLearned) -> list[AnyCommand]:
        """Take over what the store knew, or what was worked out from it."""
        if isinstance(event, MonthsLearned):
            self._peak_target.months(event)
            return []
        self._peak_target.restored(event)
        self._load.restored(event)
        self._base_load.restored(event)
        self._grid.restored(event)
        self._taken |= {
            row.charger: takes.restored(row)
            for row in event.kept
            if isinstance(row, Session) and row.end_wall_ms is None and row.charger in self._taken
        }
        return [*self._calendar.restored(event), *self._diary.restored(event)]

    def _decide(self, tick: Tick) -> list[AnyCommand]:
        now_ms = tick.at_ms
        others = self._other_load.at(self._state, now_ms)  # what is not charging, per node
        seen = obeying.seen(self.site, self._state, others, now_ms)  # what the utility's signals look at
        learned = self._learn(tick, others)
        self._calendar.there(self._guests(tick))
        bays = self._bays(tick, others, seen)
        wants = self._wants(tick, bays, seen)  # what each vehicle could use, and by when
        stops = self._boards.stops(now_ms)  # what the I/O boards hold back
        requests = self._turns.asks(self._state, wants, others, now_ms)  # the same, in the balancer's words
        requests = [_stopped(ask, stops.get(ask.id)) for ask in requests]
        caps, requests, cut = self._limited(tick, seen, wants, requests)  # what the utility and people allow
        rooms = limits.lowest(self.site, others, caps, self._asked(requests))
        held = self._held(now_ms)
        verdict = guard.decide(rooms, requests, held, self._paths)  # shares (C core), order, ramps, check
        verdict = _explained(quota.explained(verdict, cut), stops)
        self._turns.fold(self._state, {s.charger: s.current_ma for s in verdict.setpoints}, now_ms)
        giving = self._giving.step(self._state, wants, verdict, others, tick, frozenset(stops))
        may_ma = {c.id: self._state.chargers[c.id].may_ma for c in self.site.chargers}
        commands: list[AnyCommand] = [*self._boards.relays(rooms, held, may_ma, now_ms)]
        for setpoint in verdict.setpoints:
            self._state.chargers[setpoint.charger].tell(setpoint.current_ma, now_ms)
            self._state.chargers[setpoint.charger].give(giving.get(setpoint.charger, 0))
            commands.append(
                SetCurrent(
                    setpoint.charger,
                    -giving[setpoint.charger] if setpoint.charger in giving else setpoint.current_ma,
                    self.site.policy.setpoint_ms,
                    view.explained(setpoint.because, wants[setpoint.charger], rooms, others),
                )
            )
        root = others[self.site.nodes[0].id]
        commands += learned
        commands += self._wish(tick, bays, wants, others)
        commands += self._calendar.step(tick, seen)
        commands += self._grid.step(tick, others)
        promised = self._judged(tick, bays, wants, held)
        commands += self._promises.step(tick, promised.values())
        plan = self._planner.now(tick, self._base_load.error_w(self.site.nodes[0].id))
        record = view.record(
            self.site, tick, self._state, rooms, others, wants, verdict, held, self._diary, self._calendar,
            self._load.mean_w(), plan, self._grid.now(tick),
            promised, giving,
        )  # fmt: skip
        record = self._foreseen(record, tick, others)
        holding_back = self._turns.holding_back()
        written = self._diary.step(tick, self._state, record, self._boards, self._taken, holding_back)
        self._lesson(written)
        commands += self._peak_target.fold(written)
        commands += self._quarter(tick, root)
        commands += self._loadbook.step(tick, record, self._calendar.cuts(tick.wall_ms))
        commands.append(Noted(record))
        return commands

    def _foreseen(self, record: TickRecord, tick: Tick, others: dict[str, Other]) -> TickRecord:
        """Return the record with what is expected of the utility's events."""
        if not tick.wall_trusted:
            return record

        def facts() -> foresight.Facts:
            profile = self._base_load.profiles(others).get(self.site.nodes[0].id)
            stays = {c.id: self._calendar.stay(c.id, tick.wall_ms) for c in self.site.chargers}
            coming = self._calendar.coming(record.events)
            return foresight.facts(self.site, record, stays, coming, profile)

        return msgspec.structs.replace(
            record, events=self._foresight.told(record.events, tick.wall_ms, facts)
        )

    def _quarter(self, tick: Tick, root: Other) -> list[AnyCommand]:
        """Return the rows of the quarter; when it is over the network is told, the site's row last."""
        rows = self._load.step(tick, self._site_now(root), self._diary.sessions(), self._given_w(tick))
        told: Literal["", "network"] = "network" if self._load.finished else ""
        if self._load.finished is not None:
            self._calendar.flowed(self._load.finished)
        return [Keep(row, tell=told) for row in (*rows[1:], *rows[:1])]

    def _site_now(self, root: Other) -> SiteNow:
        """Return what the main meter says, as far as it is known now."""
        meter = self._state.meters.get(self.site.nodes[0].meter)
        known = root.known and meter is not None
        return SiteNow(root.power_w if known else None, meter.counter_wh if known and meter else None)

    def _given_w(self, tick: Tick) -> dict[str, int]:
        """Return what comes out of vehicles now, by charger, as far as it is measured."""
        shown = {c.id: self._state.chargers[c.id] for c in self.site.chargers if c.discharge_ma}
        silent_ms = self.site.policy.charger_silent_ms
        return {
            name: -known.power_w
            for name, known in shown.items()
            if known.power_w is not None and known.power_w < 0 and not known.silent(tick.at_ms, silent_ms)
        }

    def _learn(self, tick: Tick, others: dict[str, Other]) -> list[AnyCommand]:
        """Learn what flows besides charging at this time of the week, and what vehicles really take."""
        for charger in self.site.chargers:
            shows, taken = self._state.chargers[charger.id], self._taken[charger.id]
            self._taken[charger.id] = takes.fold(taken, shows, charger.phases, tick.at_ms)
        return self._base_load.fold(others, tick)

    def _guests(self, tick: Tick) -> dict[str, Guest]:
        """Return who is at which charger, as far as it is told."""
        found = {}
        for charger in self.site.chargers:
            known = self._state.chargers[charger.id]
            if known.state in asks.CAN_CHARGE:
                since = self._diary.session_since(charger.id)  # not yet, where it has come only now
                who = self._fleet.who(known.values)
                found[charger.id] = Guest(tick.wall_ms if since is None else since, who)
        return found

    def _bays(self, tick: Tick, others: dict[str, Other], seen: Seen) -> list[asks.Vehicle]:
        """Return what is known of the vehicle at every charger, in the site's order."""
        present = [c for c in self.site.chargers if self._state.chargers[c.id].state in asks.CAN_CHARGE]
        root = self.site.nodes[0]
        left_ma = sum(max(0, root.limit_ma[p] - others[root.id].now_ma[p]) for p in PHASES)
        share_w = left_ma * self.site.voltage_v // 1000 // max(1, len(present))
        urged = self._calendar.urged(tick, seen, self._vehicles())
        found = []
        for charger in self.site.chargers:
            max_ma = self._max_ma(charger)
            takes_ma, phases = self._taken[charger.id].of(max_ma, charger.phases)
            takes_w = charger.watts(takes_ma, phases, self.site.voltage_v)
            stay = self._calendar.stay(charger.id, tick.wall_ms) if tick.wall_trusted else None
            soc_pm = self._state.chargers[charger.id].values.get("soc_pm")
            found.append(
                asks.Vehicle(
                    charger.id,
                    self._state.chargers[charger.id].state,
                    max_ma,
                    min(takes_w, max(share_w, charger.min_ma * self.site.voltage_v // 1000)),
                    self._diary.session_wh(charger.id),
                    stay,
                    urged.get(charger.id, ""),
                    obeying.is_exempt(charger, stay),
                    takes_w,
                    self._planner.step(charger.id, stay, tick),
                    self._starts_after(charger, stay, tick),
                    soc_pm if isinstance(soc_pm, int) else None,
                )
            )
            found[-1] = self._with_battery(found[-1])
        return found

    def _with_battery(self, bay: asks.Vehicle) -> asks.Vehicle:
        """Return a vehicle with what its battery makes of it: whether it is full, how long the rest takes."""
        session = self._diary.session(bay.charger)
        if session is None:
            return bay
        usual_ms = self._calendar.taper_ms(bay.charger)
        battery = taper.of(session, bay.stay, bay.soc_pm, usual_ms)
        left_wh = missing_wh(bay.stay.window, bay.session_wh, bay.soc_pm) if bay.stay else 0
        extra_ms = taper.extra_ms(left_wh, bay.takes_w, battery)
        return replace(bay, full=session.stop == "vehicle", taper_ms=extra_ms)

    def _lesson(self, rows: list[AnyCommand]) -> None:
        """Learn from the stays that are over with this tick."""
        for command in rows:
            row = command.row if isinstance(command, Keep) else None
            if isinstance(row, Session) and row.end_wall_ms is not None:
                self._calendar.ended(row)

    def _wants(self, tick: Tick, bays: list[asks.Vehicle], seen: Seen) -> dict[str, asks.Want]:
        """Return what every vehicle could use; a charger that is silent wants nothing that we can give."""
        # While nobody has set the clock, nobody can say which window holds: then vehicles charge.
        prices = self._calendar.steering(tick.wall_ms, seen.export_w) if tick.wall_trusted else []
        without_window = self.site.without_window if tick.wall_trusted else "now"
        return {
            bay.charger: asks.want(bay, prices, tick.wall_ms, self.site.timezone, without_window)
            for bay in bays
        }

    def _judged(
        self,
        tick: Tick,
        bays: list[asks.Vehicle],
        wants: dict[str, asks.Want],
        held: dict[str, guard.Held],
    ) -> dict[str, Judged]:
        """Return what every vehicle with a window is promised."""
        found = {}
        for bay in bays:
            shows = self._state.chargers[bay.charger]
            facts = self._promises.facts(bay.charger, shows, held[bay.charger].silent, tick.at_ms)
            judged = judge(bay, wants[bay.charger], facts, tick, self.site.timezone)
            if judged is not None:
                found[bay.charger] = judged
        return found

    def _wish(
        self, tick: Tick, bays: list[asks.Vehicle], wants: dict[str, asks.Want], others: dict[str, Other]
    ) -> list[AnyCommand]:
        """Return the wish for a new plan where one is due."""
        operator = self._operator.values()
        facts = known(self.site, self._state, bays, wants, self._taken, self._calendar, operator, tick)
        behind = frozenset(want.charger for want in wants.values() if want.behind)
        return self._planner.wish(tick, facts, others, self._base_load, behind, self._peak_target)

    def _starts_after(self, charger: Charger, stay: Stay | None, tick: Tick) -> int:
        """Return the time before which a vehicle does not take up a new rate; 0 where that is not asked for.

        Source: UK Electric Vehicles (Smart Charge Points) Regulations 2021, regulation 11.
        """
        most_ms = self.site.policy.random_delay_ms
        if not most_ms or not tick.wall_trusted or obeying.is_exempt(charger, stay):
            return 0
        since = self._diary.session_since(charger.id)  # not yet, where it has come only now
        began = [tick.wall_ms if since is None else since, stay.from_wall_ms if stay else 0]
        began.append(self._calendar.rate_since(tick.wall_ms, most_ms))
        return max(began) + asks.delay_ms(self.site.id, charger.id, max(began), most_ms)

    def _vehicles(self) -> dict[str, Vehicle]:
        """Return what a state of charge is told by."""
        soc = {c.id: self._state.chargers[c.id].values.get("soc_pm") for c in self.site.chargers}
        return {
            name: Vehicle(self._diary.session_wh(name), value if isinstance(value, int) else None)
            for name, value in soc.items()
        }

    def _limited(
        self, tick: Tick, seen: Seen, wants: dict[str, asks.Want], requests: list[Ask]
    ) -> tuple[list[Cap], list[Ask], dict[str, str]]:
        """Return the caps of nodes, the asks within the quotas of chargers, and why asks were cut."""
        stays = {c.id: self._calendar.stay(c.id, tick.wall_ms) for c in self.site.chargers}
        floors = obeying.floors(self.site, wants, stays if tick.wall_trusted else dict.fromkeys(stays))
        caps, quotas = obeying.caps(self.site, self._calendar.limits(tick, seen), floors)
        highest_mv = highest_voltage_mv(self.site)
        requests, cut = quota.keep_within(requests, quotas, floors.charger_ma, highest_mv)
        return [*caps, *self._caps(tick)], requests, cut

    def _max_ma(self, charger: Charger) -> int:
        """Return the least of the installer's maximum and the device's own."""
        device = self._state.chargers[charger.id].values.get("max_current_ma")
        return min(charger.max_ma, device) if isinstance(device, int) and device > 0 else charger.max_ma

    def _asked(self, requests: list[Ask]) -> dict[str, Triple]:
        """Return what is asked for below every node, per phase."""
        asked: dict[str, Triple] = {n.id: (0, 0, 0) for n in self.site.nodes}
        for ask in requests:
            part = tuple(ask.max_ma if p + 1 in ask.phases else 0 for p in PHASES)
            for node in self._paths[ask.node]:
                asked[node] = add(asked[node], (part[0], part[1], part[2]))
        return asked

    def _held(self, now_ms: int) -> dict[str, guard.Held]:
        policy = self.site.policy
        held = {}
        for charger in self.site.chargers:
            known = self._state.chargers[charger.id]
            changed = known.changed_at_ms
            silent = known.silent(now_ms, policy.charger_silent_ms)
            may_ma = known.worst_ma(now_ms, policy, self._state.valid_for_ms(charger))
            open_ma = self._boards.open_ma(charger.id, now_ms) if silent else None
            if open_ma is not None:
                may_ma = min(may_ma, open_ma)
                if self._boards.blind(charger.id):
                    known.may_ma = charger.max_ma  # when its relay closes again, nobody knows how it starts
            held[charger.id] = guard.Held(
                charger=charger.id,
                node=charger.node,
                phases=charger.phases,
                told_ma=known.told_ma,
                may_ma=may_ma,
                fallback_ma=charger.fallback_ma,
                silent=silent,
                hold_raise=changed is not None and now_ms - changed < policy.raise_hold_ms,
            )
        return held

    def _caps(self, tick: Tick) -> list[Cap]:
        """Return the limits of the grid operator, of boards, and those that the depot's operator has set."""
        caps = [*self._grid.caps(tick), *self._boards.caps(tick.at_ms)]
        for said in self._operator.values():
            if said.until_wall_ms is None or tick.wall_ms < said.until_wall_ms:
                caps.append(
                    Cap(said.node, f"operator limit by {said.who or 'somebody'}", limit_ma=said.limit_ma)
                )
        return caps

    def _operator_limit(self, said: OperatorLimit) -> list[AnyCommand]:
        if said.node not in self._paths:
            return [Audit(said.who, f"limit at {said.node}", "refused: no such node")]
        if said.limit_ma is None:
            self._operator.pop(said.node, None)
            return [Audit(said.who, f"limit at {said.node}", "taken back")]
        if said.limit_ma < 0:
            return [Audit(said.who, f"limit at {said.node}", "refused: a limit is 0 or more")]
        self._operator[said.node] = said
        return [Audit(said.who, f"limit at {said.node}", f"{said.limit_ma} mA")]


def _stopped(ask: Ask, stop: Stop | None) -> Ask:
    """Return an ask as far as a board lets its charger charge."""
    if stop is None or ask.max_ma <= stop.limit_ma:
        return ask
    return replace(ask, max_ma=stop.limit_ma if stop.limit_ma >= ask.min_ma else 0)


def _explained(verdict: guard.Verdict, stops: dict[str, Stop]) -> guard.Verdict:
    """Give the setpoints that a board holds back its reason (I7)."""
    return replace(
        verdict,
        setpoints=[
            replace(s, because=stops[s.charger].because) if s.charger in stops else s
            for s in verdict.setpoints
        ],
    )
