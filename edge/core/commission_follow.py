"""Which meters follow a charger, on which phases, and by how much: a robust look at edges.

When a charger is moved from 6 to 10 A and to a pause, the meters above it move by the same amount, and
others do not. Machines in the building switch at the same time, and the load swings.  So:

Rule 1: an edge is where the charger's own reading goes from one plateau to another; the charger's word,
        not the setpoint's, is what the meter is held against.
Rule 2: the meter's change over an edge is taken between the readings just before and just after it, less
        the drift that it shows beside the edge.
Rule 3: changes by other load spoil some edges and scatter; those that are not spoiled agree.  The estimate
        is the value on which most of the edges' weight agrees, and the share that does says how far to
        believe it.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from edge.core.commission_trace import Drawn, drawn
from edge.model.commission import Follow, Trace
from edge.model.quantities import CURRENT_KEYS, POWER_KEYS
from edge.model.site import Meter

# A plateau is left when the reading moves by more than this between two readings.
MOVES_MA = 400

# Smaller edges say too little beside a restless load; an edge that takes longer is spoiled for sure.
EDGE_MA, EDGE_MS = 2_500, 6_000

# A meter's reading may be of a moment before it was asked, a charger's may lag: readings this far from the
# edge.
BEFORE_MS, AFTER_MS = 300, 700

# How long beside an edge the drift is looked at, and drift beyond which it is no drift but a switched load.
DRIFT_FOR_MS, DRIFT_MA_PER_S = 4_000, 300

# Edges agree within this: noise of readings and drift, in thousandths, and in mA of the edge.
AGREE_PM, AGREE_MA = 80, 250

# A phase follows from this on.
FOLLOWS_PM = 250

# A meter whose ratio is far too small follows faintly: edges agree this many times closer, on more than this.
FAINT, FAINT_PM = 25, 12

# Believed where so much of the weight agrees, and on no other value half as much: other load scatters.
EDGES_MIN, BELIEVED_PM = 6, 350


class Edge(NamedTuple):
    """From one plateau to another.  delta_ma: of the fullest phase, positive up."""

    from_ms: int
    to_ms: int
    delta_ma: int


class Estimate(NamedTuple):
    """pm: thousandths.  share_pm: how much of the edges' weight agrees; second_pm: on the next best value."""

    pm: int
    share_pm: int
    edges: int
    second_pm: int


def edges(seen: Sequence[Drawn]) -> list[Edge]:
    """Return the edges in what a charger drew."""
    found: list[Edge] = []
    n = 0
    while n + 2 < len(seen):
        if abs(seen[n + 1].most_ma - seen[n].most_ma) <= MOVES_MA:
            n += 1
            continue
        end = n + 1
        while end + 1 < len(seen) and abs(seen[end + 1].most_ma - seen[end].most_ma) > MOVES_MA:
            end += 1
        delta = seen[end].most_ma - seen[n].most_ma
        settled = end + 1 < len(seen)
        if settled and abs(delta) >= EDGE_MA and seen[end].at_ms - seen[n].at_ms <= EDGE_MS:
            found.append(Edge(seen[n].at_ms, seen[end].at_ms, delta))
        n = end
    return found


def follows(
    traces: Sequence[Trace],
    charger: str,
    meters: Sequence[Meter],
    below: Mapping[str, Sequence[str]],
    voltage_v: int,
) -> list[Follow]:
    """Return how each phase of some meters follows a charger over some traces, in the meters' own order.

    below: the meters that a meter is fed to directly.  Where one of those surely does not follow, what flows
    through it is other load, and the meter is also looked at without it: what is clearer counts.
    voltage_v: nominal: what a mA of the charger is worth in power.
    """
    moved = [(trace, edges(drawn(trace, charger))) for trace in joined(traces)]
    found = {m.id: _of_meter(moved, charger, m, (), voltage_v) for m in meters}
    for meter in meters:
        still = [m for m in meters if m.id in below.get(meter.id, ()) and all(map(does_not, found[m.id]))]
        if still:
            calmer = _of_meter(moved, charger, meter, still, voltage_v)
            pairs = zip(found[meter.id], calmer, strict=True)
            found[meter.id] = [max(pair, key=lambda f: f.share_pm - f.second_pm) for pair in pairs]
    return [follow for meter in meters for follow in found[meter.id]]


Moved = Sequence[tuple[Trace, list[Edge]]]


