"""The life of the utility's events: what was said, what became of it, and what the site did about it.

    state = State.of(site)
    state, commands = restored(state, event)            Restored: what was known before the restart
    state, commands = said(state, event)                UtilitySaid: created, updated, deleted
    state, commands = opted(state, event)               OptOut
    state, commands = step(state, tick, site_w)         every tick: the life of events, and compliance
    limit(state, tick), ahead(…), prices(…), listed(…)  what follows from it: see demand_state.py

Rule 1: a refused message changes nothing: the previous version of the event stands.
Rule 2: what is not applied yet is kept and named, not forgotten.
Rule 3: what comes again (a retained copy, a second delivery) changes nothing and is not told twice.  So an
    event that was deleted is remembered without its intervals: a retained copy of it may come years later.

Source: OpenADR 3.1.1 User Guide 7.9 (cancelling), 8.10 (capacity limits).
"""

import msgspec

from edge.core import compliance
from edge.core.demand_state import (
    NO_PRIORITY,
    Known,
    MeasureKey,
    SiteLimit,
    State,
    ahead,
    certain_ms,
    clock_set,
    holding,
    know,
    limit,
    listed,
    may_last,
    prices,
    rank,
    with_known,
)
from edge.core.demand_terms import not_applied, refusal
from edge.core.timeline import Stretch
from edge.model.flow import AnyCommand, Audit, Forget, Keep, OptOut, Remember, Restored, Tick, UtilitySaid
from edge.model.openadr import OpenAdrEvent
from edge.model.records import EventStep
from edge.model.units import DAY_MS, HOUR_MS

__all__ = ["SiteLimit", "State", "ahead", "limit", "listed", "opted", "prices", "restored", "said", "step"]

# One event a program and day is usual; this is for a server that has gone mad.
EVENTS_MAX = 500
NOTED_MAX = 1_000  # what was said once and need not be said again
NOTES_PER_HOUR = 200
DELETED_MAX = 200  # events that were deleted; the newest

# How long an event that is over stays on the page.
DONE_STAYS_MS = DAY_MS

# The steps at which a restart may find an event.
LIFE = ("received", "active", "superseded", "done", "cancelled")

Result = tuple[State, list[AnyCommand]]
Held = tuple[Known, Stretch, int]


def _moved(event_id: str, wall_ms: int, step: str, cause: str = "") -> Keep:
    return Keep(EventStep(event_id, wall_ms, step, cause))


### What is said


def restored(state: State, event: Restored) -> Result:
    """Return the state with the events of before the restart, each at the step where it was."""
    steps = {row.event_id: row.step for row in event.kept if isinstance(row, EventStep) and row.step in LIFE}
    deleted = {each.id: each.modified_wall_ms for each in event.events if steps.get(each.id) == "cancelled"}
    living = [each for each in event.events if each.id not in deleted]
    known = {
        each.id: know(each, steps.get(each.id, "received"))
        for each in living[:EVENTS_MAX]
        if _foreign(state, each) is None and refusal(each, state.currency) is None
    }
    certain = (event.at_ms, event.last_wall_ms or 0)
    return (
        msgspec.structs.replace(
            state, known=known, deleted=deleted, opted_out=dict(event.opt_outs), certain=certain
        ),
        [],
    )


def said(state: State, event: UtilitySaid) -> Result:
    """Return the state after an event was created, updated or deleted."""
    if not state.trusted:
        certain = max(certain_ms(state, event.at_ms), event.event.modified_wall_ms)
        state = msgspec.structs.replace(state, certain=(event.at_ms, certain))
        new = msgspec.structs.replace(event.event, received_wall_ms=certain)
        event = msgspec.structs.replace(event, event=new)
    old = state.known.get(event.event.id)
    if why := _ignored(state, event.event, old):
        return _note(state, event, f"ignored: {why}", why)
    if event.operation == "DELETE":
        return _deleted(state, event, old)
    if old and _same(old.event, event.event):
        return state, []
    if why := _refused(state, event.event, old):
        state, commands = _note(state, event, f"refused: {why}", f"{event.event.id}: {why}")
        return state, [*commands, *(_moved(event.event.id, event.wall_ms, "refused", why) for _ in commands)]
    return _taken(state, event, old)


def _ignored(state: State, new: OpenAdrEvent, old: Known | None) -> str | None:
    """Return why a message is not to be looked at; None if it is."""
    if old and 0 < new.modified_wall_ms < old.event.modified_wall_ms:
        return f"event {new.id} is an older copy than the one known"
    if 0 < new.modified_wall_ms <= state.deleted.get(new.id, 0):
        return f"event {new.id} is a copy of what was deleted"
    return None if old else _foreign(state, new)


