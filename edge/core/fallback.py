"""Proves that the fallback currents fit every limit (I4): what flows if the gateway falls silent.

    per node and phase:  other_max_ma + Σ fallback of the chargers below  ≤  limit_ma
    per node with a cap: the same sum in W, at the highest plausible voltage  ≤  limit_w

Sums are arithmetic, whatever phase angles are, and above a delta-wye transformer the most that they can come
to: that can only count too much (I8).  A pure function of
the site; what each charger really falls to is the caller's knowledge of its device.
"""

import msgspec

from edge.model.site import Charger, Node, Site
from edge.model.units import (
    HIGHEST_VOLTAGE_PER_NOMINAL,
    PHASES,
    Triple,
    above_delta_wye,
    add,
    total,
    w_up_from_ma,
)


class NodeProof(msgspec.Struct, frozen=True):
    """The sum at one node.  spare_ma, spare_w: what is left; below 0 it does not fit."""

    node: str
    limit_ma: Triple
    other_ma: Triple
    fallback_ma: Triple
    spare_ma: Triple
    chargers: int
    limit_w: int | None = None
    sum_w: int | None = None

    @property
    def spare_w(self) -> int | None:
        return None if self.limit_w is None or self.sum_w is None else self.limit_w - self.sum_w

    @property
    def fits(self) -> bool:
        return min(self.spare_ma) >= 0 and (self.spare_w is None or self.spare_w >= 0)


def prove(site: Site, falls_to_ma: dict[str, int]) -> list[NodeProof]:
    """Return the sum at every node, in the order of the site.

    falls_to_ma: what each charger draws at most when we are silent, by charger id: its fallback, or
        its maximum where the device does not supervise us.
    """
    below: dict[str, list[Charger]] = {node.id: [] for node in site.nodes}
    for charger in site.chargers:
        for node_id in site.path(charger.node):
            below[node_id].append(charger)
    return [_prove_node(site, node, below[node.id], falls_to_ma) for node in site.nodes]


def _prove_node(site: Site, node: Node, chargers: list[Charger], falls_to_ma: dict[str, int]) -> NodeProof:
    fallback = total(on_phases(charger, falls_to_ma[charger.id]) for charger in chargers)
    flows = add(node.other_max_ma, fallback)
    if node.delta == "delta-wye":
        flows = above_delta_wye(flows)
    limit = node.limit_ma
    spare = (limit[0] - flows[0], limit[1] - flows[1], limit[2] - flows[2])
    over, nominal = HIGHEST_VOLTAGE_PER_NOMINAL
    voltage_mv = -(-site.voltage_v * 1000 * over // nominal)
    return NodeProof(
        node=node.id,
        limit_ma=limit,
        other_ma=node.other_max_ma,
        fallback_ma=fallback,
        spare_ma=spare,
        chargers=len(chargers),
        limit_w=node.limit_w,
        sum_w=None if node.limit_w is None else w_up_from_ma(sum(flows), voltage_mv),
    )


def on_phases(charger: Charger, current_ma: int) -> Triple:
    """Return a charger's current on the phases of the site that it is wired to."""
    l1, l2, l3 = (current_ma if phase in charger.phases else 0 for phase in PHASES)
    return (l1, l2, l3)
