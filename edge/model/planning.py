"""One planning problem and its plan, in the words of docs/formats/plan.md.

Times are slots of the horizon, 0 the first.  Currents are per phase conductor, in mA; a plan's are in
A, because the planner computes in floating point; they pass through the exact balancer before anything
is written.  fault() is the only behaviour: it says what is wrong with a problem, by id and key.
"""

import math
from collections.abc import Iterator

import msgspec

MAX_SLOTS = 672
MAX_NODES = 1024
MAX_CHARGERS = 1024

# Far beyond any depot, far below where the planner's single precision ends.
MOST_MA = 1_000_000_000
MOST = 1e9
MOST_WH = 1e12

LimitMa = tuple[int | None, int | None, int | None]


class PlanNode(msgspec.Struct, frozen=True):
    """A node.  limit_ma: what is left for charging, per phase.  limit_w: a cap on what charges below.

    Both have one entry per slot, or exactly one that holds for every slot, or None for no limit; an
    entry or a phase of None is no limit there; negative counts as 0.
    phasor: line-to-line loads add as phasors at unity power factor, not as magnitudes.
    delta_wye: limit_ma is of the lines that feed a delta-wye transformer, as docs/formats/balance.md has it.
    """

    id: str
    parent: str | None
    limit_ma: tuple[LimitMa | None, ...] | None = None
    limit_w: tuple[int | None, ...] | None = None
    phasor: bool = False
    delta_wye: bool = False


class PlanCharger(msgspec.Struct, frozen=True):
    """A charger and the vehicle that stands at it in from_slot ≤ t < to_slot.

    phases: site phase numbers 1 to 3.  w_per_a: W for one ampere on each of its phases.
    unmet_per_kwh: the price of every kWh of energy_wh that it does not get.
    """

    id: str
    node: str
    phases: tuple[int, ...]
    w_per_a: float
    min_ma: int
    max_ma: int
    from_slot: int
    to_slot: int
    energy_wh: float
    unmet_per_kwh: float


class Demand(msgspec.Struct, frozen=True):
    """A charge on the highest slot of the site above what has been reached already."""

    per_kw: float
    already_kw: float


class Own(msgspec.Struct, frozen=True):
    """What the site has of its own: in each slot charging takes up to w of it first, at this price.

    price_per_kwh: at most that of the problem; what exporting it would have paid.
    """

    w: tuple[float, ...]
    price_per_kwh: tuple[float, ...]


class Problem(msgspec.Struct, frozen=True):
    """What to plan.  price_per_kwh: one per slot.  base_w: what else the site takes, per slot, or None."""

    slot_s: int
    slots: int
    price_per_kwh: tuple[float, ...]
    nodes: tuple[PlanNode, ...]
    chargers: tuple[PlanCharger, ...]
    demand: Demand | None = None
    base_w: tuple[float, ...] | None = None
    own: Own | None = None
    earliness_per_kwh_h: float = 0.0
    lawful: bool = False
    gap: float = 0.001
    max_ms: int = 1000


class Plan(msgspec.Struct, frozen=True):
    """A plan and its proof.

    amps: per charger one per slot of the horizon, A on each of its phases.
    objective: what these amps cost.  lower_bound: no plan, lawful or not, costs less.
    switches: how often a charger goes on or off.  reached: the gap asked for has been reached.
    """

    amps: dict[str, tuple[float, ...]]
    energy_wh: dict[str, float]
    unmet_wh: dict[str, float]
    objective: float
    lower_bound: float
    gap: float
    peak_kw: float
    iterations: int
    switches: int
    reached: bool


def fault(problem: Problem) -> str | None:
    """Return what is wrong with the problem, by id and key, or None if it can be planned."""
    return next(_faults(problem), None)


def in_order(nodes: tuple[PlanNode, ...]) -> list[PlanNode]:
    """Return the nodes with every parent before its children; those on a circle are left out."""
    below: dict[str | None, list[PlanNode]] = {}
    for node in nodes:
        below.setdefault(node.parent, []).append(node)
    ordered = list(below.get(None, []))
    for node in ordered:  # grows while it is read: breadth first
        ordered.extend(below.get(node.id, []))
    return ordered


def _faults(problem: Problem) -> Iterator[str]:
    yield from _horizon_faults(problem)
    if not 1 <= len(problem.nodes) <= MAX_NODES:
        yield f"nodes: expected 1 to {MAX_NODES}, not {len(problem.nodes)}"
    if len(problem.chargers) > MAX_CHARGERS:
        yield f"chargers: expected at most {MAX_CHARGERS}, not {len(problem.chargers)}"
    yield from _tree_faults(problem.nodes)
    for node in problem.nodes:
        yield from _node_faults(node, problem.slots)
    ids = {node.id for node in problem.nodes}
    seen: set[str] = set()
    for charger in problem.chargers:
        if charger.id in seen:
            yield f'charger "{charger.id}": id: is there twice'
        seen.add(charger.id)
        if charger.node not in ids:
            yield f'charger "{charger.id}": node: there is no node "{charger.node}"'
        yield from _charger_faults(charger, problem.slots)


def _outside(value: float, least: float, most: float) -> bool:
    return not (math.isfinite(value) and least <= value <= most)


