"""What is known of the utility's events: the state that demand_response.py folds.

    know(event, plan) -> Known              an event, laid out in time by what it says
    obeyed(state)                           the events that the operator has not opted out of
    certain_ms(state, at_ms)                what real time is at least, while the clock is not set

What follows from it (limits, prices, floors) is demand_effects.py.

Source: OpenADR 3.1.1 User Guide 7.1, 7.3.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from edge.core.compliance import Measure
from edge.core.demand_terms import Part, Plan, What, acted_on, demand, parts
from edge.core.signals import SIGNALS
from edge.core.timeline import Laid, Stretch, lay, only
from edge.model.flow import Tick
from edge.model.openadr import OpenAdrEvent
from edge.model.site import Site

# A priority of null is the least (the schema's default).
NO_PRIORITY = 2**62

# What the operator may opt out of beside a single event: all of them, or a program's.
EVERYTHING = "*"
PROGRAM = "program:"


class Known(msgspec.Struct, frozen=True):
    """An event that we know.

    lanes: payload type -> its stretches, of the types that are acted on.  lowest: of those that limit, per
    stretch, the one with the lowest limit of it and all that begin later.  parts: of the site.
    received_at_ms: monotonic, where it came while the wall clock was not trusted; else None.
    acknowledged: this version is on the disk, and whoever sent it has been told so.
    """

    event: OpenAdrEvent
    laid: Laid
    lanes: dict[str, Laid]
    lowest: dict[str, tuple[Stretch, ...]]
    parts: tuple[Part, ...]
    step: str = "received"
    received_at_ms: int | None = None
    acknowledged: bool = False


class Recovery(NamedTuple):
    """How a limit that is over is let go: from its own value on, not all at once.

    from_w: the limit that was; at_ms: when it ended, monotonic.  delay_ms: a draw within the event's own
    tolerance.
    """

    from_w: int
    at_ms: int
    delay_ms: int
    because: str


class Was(NamedTuple):
    """The limit that held in the last tick: what a recovery begins from.  delay_ms: if it ends now."""

    event_id: str
    limit_w: int
    delay_ms: int
    because: str


MeasureKey = tuple[str, int, int]
Scope = tuple[What, Part]


class State(msgspec.Struct, frozen=True):
    """All that is known of the utility.  Values are never changed, only replaced.

    programs, targets: what is for us; empty is everything.  currency: of the site's prices.
    deleted: id -> modificationDateTime of what was deleted.  noted: what was said once and need not be said
    again; notes: the hour on the monotonic clock, and how much was said in it.  certain: a moment
    (monotonic, UTC) at which real time was no earlier.  line_lost_at_ms: since when the utility cannot be
    heard, monotonic; None while it can.  was, recoveries: limits that held, and that are being let go.
    """

    programs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    currency: str = "USD"
    plan: Plan = Plan()
    known: dict[str, Known] = {}
    deleted: dict[str, int] = {}
    opted_out: dict[str, str] = {}
    noted: tuple[str, ...] = ()
    notes: tuple[int, int] = (0, 0)
    measures: dict[MeasureKey, Measure] = {}
    trusted: bool = False
    certain: tuple[int, int] = (0, 0)
    line_lost_at_ms: int | None = None
    was: dict[Scope, Was] = {}
    recoveries: dict[Scope, Recovery] = {}

    @classmethod
    def of(cls, site: Site) -> "State":
        """Return the state of a site that has heard nothing yet."""
        plan = Plan.of(site)
        if site.utility is None:
            return cls(currency=site.currency, plan=plan)
        targets = site.utility.targets
        ours = (*targets, site.utility.ven_name) if targets else ()
        return cls(site.utility.programs, ours, site.currency, plan, line_lost_at_ms=0)


class Seen(msgspec.Struct, frozen=True):
    """What devices show in a tick: import at the site, all charging, the lowest voltage; None: unknown.

    charging_w is what chargers tell, those that are silent counted with all that they may draw.
    part_w: import of a node, power of a charger.
    """

    site_w: int | None = None
    charging_w: int = 0
    lowest_mv: int | None = None
    part_w: dict[str, int | None] = {}

    @property
    def export_w(self) -> int:
        """What the site would export if nothing charged; 0 while unknown."""
        return 0 if self.site_w is None else max(0, self.charging_w - self.site_w)


def know(
    state: State, event: OpenAdrEvent, step: str = "received", received_at_ms: int | None = None
) -> Known:
    """Return an event laid out in time."""
    laid = lay(event)
    lanes = {kind: only(laid, kind) for kind in sorted(acted_on(event))}
    found = parts(state.plan, event.targets, state.targets)
    lowest = {
        kind: _lowest(state.plan, event, lane, found[0])
        for kind, lane in lanes.items()
        if SIGNALS[kind].becomes == "limit"
    }
    return Known(event, laid, lanes, lowest, found, step, received_at_ms)


def _lowest(plan: Plan, event: OpenAdrEvent, lane: Laid, part: Part) -> tuple[Stretch, ...]:
    """Return, per stretch, the one with the lowest limit among it and all later ones."""
    found: list[Stretch] = []
    least = 0
    for stretch in reversed(lane.round):
        limit = demand(plan, event, stretch, part).limit
        if not found or limit < least:
            found.append(stretch)
            least = limit
        else:
            found.append(found[-1])
    return tuple(reversed(found))


def with_known(state: State, known: Known) -> State:
    """Return the state with an event, in place of what was known under its id."""
    return msgspec.structs.replace(state, known=state.known | {known.event.id: known})


def clock_set(state: State, tick: Tick) -> State:
    """Return the state with the events that came before the clock was set put where they belong."""
    for known in list(state.known.values()):
        if known.received_at_ms is not None:
            received = tick.wall_ms - (tick.at_ms - known.received_at_ms)
            event = msgspec.structs.replace(known.event, received_wall_ms=received)
            anew = msgspec.structs.replace(know(state, event, known.step), acknowledged=known.acknowledged)
            state = with_known(state, anew)
    return state


def because(state: State, known: Known) -> str:
    """Return the reason that people read."""
    who = "drill of the utility" if is_drill(state, known.event) else "utility event"
    return f"{who} {known.event.name or known.event.id}"


def is_drill(state: State, event: OpenAdrEvent) -> bool:
    """Tell whether an event is a rehearsal: by its program, or by a name that begins with drill or test.

    OpenADR 3 has no word for it.
    """
    return event.program_id in state.plan.response.drills or event.name.strip().lower().startswith(
        ("drill", "test")
    )


def priority(known: Known) -> int:
    """Return an event's priority; the lower is the more important."""
    return NO_PRIORITY if known.event.priority is None else known.event.priority


