"""From a planner's solution to what each vehicle is to get, slot by slot; and a look at it at a moment.

    day_plan(drawn, from_wall_ms, plan) -> DayPlan     in the planner's thread
    step(day_plan, row, wall_ms) -> Step               every tick
    made(site, prospect, steps) -> DayPlan              all at once, where nobody waits: simulations, tests

What is planned passes through the exact balancer: a plan is a wish, never a limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.core import plan as planner
from edge.core import shortfall
from edge.core.battery import ROUND_TRIP
from edge.core.giveplan import Gives
from edge.core.prospect import Drawn, draw, with_room
from edge.model.dayplan import DayPlan, Prospect, Row, Stayer, Stretch
from edge.model.planning import Plan, PlanCharger, Problem
from edge.model.records import PlannedStep
from edge.model.site import Site
from edge.model.units import SECOND_MS

# Setpoints are in tenths of an ampere (core/turns.py).  Single precision leaves a hair below a round figure.
STEP_MA = 100
HAIR_MA = 5

# A need that is short by less than this, or a thousandth, is met: the solver's hair.
UNMET_WH = 50

# So many changes that come next are shown.
SHOWN = 3

# Prices closer than this are the same price.
SAME_PRICE = 1e-6


@dataclass(frozen=True, slots=True)
class Step:
    """What the plan has for a vehicle now.

    current_ma: 0 for nothing, below 0 to give back.  until_wall_ms: when that changes, None for never.
    left_wh: what the plan still gives it.  ahead: it may take more now.  unmet_wh: what it will not get;
    held, later_ms: as in Row.
    """

    current_ma: int
    until_wall_ms: int | None
    left_wh: int
    ahead: bool
    unmet_wh: int
    held: str = ""
    later_ms: int | None = None


def day_plan(drawn: Drawn, from_wall_ms: int, plan: Plan, solve_ms: int = 0) -> DayPlan:
    """Return the plan as the core keeps it: the vehicles that are there, their stretches of one current."""
    rows: list[Row] = []
    expected = 0
    unmet_wh = 0
    taken: shortfall.Flows | None = None
    giving: dict[str, list[tuple[int, int]]] = {g.stayer.charger: [] for g in drawn.gives}
    in_steps = _in_steps(drawn, plan)
    # Groups that are only expected come after the vehicles: in the plan, and no part of what it tells.
    for index, (stayer, charger) in enumerate(zip(drawn.stayers, drawn.problem.chargers, strict=False)):
        short_wh = max(0, stayer.need_wh - round(plan.energy_wh[charger.id]))
        short_wh = 0 if short_wh * 1000 <= stayer.need_wh else short_wh  # a thousandth is the solver's hair
        if not stayer.present:
            expected += 1
            continue
        unmet_wh += short_wh
        if stayer.charger in giving:
            giving[stayer.charger].append((index, short_wh))
            continue
        stretches = _stretches(charger, drawn.problem, plan.amps[charger.id], in_steps[index])
        held, later_ms = "", None
        if short_wh:
            taken = taken or shortfall.flows(drawn.problem, plan)
            found = shortfall.held(drawn, plan, index, taken)
            held, later_ms = _place(found), found.later_ms
        rows.append(
            Row(
                stayer.charger,
                stayer.ready_by_wall_ms,
                stayer.need_wh,
                short_wh,
                stretches,
                held,
                later_ms,
            )
        )
    rows += [_giving(own, giving[own.stayer.charger], drawn.problem, plan, in_steps) for own in drawn.gives]
    cost, peak_kw = _told(drawn, plan)
    return DayPlan(
        from_wall_ms=from_wall_ms,
        slot_ms=drawn.problem.slot_s * SECOND_MS,
        slots=drawn.problem.slots,
        rows=tuple(rows),
        expected=expected,
        cost_micro=round(cost * 1e6),
        gap_ppm=round(min(plan.gap, 1000.0) * 1e6),
        peak_w=round(peak_kw * 1000),
        unmet_wh=unmet_wh,
        solve_ms=solve_ms,
    )


def _told(drawn: Drawn, plan: Plan) -> tuple[float, float]:
    """Return what is told as a plan's cost, and its peak in kW: without groups that are only expected."""
    problem, charge = drawn.problem, drawn.charge
    nothing_expected = len(problem.chargers) == len(drawn.stayers) and (problem.demand, problem.base_w) == (
        charge,
        drawn.other_w,
    )
    if nothing_expected or charge is None:
        unmet = sum(plan.unmet_wh[c.id] / 1000 * c.unmet_per_kwh for c in problem.chargers)
        return plan.objective - unmet, plan.peak_kw
    charging_w = [0.0] * problem.slots
    for charger in problem.chargers[: len(drawn.stayers)]:
        for slot, amps in enumerate(plan.amps[charger.id]):
            charging_w[slot] += amps * charger.w_per_a
    slot_h = problem.slot_s / 3600
    energy = sum(w / 1000 * slot_h * usd for w, usd in zip(charging_w, problem.price_per_kwh, strict=True))
    if problem.own is not None:  # what the site has of its own comes first, and costs less
        usd = zip(problem.price_per_kwh, problem.own.price_per_kwh, strict=True)
        saved = (dear - cheap for dear, cheap in usd)
        own_w = map(min, charging_w, problem.own.w)
        energy -= sum(w / 1000 * slot_h * less for w, less in zip(own_w, saved, strict=True))
    other_w = drawn.other_w or [0.0] * problem.slots
    peak_kw = max(map(sum, zip(charging_w, other_w, strict=True))) / 1000
    return energy + max(0.0, peak_kw - charge.already_kw) * charge.per_kw, peak_kw