def _of_meter(
    moved: Moved, charger: str, meter: Meter, without: Sequence[Meter], voltage_v: int
) -> list[Follow]:
    """Return how each phase of one meter follows.  without: meters whose load is taken off."""
    found = []
    for phase in meter.phases:
        currents, powers = [], []
        for trace, its_edges in moved:
            amps = _less(trace, meter, without, phase, CURRENT_KEYS)
            watts = _less(trace, meter, without, phase, POWER_KEYS)
            currents += [(e.delta_ma, d) for e in its_edges if (d := change(amps, e)) is not None]
            powers += [(e.delta_ma, d) for e in its_edges if (d := change(watts, e)) is not None]
        current = estimate(currents)
        power = estimate([(x, w * 1000 // voltage_v) for x, w in powers])
        found.append(
            Follow(
                charger=charger,
                meter=meter.id,
                phase=phase,
                pm=current.pm,
                power_pm=power.pm if powers else None,
                share_pm=current.share_pm,
                edges=current.edges,
                second_pm=current.second_pm,
                faint_pm=faint_pm(currents),
            )
        )
    return found


def _less(
    trace: Trace, meter: Meter, without: Sequence[Meter], phase: int, keys: Sequence[str]
) -> list[tuple[int, int]]:
    """Return a meter's series of a site phase, less what others show there at that time."""
    series = _series(trace, meter, phase, keys)
    for other in without:
        taken = _series(trace, other, phase, keys)
        at = -1
        left = []
        for at_ms, value in series:
            while at + 1 < len(taken) and taken[at + 1][0] <= at_ms:
                at += 1
            if at >= 0:
                left.append((at_ms, value - taken[at][1]))
        series = left
    return series


def joined(traces: Sequence[Trace]) -> list[Trace]:
    """Return traces that follow one another without a gap as one: edges begin in one and end in the next."""
    whole: list[Trace] = []
    for trace in traces:
        if whole and 0 <= trace.from_ms - whole[-1].to_ms <= 1_000:
            last = whole[-1]
            whole[-1] = Trace(last.from_ms, trace.to_ms, [*last.samples, *trace.samples])
        else:
            whole.append(trace)
    return whole


def change(series: Sequence[tuple[int, int]], edge: Edge) -> int | None:
    """Return by how much a series changes over an edge, less its drift; None where a reading is missing."""
    before = [s for s in series if edge.from_ms - DRIFT_FOR_MS <= s[0] <= edge.from_ms - BEFORE_MS]
    after = [s for s in series if edge.to_ms + AFTER_MS <= s[0] <= edge.to_ms + AFTER_MS + DRIFT_FOR_MS]
    if not before or not after:
        return None
    (t1, v1), (t2, v2) = before[-1], after[0]
    rates = [_drift_ma_per_s(before), _drift_ma_per_s(after)]
    steady = [rate for rate in rates if rate is not None and abs(rate) <= DRIFT_MA_PER_S]
    drift = sum(steady) * (t2 - t1) // (1000 * len(steady)) if steady else 0
    return v2 - v1 - drift


def _drift_ma_per_s(series: Sequence[tuple[int, int]]) -> int | None:
    """Return how fast a short series moves: the middle of its steps' rates."""
    rates = sorted((b[1] - a[1]) * 1000 // (b[0] - a[0]) for a, b in pairwise(series) if b[0] > a[0])
    return rates[len(rates) // 2] if len(rates) >= 2 else None


def _series(trace: Trace, meter: Meter, phase: int, keys: Sequence[str]) -> list[tuple[int, int]]:
    """Return what a meter shows on a site phase, [] where it has not that phase or does not tell."""
    if phase not in meter.phases:
        return []
    key = keys[meter.phases.index(phase)]
    return [
        (s.at_ms, value * meter.ratio)
        for s in trace.samples
        if s.device == meter.id and isinstance(value := s.values.get(key), int)
    ]


def faint_pm(pairs: Sequence[tuple[int, int]]) -> int:
    """Return by how much a series follows that hardly does, 0 where it does not at all."""
    found = estimate(pairs, FAINT)
    believed = found.edges >= EDGES_MIN and found.share_pm >= max(BELIEVED_PM, 2 * found.second_pm)
    return found.pm if believed and FAINT_PM <= abs(found.pm) < FOLLOWS_PM else 0


def estimate(pairs: Sequence[tuple[int, int]], closer: int = 1) -> Estimate:
    """Return the ratio of y to x on which most of the weight agrees.

    pairs: (x, y), x never 0.  closer: how many times closer they must agree than usual.
    """
    slopes = [(y * 1000 // x, abs(x)) for x, y in pairs]
    total = sum(x for _, x in slopes)
    if not slopes:
        return Estimate(0, 0, 0, 0)
    best = _agreeing(slopes, closer)
    others = [slope for slope in slopes if slope not in best]
    second = sum(x for _, x in _agreeing(others, closer)) if others else 0
    weight, passed, middle_pm = sum(x for _, x in best), 0, 0
    for value, x in sorted(best):
        middle_pm = value
        passed += x
        if 2 * passed >= weight:
            break
    return Estimate(middle_pm, weight * 1000 // total, len(slopes), second * 1000 // total)


def _agreeing(slopes: Sequence[tuple[int, int]], closer: int) -> list[tuple[int, int]]:
    """Return the slopes of the most weight that agree with one of them.  slopes: (thousandths, weight)."""
    groups = (
        [s for s in slopes if abs(s[0] - center) <= _agree_pm(center, s[1]) // closer] for center, _ in slopes
    )
    return max(groups, key=lambda group: sum(x for _, x in group))


def _agree_pm(center_pm: int, x_ma: int) -> int:
    scale_pm = max(1000, abs(center_pm))
    return (AGREE_PM + AGREE_MA * 1000 // x_ma) * scale_pm // 1000


def decided(follow: Follow) -> bool:
    """Say whether it is known how a phase follows a charger."""
    return follow.edges >= EDGES_MIN and follow.share_pm >= max(BELIEVED_PM, 2 * follow.second_pm)


def does_follow(follow: Follow) -> bool:
    """Say whether a phase of a meter surely follows a charger."""
    strength = max(abs(follow.pm), abs(follow.power_pm or 0))
    return decided(follow) and strength >= FOLLOWS_PM


def does_not(follow: Follow) -> bool:
    """Say whether a phase of a meter surely does not follow a charger."""
    return decided(follow) and not does_follow(follow)
