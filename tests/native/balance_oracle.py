"""A slow balancer, straight from the definition in native/README.md, and the definition as checks.

Shares no code with edge/core/balance.py or native/balance.c: one step at a time, levels as fractions,
the phasor sum as its formula in 60 digits.  For small problems only.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

from edge.model.sharing import Ask, Node

HAIR = Decimal(10) ** -20  # what is equal in truth must not differ by rounding


def figure(
    node: Node, phase: int, asks: Sequence[Ask], grants: Mapping[str, int], below: set[str]
) -> Decimal:
    """Return what the grants below a node put on a phase, in mA."""
    if node.delta == "delta-wye":
        return feed_figure(phase, asks, grants, below)
    straight = sides = Decimal(0)
    by_other = {}
    for ask in asks:
        if ask.node not in below or phase not in ask.phases:
            continue
        if len(ask.phases) == 2:
            (other,) = set(ask.phases) - {phase}
            by_other[other] = by_other.get(other, 0) + grants[ask.id]
            sides += grants[ask.id]
        else:
            straight += grants[ask.id]
    if node.delta == "arithmetic":
        return straight + sides
    a, c = [Decimal(ma) for ma in by_other.values()] + [Decimal(0)] * (2 - len(by_other))
    with localcontext() as context:
        context.prec = 60
        return ((Decimal(3).sqrt() / 2 * (a + c) + straight) ** 2 + (a - c) ** 2 / 4).sqrt()


# Unit vectors at 30° · n as (cos, sin), each as (rational part, factor of √3).
TWELFTHS = [
    ((1, 0), (0, 0)), ((0, 0.5), (0.5, 0)), ((0.5, 0), (0, 0.5)), ((0, 0), (1, 0)), ((-0.5, 0), (0, 0.5)),
    ((0, -0.5), (0.5, 0)), ((-1, 0), (0, 0)), ((0, -0.5), (-0.5, 0)), ((-0.5, 0), (0, -0.5)),
    ((0, 0), (-1, 0)), ((0.5, 0), (0, -0.5)), ((0, 0.5), (-0.5, 0)),
]  # fmt: skip


def vector(ma: int, degrees: int) -> tuple[Decimal, Decimal]:
    """Return a current as a vector, in 60 digits."""
    root = Decimal(3).sqrt()
    cos, sin = TWELFTHS[degrees // 30 % 12]
    return ma * (Decimal(cos[0]) + Decimal(cos[1]) * root), ma * (Decimal(sin[0]) + Decimal(sin[1]) * root)


def feed_figure(phase: int, asks: Sequence[Ask], grants: Mapping[str, int], below: set[str]) -> Decimal:
    """Return what a line that feeds a delta-wye transformer carries, by the currents of its windings.

    Referred to the secondary side by the ratio of the line voltages: 1/√3 of the difference of the
    currents in the windings of L1 and L3 for the line of L1, and so on round.
    """
    with localcontext() as context:
        context.prec = 60
        winding = {p: [Decimal(0), Decimal(0)] for p in (1, 2, 3)}
        angle = {(1,): 0, (2,): 240, (3,): 120, (1, 2): 30, (2, 3): 270, (1, 3): 330}
        for ask in asks:
            if ask.node not in below:
                continue
            for n, p in enumerate(ask.phases):
                straight = len(ask.phases) != 2
                degrees = angle[(p,)] if straight else angle[ask.phases] + 180 * n
                x, y = vector(grants[ask.id], degrees)
                winding[p][0] += x
                winding[p][1] += y
        near, far = winding[phase], winding[(phase + 1) % 3 + 1]
        return (((near[0] - far[0]) ** 2 + (near[1] - far[1]) ** 2) / 3).sqrt()


def lines(node: Node, ask: Ask) -> list[tuple[int, int | None]]:
    """Return the lines of a node that a charger loads, and the limit that holds for each."""
    if node.delta != "delta-wye":
        return [(phase, node.limit_ma[phase - 1]) for phase in ask.phases]
    lowest = min((ma for ma in node.limit_ma if ma is not None), default=None)
    return [(phase, lowest) for phase in (1, 2, 3)]


class Tree:
    """The nodes with what hangs below each, found by following parents."""

    def __init__(self, nodes: Sequence[Node], asks: Sequence[Ask]) -> None:
        self.nodes = {node.id: node for node in nodes}
        self.asks = asks
        self.below = {node.id: {n.id for n in nodes if node.id in self.path(n.id)} for node in nodes}

    def path(self, name: str) -> list[str]:
        """Return the nodes from one to the site."""
        way = [name]
        while (parent := self.nodes[way[-1]].parent) is not None:
            way.append(parent)
        return way

    def breaks(self, ask: Ask, more: int, grants: Mapping[str, int]) -> list[tuple[str, int]]:
        """Return where so much more for a charger would break a limit, nearest node first."""
        tried = {**grants, ask.id: grants[ask.id] + more}
        found = []
        for name in self.path(ask.node):
            node = self.nodes[name]
            for phase, limit in lines(node, ask):
                if limit is None:
                    continue
                if figure(node, phase, self.asks, tried, self.below[name]) > max(limit, 0) + HAIR:
                    found.append((name, phase))
        return found


def solve(nodes: Sequence[Node], asks: Sequence[Ask]) -> dict[str, int]:
    """Return the grants, one step at a time.

    Minimums by (priority, rank, order).  Then, priority by priority, whoever stands lowest by
    grant / weight tries its next step, ties by rank and order; who finds no room is out.
    """
    tree = Tree(nodes, asks)
    grants = {ask.id: 0 for ask in asks}
    turns = sorted(range(len(asks)), key=lambda n: (asks[n].priority, asks[n].rank, n))
    hungry = []
    for turn in turns:
        ask = asks[turn]
        if ask.max_ma > 0 and not tree.breaks(ask, ask.min_ma, grants):
            grants[ask.id] = ask.min_ma
            hungry.append(turn)
    for priority in sorted({ask.priority for ask in asks}):
        rising = [turn for turn in hungry if asks[turn].priority == priority]
        while rising:
            turn = min(rising, key=lambda n: Fraction(grants[asks[n].id], asks[n].weight))
            ask = asks[turn]
            at_max = grants[ask.id] + ask.step_ma > ask.max_ma
            if at_max or tree.breaks(ask, ask.step_ma, grants):
                rising.remove(turn)
            else:
                grants[ask.id] += ask.step_ma
    return grants


def faults(nodes: Sequence[Node], asks: Sequence[Ask], grants: Mapping[str, int]) -> list[str]:
    """Return how grants break the definition of the right answer."""
    tree = Tree(nodes, asks)
    found = []
    for node in nodes:
        anywhere = Ask("", node.id, (1, 2, 3), 0, 0)
        for phase, limit in lines(node, anywhere):
            carried = figure(node, phase, asks, grants, tree.below[node.id])
            if limit is not None and carried > max(limit, 0) + HAIR:
                found.append(f"{node.id} L{phase}: {carried} above {limit}")
    for ask in asks:
        grant, above = grants[ask.id], grants[ask.id] - ask.min_ma
        if grant and (above < 0 or grant > ask.max_ma or above % ask.step_ma):
            found.append(f"{ask.id}: {grant} is not lawful")
        holds = ask.max_ma > 0 and (grant > 0 or ask.min_ma == 0)
        if not holds or grant + ask.step_ma > ask.max_ma:
            continue
        held = tree.breaks(ask, ask.step_ma, grants)
        if not held:
            found.append(f"{ask.id}: could have one step more")
        elif not any(is_fair(tree, ask, where, grants) for where in held):
            found.append(f"{ask.id}: held at {held}, where another has more than its share")
    return found


def is_fair(tree: Tree, ask: Ask, where: tuple[str, int], grants: Mapping[str, int]) -> bool:
    """Say whether nobody at the node and phase that holds a charger has risen too far above it.

    Exactly by the definition where all steps are alike.  Where they are not, what is left may be too
    little for this charger's step and still go to others: less than its step, or, as a phasor sum
    grows by at least half of what is added, less than two.
    """
    name, phase = where
    level = Fraction(grants[ask.id], ask.weight)
    wye = tree.nodes[name].delta == "delta-wye"
    others = [a for a in tree.asks if a.node in tree.below[name] and (wye or phase in a.phases)]
    left = 0
    if wye:
        left = 3 * ask.step_ma
    elif tree.nodes[name].delta == "phasor":
        left = 2 * ask.step_ma
    elif len({other.step_ma for other in others}) > 1:
        left = ask.step_ma
    for other in others:
        if grants[other.id] - other.min_ma <= left or other is ask:
            continue
        if other.priority > ask.priority:
            return False
        step_below = Fraction(grants[other.id] - other.step_ma - left, other.weight)
        if other.priority == ask.priority and step_below > level:
            return False
    return True
