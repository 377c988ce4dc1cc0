"""What follows from the utility's events, now and at other times: limits, floors, prices.

    limits(state, tick, seen) -> list[Hold]         every limit that holds now, the ramps around it included
    limit(state, tick) -> SiteLimit | None          of them, the lowest on what the whole site may import
    eager(state, tick, seen, vehicles)              who does not wait for a lower price now, and why
    ahead(state, from, to), prices(state, from, to) what is known of other times

Rule 1: a limit holds from its start to its end and not a tick longer, whatever the broker does.
Rule 2: events of the same payload type on the same part of the site contend: the higher priority wins
    (User Guide 7.1), the lower limit among equals; of prices the later modificationDateTime.  The standard
    leaves ties open.  Different types do not contend: all of their limits hold.
Rule 3: before a limit begins the load goes down to it, so that it holds from its first second; after it
    has ended the load goes up again by and by.  These ramps are ours, and say so.

While the wall clock is not trusted nobody can say which interval holds.  Then, of every event that may not
be over, the lowest limit that may still come is held.  Whether one is over is told by the last moment that
was certain (a trusted tick, the last heartbeat before the restart, the utility's own modificationDateTime)
plus the time that has passed since on the monotonic clock: real time cannot be earlier than that.

Source: OpenADR 3.1.1 User Guide 7.1, 7.3, 8.10.1 (the subscription holds when the schedule is used up).
"""

from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from edge.core.compliance import SETTLED_MS
from edge.core.demand_state import (
    Known,
    Seen,
    State,
    because,
    certain_ms,
    clock_set,
    may_last,
    obeyed,
    priority,
)
from edge.core.demand_terms import NO_LIMIT, WHOLE, Demand, Part, What, demand, power_w
from edge.core.signals import CAPACITY, SIGNALS
from edge.core.timeline import Stretch, between
from edge.model.flow import Tick
from edge.model.openadr import OpenAdrEvent
from edge.model.units import HOUR_MS, MINUTE_MS, amps_text, kw_text

SUBSCRIPTION, RESERVATION = "IMPORT_CAPACITY_SUBSCRIPTION", "IMPORT_CAPACITY_RESERVATION"
OVERRIDE = "CTA2045_SET_OVERRIDE_STATUS"
CHARGE_STATE = "CHARGE_STATE_SETPOINT"

# So long without a word the line is lost and not only shaky (User Guide 8.10.1: "extended").
LINE_LOST_MS = 5 * MINUTE_MS

# Vehicles catch up after an event for about so long: meanwhile the import stays below the rebound's ceiling.
REBOUND_MS = HOUR_MS

# Limits that begin within a ramp: of events that change by the second only the first few are looked at.
BEGINNINGS_MAX = 8


class SiteLimit(NamedTuple):
    """What the site may import, and why.  until_wall_ms: None where no end is known."""

    limit_w: int
    because: str
    event_id: str
    until_wall_ms: int | None


class Effect(NamedTuple):
    """What a stretch of an event demands of a part of the site."""

    known: Known
    stretch: Stretch
    part: Part
    demand: Demand

    @property
    def lane(self) -> tuple[str, Part, str]:
        """What it contends for: payload type, part and kind of limit."""
        return (self.stretch.type, self.part, self.demand.what)

    @property
    def rank(self) -> tuple[int, int]:
        """Who wins: the lowest."""
        return (priority(self.known), self.demand.limit)


class Hold(NamedTuple):
    """A limit that holds now.  limit: W, or mA for each charger where what is "each".

    capacity: a limit of the grid, which an exempt vehicle does not lift.  event_id: "" for our own.
    """

    what: What
    part: Part
    limit: int
    because: str
    event_id: str
    until_wall_ms: int | None
    capacity: bool


class Vehicle(NamedTuple):
    """What CHARGE_STATE_SETPOINT looks at.  soc_pm: None where the charger does not tell."""

    session_wh: int
    soc_pm: int | None


### What holds


