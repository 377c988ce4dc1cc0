"""What one tick saw and decided, for people: the record behind the page, `depot status` and `depot why`."""

from collections.abc import Mapping

from edge.core import asks
from edge.core.calendar import Calendar
from edge.core.diary import Diary
from edge.core.fleet import TELLS
from edge.core.grid import Other
from edge.core.guard import Held, Verdict
from edge.core.limits import Room
from edge.core.promises import Judged
from edge.core.state import ChargerKnown, State
from edge.model.flow import Tick
from edge.model.records import ChargerNow, GridNow, NodeNow, PlanNow, TickRecord
from edge.model.site import Charger, Site
from edge.model.units import PHASE_NAMES, PHASES, Triple, add, amps_text


def explained(because: str, want: asks.Want, rooms: list[Room], others: dict[str, Other]) -> str:
    """Return the balancer's reason in words, with the figures behind it.

    "panel-a L2" becomes "panel-a L2 is full: breaker 63 A, other load 8 A", "asks nothing" becomes why it
    does not; other reasons stay.
    """
    if because == "asks nothing":
        return want.because if want.max_ma == 0 else "was just paused: stays off for its minimum time"
    if because == "max":
        kept = f"must not see 0 A, {want.because}"
        return "gets all that it can use" if want.max_ma else kept
    for room in rooms:
        for p in PHASES:
            place = f"{room.node} {PHASE_NAMES[p]}"
            if because in {place, f"no room for the minimum at {place}"}:
                other = amps_text(-(-others[room.node].now_ma[p] // 100) * 100)  # to a tenth, up (I8)
                head = "is full" if because == place else "has no room for the minimum"
                return f"{place} {head}: {room.because[p]}, other load {other}"
    return because


def record(
    site: Site,
    tick: Tick,
    state: State,
    rooms: list[Room],
    others: dict[str, Other],
    wants: dict[str, asks.Want],
    verdict: Verdict,
    held: dict[str, Held],
    diary: Diary,
    calendar: Calendar,
    quarter_w: int | None = None,
    plan: PlanNow | None = None,
    grid: list[GridNow] | None = None,
    promised: Mapping[str, Judged] | None = None,
    giving: Mapping[str, int] | None = None,
) -> TickRecord:
    """Return the record of a tick; call it after the setpoints have been told."""
    granted = {s.charger: s for s in verdict.setpoints}
    charging = _charging(site, {c: s.current_ma for c, s in granted.items()})
    nodes = [_node(room, others[room.node], charging[room.node]) for room in rooms]
    chargers = [
        _charger(c, tick, state.chargers[c.id], wants[c.id], granted[c.id].current_ma,
                 explained(granted[c.id].because, wants[c.id], rooms, others), held[c.id], diary, calendar,
                 (promised or {}).get(c.id), (giving or {}).get(c.id, 0))
        for c in site.chargers
    ]  # fmt: skip
    silent = [n.id for n in site.nodes if n.meter and not others[n.id].known]
    return TickRecord(
        at_ms=tick.at_ms,
        wall_ms=tick.wall_ms,
        nodes=nodes,
        chargers=chargers,
        prices=calendar.prices(tick.wall_ms),
        events=calendar.events(tick.wall_ms),
        violations=verdict.violations,
        demand=calendar.demand(tick.wall_ms),
        quarter_w=quarter_w,
        grid=grid or [],
        fallback=f"meter silent at {', '.join(silent)}: fallback currents" if silent else "",
        plan=plan,
        learned=calendar.learned.now(tick.wall_ms) if tick.wall_trusted else (),
    )


def _charging(site: Site, granted_ma: dict[str, int]) -> dict[str, Triple]:
    charging: dict[str, Triple] = {n.id: (0, 0, 0) for n in site.nodes}
    for charger in site.chargers:
        current_ma = granted_ma[charger.id]
        part = tuple(current_ma if p in charger.phases else 0 for p in PHASES)
        for node in site.path(charger.node):
            charging[node] = add(charging[node], (part[0], part[1], part[2]))
    return charging


def _node(room: Room, other: Other, charging_ma: Triple) -> NodeNow:
    return NodeNow(
        id=room.node,
        limit_ma=room.limit_ma,
        because=room.because,
        flowing_ma=other.flowing_ma,
        other_ma=other.now_ma,
        charging_ma=charging_ma,
        power_w=other.power_w,
        age_ms=other.age_ms,
    )


def _charger(
    charger: Charger,
    tick: Tick,
    known: ChargerKnown,
    want: asks.Want,
    granted_ma: int,
    because: str,
    held: Held,
    diary: Diary,
    calendar: Calendar,
    judged: Judged | None,
    giving_ma: int = 0,
) -> ChargerNow:
    stay = calendar.stay(charger.id, tick.wall_ms)
    return ChargerNow(
        id=charger.id,
        node=charger.node,
        state=known.state,
        online=not held.silent,
        asked_ma=want.max_ma,
        asked_because=want.because,
        granted_ma=granted_ma,
        because=because,
        may_draw_ma=held.may_ma,
        measured_ma=None if held.silent else known.latest_ma,
        power_w=None if held.silent else known.power_w,
        session_wh=diary.session_wh(charger.id),
        session_since_wall_ms=diary.session_since(charger.id),
        vehicle=stay.window.vehicle if stay else calendar.name_of(charger.id),
        window_source=stay.window.source if stay else "",
        who=_who(known),
        ready_by_wall_ms=stay.ready_by_wall_ms if stay else None,
        need_wh=want.need_wh,
        promise=judged.promise if judged else want.promise,
        promise_why=judged.why if judged else "",
        promise_change=judged.change if judged else "",
        short_wh=judged.short_wh if judged else 0,
        age_ms=None if known.at_ms is None else tick.at_ms - known.at_ms,
        soc_pm=soc if isinstance(soc := known.values.get("soc_pm"), int) and not held.silent else None,
        giving_ma=giving_ma,
    )


def _who(known: ChargerKnown) -> str:
    """Return who a charger says is there; nobody where no vehicle is."""
    there = known.state in asks.CAN_CHARGE
    return next((str(known.values[key]) for key in TELLS if there and known.values.get(key)), "")