def regretted(drawn: Drawn, plan: Plan) -> bool:
    """Say whether somebody goes short while others give back: then nobody is to give anything."""
    if not drawn.gives:
        return False
    chargers = drawn.problem.chargers
    return any(plan.unmet_wh[c.id] > max(UNMET_WH, c.energy_wh / 1000) for c in chargers)


def _giving(
    own: Gives, parts: list[tuple[int, int]], problem: Problem, plan: Plan, in_steps: list[list[int]]
) -> Row:
    """Return the row of a vehicle that gives back: what it takes before and after, and that in between.

    parts: its needs, by their place in the problem, and what each is short of.
    """
    stayer = own.stayer
    w_per_a = stayer.takes_w * 1000 / stayer.max_ma
    amps, told_ma = [0.0] * problem.slots, [0] * problem.slots
    for index, _ in parts:
        taken = plan.amps[problem.chargers[index].id]
        amps = [sum(pair) for pair in zip(amps, taken, strict=True)]
        told_ma = [sum(pair) for pair in zip(told_ma, in_steps[index], strict=True)]
    for slot, watts in enumerate(own.watts, own.from_slot):
        amps[slot] -= watts / w_per_a
        told_ma[slot] -= int(watts / w_per_a * 1000 // STEP_MA * STEP_MA)
    hours = problem.slot_s / 3600
    found: list[Stretch] = []
    left_wh = 0.0
    for slot in range(own.last_slot - 1, -1, -1):
        if not told_ma[slot] and not found:
            continue
        left_wh += amps[slot] * w_per_a * hours / (ROUND_TRIP if amps[slot] < 0 else 1)
        after = found[-1] if found else None
        same = after is not None and after.current_ma == told_ma[slot]
        end = found.pop().to_slot if same else slot + 1
        found.append(Stretch(slot, end, told_ma[slot], round(left_wh), False))
    short_wh = sum(short for _, short in parts)
    return Row(stayer.charger, stayer.ready_by_wall_ms, stayer.need_wh, short_wh, tuple(reversed(found)))


def _place(held: shortfall.Held) -> str:
    if not held.by:
        return ""
    return f"the power that {held.by} may take" if held.cap else f"{held.by} is full"


def made(site: Site, prospect: Prospect, steps: int = 100) -> DayPlan:
    """Return the plan for an prospect, after so many steps of the solver at most: the same everywhere."""
    for giving in (True, False):
        drawn = draw(site, prospect, giving)
        solution = _after(drawn, steps)
        if not regretted(drawn, solution):
            break
    roomy = with_room(drawn, prospect, solution)
    if roomy is not None:
        drawn, solution = roomy, _after(roomy, steps)
    return day_plan(drawn, prospect.wall_ms, solution)


def _after(drawn: Drawn, steps: int) -> Plan:
    chunks = iter(range(steps))
    return planner.solve(drawn.problem, lambda: next(chunks, None) is None)


def _in_steps(drawn: Drawn, plan: Plan) -> list[list[int]]:
    """Return what every vehicle is to get in the steps of setpoints, mA, by slot of the horizon.

    Up: an ask that is a hair too low would fall behind the plan.  But where demand is charged for, all
    together stay within the plan's peak: a hair too much would be the peak that the next plan begins with,
    and so on.  There, steps are up as far as there is room, first for whom most is owed.
    """
    problem = drawn.problem
    theirs = problem.chargers[: len(drawn.stayers)]
    found = [[0] * problem.slots for _ in theirs]
    if problem.demand is None:
        for n, charger in enumerate(theirs):
            amps = plan.amps[charger.id]
            found[n] = [_in_step(each * 1000, drawn.stayers[n], STEP_MA - 2 * HAIR_MA - 1) for each in amps]
        return found
    owed_w = [0.0] * len(theirs)
    for slot, room_w in enumerate(_room_w(problem, plan)):
        taking = [n for n, charger in enumerate(theirs) if plan.amps[charger.id][slot] > 0]
        spare_w = room_w
        for n in taking:
            wanted_ma = plan.amps[theirs[n].id][slot] * 1000
            found[n][slot] = _in_step(wanted_ma, drawn.stayers[n], 0)
            owed_w[n] += (wanted_ma - found[n][slot]) * theirs[n].w_per_a / 1000
            spare_w -= found[n][slot] * theirs[n].w_per_a / 1000
        for n in sorted(taking, key=lambda n: -owed_w[n]):
            more_ma = min(STEP_MA, drawn.stayers[n].max_ma - found[n][slot]) if found[n][slot] else 0
            more_w = more_ma * theirs[n].w_per_a / 1000
            if owed_w[n] > HAIR_MA * theirs[n].w_per_a / 1000 and 0 < more_w <= spare_w:
                found[n][slot] += more_ma
                owed_w[n], spare_w = owed_w[n] - more_w, spare_w - more_w
    return found


def _room_w(problem: Problem, plan: Plan) -> list[float]:
    """Return what may charge in every slot without raising the plan's peak, or the root's own limit."""
    already_kw = problem.demand.already_kw if problem.demand else 0.0
    peak_w = max(already_kw, plan.peak_kw) * 1000
    room_w = [peak_w - w for w in problem.base_w or [0.0] * problem.slots]
    limits_w = next(node.limit_w for node in problem.nodes if node.parent is None) or (None,)
    limits_w = limits_w if len(limits_w) > 1 else limits_w * problem.slots
    return [w if limit is None else min(w, limit) for w, limit in zip(room_w, limits_w, strict=True)]


def _stretches(
    charger: PlanCharger, problem: Problem, amps: Sequence[float], currents_ma: Sequence[int]
) -> tuple[Stretch, ...]:
    """Return the slots up to the last in which it charges, in order of time."""
    found: list[Stretch] = []
    left_wh, cheapest_later = 0.0, float("inf")
    for slot in range(charger.to_slot - 1, charger.from_slot - 1, -1):
        current_ma = currents_ma[slot]
        if not current_ma and not found:
            continue
        left_wh += amps[slot] * charger.w_per_a * problem.slot_s / 3600
        price = problem.price_per_kwh[slot]
        ahead = problem.demand is None and price <= cheapest_later + SAME_PRICE
        if current_ma:
            own = problem.own is not None and problem.own.w[slot] > 0
            later = problem.own.price_per_kwh[slot] if own and problem.own else price
            cheapest_later = min(cheapest_later, later)
        after = found[-1] if found else None
        same = after is not None and (after.from_slot, after.current_ma, after.ahead) == (
            slot + 1, current_ma, ahead,
        )  # fmt: skip
        end = found.pop().to_slot if same else slot + 1
        found.append(Stretch(slot, end, current_ma, round(left_wh), ahead))
    return tuple(reversed(found))


def _in_step(current_ma: float, stayer: Stayer, up_ma: int) -> int:
    """Return a current in whole steps: down, after adding up_ma.  A hair below a step is that step."""
    if current_ma < stayer.min_ma / 2:
        return 0
    steps = (round(current_ma) + up_ma + HAIR_MA) // STEP_MA
    return min(stayer.max_ma, max(stayer.min_ma, steps * STEP_MA))


def step(plan: DayPlan, row: Row, wall_ms: int) -> Step | None:
    """Return what a plan has for a vehicle at a time; None before its first slot and after its last."""
    slot, into_ms = divmod(wall_ms - plan.from_wall_ms, plan.slot_ms)
    if not 0 <= slot < plan.slots:
        return None

    def at(boundary: int) -> int:
        return plan.from_wall_ms + boundary * plan.slot_ms

    for n, stretch in enumerate(row.stretches):
        if stretch.to_slot <= slot:
            continue
        after_wh = row.stretches[n + 1].left_wh if n + 1 < len(row.stretches) else 0
        whole_ms = (stretch.to_slot - stretch.from_slot) * plan.slot_ms
        passed_ms = (slot - stretch.from_slot) * plan.slot_ms + into_ms
        left_wh = stretch.left_wh - (stretch.left_wh - after_wh) * passed_ms // whole_ms
        until_ms = at(stretch.to_slot)
        return Step(
            stretch.current_ma, until_ms, left_wh, stretch.ahead, row.unmet_wh, row.held, row.later_ms
        )
    return Step(0, None, 0, False, row.unmet_wh, row.held, row.later_ms)


def changes(plan: DayPlan, wall_ms: int) -> tuple[int, tuple[PlannedStep, ...]]:
    """Return the next changes of current that are planned after wall_ms, and until when they are that."""
    found = []
    for row in plan.rows:
        found += [(s.from_slot, row.charger, s.current_ma) for s in row.stretches]
        found += [(s.to_slot, row.charger, 0) for s in row.stretches[-1:]]
    steps = sorted((plan.from_wall_ms + slot * plan.slot_ms, charger, ma) for slot, charger, ma in found)
    to_come = tuple(PlannedStep(*each) for each in steps if each[0] > wall_ms)[:SHOWN]
    end_ms = plan.from_wall_ms + plan.slots * plan.slot_ms
    return (to_come[0].wall_ms if to_come else end_ms), to_come
