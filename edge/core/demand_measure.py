"""What the site does about the utility's limits: measured while they hold, let go by and by after them.

    state, commands = measure(state, strong, tick, seen)     rows and reports of intervals that are over
    state, commands = close(state, event_id, tick…)          of an event that is cancelled
    state = let_go(state, tick, held)                        the load comes back without a peak

Rule 1: what was measured of an interval is a row, and a report to the utility, however it ended.
Rule 2: a limit that is over is let go from its own value on; the delay is a draw within the event's own
    tolerance, so that the depots of a town do not come back in the same second.
"""

import msgspec

from edge.core import compliance
from edge.core.demand_effects import RESERVATION, SUBSCRIPTION, Effect, Hold, overridden, recovered
from edge.core.demand_state import MeasureKey, Recovery, Scope, Seen, State, Was, because, extents, is_drill
from edge.core.demand_terms import NO_LIMIT, WHOLE
from edge.core.signals import CAPACITY
from edge.model.flow import AnyCommand, Keep, Tick
from edge.model.openadr import OpenAdrEvent
from edge.model.records import EventStep

Result = tuple[State, list[AnyCommand]]


class Measured(msgspec.Struct, frozen=True):
    """A limit that is measured: what it is on, and what the site takes of that now."""

    effect: Effect
    taken_w: int | None


def measure(state: State, strong: list[Effect], tick: Tick, seen: Seen) -> Result:
    """Return the state with what was measured in this tick; a row for every interval that is over.

    strong: what is demanded by events of the best priority.
    """
    return _measure(state, _measurable(state, strong, tick, seen), tick)


def close(state: State, event_id: str, at_ms: int, wall_ms: int) -> Result:
    """Return the state without the measures of an event that is cancelled, and the rows of them."""
    ending = [key for key in state.measures if key[0] == event_id]
    commands = [_row(state, key, state.measures[key], at_ms, wall_ms) for key in ending]
    left = {key: measure for key, measure in state.measures.items() if key not in ending}
    return msgspec.structs.replace(state, measures=left), commands


def _measurable(state: State, strong: list[Effect], tick: Tick, seen: Seen) -> list[Measured]:
    """Return the limits that are reported on: one an event, that on the site's import before all others.

    A subscription holds for years: it is a limit like others, and not an event to report on.
    """
    found: dict[str, Measured] = {}
    lifted = overridden(state, tick.wall_ms)
    for effect in strong:
        kind, what = effect.stretch.type, effect.demand.what
        if kind in (SUBSCRIPTION, RESERVATION) or effect.part != WHOLE or what == "each":
            continue
        if effect.demand.limit >= NO_LIMIT or (lifted and kind not in CAPACITY):
            continue
        before = found.get(effect.known.event.id)
        if before is None or (before.effect.demand.what != "site" and what == "site"):
            taken_w = seen.site_w if what == "site" else seen.charging_w
            found[effect.known.event.id] = Measured(effect, taken_w)
    return list(found.values())


def _measure(state: State, limited: list[Measured], tick: Tick) -> Result:
    """Return the state with what was measured; a row for every interval that is over."""
    if not limited and not state.measures:
        return state, []
    measures: dict[MeasureKey, compliance.Measure] = {}
    left = dict(state.measures)
    for each in limited:
        event, stretch, power_w = each.effect.known.event, each.effect.stretch, each.effect.demand.limit
        key = (event.id, stretch.interval_id, stretch.from_wall_ms)
        measure = left.get(key)
        if measure is None or (measure.limit_w, measure.stretch.to_wall_ms) != (power_w, stretch.to_wall_ms):
            measure = compliance.begin(stretch, power_w, event.received_wall_ms, tick)
        else:
            del left[key]
        measures[key] = compliance.measured(measure, tick.at_ms, each.taken_w)
    commands = [_row(state, key, measure, tick.at_ms, tick.wall_ms) for key, measure in left.items()]
    return msgspec.structs.replace(state, measures=measures), commands


def _row(state: State, key: MeasureKey, measure: compliance.Measure, at_ms: int, wall_ms: int) -> AnyCommand:
    """Return what is kept of an interval that is over: the report to the utility, or that there is none."""
    event = state.known[key[0]].event
    whole = compliance.measured(measure, at_ms, None)
    row = compliance.ended(whole, event, wall_ms, is_drill(state, event))
    if row is None:
        cause = f"interval {key[1]}: no measurement of the site"
        return Keep(EventStep(key[0], wall_ms, "unmeasured", cause))
    return Keep(row, tell="utility")


def let_go(state: State, tick: Tick, held: list[Hold]) -> State:
    """Return the state that lets limits go which are over: the load comes back by and by."""
    was: dict[Scope, Was] = {}
    for hold in sorted(held, key=lambda each: -each.limit):  # the lowest last: it is what was
        if hold.what != "each":
            known = state.known[hold.event_id]
            why = because(state, known)
            was[hold.what, hold.part] = Was(hold.event_id, hold.limit, _tolerance_ms(known.event), why)
    recoveries = {} if recovered(state, tick.at_ms) else dict(state.recoveries)
    for scope, old in state.was.items():
        goes_on = any(hold.event_id == old.event_id and (hold.what, hold.part) == scope for hold in held)
        rises = scope not in was or was[scope].limit_w > old.limit_w
        if rises and not goes_on:
            recoveries[scope] = Recovery(old.limit_w, tick.at_ms, old.delay_ms, old.because)
    if was == state.was and recoveries == state.recoveries:
        return state
    return msgspec.structs.replace(state, was=was, recoveries=recoveries)


def _tolerance_ms(event: OpenAdrEvent) -> int:
    """Return how long after an event the load begins to come back: its own draw, 0 to its extent."""
    extent_ms = max(extents(event), default=0)
    return (max(-extent_ms, min(extent_ms, event.random_ms)) + extent_ms) // 2