def _foreign(state: State, event: OpenAdrEvent) -> str | None:
    """Return why an event is not for us; None if it is.  The broker does not filter: we must."""
    if state.programs and event.program_id and event.program_id not in state.programs:
        return f"program {event.program_id} is not ours"
    if state.targets and event.targets and not set(event.targets) & set(state.targets):
        return f"targets {', '.join(event.targets[:3])} are not ours"
    return None


def _note(state: State, event: UtilitySaid, outcome: str, once: str) -> Result:
    """Write a line of the audit log, but only once of what is the same: a broad topic brings thousands.

    And not more than NOTES_PER_HOUR: a server that has gone mad must not fill the disk.
    """
    hour, count = event.at_ms // HOUR_MS, 0
    if state.notes[0] == hour:
        count = state.notes[1]
    if once in state.noted or count >= NOTES_PER_HOUR:
        return state, []
    if count == NOTES_PER_HOUR - 1:
        outcome += "; more of this hour are not listed"
    state = msgspec.structs.replace(state, noted=(*state.noted[-NOTED_MAX:], once), notes=(hour, count + 1))
    return state, [Audit(f"utility {event.topic}".strip(), f"event {event.event.id}", outcome)]


def _same(a: OpenAdrEvent, b: OpenAdrEvent) -> bool:
    """Tell whether two versions say the same, however often and whenever they arrived."""
    return a == msgspec.structs.replace(b, received_wall_ms=a.received_wall_ms, random_ms=a.random_ms)


def _refused(state: State, new: OpenAdrEvent, old: Known | None) -> str | None:
    """Return why an event cannot be obeyed; None if it can."""
    if foreign := _foreign(state, new):
        return foreign
    if old is None and len(state.known) >= EVENTS_MAX:
        return f"more than {EVENTS_MAX} events are known"
    return refusal(new, state.currency)


def _taken(state: State, event: UtilitySaid, old: Known | None) -> Result:
    """Return the state with a new event, or a new version of one; the draw of randomizeStart stays."""
    new = event.event
    if old and _extents(old.event) == _extents(new):
        new = msgspec.structs.replace(new, random_ms=old.event.random_ms)
    taken = know(new, received_at_ms=None if state.trusted else event.at_ms)
    lasts = may_last(taken.laid, taken.laid.start_wall_ms)
    if old and not lasts:
        return _gone(state, event, "its new version never holds")
    cause = ["updated" if old else "created"]
    if waiting := not_applied(new):
        cause.append(f"not applied yet: {', '.join(waiting)}")
    if not lasts:
        cause.append("no interval lasts")
    if new.id in state.opted_out:
        cause.append("opted out")
    commands: list[AnyCommand] = [Remember(new), _moved(new.id, event.wall_ms, "received", "; ".join(cause))]
    return with_known(state, taken), commands


def _extents(event: OpenAdrEvent) -> list[int]:
    return [p.randomize_start_ms for p in (event.period, *(i.period for i in event.intervals)) if p]


def _deleted(state: State, event: UtilitySaid, old: Known | None) -> Result:
    if old is not None:
        return _gone(state, event, "deleted")
    state, burying = _buried(state, event.event)
    moved = [_moved(event.event.id, event.wall_ms, "cancelled", "deleted before it was known")]
    return state, [*moved, *burying] if burying else []


def _gone(state: State, event: UtilitySaid, cause: str) -> Result:
    """Return the state without an event that was cancelled; what was measured of it is a row."""
    gone = event.event.id
    measures = {key: measure for key, measure in state.measures.items() if key[0] != gone}
    commands: list[AnyCommand] = [
        _closed(state, key, compliance.measured(measure, event.at_ms, None), event.wall_ms)
        for key, measure in state.measures.items()
        if key[0] == gone
    ]
    version = max(event.event, state.known[gone].event, key=lambda each: each.modified_wall_ms)
    state = _without(msgspec.structs.replace(state, measures=measures), gone)
    state, burying = _buried(state, version)
    return state, [*commands, _moved(gone, event.wall_ms, "cancelled", cause), Forget(gone), *burying]


def _buried(state: State, event: OpenAdrEvent) -> Result:
    """Return the state that knows which version was deleted; without a modification time none can be told."""
    if not event.modified_wall_ms:
        return state, []
    deleted = {key: stamp for key, stamp in state.deleted.items() if key != event.id}
    deleted[event.id] = event.modified_wall_ms
    forgotten = list(deleted)[:-DELETED_MAX]
    for key in forgotten:
        del deleted[key]
    commands: list[AnyCommand] = [Remember(msgspec.structs.replace(event, intervals=()))]
    return msgspec.structs.replace(state, deleted=deleted), [*commands, *map(Forget, forgotten)]


