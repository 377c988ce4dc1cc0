"""The life of the utility's events: what was said, what became of it, and what the site did about it.

    state = State.of(site)
    state, commands = restored(state, event)            Restored: what was known before the restart
    state, commands = said(state, event)                UtilitySaid: created, updated, deleted
    state, commands = taken(state, event)               UtilityTaken: it is on the disk, and the broker knows
    state, commands = opted(state, event)               OptOut
    state, commands = step(state, tick, site_w, seen)   every tick: the life of events, and compliance
    limit(state, tick), ahead(…), prices(…), listed(…)  what follows: see demand_effects.py, demand_ahead.py

    received ─> acknowledged ─> far ─> near ─> active ⇄ superseded ─> done       or expired: never obeyed
                                                                                 or cancelled, at any time

Rule 1: a refused message changes nothing: the previous version of the event stands.
Rule 2: what is not applicable here is kept and named with its reason, not forgotten.
Rule 3: what comes again (a retained copy, a second delivery) changes nothing and is not told twice.  So an
    event that was deleted is remembered without its intervals: a retained copy of it may come years later.

Source: OpenADR 3.1.1 User Guide 7.9 (cancelling), 8.10 (capacity limits).
"""

import msgspec

from edge.core.demand_ahead import ahead, ceilings, listed, prices
from edge.core.demand_effects import (
    Effect,
    SiteLimit,
    effects,
    holding,
    limit,
)
from edge.core.demand_measure import close, let_go, measure
from edge.core.demand_state import (
    EVERYTHING,
    PROGRAM,
    Known,
    Seen,
    State,
    certain_ms,
    clock_set,
    extents,
    is_drill,
    know,
    may_last,
    out_of,
    priority,
    with_known,
)
from edge.core.demand_terms import WHOLE, Part, not_applicable, refusal
from edge.model.flow import (
    AnyCommand,
    Audit,
    Forget,
    Keep,
    Link,
    OptOut,
    ProgramSaid,
    Remember,
    Restored,
    Tick,
    UtilitySaid,
    UtilityTaken,
)
from edge.model.openadr import OpenAdrEvent
from edge.model.records import EventStep
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS

__all__ = [
    "SiteLimit",
    "State",
    "ahead",
    "ceilings",
    "heard",
    "limit",
    "listed",
    "opted",
    "prices",
    "program_said",
    "restored",
    "said",
    "step",
    "taken",
]

# One event a program and day is usual; this is for a server that has gone mad.
EVENTS_MAX = 500
NOTED_MAX = 1_000  # what was said once and need not be said again
NOTES_PER_HOUR = 200
DELETED_MAX = 200  # events that were deleted; the newest

# How long an event that is over stays on the page.
DONE_STAYS_MS = DAY_MS

# An event that begins within this is near: people and plans should look now.
NEAR_MS = 15 * MINUTE_MS

# The steps at which a restart may find an event.
LIFE = ("received", "far", "near", "active", "superseded", "done", "expired", "cancelled")
OVER = ("done", "expired")

Result = tuple[State, list[AnyCommand]]


def _moved(event_id: str, wall_ms: int, step: str, cause: str = "") -> Keep:
    return Keep(EventStep(event_id, wall_ms, step, cause))


### What is said


