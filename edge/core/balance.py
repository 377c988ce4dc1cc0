"""The door to the C balancer: share a supply between chargers, and check an answer.

Rule 1: no other module calls lb_*; nothing of C leaves this one.
Rule 2: C refuses what is malformed; which id and key it was is found out here, and only then.
Rule 3: memory is taken anew for each call, so calls from several threads cannot meet.

What the right answer is: native/README.md.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.core._native import ffi, lib
from edge.model.sharing import Ask, BadProblem, Node, Shares

__all__ = ["Ask", "BadProblem", "Node", "Problem", "Shares", "share", "violations"]

NODES_MAX: int = lib.LB_NODES
CHARGERS_MAX: int = lib.LB_CHARGERS
DEPTH_MAX: int = lib.LB_DEPTH
MA_MAX: int = lib.LB_MA_MAX
WEIGHT_MAX: int = lib.LB_WEIGHT_MAX
PHASOR_MAX: int = lib.LB_PHASOR_MAX
WYE_MAX: int = lib.LB_WYE_MAX
NO_LIMIT: int = lib.LB_NO_LIMIT
TURN_MAX = 2**31 - 1  # priority and rank are int32 in C

# struct lb_node and struct lb_charger, which balance.c asserts to have no padding.
NODE_ROW, NODE_SIZE = "ii3q", ffi.sizeof("struct lb_node")
ASK_ROW, ASK_SIZE = "iI3q4i", ffi.sizeof("struct lb_charger")
NODE_AT = ffi.offsetof("struct lb_site", "node")
ASK_AT = ffi.offsetof("struct lb_site", "charger")

DELTA = {"arithmetic": 0, "phasor": 1, "delta-wye": lib.LB_DELTA_WYE}
PHASES = {(1,): 1, (2,): 2, (3,): 4, (1, 2): 3, (1, 3): 5, (2, 3): 6, (1, 2, 3): 7}

# Not cleared: the structs have room for 4096 nodes and chargers, and only the counted are read.
_take = ffi.new_allocator(should_clear_after_alloc=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """One sharing problem as C sees it: prepare(), then solve(), then answer().

    Separate, so that a caller with a clock can time solve(), which is the C call alone.
    """

    nodes: Sequence[Node]
    asks: Sequence[Ask]
    order: Sequence[Node]  # parents before children: the node of each C index
    site: Any
    work: Any
    grants: Any

    def solve(self) -> None:
        """Let C fill in the grants."""
        result = lib.lb_solve(self.site, self.work, self.grants)
        assert result == lib.LB_OK, result  # prepare() has had it checked

    def answer(self) -> Shares:
        """Return what solve() found, by id."""
        names = [node.id for node in self.order]
        count = len(self.asks)
        ids = [ask.id for ask in self.asks]
        because = [
            _because(why, names, node, phase)
            for why, node, phase in zip(
                ffi.unpack(self.grants.why, count),
                ffi.unpack(self.grants.node, count),
                ffi.unpack(self.grants.phase, count),
                strict=True,
            )
        ]
        used = ffi.unpack(ffi.cast("int64_t *", self.grants.used_ma), 3 * len(names))
        by_node = dict(zip(names, zip(used[0::3], used[1::3], used[2::3], strict=True), strict=True))
        return Shares(
            grants_ma=dict(zip(ids, ffi.unpack(self.grants.ma, count), strict=True)),
            because=dict(zip(ids, because, strict=True)),
            used_ma={node.id: by_node[node.id] for node in self.nodes},
        )


def share(nodes: Sequence[Node], asks: Sequence[Ask]) -> Shares:
    """Return the exact share of every charger.

    Minimums go by (priority, rank, order of the asks); the rest is raised to the weighted max-min
    fair share, priority by priority.  The same problem gives the same answer everywhere.

    Raises BadProblem, naming id and key.
    """
    problem = prepare(nodes, asks)
    problem.solve()
    return problem.answer()


def violations(nodes: Sequence[Node], asks: Sequence[Ask], grants_ma: Mapping[str, int]) -> list[str]:
    """Return the promises that grants break, in words; [] when they are lawful and fit everywhere.

    Counted in C by sums written apart from the solver; the words are looked for only when the
    count is not 0.  An ask without a grant, or a grant without an ask, is a broken promise too.

    Raises BadProblem, naming id and key.
    """
    strangers = grants_ma.keys() - {ask.id for ask in asks}
    words = [f"{name}: has a grant but did not ask" for name in sorted(strangers)]
    words += [f"{ask.id}: has no grant" for ask in asks if ask.id not in grants_ma]
    problem = prepare(nodes, asks)
    row = [grants_ma.get(ask.id, 0) for ask in asks]
    huge = [n for n, ma in enumerate(row) if not -NO_LIMIT <= ma <= NO_LIMIT]
    for n in huge:
        row[n] = -1  # as unlawful as it was, and fits into an int64
    problem.grants.ma[0 : len(row)] = row
    count = lib.lb_violations(problem.site, problem.grants, _take("struct lb_load *"))
    assert count >= 0, count  # prepare() has had it checked
    if count == 0:
        return words
    named = _name_violations(nodes, asks, row)
    if len(named) != count:
        named.append(f"{count} broken promises were counted, {len(named)} found again")
    return words + named


def prepare(nodes: Sequence[Node], asks: Sequence[Ask]) -> Problem:
    """Return the problem in the shape of C, checked.

    Raises BadProblem, naming id and key.
    """
    try:
        order = _parents_first(nodes)
        index: dict[str | None, int] = {node.id: n for n, node in enumerate(order)}
        site = _take("struct lb_site *")
        _fill(site, order, index, asks)
        result = lib.lb_check(site)
        whole = len(index) == len(nodes) and len({ask.id for ask in asks}) == len(asks)
    except (KeyError, TypeError, ValueError, struct.error) as error:
        raise _explain(nodes, asks, error) from error
    if result != lib.LB_OK or not whole:
        raise _explain(nodes, asks, ffi.string(ffi.cast("enum lb_result", result)))
    return Problem(nodes, asks, order, site, _take("struct lb_work *"), _take("struct lb_grants *"))


def _parents_first(nodes: Sequence[Node]) -> Sequence[Node]:
    """Return the nodes with every parent before its children, else in their own order.

    Raises ValueError where that is impossible: no node, a circle, a parent that is not there.
    """
    seen: set[str | None] = {None}
    for node in nodes:
        if node.parent not in seen:
            break
        seen.add(node.id)
    else:
        return nodes
    children: dict[str | None, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.parent, []).append(node)
    order = list(children.get(None, ()))
    for node in order:  # grows while it is read: a walk, level by level
        order += children.pop(node.id, ())
    if len(order) != len(nodes):
        raise ValueError("circle")
    return order


def _fill(site: Any, order: Sequence[Node], index: Mapping[str | None, int], asks: Sequence[Ask]) -> None:
    if not 1 <= len(order) <= NODES_MAX or len(asks) > CHARGERS_MAX:
        raise ValueError("count")
    site.node_count, site.charger_count = len(order), len(asks)
    row: list[int] = []
    for node in order:
        row += (-1 if node.parent is None else index[node.parent], DELTA[node.delta])
        l1, l2, l3 = node.limit_ma
        row += (_limit(l1), _limit(l2), _limit(l3))
    buffer = ffi.buffer(site)
    struct.pack_into("=" + NODE_ROW * len(order), buffer, NODE_AT, *row)
    row = []
    for a in asks:
        row += (index[a.node], PHASES[a.phases], a.min_ma, a.max_ma, a.step_ma)
        row += (a.priority, a.rank, a.weight, 0)
    struct.pack_into("=" + ASK_ROW * len(asks), buffer, ASK_AT, *row)


def _limit(limit_ma: int | None) -> int:
    """Return a limit as C takes it.  Beyond any sum of currents, more makes no difference."""
    return NO_LIMIT if limit_ma is None else max(-1, min(limit_ma, NO_LIMIT))


def _because(why: int, names: Sequence[str], node: int, phase: int) -> str:
    if why == lib.LB_AT_MAX:
        return "max"
    if why == lib.LB_HELD:
        return f"{names[node]} L{phase + 1}"
    if why == lib.LB_NO_MINIMUM:
        return f"no room for the minimum at {names[node]} L{phase + 1}"
    return "asks nothing"


### What is wrong, in words ###


def _explain(nodes: Sequence[Node], asks: Sequence[Ask], found: object) -> BadProblem:
    """Return the first fault with its id and key; `found` is what the fast way stumbled over."""
    for fault in (*_count_faults(nodes, asks), *_node_faults(nodes), *_ask_faults(nodes, asks)):
        return BadProblem(fault)
    return BadProblem(f"malformed: {found}")


def _count_faults(nodes: Sequence[Node], asks: Sequence[Ask]) -> list[str]:
    faults = []
    if not nodes:
        faults.append("nodes: at least one is needed, the site")
    if len(nodes) > NODES_MAX:
        faults.append(f"nodes: {len(nodes)}, at most {NODES_MAX}")
    if len(asks) > CHARGERS_MAX:
        faults.append(f"chargers: {len(asks)}, at most {CHARGERS_MAX}")
    return faults


def _node_faults(nodes: Sequence[Node]) -> list[str]:
    faults = []
    parents: dict[str, str | None] = {}
    for node in nodes:
        if node.id in parents:
            faults.append(f"nodes[{node.id!r}].id: is there twice")
        parents[node.id] = node.parent
    roots = [node.id for node in nodes if node.parent is None]
    if not roots:
        faults.append("nodes[].parent: no node has null; exactly one, the site, must")
    faults += [f"nodes[{name!r}].parent: null, but {roots[0]!r} is the site" for name in roots[1:]]
    for node in nodes:
        where = f"nodes[{node.id!r}]"
        if node.parent is not None and node.parent not in parents:
            faults.append(f"{where}.parent: {node.parent!r} is not a node")
        if node.delta not in DELTA:
            faults.append(f'{where}.delta: {node.delta!r}, expected "arithmetic", "phasor" or "delta-wye"')
        if len(node.limit_ma) != 3:
            faults.append(f"{where}.limit_ma: {len(node.limit_ma)} entries, expected L1, L2, L3")
    if not faults:
        faults += [fault for node in nodes if (fault := _depth_fault(node, parents)) is not None]
    return faults


def _depth_fault(node: Node, parents: Mapping[str, str | None]) -> str | None:
    """Return what is wrong with the way from a node to the site, None if nothing."""
    way = [node.id]
    while (parent := parents[way[-1]]) is not None:
        if parent in way:
            return f"nodes[{node.id!r}].parent: a circle: {' -> '.join([*way, parent])}"
        way.append(parent)
    if len(way) > DEPTH_MAX:
        return f"nodes[{node.id!r}].parent: {len(way)} nodes deep, at most {DEPTH_MAX}"
    return None


def _ask_faults(nodes: Sequence[Node], asks: Sequence[Ask]) -> list[str]:
    faults = []
    names = {node.id for node in nodes}
    seen: set[str] = set()
    for ask in asks:
        where = f"chargers[{ask.id!r}]"
        if ask.id in seen:
            faults.append(f"{where}.id: is there twice")
        seen.add(ask.id)
        if ask.node not in names:
            faults.append(f"{where}.node: {ask.node!r} is not a node")
        if ask.phases not in PHASES:
            faults.append(f"{where}.phases: {list(ask.phases)}, expected 1, 2 and 3 in order")
        for key, value, low, high in (
            ("min_ma", ask.min_ma, 0, MA_MAX),
            ("max_ma", ask.max_ma, 0, MA_MAX),
            ("step_ma", ask.step_ma, 1, MA_MAX),
            ("priority", ask.priority, -TURN_MAX, TURN_MAX),
            ("rank", ask.rank, -TURN_MAX, TURN_MAX),
            ("weight", ask.weight, 1, WEIGHT_MAX),
        ):
            if not isinstance(value, int) or not low <= value <= high:
                faults.append(f"{where}.{key}: {value!r}, expected an integer {low} to {high}")
            elif key == "max_ma" and 0 < value < ask.min_ma:
                faults.append(f"{where}.min_ma: {ask.min_ma}, above its max_ma of {value}")
    total = 0 if faults else sum(ask.max_ma for ask in asks)
    for delta, allowed_ma in (("delta-wye", WYE_MAX), ("phasor", PHASOR_MAX)):
        if total > allowed_ma and not faults and any(node.delta == delta for node in nodes):
            most = max(asks, key=lambda ask: ask.max_ma)
            faults.append(
                f"chargers[{most.id!r}].max_ma: {most.max_ma}; all together {total},"
                f' at most {allowed_ma} on a site with delta "{delta}"'
            )
    return faults


def _name_violations(nodes: Sequence[Node], asks: Sequence[Ask], row: Sequence[int]) -> list[str]:
    """Return every broken promise in words, by plain sums over the tree."""
    words = []
    parents = {node.id: node.parent for node in nodes}
    sums: dict[tuple[str, tuple[int, ...]], int] = {}
    for ask, ma in zip(asks, row, strict=True):
        above = ma - ask.min_ma
        if ma != 0 and (above < 0 or ma > ask.max_ma or above % ask.step_ma):
            words.append(f"{ask.id}: {ma} mA is not 0 nor {ask.min_ma} to {ask.max_ma} in {ask.step_ma}")
        at: str | None = ask.node
        while at is not None:
            sums[at, ask.phases] = sums.get((at, ask.phases), 0) + min(max(ma, 0), MA_MAX)
            at = parents[at]
    for node in nodes:
        below = {p: ma for (at, p), ma in sums.items() if at == node.id}
        for phase, own in enumerate(node.limit_ma, start=1):
            lowest = min((ma for ma in node.limit_ma if ma is not None), default=None)
            limit = lowest if node.delta == "delta-wye" else own
            if limit is None:
                continue
            parts = {p: ma for p, ma in below.items() if phase in p}
            if node.delta == "delta-wye":
                above = _feed_above(below, phase, max(limit, 0))
            else:
                above = _above(parts, max(limit, 0), node.delta)
            if above:
                words.append(
                    f"{node.id} L{phase}: {sum(parts.values())} mA granted, the limit is"
                    f" {limit} mA ({node.delta})"
                )
    return words


def _feed_above(below: Mapping[tuple[int, ...], int], phase: int, limit_ma: int) -> bool:
    """Say whether a line that feeds a delta-wye transformer carries more than a limit; exact in any size.

    below: what flows on the secondary side, by phases.  The line of L1 feeds the windings of L1 and L3.
    Twice √3 times its current is whole + √3·root along the load between the two, and the same across.
    """
    before, third = (phase + 1) % 3 + 1, phase % 3 + 1
    both, one, other = (
        below.get(tuple(sorted(pair)), 0) for pair in ((phase, before), (phase, third), (before, third))
    )
    near, far = (below.get((p,), 0) + below.get((1, 2, 3), 0) for p in (phase, before))
    rest = 12 * limit_ma**2 - (4 * both + one + other) ** 2 - 3 * (near + far) ** 2
    rest -= 3 * (one - other) ** 2 + (near - far) ** 2
    cross = (4 * both + one + other) * (near + far) + (one - other) * (near - far)
    return rest < 0 or 12 * cross * cross > rest * rest


def _above(parts: Mapping[tuple[int, ...], int], limit_ma: int, delta: str) -> bool:
    """Say whether what ends on a conductor, by phases, is above a limit; exact in any size."""
    total = sum(parts.values())
    if total <= limit_ma or delta == "arithmetic":
        return total > limit_ma
    straight = sum(ma for phases, ma in parts.items() if len(phases) != 2)
    a, c, *_ = [ma for phases, ma in parts.items() if len(phases) == 2] + [0, 0]
    rest = limit_ma**2 - a * a - a * c - c * c - straight**2
    return rest < 0 or 3 * ((a + c) * straight) ** 2 > rest * rest