def effects(state: State, wall_ms: int, lowest_mv: int | None = None) -> list[Effect]:
    """Return what the limiting types of all events demand at a time, per lane the one that wins first."""
    found = [
        Effect(known, stretch, part, demand(state.plan, known.event, stretch, part, lowest_mv))
        for known in obeyed(state)
        for kind in known.lowest
        for stretch in between(known.lanes[kind], wall_ms, wall_ms + 1)
        for part in known.parts
    ]
    return sorted(found, key=lambda each: (each.lane, each.rank))


def winning(found: Iterable[Effect]) -> list[Effect]:
    """Return who wins in each lane."""
    best: dict[tuple[str, Part, str], Effect] = {}
    for effect in found:
        best.setdefault(effect.lane, effect)
    return list(best.values())


def _not_over(state: State, at_ms: int) -> list[Effect]:
    """Return the lowest that each event may demand, without knowing the time."""
    found = []
    for known in obeyed(state):
        from_ms = certain_ms(state, at_ms)
        if known.received_at_ms is not None and _starts_now(known.event):
            from_ms = known.event.received_wall_ms + at_ms - known.received_at_ms
        for kind, lowest in known.lowest.items():
            lane = known.lanes[kind]
            first = bisect_right(lane.reach_ms, from_ms) if lane.round_ms is None else 0
            if kind == RESERVATION or not may_last(lane, from_ms) or first == len(lane.round):
                continue
            stretch = lowest[first]
            found += [
                Effect(known, stretch, part, demand(state.plan, known.event, stretch, part))
                for part in known.parts
            ]
    return sorted(found, key=lambda each: (each.lane, each.demand.limit))


def _starts_now(event: OpenAdrEvent) -> bool:
    """Tell whether an event is placed by when it was received."""
    first = event.intervals[0].period if event.intervals else None
    periods = [period for period in (event.period, first) if period is not None]
    return not any(isinstance(period.start, int) for period in periods)


def _holds(state: State, won: list[Effect], overridden: bool, held: str = "") -> list[Hold]:
    """Return the limits of those that won; a reservation is added to its subscription."""
    reserved = {each.part: each.demand.limit for each in won if each.stretch.type == RESERVATION}
    found = []
    for effect in won:
        kind, limit = effect.stretch.type, effect.demand.limit
        capacity = kind in CAPACITY
        if kind == RESERVATION or limit >= NO_LIMIT or (overridden and not capacity):
            continue
        if kind == SUBSCRIPTION:
            limit += reserved.get(effect.part, 0)
        until = None if held else effect.stretch.to_wall_ms
        why = because(state, effect.known) + words(effect) + held
        lifted = not capacity or state.plan.response.must_leave_over_limits
        event_id = effect.known.event.id
        found.append(Hold(effect.demand.what, effect.part, limit, why, event_id, until, not lifted))
    return found


def words(effect: Effect) -> str:
    """Return the payload of an effect where its power alone does not say it: ", SIMPLE 2"."""
    kind = effect.stretch.type
    if kind == "IMPORT_CAPACITY_LIMIT":
        return ""
    if kind in (SUBSCRIPTION, RESERVATION):
        return f", {kind.rpartition('_')[2].lower()}"
    if kind.startswith("ALERT_") or kind == "CURVE":
        return f", {kind}"
    return f", {kind} {effect.stretch.values[0]}"


def holding(state: State, tick: Tick, seen: Seen) -> list[Hold]:
    """Return the limits of events that hold now, without ramps."""
    if not tick.wall_trusted:
        held = ", held because the clock is not set"
        return _holds(state, winning(_not_over(state, tick.at_ms)), False, held)
    state = clock_set(state, tick)
    won = winning(effects(state, tick.wall_ms, seen.lowest_mv))
    return _holds(state, won, overridden(state, tick.wall_ms))


def overridden(state: State, wall_ms: int) -> bool:
    """Tell whether the utility lets its signals be overridden now."""
    found = _at(state, OVERRIDE, wall_ms)
    return bool(found) and found[0][1].values[0] == 1


def _at(state: State, kind: str, wall_ms: int) -> list[tuple[Known, Stretch]]:
    """Return the stretches of a type that hold at a time, the one that wins first."""
    found = [
        (known, stretch)
        for known in obeyed(state)
        if kind in known.lanes
        for stretch in between(known.lanes[kind], wall_ms, wall_ms + 1)
    ]
    return sorted(found, key=lambda each: (priority(each[0]), -each[0].event.modified_wall_ms))


