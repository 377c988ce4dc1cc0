"""The lowest limit of every node and phase, with its reason (I7).

The installer's limit is the ceiling (I10): everything else (a utility's event, the operator) is a cap that
can only lower it.  A cap in W becomes currents at the highest plausible voltage, rounded down (I8), and is
divided between the phases as the chargers below ask for them: three equal thirds would leave a depot of
one-phase vehicles on L1 with a third of what the utility allows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.core.grid import Other, highest_voltage_mv
from edge.model.site import Node, Site
from edge.model.units import PHASES, Triple, amps_text, kw_text, ma_down_from_w


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit from somewhere else on everything that flows through a node.

    limit_w: total power; limit_ma: per phase; charging_w: power of what charges, whatever else flows.
    floor_ma: what exempt vehicles below need, per phase: the cap never leaves less.  because: in words,
    with until when.
    """

    node: str
    because: str
    limit_w: int | None = None
    limit_ma: int | None = None
    charging_w: int | None = None
    floor_ma: Triple = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Room:
    """What is left for charging at a node.

    now_ma: for setpoints; raise_ma: for raising one (never more).  limit_ma: all load, lowest of all reasons.
    because: the reason of the lowest, per phase.  delta: how line-to-line currents count there.
    """

    node: str
    parent: str | None
    now_ma: Triple
    raise_ma: Triple
    limit_ma: Triple
    because: tuple[str, str, str]
    delta: str = "arithmetic"


def lowest(site: Site, others: dict[str, Other], caps: list[Cap], asked: dict[str, Triple]) -> list[Room]:
    """Return what is left for charging at every node, in the site's order.

    asked: per node, what the chargers below it ask for on each phase, mA: how a cap in W is divided.
    """
    # above a delta-wye transformer the lowest of three limits holds for all of them
    evenly: Triple = (1, 1, 1)
    return [
        _room(site, node, others[node.id], caps, evenly if node.delta == "delta-wye" else asked[node.id])
        for node in site.nodes
    ]


def _room(site: Site, node: Node, other: Other, caps: list[Cap], asked: Triple) -> Room:
    now = [node.limit_ma[p] - other.now_ma[p] for p in PHASES]
    high = [node.limit_ma[p] - other.high_ma[p] for p in PHASES]
    because = [f"breaker {amps_text(node.limit_ma[p])}" for p in PHASES]
    installed = (
        [Cap(node.id, f"site limit {kw_text(node.limit_w)}", node.limit_w)]
        if node.limit_w is not None
        else []
    )
    for cap in [*installed, *(c for c in caps if c.node == node.id)]:
        for p in PHASES:
            if cap.limit_ma is not None and cap.limit_ma - other.now_ma[p] < now[p]:
                now[p] = cap.limit_ma - other.now_ma[p]
                because[p] = cap.because
            if cap.limit_ma is not None:
                high[p] = min(high[p], cap.limit_ma - other.high_ma[p])
        for now_w, high_w in _watts(cap, other):
            voltage_mv = highest_voltage_mv(site)
            now_share = divided(ma_down_from_w(now_w, voltage_mv), asked)
            high_share = divided(ma_down_from_w(high_w, voltage_mv), asked)
            for p in PHASES:
                if max(now_share[p], cap.floor_ma[p]) < now[p]:
                    now[p] = max(now_share[p], cap.floor_ma[p])
                    because[p] = cap.because
                high[p] = min(high[p], max(high_share[p], cap.floor_ma[p]))
    if not other.known:
        because = [
            f"{because[p]}, meter silent: other load counted as {amps_text(node.other_max_ma[p])}"
            for p in PHASES
        ]
    return Room(
        node=node.id,
        parent=node.parent,
        now_ma=(now[0], now[1], now[2]),
        raise_ma=(min(now[0], high[0]), min(now[1], high[1]), min(now[2], high[2])),
        limit_ma=(now[0] + other.now_ma[0], now[1] + other.now_ma[1], now[2] + other.now_ma[2]),
        because=(because[0], because[1], because[2]),
        delta=node.adds,
    )


def _watts(cap: Cap, other: Other) -> Iterator[tuple[int, int]]:
    """Yield what a cap leaves for charging, W: for setpoints, and for raising one."""
    if cap.limit_w is not None:
        yield cap.limit_w - other.now_w, cap.limit_w - other.high_w
    if cap.charging_w is not None:
        yield cap.charging_w, cap.charging_w


def divided(total_ma: int, asked: Triple) -> Triple:
    """Return phase currents that sum to at most total_ma, in proportion to what is asked there."""
    weights = asked if any(asked) else (1, 1, 1)
    whole = sum(weights)
    return (
        total_ma * weights[0] // whole,
        total_ma * weights[1] // whole,
        total_ma * weights[2] // whole,
    )
