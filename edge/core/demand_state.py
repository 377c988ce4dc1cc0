"""What is known of the utility's events: the state that demand_response.py folds, and what it means.

    limit(state, tick) -> SiteLimit | None              what the whole site may import now
    ahead(state, from, to), prices(state, from, to)     what is known of other times
    listed(state, from, to)                             every event that is known, for people

Rule 1: a limit holds from its start to its end and not a tick longer, whatever the broker does.
Rule 2: of limits that hold together the higher priority wins (User Guide 7.1), the lower limit among
    equals; of prices the later modificationDateTime among equals.  The standard leaves ties open.

While the wall clock is not trusted nobody can say which interval holds.  Then the lowest limit of all
events that may not be over is held.  Whether one is over is told by the last moment that was certain (a
trusted tick, the last heartbeat before the restart, the utility's own modificationDateTime) plus the time
that has passed since on the monotonic clock: real time cannot be earlier than that.

Source: OpenADR 3.1.1 User Guide 7.1, 7.3.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

import msgspec

from edge.core.compliance import Measure
from edge.core.demand_terms import APPLIED, LIMIT, PRICE, limit_w, price_micro
from edge.core.timeline import MAX_STRETCHES, Claim, Laid, Stretch, between, lay, only, winners
from edge.model.flow import Tick
from edge.model.openadr import OpenAdrEvent
from edge.model.records import EventNow, PriceNow
from edge.model.site import Site

# Stretches of all events together that are looked at for a plan or a page: a tick has little time.
CLAIMS_MAX = 6_000
CLAIMS_MIN = 24  # of one event, however many there are: a day of hours

# A priority of null is the least (the schema's default).
NO_PRIORITY = 2**62


class SiteLimit(NamedTuple):
    """What the site may import, and why.  until_wall_ms: None where no end is known."""

    limit_w: int
    because: str
    event_id: str
    until_wall_ms: int | None


class Known(msgspec.Struct, frozen=True):
    """An event that we know.  limits, prices: its stretches of these types.

    lowest_w: per stretch of limits, the lowest limit of it and all that begin later.
    received_at_ms: monotonic, where it came while the wall clock was not trusted; else None.
    """

    event: OpenAdrEvent
    laid: Laid
    limits: Laid
    prices: Laid
    lowest_w: tuple[int, ...]
    step: str = "received"
    received_at_ms: int | None = None


MeasureKey = tuple[str, int, int]


class State(msgspec.Struct, frozen=True):
    """All that is known of the utility.  Values are never changed, only replaced.

    programs, targets: what is for us; empty is everything.  currency: of the site's prices.
    deleted: id -> modificationDateTime of what was deleted.  noted: what was said once and need not be said
    again; notes: the hour on the monotonic clock, and how much was said in it.  certain: a moment
    (monotonic, UTC) at which real time was no earlier.
    """

    programs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    currency: str = "USD"
    known: dict[str, Known] = {}
    deleted: dict[str, int] = {}
    opted_out: dict[str, str] = {}
    noted: tuple[str, ...] = ()
    notes: tuple[int, int] = (0, 0)
    measures: dict[MeasureKey, Measure] = {}
    trusted: bool = False
    certain: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, site: Site) -> "State":
        """Return the state of a site that has heard nothing yet."""
        if site.utility is None:
            return cls(currency=site.currency)
        targets = site.utility.targets
        return cls(site.utility.programs, (*targets, site.utility.ven_name) if targets else (), site.currency)


def know(event: OpenAdrEvent, step: str = "received", received_at_ms: int | None = None) -> Known:
    """Return an event laid out in time."""
    laid = lay(event)
    limits = only(laid, LIMIT)
    lowest = accumulate((limit_w(event, stretch) for stretch in reversed(limits.round)), min)
    return Known(event, laid, limits, only(laid, PRICE), tuple(lowest)[::-1], step, received_at_ms)


def with_known(state: State, known: Known) -> State:
    """Return the state with an event, in place of what was known under its id."""
    return msgspec.structs.replace(state, known=state.known | {known.event.id: known})


def clock_set(state: State, tick: Tick) -> State:
    """Return the state with the events that came before the clock was set put where they belong."""
    for known in list(state.known.values()):
        if known.received_at_ms is not None:
            received = tick.wall_ms - (tick.at_ms - known.received_at_ms)
            event = msgspec.structs.replace(known.event, received_wall_ms=received)
            state = with_known(state, know(event, known.step))
    return state


def limit(state: State, tick: Tick) -> SiteLimit | None:
    """Return what the site may import now; None where no event limits it.

    With a clock that is not trusted: the lowest limit of all events that may not be over.
    """
    if not tick.wall_trusted:
        return _lowest_not_over(state, tick.at_ms)
    state = clock_set(state, tick)
    held = holding(state, tick.wall_ms)
    if not held:
        return None
    known, stretch, power_w = held[0]
    return SiteLimit(power_w, because(known), known.event.id, stretch.to_wall_ms)


def because(known: Known) -> str:
    """Return the reason that people read."""
    return f"utility event {known.event.name or known.event.id}"


def rank(known: Known, power_w: int) -> tuple[int, int]:
    """Return who wins: the lowest."""
    priority = known.event.priority
    return (NO_PRIORITY if priority is None else priority, power_w)


def obeyed(state: State) -> list[Known]:
    """Return the events that the operator has not opted out of."""
    return [known for known in state.known.values() if known.event.id not in state.opted_out]


def holding(state: State, wall_ms: int) -> list[tuple[Known, Stretch, int]]:
    """Return the limits that hold at a time, the one that wins first."""
    held = [
        (known, stretch, limit_w(known.event, stretch))
        for known in obeyed(state)
        for stretch in between(known.limits, wall_ms, wall_ms + 1)
    ]
    return sorted(held, key=lambda each: rank(each[0], each[2]))


def _lowest_not_over(state: State, at_ms: int) -> SiteLimit | None:
    lowest: SiteLimit | None = None
    for known in obeyed(state):
        from_ms = certain_ms(state, at_ms)
        if known.received_at_ms is not None and _starts_now(known.event):
            from_ms = known.event.received_wall_ms + at_ms - known.received_at_ms
        limits = known.limits
        first = bisect_right(limits.reach_ms, from_ms) if limits.round_ms is None else 0
        if not may_last(limits, from_ms) or first == len(limits.round):
            continue
        power_w = known.lowest_w[first]
        if lowest is None or power_w < lowest.limit_w:
            why = f"{because(known)}, held because the clock is not set"
            lowest = SiteLimit(power_w, why, known.event.id, None)
    return lowest


def may_last(laid: Laid, from_wall_ms: int) -> bool:
    """Tell whether an event has anything left after a time."""
    return laid.end_wall_ms is None or laid.end_wall_ms > from_wall_ms


def _starts_now(event: OpenAdrEvent) -> bool:
    """Tell whether an event is placed by when it was received."""
    first = event.intervals[0].period if event.intervals else None
    periods = [period for period in (event.period, first) if period is not None]
    return not any(isinstance(period.start, int) for period in periods)


def certain_ms(state: State, at_ms: int) -> int:
    """Return what real time is at least."""
    certain_at_ms, certain_wall_ms = state.certain
    return certain_wall_ms + at_ms - certain_at_ms


def _most(state: State) -> int:
    return max(CLAIMS_MIN, min(MAX_STRETCHES, CLAIMS_MAX // max(1, len(state.known))))


def ahead(state: State, from_wall_ms: int, to_wall_ms: int) -> list[EventNow]:
    """Return the limits that win in a time, in its order, for plans and pages."""
    claims = [
        Claim(stretch.from_wall_ms, stretch.to_wall_ms, rank(known, power_w), (known, power_w))
        for known in obeyed(state)
        for stretch in between(known.limits, from_wall_ms, to_wall_ms, _most(state))
        for power_w in (limit_w(known.event, stretch),)
    ]
    return [
        EventNow(
            piece.what[0].event.id,
            piece.what[0].event.name,
            piece.from_wall_ms,
            piece.to_wall_ms,
            LIMIT,
            piece.what[1],
            piece.what[0].step,
        )
        for piece in winners(claims)
        if piece.from_wall_ms < to_wall_ms and (piece.to_wall_ms is None or piece.to_wall_ms > from_wall_ms)
    ]


def listed(state: State, from_wall_ms: int, to_wall_ms: int) -> list[EventNow]:
    """Return the limits that win in a time, and one line for whatever else is known: nothing is hidden.

    A line without limit_w spans the whole event: prices, what is not applied yet, what was opted out of, is
    superseded, over, or further away than the time asked for.
    """
    found = ahead(state, from_wall_ms, to_wall_ms)
    shown = {(each.event_id, each.payload_type) for each in found}
    for known in state.known.values():
        event, laid = known.event, known.laid
        types = {payload.type for interval in event.intervals for payload in interval.payloads}
        for payload_type in sorted(types) or [""]:
            if (event.id, payload_type) in shown:
                continue
            step = known.step if payload_type in APPLIED else "not applied yet"
            if event.id in state.opted_out and known.step != "done":
                step = "opted out"
            span = (laid.start_wall_ms, laid.end_wall_ms)
            found.append(EventNow(event.id, event.name, *span, payload_type, None, step))
    return sorted(found, key=lambda each: (each.from_wall_ms, each.event_id))


def prices(state: State, from_wall_ms: int, to_wall_ms: int) -> list[PriceNow]:
    """Return the utility's prices in a time, in its order, cut to it; where none is told there is a gap.

    The times mean nothing while the wall clock is not trusted.
    """
    claims = [
        Claim(
            max(stretch.from_wall_ms, from_wall_ms),
            to_wall_ms if stretch.to_wall_ms is None else min(stretch.to_wall_ms, to_wall_ms),
            (rank(known, 0)[0], -known.event.modified_wall_ms, -known.event.received_wall_ms),
            PriceNow(0, 0, price_micro(known.event, stretch), because(known)),
        )
        for known in obeyed(state)
        for stretch in between(known.prices, from_wall_ms, to_wall_ms, _most(state))
    ]
    return [
        msgspec.structs.replace(
            piece.what, from_wall_ms=piece.from_wall_ms, to_wall_ms=piece.to_wall_ms or to_wall_ms
        )
        for piece in winners(claims)
    ]
