"""The balancer's speed: inside C and through Python, how it grows, and a peer in the same run.

The depot: panels of ten under one site, two priorities, 45 % three-phase and 55 % single-phase chargers
rotated over the phases, steps of 1 A or 1 mA, panels and site too small for everybody.
"""

import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from edge.core import balance
from edge.model.sharing import Ask, Node

SIZES = (50, 200, 1000, 2000, 4000)
SEED = 1
PEER_SLICE_MA = 500  # EVerest's slice; openWB and acnportal's round robin raise by such slices too
PEER_SIZE_MAX = 1000


def depot(count: int) -> tuple[list[Node], list[Ask]]:
    """Return a congested depot of so many chargers, the same every time."""
    dice = random.Random(SEED)
    panels = max(1, count // 10)
    nodes = [Node("site", None, (count * 9000,) * 3)]
    for n in range(panels):
        limit = dice.randrange(90_000, 150_000)
        nodes.append(Node(f"panel-{n}", "site", (limit, limit, limit)))
    asks = []
    for n in range(count):
        three = dice.random() < 0.45
        asks.append(
            Ask(
                id=f"bay-{n}",
                node=f"panel-{n % panels}",
                phases=(1, 2, 3) if three else (1 + n % 3,),
                min_ma=6000,
                max_ma=dice.choice([16_000, 32_000]),
                step_ma=dice.choice([1, 1000]),
                priority=int(dice.random() < 0.3),
                rank=dice.randrange(count),
            )
        )
    return nodes, asks


def peer(nodes: Sequence[Node], asks: Sequence[Ask]) -> dict[str, int]:
    """Share as peers do, in plain Python: minimums, then round and round by slices of 0.5 A.

    The loop of acnportal's RoundRobin and of EVerest's trading, on integers, with the room of every
    node and phase kept up to date; no priorities.
    """
    parent = {node.id: node.parent for node in nodes}
    room = {node.id: list(node.limit_ma) for node in nodes}
    ways = {}
    for ask in asks:
        ways[ask.id] = [ask.node]
        while (above := parent[ways[ask.id][-1]]) is not None:
            ways[ask.id].append(above)
    grants = {ask.id: 0 for ask in asks}

    def give(ask: Ask, more: int) -> bool:
        if grants[ask.id] + more > ask.max_ma:
            return False
        spots = [(room[name], phase - 1) for name in ways[ask.id] for phase in ask.phases]
        if any(left[phase] < more for left, phase in spots):
            return False
        for left, phase in spots:
            left[phase] -= more
        grants[ask.id] += more
        return True

    rising = [ask for ask in asks if give(ask, ask.min_ma)]
    while rising:
        rising = [ask for ask in rising if give(ask, PEER_SLICE_MA)]
    return grants


def seconds(work: Callable[[], object], budget_s: float) -> list[float]:
    """Time some work again and again; at least five times."""
    times: list[float] = []
    while len(times) < 5 or sum(times) < budget_s:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


def figures(quick: bool) -> dict[str, Any]:
    """Measure; times in microseconds, best and median."""
    rows = []
    budget_s = 0.05 if quick else 0.5
    for count in SIZES[:3] if quick else SIZES:
        nodes, asks = depot(count)
        problem = balance.prepare(nodes, asks)
        inside = seconds(problem.solve, budget_s)
        through = seconds(lambda nodes=nodes, asks=asks: balance.share(nodes, asks), budget_s)
        shares = problem.answer()
        assert balance.violations(nodes, asks, shares.grants_ma) == []
        check = seconds(lambda n=nodes, a=asks, s=shares: balance.violations(n, a, s.grants_ma), budget_s)
        row = {
            "chargers": count,
            "nodes": len(nodes),
            "held_back": sum(words != "max" for words in shares.because.values()),
            "granted_ma": sum(shares.grants_ma.values()),
            "c_us": _times(inside),
            "python_us": _times(through),
            "violations_us": _times(check),
        }
        if count <= PEER_SIZE_MAX:
            row["peer_us"] = _times(seconds(lambda n=nodes, a=asks: peer(n, a), budget_s))
            row["peer_granted_ma"] = sum(peer(nodes, asks).values())
        rows.append(row)
    return {
        "rows": rows,
        "growth_exponent": round(_growth([(r["chargers"], r["c_us"]["best"]) for r in rows]), 2),
        "peer": f"plain Python, slices of {PEER_SLICE_MA} mA round and round",
    }


def _times(times: Sequence[float]) -> dict[str, float]:
    return {"best": round(min(times) * 1e6, 1), "median": round(statistics.median(times) * 1e6, 1)}


def _growth(points: Sequence[tuple[int, float]]) -> float:
    """Return the exponent of time over size, by least squares of logarithms; 1 is linear."""
    xs = [math.log(size) for size, _ in points]
    ys = [math.log(us) for _, us in points]
    return statistics.linear_regression(xs, ys).slope


def words(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = [f"{'chargers':>8} {'nodes':>6} {'C us':>10} {'Python us':>10} {'check us':>10} {'peer us':>10}"]
    for row in found["rows"]:
        peer_us = row.get("peer_us", {}).get("median", "-")
        cells = [row[key]["median"] for key in ("c_us", "python_us", "violations_us")]
        lines.append(
            f"{row['chargers']:>8} {row['nodes']:>6} " + " ".join(f"{cell:>10}" for cell in [*cells, peer_us])
        )
    lines.append(f"time in C grows as chargers to the power of {found['growth_exponent']}")
    lines.append(f"medians; peer: {found['peer']}")
    return "\n".join(lines)