def _without(state: State, event_id: str) -> State:
    known = {key: value for key, value in state.known.items() if key != event_id}
    opted_out = {key: value for key, value in state.opted_out.items() if key != event_id}
    return msgspec.structs.replace(state, known=known, opted_out=opted_out)


def opted(state: State, event: OptOut) -> Result:
    """Return the state after the operator has opted out of an event, or back in."""
    opted_out = {key: why for key, why in state.opted_out.items() if key != event.event_id}
    if not event.back_in:
        opted_out[event.event_id] = event.reason
    step_name = "opted in" if event.back_in else "opted out"
    moved = _moved(event.event_id, event.wall_ms, step_name, event.reason)
    return msgspec.structs.replace(state, opted_out=opted_out), [moved]


### What becomes of it


def step(state: State, tick: Tick, site_w: int | None) -> Result:
    """Move every event along its life, and measure what the site does about the limits that hold.

    site_w: import at the site's root, measured; None while unknown.
    Without a trusted clock nothing moves and nothing is measured.
    """
    if not tick.wall_trusted:
        return (msgspec.structs.replace(state, trusted=False) if state.trusted else state), []
    late = [key for key, known in state.known.items() if known.received_at_ms is not None]
    state = clock_set(state, tick)
    commands: list[AnyCommand] = [Remember(state.known[key].event) for key in late]
    state = msgspec.structs.replace(state, trusted=True, certain=(tick.at_ms, tick.wall_ms))
    held = holding(state, tick.wall_ms)
    best = rank(held[0][0], 0)[0] if held else NO_PRIORITY
    winning = [each for each in held if rank(each[0], 0)[0] == best]
    state, measuring = _measure(state, winning, tick, site_w)
    commands += measuring
    losing = {known.event.id for known, _, _ in held} - {known.event.id for known, _, _ in winning}
    for known in list(state.known.values()):
        loses_to = held[0][0].event.id if known.event.id in losing else ""
        state, moving = _lived(state, known, tick.wall_ms, loses_to)
        commands += moving
    return state, commands


def _lived(state: State, known: Known, wall_ms: int, loses_to: str) -> Result:
    """Return the state with one event moved along, if it has."""
    laid, event_id = known.laid, known.event.id
    if not may_last(laid, wall_ms):
        if known.step == "done" and wall_ms >= (laid.end_wall_ms or 0) + DONE_STAYS_MS:
            return _without(state, event_id), [Forget(event_id)]
        new, cause = "done", "" if known.step in ("active", "superseded") else "over before it was obeyed"
    elif laid.start_wall_ms > wall_ms or event_id in state.opted_out:
        return state, []
    elif loses_to:
        new, cause = "superseded", f"event {loses_to} has the higher priority"
    else:
        new, cause = "active", ""
    if new == known.step:
        return state, []
    state = with_known(state, msgspec.structs.replace(known, step=new))
    return state, [_moved(event_id, wall_ms, new, cause)]


def _measure(state: State, winning: list[Held], tick: Tick, site_w: int | None) -> Result:
    """Return the state with what was measured; a row for every interval that is over."""
    if not winning and not state.measures:
        return state, []
    measures: dict[MeasureKey, compliance.Measure] = {}
    left = dict(state.measures)
    for known, stretch, power_w in winning:
        key = (known.event.id, stretch.interval_id, stretch.from_wall_ms)
        measure = left.get(key)
        if measure is None or (measure.limit_w, measure.stretch.to_wall_ms) != (power_w, stretch.to_wall_ms):
            measure = compliance.begin(stretch, power_w, known.event.received_wall_ms, tick)
        else:
            del left[key]
        measures[key] = compliance.measured(measure, tick.at_ms, site_w)
    commands = [
        _closed(state, key, compliance.measured(measure, tick.at_ms, None), tick.wall_ms)
        for key, measure in left.items()
    ]
    return msgspec.structs.replace(state, measures=measures), commands


def _closed(state: State, key: MeasureKey, measure: compliance.Measure, wall_ms: int) -> AnyCommand:
    """Return what is kept of an interval that is over: the report to the utility, or that there is none."""
    row = compliance.ended(measure, state.known[key[0]].event, wall_ms)
    if row is None:
        return _moved(key[0], wall_ms, "unmeasured", f"interval {key[1]}: no measurement of the site")
    return Keep(row, tell="utility")