### Limits, with what is around them


def limits(state: State, tick: Tick, seen: Seen, target_w: int | None = None) -> list[Hold]:
    """Return every limit that holds now: of events, of ramps around them, and the installer's fallback.

    target_w: the import above which demand would cost more than it does already; None for none.
    """
    found = holding(state, tick, seen)
    if tick.wall_trusted:
        found += _coming(clock_set(state, tick), tick)
    return [*found, *_recovering(state, tick, target_w), *_fallback(state, tick, found)]


def limit(state: State, tick: Tick) -> SiteLimit | None:
    """Return what the whole site may import now; None where no event limits that.

    With a clock that is not trusted: the lowest limit of all events that may not be over.
    """
    found = [each for each in holding(state, tick, Seen()) if (each.what, each.part) == ("site", WHOLE)]
    if not found:
        return None
    lowest = min(found, key=lambda each: each.limit)
    return SiteLimit(lowest.limit, lowest.because, lowest.event_id, lowest.until_wall_ms)


def _coming(state: State, tick: Tick) -> list[Hold]:
    """Return the limits that begin soon, as far as the load must have gone down by now.

    A ramp is at the limit SETTLED_MS before it begins: so long chargers and vehicles may take (I5).
    """
    ramp_ms = state.plan.response.ramp_down_ms
    until = tick.wall_ms + ramp_ms + SETTLED_MS
    begins = {
        stretch.from_wall_ms
        for known in obeyed(state)
        for kind in known.lowest
        if kind not in ("DISPATCH_SETPOINT_RELATIVE", "CURVE", RESERVATION)
        for stretch in between(known.lanes[kind], tick.wall_ms + 1, until, BEGINNINGS_MAX)
        if stretch.from_wall_ms > tick.wall_ms
    }
    found = []
    for begin in sorted(begins)[:BEGINNINGS_MAX]:
        won = winning(effects(state, begin))
        for hold in _holds(state, won, overridden(state, begin)):
            if hold.what == "each":
                continue
            full = state.plan.full_w(hold.part) if hold.what == "charging" else state.plan.most_w(hold.part)
            left_ms = max(0, begin - SETTLED_MS - tick.wall_ms)
            if hold.limit < full and left_ms < ramp_ms:
                now_w = hold.limit + (full - hold.limit) * left_ms // ramp_ms
                why = f"{hold.because}, which begins soon"
                found.append(hold._replace(limit=now_w, because=why, until_wall_ms=begin))
    return found


def _recovering(state: State, tick: Tick, target_w: int | None) -> list[Hold]:
    """Return the limits with which the load comes back after an event.

    The whole site stays below the rebound's ceiling and the demand's target meanwhile, as far as the event's
    own limit was below them.
    """
    response = state.plan.response
    found = []
    for (what, part), recovery in state.recoveries.items():
        full = state.plan.full_w(part) if what == "charging" else state.plan.most_w(part)
        ceiling = full
        if what == "site" and part == WHOLE:
            ceilings = [w for w in (response.rebound_w, target_w) if w is not None]
            ceiling = max(recovery.from_w, min([full, *ceilings]))
        since_ms = tick.at_ms - recovery.at_ms - recovery.delay_ms
        if since_ms >= response.ramp_up_ms:
            now_w = ceiling
        else:
            risen = (full - recovery.from_w) * max(0, since_ms) // response.ramp_up_ms
            now_w = min(ceiling, recovery.from_w + risen)
        if now_w < full:
            why = f"after {recovery.because}: load comes back by and by"
            found.append(
                Hold("charging" if what == "charging" else "site", part, now_w, why, "", None, False)
            )
    return found


def recovered(state: State, at_ms: int) -> bool:
    """Tell whether no recovery has anything left to hold back."""
    longest = max(REBOUND_MS, state.plan.response.ramp_up_ms)
    return all(at_ms - each.at_ms - each.delay_ms >= longest for each in state.recoveries.values())


