"""Between the utility's signals and the tick: what devices show of interest, who is exempt, what is capped.

seen(site, state, others, now_ms) -> Seen            for the signals that look at the site
floors(site, wants, stays) -> Floors                 what exempt vehicles need
caps(site, holds, floors) -> caps, quotas            limits of events as the tick wants them
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge.core.asks import Want
from edge.core.demand_effects import Hold
from edge.core.demand_state import Seen
from edge.core.demand_terms import WHOLE
from edge.core.grid import Other
from edge.core.limits import Cap
from edge.core.quota import Quota
from edge.core.state import State
from edge.core.windows import Stay, clock
from edge.model.site import Charger, Site
from edge.model.units import HOUR_MS, PHASES, Triple, add, amps_text, kw_text

STEP_MA = 100


@dataclass(frozen=True, slots=True)
class Floors:
    """What exempt vehicles need: per charger, mA per conductor; per node, mA on each phase."""

    charger_ma: dict[str, int] = field(default_factory=dict)
    node_ma: dict[str, Triple] = field(default_factory=dict)


def seen(site: Site, state: State, others: Mapping[str, Other], now_ms: int) -> Seen:
    """Return what devices show.  A silent charger counts with all that it may draw (I3)."""
    root = site.nodes[0]
    part_w: dict[str, int | None] = {node.id: _known_w(others[node.id]) for node in site.nodes}
    charging_w = 0
    for charger in site.chargers:
        power_w = _charging_w(site, charger, state, now_ms)
        part_w[charger.id] = power_w
        charging_w += power_w
    voltages = state.meters[root.meter].voltages_mv if root.meter and others[root.id].known else ()
    return Seen(_known_w(others[root.id]), charging_w, min(voltages, default=None), part_w)


def _known_w(other: Other) -> int | None:
    return other.power_w if other.known else None


def _charging_w(site: Site, charger: Charger, state: State, now_ms: int) -> int:
    known = state.chargers[charger.id]
    per_a = len(charger.phases) * site.voltage_v
    if known.silent(now_ms, site.policy.charger_silent_ms):
        worst_ma = known.worst_ma(now_ms, site.policy, state.valid_for_ms(charger))
        return worst_ma * per_a // 1000
    if known.power_w is not None:
        return known.power_w
    return sum(known.latest_ma) * site.voltage_v // 1000 if known.latest_ma else 0


def floors(site: Site, wants: Mapping[str, Want], stays: Mapping[str, Stay | None]) -> Floors:
    """Return what vehicles that must leave need now: enough to be ready, and no more than they can use."""
    found: dict[str, int] = {}
    nodes: dict[str, Triple] = {}
    for charger in site.chargers:
        stay, want = stays[charger.id], wants[charger.id]
        if want.max_ma == 0 or not is_exempt(charger, stay):
            continue
        needed = want.max_ma
        if want.need_wh is not None and want.left_ms is not None and want.left_ms > 0:
            needed_w = -(-want.need_wh * HOUR_MS // want.left_ms)
            needed = -(-needed_w * 1000 // (len(charger.phases) * site.voltage_v))
        steps = -(-max(0, needed - charger.min_ma) // STEP_MA)
        found[charger.id] = min(want.max_ma, charger.min_ma + steps * STEP_MA)
        part = [found[charger.id] if p in charger.phases else 0 for p in PHASES]
        for node in site.path(charger.node):
            nodes[node] = add(nodes.get(node, (0, 0, 0)), (part[0], part[1], part[2]))
    return Floors(found, nodes)


def is_exempt(charger: Charger, stay: Stay | None) -> bool:
    """Tell whether whoever stands at a charger is exempt from the utility's signals."""
    return charger.must_leave or (stay is not None and stay.window.must_leave)


def caps(site: Site, holds: Iterable[Hold], floors: Floors) -> tuple[list[Cap], list[Quota]]:
    """Return the limits of events as caps of nodes, and as quotas of chargers."""
    found: list[Cap] = []
    quotas: list[Quota] = []
    for hold in holds:
        figure = amps_text(hold.limit) if hold.what == "each" else kw_text(hold.limit)
        until = f" until {clock(hold.until_wall_ms, site.timezone)}" if hold.until_wall_ms else ""
        because = f"{hold.because}, {figure}{until}"
        node = site.nodes[0].id if hold.part == WHOLE else hold.part.node
        if hold.what == "each" or not node:
            limit_w, each_ma = (None, hold.limit) if hold.what == "each" else (hold.limit, None)
            chargers = hold.part.chargers or _below(site, node)
            quotas.append(Quota(chargers, because, limit_w, each_ma, floors=not hold.capacity))
            continue
        floor_ma: Triple = (0, 0, 0) if hold.capacity else floors.node_ma.get(node, (0, 0, 0))
        if hold.what == "charging":
            found.append(Cap(node, because, charging_w=hold.limit, floor_ma=floor_ma))
        else:
            found.append(Cap(node, because, limit_w=hold.limit, floor_ma=floor_ma))
    return found, quotas


def _below(site: Site, node: str) -> tuple[str, ...]:
    return tuple(c.id for c in site.chargers if node in site.path(c.node))