def out_of(state: State, event: OpenAdrEvent) -> str | None:
    """Return why the operator has opted out of an event; None if they have not, or may not."""
    return reason_to_be_out(state.opted_out, event.id, event.program_id, state.plan.response.binding)


def reason_to_be_out(
    opted_out: Mapping[str, str], event_id: str, program_id: str, binding: tuple[str, ...]
) -> str | None:
    """Return the reason of opting out of an event, of its program or of all; None if none stands."""
    if program_id in binding:
        return None
    for key in (event_id, PROGRAM + program_id, EVERYTHING):
        if key in opted_out:
            return opted_out[key]
    return None


def obeyed(state: State) -> list[Known]:
    """Return the events that the operator has not opted out of."""
    if not state.opted_out:
        return list(state.known.values())
    return [known for known in state.known.values() if out_of(state, known.event) is None]


def extents(event: OpenAdrEvent) -> list[int]:
    """Return what its periods randomise their starts by, ms."""
    return [p.randomize_start_ms for p in (event.period, *(i.period for i in event.intervals)) if p]


def may_last(laid: Laid, from_wall_ms: int) -> bool:
    """Tell whether an event has anything left after a time."""
    return laid.end_wall_ms is None or laid.end_wall_ms > from_wall_ms


def certain_ms(state: State, at_ms: int) -> int:
    """Return what real time is at least."""
    certain_at_ms, certain_wall_ms = state.certain
    return certain_wall_ms + at_ms - certain_at_ms