def line_lost(state: State, at_ms: int) -> bool:
    """Tell whether the utility has not been heard for long."""
    return state.line_lost_at_ms is not None and at_ms - state.line_lost_at_ms >= LINE_LOST_MS


def _fallback(state: State, tick: Tick, found: list[Hold]) -> list[Hold]:
    """Return the installer's fallback: the line is lost, and the schedule of limits is used up.

    Where the utility has told a subscription, that holds in any case, and nothing else is needed.
    """
    fallback_w = state.plan.response.fallback_w
    if fallback_w is None or not line_lost(state, tick.at_ms):
        return []
    if any(hold.part == WHOLE and hold.what == "site" and hold.event_id for hold in found):
        return []
    now_ms = tick.wall_ms if tick.wall_trusted else certain_ms(state, tick.at_ms)
    if any(
        may_last(known.lanes["IMPORT_CAPACITY_LIMIT"], now_ms)
        for known in obeyed(state)
        if "IMPORT_CAPACITY_LIMIT" in known.lanes
    ):
        return []
    why = "utility not heard, its schedule is used up: the installer's fallback"
    return [Hold("site", WHOLE, fallback_w, why, "", None, True)]


### Floors


def eager(state: State, tick: Tick, seen: Seen, vehicles: dict[str, Vehicle]) -> dict[str, str]:
    """Return the chargers whose vehicles do not wait for a lower price now, each with the reason."""
    if not tick.wall_trusted:
        return {}
    found: dict[str, str] = {}
    for effect in winning(effects(state, tick.wall_ms, seen.lowest_mv)):
        if effect.demand.eager:
            why = because(state, effect.known) + words(effect)
            found |= dict.fromkeys(state.plan.chargers(effect.part), why)
    found |= dict.fromkeys(state.plan.charger_w, why) if (why := _exports_too_much(state, tick, seen)) else {}
    for known, stretch in _at(state, CHARGE_STATE, tick.wall_ms)[:1]:
        for part in known.parts:
            for name in state.plan.chargers(part):
                vehicle = vehicles.get(name)
                if vehicle and _below(known.event, stretch, vehicle):
                    found[name] = f"{because(state, known)}, {CHARGE_STATE} {stretch.values[0]}"
    return found


def _below(event: OpenAdrEvent, stretch: Stretch, vehicle: Vehicle) -> bool:
    unit = next((d.units for d in event.payload_descriptors if d.payload_type == CHARGE_STATE), "")
    wanted = Decimal(str(stretch.values[0])) * SIGNALS[CHARGE_STATE].units[unit]
    has = vehicle.soc_pm if unit == "PERCENT" else vehicle.session_wh
    return has is not None and has < wanted


def _exports_too_much(state: State, tick: Tick, seen: Seen) -> str:
    """Return why vehicles take what the site must not export, "" while it exports no more than it may."""
    if not seen.export_w:
        return ""
    lowest: tuple[int, str] | None = None
    reserved = _at(state, "EXPORT_CAPACITY_RESERVATION", tick.wall_ms)[:1]
    more = sum(power_w(known.event, stretch) for known, stretch in reserved)
    for kind, extra in (("EXPORT_CAPACITY_LIMIT", 0), ("EXPORT_CAPACITY_SUBSCRIPTION", more)):
        for known, stretch in _at(state, kind, tick.wall_ms)[:1]:
            limit_w = power_w(known.event, stretch) + extra
            if lowest is None or limit_w < lowest[0]:
                lowest = (limit_w, f"{because(state, known)}: export at most {kw_text(limit_w)}")
    return lowest[1] if lowest and seen.export_w > lowest[0] else ""


def effect_words(effect: Effect) -> str:
    """Return what an effect does, in words."""
    what, limit, urged = effect.demand
    told = {
        "site": f"at most {kw_text(limit)}",
        "charging": f"charging at most {kw_text(limit)}",
        "each": f"each charger at most {amps_text(limit)}",
    }[what]
    parts = [told] if limit < NO_LIMIT else []
    parts += ["vehicles do not wait for a lower price"] if urged else []
    place = effect.part.node or ", ".join(effect.part.chargers)
    return (f"{place}: " if place and parts else "") + "; ".join(parts)
