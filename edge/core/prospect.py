"""From what the core knows to a problem for the planner.  Pure, and slow enough to belong into a thread.

    draw(site, prospect) -> Drawn        a problem of the format in docs/formats/plan.md, up to two days
    with_room(drawn, prospect, plan)     the same with room for those who may come, once the need is known

Slot 0 begins when the prospect was made, so that the first slot is a whole one; plans are made anew every
five minutes of the clock, which every price and nearly every event begins on.

Rule 1: a price counts with its share of a slot; a limit counts for the whole of a slot that it touches.
Rule 2: watts become amperes in the balancer at the highest plausible voltage; the plan leaves the same.
Rule 3: no price, and no charge on the peak, makes a vehicle go without what it needs: that costs more.
Rule 4: what the site would export comes first, at what exporting it would have paid; it never makes room.
Rule 5: who is to come within a day by its window is planned for as well, for its peak and its room.
Rule 6: where demand is charged for by the month, a plan counts on the peak that the month will need anyway,
        and on who came later on other days (peaktarget.py).  Cost and peak that it tells are those of who is
        there or has a window.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import msgspec

from edge.core import forecast, giveplan, peaktarget
from edge.core.giveplan import Gives
from edge.core.grid import highest_voltage_mv
from edge.core.peaktarget import Later
from edge.core.windows import rank, stays
from edge.model.dayplan import LONG_SLOT_MS, SLOT_MS, SLOTS_MAX, Ceiling, Four, PeakAim, Prospect, Stayer
from edge.model.planning import MAX_CHARGERS, Demand, LimitMa, Own, Plan, PlanCharger, PlanNode, Problem
from edge.model.records import DemandNow, PriceNow
from edge.model.site import Node, Site
from edge.model.units import DAY_MS, HIGHEST_VOLTAGE_PER_NOMINAL, HOUR_MS, MINUTE_MS, PHASES, SECOND_MS

# What is planned for is a fiftieth more than is needed: vehicles stay a little below their setpoints.
RESERVE = (51, 50)

# A kWh costs this much of the dearest price more for every hour that it comes later: among equals, earlier.
EARLINESS = 1e-3

# Classes of priority weigh 1, 2, 4 … up to this against each other where not all needs can be met.
WEIGHT_MAX = 64

# A tenth of a percent of the cost: forecasts are off by more.
GAP = 0.001

# A vehicle that could wait for less than this at its own maximum, or than it needs there, does not wait
# (asks.py).  So a plan aims at being ready this much before the departure: else several that it keeps at the
# peak all night would leave it together in the morning, at full power.
SLACK_MS = 15 * MINUTE_MS

# Who has no time for that, or needs less than an hour at its own maximum: a plan aims at this much.
SPARE_MS = 3 * MINUTE_MS

# No depot takes as much: a slot in which demand does not count cannot be the highest.
UNCOUNTED_W = 50e6

# Who is late is still expected for so long, and not before half an hour has passed.
EXPECTED_FOR_MS = 2 * HOUR_MS
EXPECTED_IN_MS = 30 * MINUTE_MS

T = TypeVar("T")


# Who may come on one day in twenty is worth this share of what a peak costs: beyond it, a peak is not avoided
# for them by charging at dearer hours.
ROOM = 0.02

# The power that is needed holds for so many slots: a new plan is made long before they are over.
ROOM_SLOTS = 7

# Where more may come than is known, an hour's delay is worth more than among equals.
EARLINESS_AIMED = 1e-2


class Drawn(NamedTuple):
    """A problem, and the vehicle of each of its chargers; the last ones may be of groups without a vehicle.

    charge, other_w: what demand costs and what flows besides, before anything that is only expected.
    gives: who is to give back, besides.
    """

    problem: Problem
    stayers: tuple[Stayer, ...]
    charge: Demand | None = None
    other_w: tuple[float, ...] | None = None
    gives: tuple[Gives, ...] = ()


class _Time(NamedTuple):
    """What is the same for all nodes: the prospect, its slots, their quarters of the week, the paths up."""

    prospect: Prospect
    slot_ms: int
    slots: int
    quarters: list[int]
    paths: dict[str, tuple[str, ...]]


def draw(site: Site, prospect: Prospect, giving: bool = True) -> Drawn:
    """Return the problem of an prospect; one without chargers where nobody needs anything.

    giving: whether vehicles that may give back are to.
    """
    stayers = _planned(site, prospect)
    charge = _dearest(prospect)
    aim = _aim(prospect, charge) if stayers else None
    groups = _later(site, aim)[: MAX_CHARGERS - len(stayers)]
    last_ms = max((s.ready_by_wall_ms for s in stayers), default=prospect.wall_ms)
    last_ms = max([last_ms, *(prospect.wall_ms + g.to_min * MINUTE_MS for g in groups)])
    ahead_ms = last_ms - prospect.wall_ms
    slot_ms = SLOT_MS if ahead_ms <= SLOTS_MAX * SLOT_MS else LONG_SLOT_MS
    slots = min(SLOTS_MAX, max(1, -(-ahead_ms // slot_ms)))
    quarters = forecast.quarters(prospect.wall_ms, slot_ms, slots, site.timezone)
    time = _Time(prospect, slot_ms, slots, quarters, {n.id: site.path(n.id) for n in site.nodes})
    loads = {node.id: _other_load(site, node, time) for node in site.nodes}
    prices = slot_prices(prospect, slot_ms, slots)
    dearest = max(abs(p) for p in prices)
    unmet, weights = _unmet_per_kwh(prospect, slot_ms, dearest), _weights(stayers)
    root = site.nodes[0].id
    gives: tuple[Gives, ...] = ()
    given_w = [0.0] * slots
    if giving and any(s.giver for s in stayers):
        folded = giveplan.folded(stayers, _outlook(site, time, loads, prices, stayers, charge))
        stayers, gives = folded.stayers, folded.gives
        given_w = folded.given_w
    stayers = [s for s in stayers if s.need_wh > 0][:MAX_CHARGERS]
    groups = groups[: MAX_CHARGERS - len(stayers)]
    # What is given back lowers what is paid for, and makes no room: nodes do not see it (I1).
    paid = [(*four[:3], four[3] - round(given)) for four, given in zip(loads[root], given_w, strict=True)]
    node_of = {c.id: c.node for c in site.chargers}
    demand = Demand(charge.per_kw_micro / 1e6, charge.already_w / 1000) if charge else None
    target_kw = aim.target_w / 1000 if aim else 0.0
    other_w = _base_w(charge, time, paid) if charge else None
    known = tuple(_charger(s, node_of[s.charger], time, unmet * weights[s.priority]) for s in stayers)
    problem = Problem(
        slot_s=slot_ms // SECOND_MS,
        slots=slots,
        price_per_kwh=prices,
        nodes=tuple(_node(node, time, loads[node.id]) for node in site.nodes),
        chargers=(*known, *(_group(site, g, time, unmet) for g in groups)),
        demand=Demand(demand.per_kw, max(demand.already_kw, target_kw)) if demand else None,
        base_w=other_w,
        own=_own(time, paid, prices),
        earliness_per_kwh_h=(EARLINESS_AIMED if groups else EARLINESS) * (dearest or 1.0),
        lawful=any(s.min_ma for s in stayers),
        gap=GAP,
    )
    return Drawn(problem, tuple(stayers), demand, other_w, gives)


def with_room(drawn: Drawn, prospect: Prospect, plan: Plan) -> Drawn | None:
    """Return the problem with room for who comes later on one day in twenty; None where nobody is expected.

    plan: of the problem as it was drawn.  Its peak is what is needed: the site stays below that until the
    next plan, and what remains is the cheapest way of leaving as much room as may be wanted.
    """
    problem, demand = drawn.problem, drawn.problem.demand
    aim = _aim(prospect, _dearest(prospect))
    if aim is None or demand is None or drawn.other_w is None:
        return None
    room_w = peaktarget.most_w(aim, problem.slot_s * SECOND_MS, problem.slots)
    if not any(room_w):
        return None
    need_w = max(demand.already_kw, plan.peak_kw) * 1000
    root, *others = problem.nodes
    first = [int(need_w - other_w) + 1 for other_w in drawn.other_w[:ROOM_SLOTS]]
    limit_w = list((root.limit_w or (None,)) * (problem.slots if len(root.limit_w or (None,)) == 1 else 1))
    for slot, most_w in enumerate(first):
        known_w = limit_w[slot]
        limit_w[slot] = most_w if known_w is None else min(known_w, most_w)
    roomy = msgspec.structs.replace(
        problem,
        nodes=(msgspec.structs.replace(root, limit_w=tuple(limit_w)), *others),
        chargers=problem.chargers[: len(drawn.stayers)],
        demand=Demand(demand.per_kw * ROOM, demand.already_kw),
        base_w=tuple(a + b for a, b in zip(drawn.other_w, room_w, strict=True)),
    )
    return drawn._replace(problem=roomy)


def _aim(prospect: Prospect, charge: DemandNow | None) -> PeakAim | None:
    """Return what is known of the month's peak, where the charge that counts now is one of a month."""
    return prospect.aim if charge is not None and charge.per == "month" else None