def restored(state: State, event: Restored) -> Result:
    """Return the state with the events of before the restart, each at the step where it was."""
    steps = {row.event_id: row.step for row in event.kept if isinstance(row, EventStep) and row.step in LIFE}
    deleted = {each.id: each.modified_wall_ms for each in event.events if steps.get(each.id) == "cancelled"}
    living = [each for each in event.events if each.id not in deleted]
    known = {
        each.id: msgspec.structs.replace(know(state, each, steps.get(each.id, "received")), acknowledged=True)
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
    if state.targets and event.targets and not set(event.targets) & {*state.targets, *state.plan.names()}:
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
    return a == msgspec.structs.replace(
        b, received_wall_ms=a.received_wall_ms, random_ms=a.random_ms, reference_w=a.reference_w
    )


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
    if old and extents(old.event) == extents(new):
        new = msgspec.structs.replace(new, random_ms=old.event.random_ms)
    if old:
        new = msgspec.structs.replace(new, reference_w=old.event.reference_w)
    fresh = know(state, new, received_at_ms=None if state.trusted else event.at_ms)
    lasts = may_last(fresh.laid, fresh.laid.start_wall_ms)
    if old and not lasts:
        return _gone(state, event, "its new version never holds")
    cause = ["updated" if old else "created"]
    cause += [f"{kind} is not obeyed: {why}" for kind, why in not_applicable(new).items()]
    if is_drill(state, new):
        cause.append("a drill")
    if not lasts:
        cause.append("no interval lasts")
    if out_of(state, new) is not None:
        cause.append("opted out")
    commands: list[AnyCommand] = [Remember(new), _moved(new.id, event.wall_ms, "received", "; ".join(cause))]
    return with_known(state, fresh), commands


def _deleted(state: State, event: UtilitySaid, old: Known | None) -> Result:
    if old is not None:
        return _gone(state, event, "deleted")
    state, burying = _buried(state, event.event)
    moved = [_moved(event.event.id, event.wall_ms, "cancelled", "deleted before it was known")]
    return state, [*moved, *burying] if burying else []


def _gone(state: State, event: UtilitySaid, cause: str) -> Result:
    """Return the state without an event that was cancelled; what was measured of it is a row."""
    gone = event.event.id
    after, commands = close(state, gone, event.at_ms, event.wall_ms)
    version = max(event.event, state.known[gone].event, key=lambda each: each.modified_wall_ms)
    state, burying = _buried(_without(after, gone), version)
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
    commands: list[AnyCommand] = [
        Remember(msgspec.structs.replace(event, intervals=(), report_descriptors=()))
    ]
    return msgspec.structs.replace(state, deleted=deleted), [*commands, *map(Forget, forgotten)]


def _without(state: State, event_id: str) -> State:
    known = {key: value for key, value in state.known.items() if key != event_id}
    opted_out = {key: value for key, value in state.opted_out.items() if key != event_id}
    return msgspec.structs.replace(state, known=known, opted_out=opted_out)


def taken(state: State, event: UtilityTaken) -> Result:
    """Return that an event is on the disk and its broker knows; one that is not ours is not told."""
    known = state.known.get(event.event_id)
    if known is None or known.acknowledged:
        return state, []
    state = with_known(state, msgspec.structs.replace(known, acknowledged=True))
    return state, [_moved(event.event_id, event.wall_ms, "acknowledged", "it is on the disk")]


def program_said(state: State, event: ProgramSaid) -> Result:
    """Return the state that knows whether a program's events are binding, besides those of the site file."""
    response = state.plan.response
    if event.program_id in state.plan.binding or event.binding == (event.program_id in response.binding):
        return state, []
    binding = (*(each for each in response.binding if each != event.program_id),)
    if event.binding:
        binding = (*binding, event.program_id)
    plan = msgspec.structs.replace(state.plan, response=msgspec.structs.replace(response, binding=binding))
    said = "its events are binding" if event.binding else "its events may be opted out of"
    return msgspec.structs.replace(state, plan=plan), [Audit("utility", f"program {event.program_id}", said)]


def heard(state: State, event: Link) -> State:
    """Return the state that knows whether the utility can be heard."""
    if event.up:
        return msgspec.structs.replace(state, line_lost_at_ms=None)
    if state.line_lost_at_ms is not None:
        return state
    return msgspec.structs.replace(state, line_lost_at_ms=event.at_ms)


def opted(state: State, event: OptOut) -> Result:
    """Return the state after the operator has opted out of an event, of a program or of all; or back in."""
    known = state.known.get(event.event_id)
    if known and known.event.program_id in state.plan.response.binding and not event.back_in:
        refused = f"refused: events of program {known.event.program_id} are binding"
        return state, [Audit("utility", f"opt out of {event.event_id}", refused)]
    opted_out = {key: why for key, why in state.opted_out.items() if key != event.event_id}
    if not event.back_in:
        opted_out[event.event_id] = event.reason
    after = msgspec.structs.replace(state, opted_out=opted_out)
    step_name = "opted in" if event.back_in else "opted out"
    if event.event_id != EVERYTHING and not event.event_id.startswith(PROGRAM):
        return after, [_moved(event.event_id, event.wall_ms, step_name, event.reason)]
    return after, [
        _moved(each.event.id, event.wall_ms, step_name, event.reason)
        for each in state.known.values()
        if (out_of(state, each.event) is None) != (out_of(after, each.event) is None)
    ]


### What becomes of it


def step(state: State, tick: Tick, site_w: int | None, seen: Seen | None = None) -> Result:
    """Move every event along its life, and measure what the site does about the limits that hold.

    site_w: import at the site's root, measured; None while unknown.  seen: whatever else devices show.
    Without a trusted clock nothing moves and nothing is measured.
    """
    if not tick.wall_trusted:
        return (msgspec.structs.replace(state, trusted=False) if state.trusted else state), []
    seen = Seen(site_w) if seen is None else seen
    late = [key for key, known in state.known.items() if known.received_at_ms is not None]
    state = clock_set(state, tick)
    commands: list[AnyCommand] = [Remember(state.known[key].event) for key in late]
    state = msgspec.structs.replace(state, trusted=True, certain=(tick.at_ms, tick.wall_ms))
    found = effects(state, tick.wall_ms, seen.lowest_mv)
    state, referring = _referred(state, found, seen)
    if referring:
        found = effects(state, tick.wall_ms, seen.lowest_mv)
    best = {each.lane: priority(each.known) for each in reversed(found)}
    strong = [each for each in found if priority(each.known) == best[each.lane]]
    state, measuring = measure(state, strong, tick, seen)
    commands += [*referring, *measuring]
    losing = _losing(found, strong)
    for known in list(state.known.values()):
        state, moving = _lived(state, known, tick.wall_ms, losing.get(known.event.id, ""))
        commands += moving
    return let_go(state, tick, holding(state, tick, seen)), commands


def _losing(found: list[Effect], strong: list[Effect]) -> dict[str, str]:
    """Return the events that win nowhere, each with an event that wins in its place."""
    winners = {each.known.event.id for each in strong}
    first = {each.lane: each.known.event.id for each in reversed(strong)}
    return {each.known.event.id: first[each.lane] for each in found if each.known.event.id not in winners}


def _referred(state: State, found: list[Effect], seen: Seen) -> Result:
    """Return the state with what was taken when relative setpoints began; it is kept over restarts."""
    commands: list[AnyCommand] = []
    for effect in found:
        known = state.known[effect.known.event.id]
        if effect.stretch.type != "DISPATCH_SETPOINT_RELATIVE" or known.event.reference_w is not None:
            continue
        taken_w = _taken_w(effect.part, seen)
        if taken_w is not None:
            event = msgspec.structs.replace(known.event, reference_w=taken_w)
            anew = msgspec.structs.replace(know(state, event, known.step), acknowledged=known.acknowledged)
            state = with_known(state, anew)
            commands.append(Remember(event))
    return state, commands


def _taken_w(part: Part, seen: Seen) -> int | None:
    if part == WHOLE:
        return seen.site_w
    if part.node:
        return seen.part_w.get(part.node)
    powers = [seen.part_w.get(name) for name in part.chargers]
    known = [power for power in powers if power is not None]
    return sum(known) if len(known) == len(powers) else None


def _lived(state: State, known: Known, wall_ms: int, loses_to: str) -> Result:
    """Return the state with one event moved along, if it has."""
    laid, event_id = known.laid, known.event.id
    left_ms = laid.start_wall_ms - wall_ms
    if not may_last(laid, wall_ms):
        if known.step in OVER:
            if wall_ms < (laid.end_wall_ms or 0) + DONE_STAYS_MS:
                return state, []
            return _without(state, event_id), [Forget(event_id)]
        new, cause = _over(known)
    elif out_of(state, known.event) is not None:
        return state, []
    elif left_ms > 0:
        new, cause = "far" if left_ms > NEAR_MS else "near", f"begins in {-(-left_ms // MINUTE_MS)} min"
    elif loses_to:
        new, cause = "superseded", f"event {loses_to} has the higher priority"
    else:
        new, cause = "active", ""
    if new == known.step:
        return state, []
    state = with_known(state, msgspec.structs.replace(known, step=new))
    return state, [_moved(event_id, wall_ms, new, cause)]


def _over(known: Known) -> tuple[str, str]:
    """Return as what an event is over, and why."""
    if known.step in ("active", "superseded"):
        return "done", ""
    if not known.event.intervals:
        return "done", "no interval: it asks for reports only"
    return "expired", "over before it was obeyed"
