"""Which of the vehicles that may give back are to, and when: before the planner shares what is left.

    folded(stayers, outlook) -> Folded      the vehicles as the planner is to see them, and who gives what

One vehicle after the other is planned against the forecast and all before it (core/battery.py), and only the
next stretch of giving back counts: by the one after it there are a hundred newer plans.  What is to be taken
in before it and after it becomes two ordinary needs, so limits, peak and certificate are the planner's own.

Rule 1: what is given back is below what the site takes without vehicles, and what it may export.
Rule 2: it makes no room.  Limits of currents and of power stay as they are without it (I1).
Rule 3: it is only counted on to be taken in again by the departure at its share of what is free: a vehicle
        that is short of time gives nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from edge.core import battery
from edge.core.battery import ROUND_TRIP, Battery
from edge.model.dayplan import Giver, Stayer
from edge.model.units import HOUR_MS, QUARTER_MS

# A need below this is none: a battery's own reading is not finer.
LEAST_WH = 200

# Of equal prices the earlier one counts so much more: who gives sooner has longer to take it in again.
SOONER = 1e-3

# How often the height of the peak is tried.
PEAKS = 9


class Demand(NamedTuple):
    """What a kW of peak costs above what has been reached.  counts: the slots in which it does."""

    per_kw: float
    already_w: float
    counts: Sequence[bool]


class Outlook(NamedTuple):
    """What is known slot by slot, before any vehicle is planned.

    net_w: what the site takes.  room_w: by charger, its share of what is left on its way to the grid.
    """

    wall_ms: int
    slot_ms: int
    prices: Sequence[float]
    own_prices: Sequence[float]
    net_w: Sequence[float]
    room_w: Mapping[str, Sequence[float]]
    export_w: float
    spare_ms: int
    demand: Demand | None = None


class Gives(NamedTuple):
    """A vehicle that is to give back so much from a slot on, W.  last_slot: its stay ends there."""

    stayer: Stayer
    from_slot: int
    watts: tuple[float, ...]
    last_slot: int

    @property
    def to_slot(self) -> int:
        """The slot after the last."""
        return self.from_slot + len(self.watts)


class Folded(NamedTuple):
    """stayers: with what they are to take.  given_w: by all together, slot by slot."""

    stayers: list[Stayer]
    gives: tuple[Gives, ...]
    given_w: list[float]


def folded(stayers: Sequence[Stayer], outlook: Outlook) -> Folded:
    """Return the vehicles as the planner is to see them, and who gives what."""
    net_w = list(outlook.net_w)
    found: list[Stayer] = []
    gives: list[Gives] = []
    for stayer in stayers:
        planned = None
        if stayer.giver is not None and stayer.present:
            planned = _planned(stayer, stayer.giver, outlook._replace(net_w=net_w))
        if planned is None:
            found.append(stayer)
            continue
        own, parts = planned
        gives.append(own)
        found += parts
        for n, watts in enumerate(own.watts, own.from_slot):
            net_w[n] -= watts
    given = [before - after for before, after in zip(outlook.net_w, net_w, strict=True)]
    return Folded(found, tuple(gives), given)


def _planned(stayer: Stayer, giver: Giver, outlook: Outlook) -> tuple[Gives, list[Stayer]] | None:
    """Return what a vehicle gives and what it is to take before and after; None for nothing."""
    slot_ms = outlook.slot_ms
    until_ms = stayer.ready_by_wall_ms - outlook.spare_ms - outlook.wall_ms
    last = min(len(outlook.prices), max(0, until_ms // slot_ms))
    step = max(1, QUARTER_MS // slot_ms)
    groups = [range(n, min(n + step, last)) for n in range(0, last, step)]
    if not groups:
        return None
    store = Battery(giver.now_wh, giver.keep_wh, giver.full_wh, giver.target_wh)
    changes = _changes(store, stayer, giver, outlook, groups)
    block = _block(changes)
    least_w = stayer.takes_w * stayer.min_ma / max(1, stayer.max_ma)
    watts: list[float] = []
    for group, change in zip(groups[slice(*block)], changes[slice(*block)], strict=True):
        given_w = -change * ROUND_TRIP * HOUR_MS / (len(group) * slot_ms)
        watts += [given_w if given_w >= least_w else 0.0] * len(group)
    if not any(watts):
        return None
    out_wh = sum(watts) * slot_ms / HOUR_MS / ROUND_TRIP
    before_wh = sum(changes[: block[0]])
    if before_wh < LEAST_WH:
        before_wh = 0.0
    own = Gives(stayer, groups[block[0]].start, tuple(watts), last)
    after_wh = giver.target_wh - (giver.now_wh + before_wh - out_wh)
    parts = []
    if before_wh:
        ends_ms = outlook.wall_ms + own.from_slot * slot_ms + outlook.spare_ms
        parts.append(replace(stayer, need_wh=round(before_wh), ready_by_wall_ms=ends_ms, part="<"))
    if after_wh > 0:
        begins_ms = outlook.wall_ms + own.to_slot * slot_ms
        parts.append(replace(stayer, need_wh=round(after_wh), from_wall_ms=begins_ms))
    return own, parts


def _changes(
    store: Battery, stayer: Stayer, giver: Giver, outlook: Outlook, groups: Sequence[range]
) -> list[float]:
    """Return the best changes of the battery, group by group, with the best height of the peak."""
    hours = outlook.slot_ms / HOUR_MS

    def mean(values: Sequence[float], group: range) -> float:
        return sum(values[n] for n in group) / len(group)

    def sooner(n: int) -> float:
        return 1 + SOONER * (1 - n / len(groups))

    def planned(peak_w: float | None) -> list[float]:
        return battery.best(
            store,
            [
                battery.slot(
                    price=mean(outlook.prices, group) * sooner(n),
                    own_price=mean(outlook.own_prices, group) * sooner(n),
                    net_w=mean(outlook.net_w, group),
                    gives_w=giver.gives_w,
                    takes_w=min(stayer.takes_w, mean(outlook.room_w[stayer.charger], group)),
                    export_w=outlook.export_w,
                    wear=giver.cycle_micro / 1e6,
                    hours=hours * len(group),
                    peak_w=peak_w if _counts(outlook.demand, group) else None,
                )
                for n, group in enumerate(groups)
            ],
        )

    charge = outlook.demand
    held = [mean(outlook.net_w, group) for group in groups if _counts(charge, group)]
    if charge is None or not held:
        return planned(None)
    high_w = max(charge.already_w, *held)
    low_w = max(charge.already_w, max(held) - giver.gives_w)
    tried = []
    for n in range(PEAKS if low_w < high_w else 1):
        peak_w = high_w - (high_w - low_w) * n / (PEAKS - 1)
        changes = planned(peak_w)
        tried.append((_cost(changes, outlook, groups, giver, charge), n, changes))
    return min(tried)[2]


def _counts(demand: Demand | None, group: range) -> bool:
    return demand is not None and any(demand.counts[n] for n in group)


def _cost(
    changes: Sequence[float], outlook: Outlook, groups: Sequence[range], giver: Giver, demand: Demand
) -> float:
    """Return what changes cost: energy, wear, and a higher or lower peak."""
    total = 0.0
    peak_w = demand.already_w
    for group, change in zip(groups, changes, strict=True):
        hours = outlook.slot_ms * len(group) / HOUR_MS
        through_w = change * (ROUND_TRIP if change < 0 else 1) / hours
        for n in group:
            net_w, price, own = outlook.net_w[n], outlook.prices[n], outlook.own_prices[n]
            paid_w = max(0.0, net_w + through_w) - max(0.0, net_w)
            total += (paid_w * price + (through_w - paid_w) * own) * outlook.slot_ms / HOUR_MS / 1000
            if demand.counts[n]:
                peak_w = max(peak_w, net_w + through_w)
        total += max(0.0, -change) * ROUND_TRIP / 1000 * giver.cycle_micro / 1e6
    missing = max(0.0, giver.target_wh - giver.now_wh - sum(changes))
    return total + (peak_w - demand.already_w) / 1000 * demand.per_kw + missing * battery.NEEDED


def _block(changes: Sequence[float]) -> tuple[int, int]:
    """Return from where to where it gives back next, without taking anything in between."""
    first = next((n for n, change in enumerate(changes) if change < -1), len(changes))
    end = next((n for n in range(first, len(changes)) if changes[n] > 1), len(changes))
    last = max((n for n in range(first, end) if changes[n] < -1), default=first - 1)
    return first, last + 1