def _later(site: Site, aim: PeakAim | None) -> list[Later]:
    full_w = {c.id: c.max_ma * len(c.phases) * site.voltage_v // 1000 for c in site.chargers}
    return peaktarget.later(aim, full_w) if aim else []


def _group(site: Site, group: Later, time: _Time, unmet_per_kwh: float) -> PlanCharger:
    """Return a group as one charger at the site's own connection: where they will stand nobody knows."""
    slot_min = time.slot_ms // MINUTE_MS
    from_slot = min(time.slots - 1, group.from_min // slot_min)
    to_slot = min(time.slots, max(from_slot + 1, group.to_min // slot_min))
    w_per_a = float(len(PHASES) * site.voltage_v)
    return PlanCharger(
        id=f"later@{group.from_min}-{group.to_min}-{group.energy_wh}",
        node=site.nodes[0].id,
        phases=tuple(p + 1 for p in PHASES),
        w_per_a=w_per_a,
        min_ma=0,
        max_ma=round(group.most_w / w_per_a * 1000) + 1,
        from_slot=from_slot,
        to_slot=to_slot,
        energy_wh=float(group.energy_wh),
        unmet_per_kwh=unmet_per_kwh,
    )


def slot_prices(prospect: Prospect, slot_ms: int, slots: int) -> tuple[float, ...]:
    """Return the mean price of every slot, per kWh.  Time without a price counts as the dearest one.

    Prices are in order of time and do not overlap.
    """
    dearest = max((p.price_micro for p in prospect.prices), default=0)
    return _means(prospect.prices, dearest, prospect.wall_ms, slot_ms, slots)


def _means(
    prices: Sequence[PriceNow], without_micro: int, wall_ms: int, slot_ms: int, slots: int
) -> tuple[float, ...]:
    """Return the mean price of every slot.  without_micro: what time without a price counts as."""
    found = []
    for slot in range(slots):
        begin = wall_ms + slot * slot_ms
        end = begin + slot_ms
        without_ms, sum_micro = slot_ms, 0
        for price in prices:
            within_ms = min(price.to_wall_ms, end) - max(price.from_wall_ms, begin)
            if within_ms > 0:
                without_ms -= within_ms
                sum_micro += within_ms * price.price_micro
        found.append((sum_micro + without_ms * without_micro) / slot_ms / 1e6)
    return tuple(found)


def _planned(site: Site, prospect: Prospect) -> list[Stayer]:
    """Return the vehicles that are planned: those that need something and have a time to get it in."""
    now_ms = prospect.wall_ms
    there = [s for s in prospect.stayers if s.ready_by_wall_ms > now_ms]
    found = [
        s for s in [*there, *_expected(site, prospect)] if (s.need_wh > 0 or s.giver) and s.max_ma >= s.min_ma
    ]
    return found


def _expected(site: Site, prospect: Prospect) -> list[Stayer]:
    """Return who is to come within a day, by the windows, in order of time."""
    now_ms = prospect.wall_ms
    chargers = {c.id: c for c in site.chargers}
    busy = {s.charger: s.ready_by_wall_ms for s in prospect.stayers}
    found: list[Stayer] = []
    for window in sorted(prospect.windows, key=rank):
        charger = chargers.get(window.charger)
        if charger is None:
            continue
        for stay in stays(window, now_ms - EXPECTED_FOR_MS, now_ms + DAY_MS, site.timezone):
            begin = max(stay.from_wall_ms, now_ms + EXPECTED_IN_MS)
            if begin < busy.get(charger.id, 0) or begin >= stay.ready_by_wall_ms:
                continue
            if any(s.charger == charger.id and _meet(s, begin, stay.ready_by_wall_ms) for s in found):
                continue
            takes_w = charger.watts(charger.max_ma, charger.phases, site.voltage_v)
            found.append(
                Stayer(
                    charger.id,
                    begin,
                    stay.ready_by_wall_ms,
                    window.need_wh,
                    charger.min_ma,
                    charger.max_ma,
                    takes_w,
                    charger.phases,
                    window.priority,
                    present=False,
                )
            )
    return sorted(found, key=lambda s: s.from_wall_ms)


def _meet(s: Stayer, begin_ms: int, end_ms: int) -> bool:
    return s.from_wall_ms < end_ms and begin_ms < s.ready_by_wall_ms


def _other_load(site: Site, node: Node, time: _Time) -> list[Four]:
    """Return what is not planned at a node in every slot: other load, and vehicles without a window."""
    most_ma, prospect = node.other_max_ma, time.prospect
    most: Four = (*most_ma, sum(most_ma) * highest_voltage_mv(site) // 1_000_000)
    profile = prospect.other.get(node.id)
    load = (
        [most] * time.slots if profile is None else forecast.ahead(profile, most, time.slot_ms, time.quarters)
    )
    for draw_ in prospect.draws:
        if node.id not in time.paths[draw_.node]:
            continue
        a, b, c = (draw_.current_ma if p in draw_.phases else 0 for p in PHASES)
        watts = (a + b + c) * site.voltage_v // 1000
        for slot in range(min(time.slots, -(-(draw_.until_wall_ms - prospect.wall_ms) // time.slot_ms))):
            l1, l2, l3, w = load[slot]
            load[slot] = (l1 + a, l2 + b, l3 + c, w + watts)
    return load


def _node(node: Node, time: _Time, load: list[Four]) -> PlanNode:
    ceilings = [c for c in time.prospect.ceilings if c.node == node.id]
    limit_ma: list[LimitMa] = []
    limit_w: list[int | None] = []
    over, under = HIGHEST_VOLTAGE_PER_NOMINAL
    for slot, (l1, l2, l3, watts) in enumerate(load):
        begin = time.prospect.wall_ms + slot * time.slot_ms
        holding = [c for c in ceilings if _holds(c, begin, begin + time.slot_ms)]
        caps_ma = [c.limit_ma for c in holding if c.limit_ma is not None]
        m1, m2, m3 = (min([m, *caps_ma]) for m in node.limit_ma)
        limit_ma.append((m1 - l1, m2 - l2, m3 - l3))
        takes_w = max(0, watts)  # what flows back makes no room
        caps_w = [c.limit_w if c.charging else c.limit_w - takes_w for c in holding if c.limit_w is not None]
        if node.limit_w is not None:
            caps_w.append(node.limit_w - takes_w)
        limit_w.append(min(caps_w) * under // over if caps_w else None)
    phasor, wye = node.adds == "phasor", node.adds == "delta-wye"
    return PlanNode(node.id, node.parent, _short(limit_ma), _short(limit_w), phasor, wye)


def _holds(ceiling: Ceiling, begin_ms: int, end_ms: int) -> bool:
    return ceiling.from_wall_ms < end_ms and (ceiling.to_wall_ms is None or ceiling.to_wall_ms > begin_ms)


def _short(values: Sequence[T]) -> tuple[T, ...]:
    """Return one entry where it holds for every slot."""
    return tuple(values[:1]) if all(v == values[0] for v in values) else tuple(values)


def _charger(s: Stayer, node: str, time: _Time, unmet_per_kwh: float) -> PlanCharger:
    now_ms = time.prospect.wall_ms
    from_slot = min(time.slots, max(0, -(-(s.from_wall_ms - now_ms) // time.slot_ms)))
    ready_ms = s.ready_by_wall_ms - s.taper_ms - _spare_ms(s, now_ms)
    to_slot = min(time.slots, max((ready_ms - now_ms) // time.slot_ms, from_slot + 1))
    over, under = RESERVE
    w_per_a = s.takes_w * 1000 / s.max_ma
    least_wh = s.min_ma * w_per_a / 1000 * time.slot_ms / HOUR_MS  # nothing lawful gives it less in a slot
    return PlanCharger(
        id=s.charger + s.part if s.present else f"{s.charger}@{s.from_wall_ms}",
        node=node,
        phases=tuple(sorted(p + 1 for p in s.phases)),
        w_per_a=w_per_a,
        min_ma=s.min_ma,
        max_ma=s.max_ma,
        from_slot=from_slot,
        to_slot=to_slot,
        energy_wh=max(s.need_wh * over / under, least_wh),
        unmet_per_kwh=unmet_per_kwh,
    )


def _spare_ms(s: Stayer, now_ms: int) -> int:
    """Return how long before the departure a plan aims at being ready."""
    needs_ms = s.need_wh * HOUR_MS // max(1, s.takes_w)
    there_ms = s.ready_by_wall_ms - max(now_ms, s.from_wall_ms)
    return SLACK_MS if needs_ms >= HOUR_MS and there_ms >= needs_ms + 2 * SLACK_MS else SPARE_MS


def _dearest(prospect: Prospect) -> DemandNow | None:
    """Return the charge on the demand that holds now: the dearest, for the planner takes one."""
    now_ms = prospect.wall_ms
    holding = [d for d in prospect.demand if d.from_wall_ms <= now_ms < d.to_wall_ms and d.per_kw_micro > 0]
    return max(holding, key=lambda d: d.per_kw_micro, default=None)


def _base_w(charge: DemandNow, time: _Time, load: list[Four]) -> tuple[float, ...]:
    """Return what flows besides charging, in slots in which demand does not count far below any peak."""
    found = []
    for slot, four in enumerate(load):
        begin = time.prospect.wall_ms + slot * time.slot_ms
        counts = any(a < begin + time.slot_ms and b > begin for a, b in charge.open_wall_ms)
        found.append(float(four[3]) if counts else -UNCOUNTED_W)
    return tuple(found)


def _outlook(
    site: Site,
    time: _Time,
    loads: dict[str, list[Four]],
    prices: tuple[float, ...],
    stayers: list[Stayer],
    charge: DemandNow | None,
) -> giveplan.Outlook:
    """Return what vehicles that may give back are planned against."""
    root = site.nodes[0].id
    demand = None
    if charge is not None:
        counts = [watts > -UNCOUNTED_W for watts in _base_w(charge, time, loads[root])]
        demand = giveplan.Demand(charge.per_kw_micro / 1e6, charge.already_w, counts)
    return giveplan.Outlook(
        wall_ms=time.prospect.wall_ms,
        slot_ms=time.slot_ms,
        prices=prices,
        own_prices=_own_prices(time, prices),
        net_w=[four[3] for four in loads[root]],
        room_w={s.charger: _share_w(site, time, loads, s, len(stayers)) for s in stayers if s.giver},
        export_w=site.export_w,
        spare_ms=SPARE_MS,
        demand=demand,
    )


def _share_w(
    site: Site, time: _Time, loads: dict[str, list[Four]], stayer: Stayer, among: int
) -> list[float]:
    """Return a vehicle's share of what is left on its way to the grid, slot by slot, W."""
    node_of = {c.id: c.node for c in site.chargers}
    limits = [(n.limit_ma, loads[n.id]) for n in site.nodes if n.id in time.paths[node_of[stayer.charger]]]
    per_ma = stayer.takes_w / max(1, stayer.max_ma)
    found = []
    for slot in range(time.slots):
        left_ma = min(limit[p] - load[slot][p] for limit, load in limits for p in stayer.phases)
        found.append(max(0.0, left_ma * per_ma / among))
    return found


def _own_prices(time: _Time, prices: tuple[float, ...]) -> tuple[float, ...]:
    """Return what exporting would pay in every slot, where it is not dearer than import."""
    paid = _means(time.prospect.export, 0, time.prospect.wall_ms, time.slot_ms, time.slots)
    return tuple(map(min, paid, prices))


def _own(time: _Time, load: list[Four], prices: tuple[float, ...]) -> Own | None:
    """Return what the site would export in every slot and what that would pay, where it is not dearer."""
    surplus = tuple(float(max(0, -four[3])) for four in load)
    if not any(surplus):
        return None
    return Own(surplus, _own_prices(time, prices))


def _unmet_per_kwh(prospect: Prospect, slot_ms: int, dearest: float) -> float:
    """Return a price that no energy and no peak reaches: a kWh in one slot of 5 min raises it by 12 kW."""
    unmet = 2 * dearest + 1
    charge = _dearest(prospect)
    if charge is not None:
        unmet += 2 * charge.per_kw_micro / 1e6 * HOUR_MS / slot_ms
    return unmet


def _weights(stayers: list[Stayer]) -> dict[int, int]:
    """Return what each stated priority weighs where not all needs can be met; lower is served first."""
    classes = sorted({s.priority for s in stayers}, reverse=True)
    return {priority: min(WEIGHT_MAX, 2**n) for n, priority in enumerate(classes)}
