"""What the utility's events say of other times: limits ahead, prices, and the list of all that is known.

ahead(state, from, to), prices(state, from, to)     for pages; ceilings(state, …) for plans
listed(state, from, to)                             every event that is known, for people
"""

from edge.core.demand_effects import Effect, effect_words
from edge.core.demand_state import Known, State, because, is_drill, obeyed, out_of, priority
from edge.core.demand_terms import (
    NO_LIMIT,
    WHOLE,
    carbon_micro,
    demand,
    not_applicable,
    price_micro,
    types_of,
)
from edge.core.signals import SIGNALS
from edge.core.timeline import MAX_STRETCHES, Claim, between, winners
from edge.model.dayplan import Ceiling
from edge.model.records import EventNow, PriceNow

# Stretches of all events together that are looked at for a plan or a page: a tick has little time.
CLAIMS_MAX = 6_000
CLAIMS_MIN = 24  # of one event, however many there are: a day of hours


def _most(state: State) -> int:
    return max(CLAIMS_MIN, min(MAX_STRETCHES, CLAIMS_MAX // max(1, len(state.known))))


def ahead(state: State, from_wall_ms: int, to_wall_ms: int) -> list[EventNow]:
    """Return the limits that win in a time, lane by lane, in its order, for pages."""
    found = [_event_now(state, piece) for piece in _pieces(state, from_wall_ms, to_wall_ms)]
    return sorted(found, key=lambda each: (each.from_wall_ms, each.event_id, each.payload_type))


def ceilings(state: State, root: str, from_wall_ms: int, to_wall_ms: int) -> list[Ceiling]:
    """Return what limits nodes in a time, for plans.  root: the node that stands for the whole site.

    What limits single chargers is not among it.
    """
    found = []
    for piece in _pieces(state, from_wall_ms, to_wall_ms):
        effect = piece.what
        what, limit, _ = effect.demand
        node = root if effect.part == WHOLE else effect.part.node
        if not node or what == "each" or limit >= NO_LIMIT or _is_reservation(effect):
            continue
        charging = what == "charging"
        found.append(Ceiling(node, piece.from_wall_ms, piece.to_wall_ms, limit, charging=charging))
    return found


def _pieces(state: State, from_wall_ms: int, to_wall_ms: int) -> list[Claim[Effect]]:
    """Return the effects that win in a time, lane by lane."""
    lanes: dict[tuple[str, object, str], list[Claim[Effect]]] = {}
    for known in obeyed(state):
        for kind in known.lowest:
            for stretch in between(known.lanes[kind], from_wall_ms, to_wall_ms, _most(state)):
                for part in known.parts:
                    effect = Effect(known, stretch, part, demand(state.plan, known.event, stretch, part))
                    claim = Claim(stretch.from_wall_ms, stretch.to_wall_ms, effect.rank, effect)
                    lanes.setdefault(effect.lane, []).append(claim)
    return [
        piece
        for claims in lanes.values()
        for piece in winners(claims)
        if piece.from_wall_ms < to_wall_ms and (piece.to_wall_ms is None or piece.to_wall_ms > from_wall_ms)
    ]


def _event_now(state: State, piece: Claim[Effect]) -> EventNow:
    effect = piece.what
    event, (what, limit, _) = effect.known.event, effect.demand
    sets = limit < NO_LIMIT and effect.part == WHOLE and not _is_reservation(effect)
    return EventNow(
        event.id,
        event.name,
        piece.from_wall_ms,
        piece.to_wall_ms,
        effect.stretch.type,
        limit if sets and what == "site" else None,
        effect.known.step,
        charging_w=limit if sets and what == "charging" else None,
        effect="adds to the subscription" if _is_reservation(effect) else effect_words(effect),
        program_id=event.program_id,
        binding=event.program_id in state.plan.response.binding,
        drill=is_drill(state, event),
    )


def _is_reservation(effect: Effect) -> bool:
    return effect.stretch.type == "IMPORT_CAPACITY_RESERVATION"


def listed(state: State, from_wall_ms: int, to_wall_ms: int) -> list[EventNow]:
    """Return the limits that win in a time, and one line for whatever else is known: nothing is hidden.

    A line without limit_w and charging_w spans the whole event: prices, what is not applicable and why, what
    was opted out of, is superseded, over, or further away than the time asked for.
    """
    found = ahead(state, from_wall_ms, to_wall_ms)
    shown = {(each.event_id, each.payload_type) for each in found}
    for known in state.known.values():
        unused = not_applicable(known.event)
        for payload_type in sorted(types_of(known.event)) or [""]:
            if (known.event.id, payload_type) not in shown:
                found.append(_whole(state, known, payload_type, unused.get(payload_type)))
    return sorted(found, key=lambda each: (each.from_wall_ms, each.event_id))


def _whole(state: State, known: Known, payload_type: str, why_not: str | None) -> EventNow:
    """Return the line of a payload type over its whole event."""
    event, laid = known.event, known.laid
    signal = SIGNALS.get(payload_type)
    step, effect = known.step, signal.says if signal else ""
    if why_not is not None and not (signal and signal.becomes == "shown"):
        step, effect = "not applicable", why_not
    if payload_type == "":
        step, effect = "not applicable", "no interval"
        if event.report_descriptors:
            step, effect = known.step, "asks for reports"
    if out_of(state, event) is not None and known.step not in ("done", "expired"):
        step = "opted out"
    return EventNow(
        event.id,
        event.name,
        laid.start_wall_ms,
        laid.end_wall_ms,
        payload_type,
        None,
        step,
        effect=effect,
        program_id=event.program_id,
        binding=event.program_id in state.plan.response.binding,
        drill=is_drill(state, event),
    )


def prices(state: State, from_wall_ms: int, to_wall_ms: int, kind: str = "PRICE") -> list[PriceNow]:
    """Return the utility's prices in a time, in its order, cut to it; where none is told there is a gap.

    kind: PRICE, EXPORT_PRICE, or GHG: what a kWh's carbon counts as.
    The times mean nothing while the wall clock is not trusted.
    """
    claims = [
        Claim(
            max(stretch.from_wall_ms, from_wall_ms),
            to_wall_ms if stretch.to_wall_ms is None else min(stretch.to_wall_ms, to_wall_ms),
            (priority(known), -known.event.modified_wall_ms, -known.event.received_wall_ms),
            PriceNow(
                0,
                0,
                carbon_micro(state.plan, stretch) if kind == "GHG" else price_micro(known.event, stretch),
                because(state, known),
            ),
        )
        for known in obeyed(state)
        if kind in known.lanes
        for stretch in between(known.lanes[kind], from_wall_ms, to_wall_ms, _most(state))
    ]
    return [
        PriceNow(
            piece.from_wall_ms, piece.to_wall_ms or to_wall_ms, piece.what.price_micro, piece.what.source
        )
        for piece in winners(claims)
    ]
