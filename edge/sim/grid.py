"""The tree of breakers: what truly flows through every node and phase, and at which voltage.

Currents of loads and vehicles add up phase by phase (all are taken as in phase with their voltage; the
other load carries a power factor of its own).  Voltage sags with the current through a source impedance.
This is the truth that the checker judges; meters only sample it.
"""

import random
from dataclasses import dataclass, field

from edge.model.site import Node, Site
from edge.sim.charger import Charger
from edge.sim.load import POWER_FACTOR, OtherLoad

Amps = tuple[float, float, float]

SAG_OHM = 0.02  # transformer and mains cable: 100 A lower the voltage by 2 V
WANDER_V = 1.5  # how far the grid's own voltage walks from nominal
ZERO: Amps = (0.0, 0.0, 0.0)


def plus(a: Amps, b: Amps) -> Amps:
    """Return the sum, phase by phase."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


@dataclass
class Flow:
    """What flows through a node now, in A per phase.  other_a: the part that is not charging."""

    other_a: Amps = ZERO
    charging_a: Amps = ZERO

    @property
    def total_a(self) -> Amps:
        """All of it."""
        return plus(self.other_a, self.charging_a)


def on_site(own: Amps, phases: tuple[int, ...]) -> Amps:
    """Turn a device's own L1, L2, L3 into the site's phases: phases[0] is where its L1 is."""
    site = [0.0, 0.0, 0.0]
    for mine, theirs in enumerate(phases):
        site[theirs] += own[mine]
    return (site[0], site[1], site[2])


def of_device(site: Amps, phases: tuple[int, ...]) -> Amps:
    """Turn the site's phases into a device's own L1, L2, L3; 0 where it has none."""
    own = [site[p] for p in phases] + [0.0] * (3 - len(phases))
    return (own[0], own[1], own[2])


@dataclass
class Grid:
    """The site's tree.  nodes: parents before children; nodes[0] is the site."""

    nodes: tuple[Node, ...]
    nominal_v: float
    seed: int
    loads: dict[str, OtherLoad] = field(init=False)
    flows: dict[str, Flow] = field(init=False)
    voltages_v: Amps = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.seed} voltage")
        self._walk_v = 0.0
        self.voltages_v = (self.nominal_v,) * 3
        self.flows = {n.id: Flow() for n in self.nodes}
        self.loads = {
            n.id: OtherLoad(own_other_a(n, self.nodes), random.Random(f"{self.seed} {n.id}"))
            for n in self.nodes
        }

    def step(self, chargers: list[tuple[str, Charger]], now_ms: int) -> None:
        """Add everything up.  chargers: (node, charger); their currents are those of this moment."""
        flows = {n.id: Flow() for n in self.nodes}
        for node in self.nodes:
            load = self.loads[node.id]
            load.step(now_ms)
            flows[node.id].other_a = load.now_a
        for node_id, charger in chargers:
            flow = flows[node_id]
            flow.charging_a = plus(flow.charging_a, on_site(charger.currents_a, charger.phases))
        for node in reversed(self.nodes):
            if node.parent is not None:
                flow, above = flows[node.id], flows[node.parent]
                above.other_a = plus(above.other_a, flow.other_a)
                above.charging_a = plus(above.charging_a, flow.charging_a)
        self.flows = flows
        self._sag(flows[self.nodes[0].id].total_a)

    def _sag(self, total_a: Amps) -> None:
        pull = -0.002 * self._walk_v
        self._walk_v += pull + self._random.gauss(0.0, 0.02)
        self._walk_v = min(max(self._walk_v, -WANDER_V), WANDER_V)
        v = [self.nominal_v + self._walk_v - SAG_OHM * a for a in total_a]
        self.voltages_v = (v[0], v[1], v[2])

    def powers_w(self, node_id: str) -> Amps:
        """Return the active power through a node, per phase."""
        flow = self.flows[node_id]
        w = [
            v * (other * POWER_FACTOR + charging)
            for v, other, charging in zip(self.voltages_v, flow.other_a, flow.charging_a, strict=True)
        ]
        return (w[0], w[1], w[2])


def own_other_a(node: Node, nodes: tuple[Node, ...]) -> Amps:
    """Return the highest other load at the node itself: what its children do not account for."""
    own = [
        max(0, node.other_max_ma[p] - sum(n.other_max_ma[p] for n in nodes if n.parent == node.id)) / 1000
        for p in range(3)
    ]
    return (own[0], own[1], own[2])


def below(site: Site, node_id: str) -> set[str]:
    """Return the ids of the chargers that are fed through a node."""
    return {c.id for c in site.chargers if node_id in site.path(c.node)}
