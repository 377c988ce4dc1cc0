"""A tick's record and the site drawing, put together as the answer that pages and commands show."""

from zoneinfo import ZoneInfo

import msgspec

from edge.core.demand_state import reason_to_be_out
from edge.model.learning import LearnedNow
from edge.model.records import ChargerNow, DemandNow, EventNow, NodeNow, PlanNow, TickRecord
from edge.model.site import Charger, Node, Site
from edge.model.units import PHASE_NAMES, PHASES
from edge.shell import words
from edge.shell.answers import (
    ChargerStatus,
    DemandStatus,
    EventStatus,
    LearnedStatus,
    NodeStatus,
    PlanStatus,
    Price,
    ShortStatus,
    Status,
)
from edge.shell.why import ALL_THAT_IT_CAN_USE, FULL_BELOW_MA, held_by, silent_meter


class StatusMaker:
    """Make a Status of every tick's record.  Holds what the site file says and a record does not."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._zone = ZoneInfo(site.timezone)
        self._nodes = {n.id: n for n in site.nodes}
        self._paths = {n.id: site.path(n.id) for n in site.nodes}
        self._chargers = {c.id: c for c in site.chargers}

    def status(self, record: TickRecord, age_ms: int, opt_outs: dict[str, str]) -> Status:
        """Return the depot as this tick left it.  opt_outs: reason by event id."""
        site = self._site
        short = self._short(record)
        return Status(
            site=site.id,
            name=site.name or site.id,
            timezone=site.timezone,
            currency=site.currency,
            wall_ms=record.wall_ms,
            time=words.clock(record.wall_ms, self._zone, seconds=True),
            age_ms=age_ms,
            power_w=record.nodes[0].power_w if record.nodes else None,
            fallback=record.fallback,
            violations=list(record.violations),
            price_words=self._price_words(record),
            nodes=[self._node(n, short[n.id]) for n in record.nodes if n.id in self._nodes],
            chargers=[self._charger(c, record) for c in record.chargers if c.id in self._chargers],
            prices=[Price(p.from_wall_ms, p.to_wall_ms, p.price_micro, p.source) for p in record.prices],
            demand=[
                self._demand(d, record.wall_ms)
                for d in record.demand
                if d.from_wall_ms <= record.wall_ms < d.to_wall_ms
            ],
            quarter_w=record.quarter_w,
            learned=[self._learned(row) for row in record.learned],
            events=[self.event(e, record.wall_ms, opt_outs) for e in record.events],
            plan=self._plan(record.plan, record.wall_ms) if record.plan else None,
        )

    def event(self, event: EventNow, now_ms: int, opt_outs: dict[str, str]) -> EventStatus:
        """Return an event of the utility as people read it."""
        start = words.clock(event.from_wall_ms, self._zone, now_ms)
        end = "until further notice"
        if event.to_wall_ms is not None:
            end = f"to {words.clock(event.to_wall_ms, self._zone, now_ms)}"
        what = event.payload_type
        if event.limit_w is not None:
            what = f"at most {words.kw(event.limit_w)}"
        elif event.charging_w is not None:
            what += f", charging at most {words.kw(event.charging_w)}"
        elif event.effect:
            what = f"{what}: {event.effect}".removeprefix(": ")
        binding = (event.program_id,) if event.binding else ()
        opted_out = reason_to_be_out(opt_outs, event.event_id, event.program_id, binding) or ""
        step = words.STEPS.get(event.step, event.step)
        kind = "drill, " if event.drill else ""
        text = f"{event.name or event.event_id}: {kind}{what}, {start} {end}, {step}"
        comply = "" if opted_out else words.comply(event, self._zone, now_ms)
        text += f"; {comply}" if comply else ""
        return EventStatus(
            id=event.event_id,
            name=event.name,
            payload_type=event.payload_type,
            from_wall_ms=event.from_wall_ms,
            to_wall_ms=event.to_wall_ms,
            limit_w=event.limit_w,
            step=event.step,
            opted_out=opted_out,
            words=text + (f"; opted out: {opted_out}" if opted_out else ""),
            charging_w=event.charging_w,
            effect=event.effect,
            program=event.program_id,
            binding=event.binding,
            drill=event.drill,
            comply=comply,
            load_w=event.outlook.load_w if event.outlook else None,
            short=tuple(
                ShortStatus(s.charger, s.vehicle, s.missing_wh, s.ready_by_wall_ms)
                for s in (event.outlook.short if event.outlook else ())
            ),
        )

    def _plan(self, plan: PlanNow, now_ms: int) -> PlanStatus:
        steps = [
            f"{words.clock(s.wall_ms, self._zone, now_ms)} {s.charger} "
            + (words.amps(s.current_ma) if s.current_ma else "nothing more")
            for s in plan.steps
        ]
        return PlanStatus(
            number=plan.number,
            made_wall_ms=plan.made_wall_ms,
            vehicles=plan.vehicles,
            expected=plan.expected,
            cost_micro=plan.cost_micro,
            gap_ppm=plan.gap_ppm,
            peak_w=plan.peak_w,
            unmet_wh=plan.unmet_wh,
            solve_ms=plan.solve_ms,
            trouble=plan.trouble,
            words=words.plan(plan, self._zone, now_ms, self._site.currency),
            steps=steps,
            forecast_error_w=plan.forecast_error_w,
        )

    def _short(self, record: TickRecord) -> dict[str, set[int]]:
        """Return, per node, the phases on which a charger below asks for more than it gets."""
        short: dict[str, set[int]] = {n.id: set() for n in self._site.nodes}
        for now in record.chargers:
            drawn = self._chargers.get(now.id)
            if drawn and now.granted_ma < now.asked_ma:
                for node in self._paths[drawn.node]:
                    short[node].update(drawn.phases)
        return short

    def _node(self, now: NodeNow, short: set[int]) -> NodeStatus:
        drawn = self._nodes[now.id]
        free = [now.limit_ma[p] - now.other_ma[p] - now.charging_ma[p] for p in PHASES]
        full = [PHASE_NAMES[p] for p in PHASES if p in short and free[p] < FULL_BELOW_MA]
        over = [PHASE_NAMES[p] for p in PHASES if now.flowing_ma and now.flowing_ma[p] > now.limit_ma[p]]
        return NodeStatus(
            id=now.id,
            parent=drawn.parent,
            depth=len(self._paths[now.id]) - 1,
            limit_ma=now.limit_ma,
            installed_ma=drawn.limit_ma,
            because=now.because,
            flowing_ma=now.flowing_ma,
            other_ma=now.other_ma,
            charging_ma=now.charging_ma,
            full=full,
            over=over,
            power_w=now.power_w,
            age_ms=now.age_ms,
            metered=bool(drawn.meter),
            words=_node_words(now, drawn, full, over),
        )

    def _charger(self, now: ChargerNow, record: TickRecord) -> ChargerStatus:
        drawn = self._chargers[now.id]
        return ChargerStatus(
            id=now.id,
            name=drawn.name,
            node=now.node,
            state=now.state,
            kind=words.kind(now),
            online=now.online,
            granted_ma=now.granted_ma,
            because=now.because,
            asked_ma=now.asked_ma,
            asked_because=now.asked_because,
            may_draw_ma=now.may_draw_ma,
            measured_ma=now.measured_ma,
            power_w=now.power_w,
            session_wh=now.session_wh,
            session_since_wall_ms=now.session_since_wall_ms,
            vehicle=now.vehicle,
            need_wh=now.need_wh,
            ready_by_wall_ms=now.ready_by_wall_ms,
            promise=now.promise,
            late=words.late(now),
            promise_why=now.promise_why,
            promise_change=now.promise_change,
            short_wh=now.short_wh,
            promise_words=words.promise(now),
            window_source=now.window_source,
            who=now.who,
            age_ms=now.age_ms,
            phases=words.phases(drawn.phases),
            state_words=words.state(now),
            reason=_reason(now, drawn, silent_meter(record, self._site, drawn)),
            ready=words.ready(now, self._zone, record.wall_ms),
        )

    def _demand(self, now: DemandNow, wall_ms: int) -> DemandStatus:
        """Return a demand price as people read it: what is reached, since when, and what more costs."""
        when = ""
        if now.already_wall_ms is not None:
            when = f" ({words.clock(now.already_wall_ms, self._zone, wall_ms)})"
        price = words.price(now.per_kw_micro, self._site.currency).replace("/kWh", "/kW")
        text = f"{now.name}: {words.kw(now.already_w)} this {now.per}{when}, above it {price}"
        return DemandStatus(now.name, now.per, now.per_kw_micro, now.already_w, text)

    def _learned(self, row: LearnedNow) -> LearnedStatus:
        own = msgspec.structs.asdict(row)
        return LearnedStatus(**own, words=words.learned(row), error_words=words.learned_errors(row))

    def _price_words(self, record: TickRecord) -> str:
        """Return the price now and until when; "" where no price is known."""
        now_ms = record.wall_ms
        for p in record.prices:
            if p.from_wall_ms <= now_ms < p.to_wall_ms:
                until = words.clock(p.to_wall_ms, self._zone, now_ms)
                return f"{words.price(p.price_micro, self._site.currency)} until {until}"
        return ""


def _node_words(now: NodeNow, drawn: Node, full: list[str], over: list[str]) -> str:
    """Return what an electrician wants to know of a node first."""
    if drawn.meter and now.flowing_ma is None:
        return "meter silent: counted with its highest plausible load"
    tight = min(PHASES, key=lambda p: now.limit_ma[p] - now.other_ma[p] - now.charging_ma[p])
    by = now.because[tight]
    if over:
        return f"{' '.join(over)} above the limit: charging goes down; limit: {by}"
    return f"{' '.join(full)} full; limit: {by}" if full else f"limit: {by}"


def _reason(now: ChargerNow, drawn: Charger, silent: str) -> str:
    """Return in a few words why a charger gets what it gets."""
    if not now.online:
        return now.because or f"counted with its fallback of {words.amps(drawn.fallback_ma)}"
    if now.asked_ma == 0:
        because = now.asked_because
        return "" if because == words.state(now) else because
    if now.granted_ma >= now.asked_ma:
        unplanned = now.asked_because if now.ready_by_wall_ms is None else ""
        return unplanned or now.because or ALL_THAT_IT_CAN_USE
    asked = f"asks for {words.amps(now.asked_ma)}"
    because = held_by(now, silent)
    return f"{because}; {asked}" if because else asked
