"""Why a plan cannot give a vehicle all that it needs, and how much later it could.

    held(drawn, plan, index) -> Held            of a vehicle whose need is not met, in the planner's thread

Looks at the slots in which the vehicle is there and does not get its maximum: a node above it has no room
left in them.  The node that is full most often is what holds it back.
"""

from dataclasses import dataclass, field

from edge.core.prospect import Drawn
from edge.model.planning import Plan, PlanCharger, PlanNode, Problem

# Less room than this is none: below it no vehicle gains anything that is worth a word.
ROOM_MA = 500
ROOM_W = 350

# A vehicle at its maximum in nearly all of its time is held back by nothing but itself.
ITSELF = 0.9


@dataclass(frozen=True, slots=True)
class Held:
    """by: the node that is full, "" where its own maximum is what holds it.  cap: its power, not its breaker.

    later_ms: about how much later it would have the rest, None where nothing can be said.
    """

    by: str
    cap: bool
    later_ms: int | None


@dataclass
class Flows:
    """What a plan takes at every node: mA per phase and slot, W per slot."""

    ma: dict[str, list[list[float]]] = field(default_factory=dict)
    w: dict[str, list[float]] = field(default_factory=dict)


def flows(problem: Problem, plan: Plan) -> Flows:
    """Return what a plan takes at every node."""
    paths = _paths(problem)
    found = Flows(
        {n.id: [[0.0] * problem.slots for _ in range(3)] for n in problem.nodes},
        {n.id: [0.0] * problem.slots for n in problem.nodes},
    )
    for charger in problem.chargers:
        amps = plan.amps[charger.id]
        busy = [t for t in range(charger.from_slot, charger.to_slot) if amps[t] > 0]
        for node in paths[charger.node]:
            for phase in charger.phases:
                row = found.ma[node][phase - 1]
                for t in busy:
                    row[t] += amps[t] * 1000
            watts = found.w[node]
            for t in busy:
                watts[t] += amps[t] * charger.w_per_a
    return found


def held(drawn: Drawn, plan: Plan, index: int, taken: Flows) -> Held:
    """Return what holds back the vehicle of a charger of the problem.  taken: of flows()."""
    problem = drawn.problem
    charger = problem.chargers[index]
    amps = plan.amps[charger.id]
    window = range(charger.from_slot, charger.to_slot)
    below = [t for t in window if amps[t] * 1000 < charger.max_ma - ROOM_MA]
    later_ms = _later_ms(problem, charger, plan)
    if len(below) <= (1 - ITSELF) * len(window):
        return Held("", False, later_ms)
    nodes = {n.id: n for n in problem.nodes}
    most: tuple[int, str, bool] = (0, "", False)
    for node in reversed(
        _paths(problem)[charger.node]
    ):  # from the site down: the higher node names the cause
        full = [_full(nodes[node], charger, taken, t) for t in below]
        count = sum(kind != "" for kind in full)
        if count > most[0]:
            most = (count, node, full.count("w") * 2 > count)
    return Held(most[1], most[2], later_ms)


def _full(node: PlanNode, charger: PlanCharger, taken: Flows, t: int) -> str:
    """Return "ma" or "w" where a node has no room in a slot, "" where it has."""
    if node.limit_w is not None:
        limit_w = node.limit_w[t] if len(node.limit_w) > 1 else node.limit_w[0]
        if limit_w is not None and taken.w[node.id][t] > max(0, limit_w) - _least_w(charger):
            return "w"
    if node.limit_ma is not None:
        limits = node.limit_ma[t] if len(node.limit_ma) > 1 else node.limit_ma[0]
        for phase in charger.phases:
            limit_ma = limits[phase - 1] if limits else None
            if limit_ma is not None and taken.ma[node.id][phase - 1][t] > max(0, limit_ma) - _least_ma(
                charger
            ):
                return "ma"
    return ""


def _least_ma(charger: PlanCharger) -> float:
    """Return the room below which a vehicle that stands still cannot begin."""
    return max(ROOM_MA, charger.min_ma)


def _least_w(charger: PlanCharger) -> float:
    return max(ROOM_W, charger.min_ma * charger.w_per_a / 1000)


def _later_ms(problem: Problem, charger: PlanCharger, plan: Plan) -> int | None:
    """Return how long the rest takes at the mean power that the vehicle gets in the plan."""
    got_wh, unmet_wh = plan.energy_wh[charger.id], plan.unmet_wh[charger.id]
    slots = charger.to_slot - charger.from_slot
    if got_wh <= 0 or slots <= 0:
        return None
    return round(unmet_wh / got_wh * slots * problem.slot_s * 1000)


def _paths(problem: Problem) -> dict[str, list[str]]:
    parents = {n.id: n.parent for n in problem.nodes}
    found = {}
    for node in problem.nodes:
        path, at = [], node.id
        while True:
            path.append(at)
            above = parents[at]
            if above is None:
                break
            at = above
        found[node.id] = path
    return found