def _horizon_faults(problem: Problem) -> Iterator[str]:
    if not 1 <= problem.slots <= MAX_SLOTS:
        yield f"slots: expected 1 to {MAX_SLOTS}, not {problem.slots}"
    if not 1 <= problem.slot_s <= 86_400:
        yield f"slot_s: expected 1 to 86400 seconds, not {problem.slot_s}"
    if len(problem.price_per_kwh) != problem.slots:
        yield f"price_per_kwh: expected {problem.slots} prices, not {len(problem.price_per_kwh)}"
    yield from _series_faults(problem)
    if problem.own is not None:
        yield from _own_faults(problem.own, problem)
    demand = problem.demand or Demand(0, 0)
    if _outside(demand.per_kw, 0, MOST):
        yield f"demand: per_kw: expected 0 to {MOST:g}, not {demand.per_kw}"
    if _outside(demand.already_kw, 0, MOST):
        yield f"demand: already_kw: expected 0 to {MOST:g}, not {demand.already_kw}"
    if _outside(problem.earliness_per_kwh_h, -1e6, 1e6):
        yield f"earliness_per_kwh_h: expected within ±1e6, not {problem.earliness_per_kwh_h}"
    if _outside(problem.gap, 0, 1e9):
        yield f"gap: expected 0 or more, not {problem.gap}"
    if _outside(problem.max_ms, 0, 1e9):
        yield f"max_ms: expected 0 or more, not {problem.max_ms}"


def _series_faults(problem: Problem) -> Iterator[str]:
    base_w = problem.base_w or ()
    if problem.base_w is not None and len(base_w) != problem.slots:
        yield f"base_w: expected {problem.slots} entries, not {len(base_w)}"
    for key, values in (("price_per_kwh", problem.price_per_kwh), ("base_w", base_w)):
        for t, value in enumerate(values):
            if _outside(value, -MOST, MOST):
                yield f"{key}[{t}]: expected a number within ±{MOST:g}, not {value}"


def _own_faults(own: Own, problem: Problem) -> Iterator[str]:
    for key, values in (("w", own.w), ("price_per_kwh", own.price_per_kwh)):
        if len(values) != problem.slots:
            yield f"own: {key}: expected {problem.slots} entries, not {len(values)}"
            return
    for t, (watts, price) in enumerate(zip(own.w, own.price_per_kwh, strict=True)):
        if _outside(watts, 0, MOST):
            yield f"own: w[{t}]: expected 0 to {MOST:g}, not {watts}"
        most = problem.price_per_kwh[t] if t < len(problem.price_per_kwh) else MOST
        if _outside(price, -MOST, most):
            yield f"own: price_per_kwh[{t}]: expected at most price_per_kwh[{t}], {most}, not {price}"


def _tree_faults(nodes: tuple[PlanNode, ...]) -> Iterator[str]:
    ids: set[str] = set()
    for node in nodes:
        if node.id in ids:
            yield f'node "{node.id}": id: is there twice'
        ids.add(node.id)
    roots = [node.id for node in nodes if node.parent is None]
    if len(roots) != 1:
        named = ", ".join(roots) or "none"
        yield f"nodes: parent: expected null at exactly one node, the site; it is at {named}"
    for node in nodes:
        if node.parent is not None and node.parent not in ids:
            yield f'node "{node.id}": parent: there is no node "{node.parent}"'
    reached = {node.id for node in in_order(nodes)}
    for node in nodes:
        if node.id not in reached:
            yield f'node "{node.id}": parent: leads in a circle, not to the site'


def _node_faults(node: PlanNode, slots: int) -> Iterator[str]:
    for key, entries in (("limit_ma", node.limit_ma), ("limit_w", node.limit_w)):
        if entries is not None and len(entries) not in (1, slots):
            yield f'node "{node.id}": {key}: expected {slots} entries, not {len(entries)}'
    for values in node.limit_ma or ():
        if values is not None and any(v is not None and abs(v) > 10**14 for v in values):
            yield f'node "{node.id}": limit_ma: expected mA, not {list(values)}'
    for watts in node.limit_w or ():
        if watts is not None and abs(watts) > 10**14:
            yield f'node "{node.id}": limit_w: expected W, not {watts}'


def _charger_faults(c: PlanCharger, slots: int) -> Iterator[str]:
    where = f'charger "{c.id}"'
    if not c.phases or len(set(c.phases)) != len(c.phases) or not set(c.phases) <= {1, 2, 3}:
        yield f"{where}: phases: expected some of 1, 2, 3, each once, not {list(c.phases)}"
    if _outside(c.w_per_a, 1e-3, 1e6):
        yield f"{where}: w_per_a: expected 0.001 to 1e6 W, not {c.w_per_a}"
    if not 0 <= c.max_ma <= MOST_MA:
        yield f"{where}: max_ma: expected 0 to {MOST_MA}, not {c.max_ma}"
    if c.min_ma < 0 or (c.max_ma and c.min_ma > c.max_ma):
        yield f"{where}: min_ma: expected 0 to max_ma {c.max_ma}, not {c.min_ma}"
    if not 0 <= c.from_slot <= slots:
        yield f"{where}: from_slot: expected 0 to {slots}, not {c.from_slot}"
    if not c.from_slot <= c.to_slot <= slots:
        yield f"{where}: to_slot: expected {c.from_slot} to {slots}, not {c.to_slot}"
    if _outside(c.energy_wh, 0, MOST_WH):
        yield f"{where}: energy_wh: expected 0 to {MOST_WH:g}, not {c.energy_wh}"
    if _outside(c.unmet_per_kwh, 0, MOST):
        yield f"{where}: unmet_per_kwh: expected 0 to {MOST:g}, not {c.unmet_per_kwh}"
