"""What would have been possible, by HiGHS alone: who could have been ready, and at what cost.

    feasible_wh(fleet) -> {stay: Wh}          the most that could have been given, before the departures
    least_cost(fleet, given_wh) -> Cost       the least that giving so much can have cost
    cost_of(fleet, charging_w) -> Cost        what a run cost: the same prices, the same quarters of an hour

One linear programme over quarters of an hour, with the truth of everything: who came and left when, what
else flowed, every limit.  Currents may be anything from 0 to the maximum, and limits hold for the mean of a
quarter: what it finds is a bound that no controller reaches.  Shares no code with the planner.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import highspy
import numpy as np

from edge.core import tariff as tariffs
from edge.core.peaks import Peaks
from edge.core.tariff import Book
from edge.model.records import DemandNow
from edge.model.units import MINUTE_MS, PHASES, QUARTER_MS
from tests.bench._fleet_depots import Fleet, most_of_w

QUARTER_H = 0.25
UNMET = 1_000.0  # per kWh: dearer than any energy and any peak


class Cost(NamedTuple):
    """Of a depot's days, in the tariff's currency; peaks of the whole site."""

    energy: float
    demand: float
    peak_w: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.energy + self.demand


@dataclass(frozen=True)
class Prices:
    """What a kWh costs by quarter, and what demand does."""

    per_kwh: list[float]
    demands: list[tuple[float, float, list[bool]]]  # per kW, W that are paid for anyway, where it counts


def prices(fleet: Fleet) -> Prices:
    """Return the tariff over the fleet's days, nothing having been reached before."""
    book = Book(fleet.tariff)
    quarters = range(fleet.start_ms, fleet.end_ms, QUARTER_MS)
    table = tariffs.prices(book, fleet.start_ms, fleet.end_ms, {})
    per_kwh = [
        next(p.price_micro for p in table if p.from_wall_ms <= at < p.to_wall_ms) / 1e6 for at in quarters
    ]

    def counts(demand: DemandNow, at: int) -> bool:
        return any(a < at + QUARTER_MS and b > at for a, b in demand.open_wall_ms)

    demands = [
        (d.per_kw_micro / 1e6, float(d.already_w), [counts(d, at) for at in quarters])
        for d in Peaks(book).ahead(fleet.start_ms, fleet.end_ms)
        if d.per_kw_micro > 0
    ]
    return Prices(per_kwh, demands)


def cost_of(fleet: Fleet, charging_w: list[float]) -> Cost:
    """Return what charging cost beyond what the site would have cost without it.  charging_w: by minute."""
    table, base_w, taken_w = prices(fleet), _quarters(fleet.base_w), _quarters(charging_w)
    energy = sum(w / 1000 * QUARTER_H * p for w, p in zip(taken_w, table.per_kwh, strict=True))
    demand = 0.0
    for per_kw, already_w, counts in table.demands:
        with_w, without_w = (
            max([already_w, *(b + share * t for b, t, c in zip(base_w, taken_w, counts, strict=True) if c)])
            for share in (1, 0)
        )
        demand += (with_w - without_w) / 1000 * per_kw
    return Cost(energy, demand, max(b + t for b, t in zip(base_w, taken_w, strict=True)))


def feasible_wh(fleet: Fleet) -> dict[str, float]:
    """Return what each vehicle could have been given by the earlier of ready-by and departure."""
    needs = {stay.id: float(stay.need_wh) for stay in fleet.stays}
    return _solve(fleet, needs, Prices([0.0] * len(_quarters(fleet.base_w)), []))[1]


def least_cost(fleet: Fleet, given_wh: dict[str, float]) -> Cost:
    """Return the least that it can have cost to give every vehicle what it was given."""
    return cost_of(fleet, [w for w in _solve(fleet, given_wh, prices(fleet))[0] for _ in range(15)])


def _quarters(minutes: Any) -> list[float]:
    return [sum(minutes[n : n + 15]) / 15 for n in range(0, len(minutes) - 14, 15)]


def _solve(fleet: Fleet, needs_wh: dict[str, float], table: Prices) -> tuple[list[float], dict[str, float]]:
    """Return the charging power by quarter and the energy by stay of the cheapest charging."""
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    volts, base_w = fleet.site.voltage_v, _quarters(fleet.base_w)
    count = len(base_w)
    chargers = {c.id: c for c in fleet.site.chargers}
    columns: list[tuple[str, int, float]] = []  # stay, quarter, most kW
    for stay in fleet.stays:
        most_kw = most_of_w(chargers[stay.charger], volts) / 1000
        ends_ms = min(stay.leaves_ms, stay.ready_by_ms)
        for q in range(count):
            begin = fleet.start_ms + q * QUARTER_MS
            there = min(ends_ms, begin + QUARTER_MS) - max(stay.arrives_ms, begin)
            if there > 0:
                columns.append((stay.id, q, most_kw * there / QUARTER_MS))
    used = len(columns)
    inf = highspy.kHighsInf
    for _, q, most_kw in columns:
        h.addVar(0.0, most_kw)
        h.changeColCost(h.getNumCol() - 1, table.per_kwh[q] * QUARTER_H)
    rows: list[tuple[float, float, dict[int, float]]] = []
    by_stay: dict[str, dict[int, float]] = {}
    for n, (stay_id, _, _) in enumerate(columns):
        by_stay.setdefault(stay_id, {})[n] = QUARTER_H
    for stay_id, row in by_stay.items():
        h.addVar(0.0, inf)
        h.changeColCost(h.getNumCol() - 1, UNMET)
        need = needs_wh[stay_id] / 1000
        rows.append((need, need, row | {h.getNumCol() - 1: 1.0}))
    rows += _limits(fleet, columns, base_w)
    at_quarter: dict[int, dict[int, float]] = {}
    for n, (_, q, _) in enumerate(columns):
        at_quarter.setdefault(q, {})[n] = 1.0
    for per_kw, already_w, counts in table.demands:
        least_kw = max([already_w, *(b for b, c in zip(base_w, counts, strict=True) if c)]) / 1000
        h.addVar(least_kw, inf)
        h.changeColCost(h.getNumCol() - 1, per_kw)
        rows += [
            (-inf, -base_w[q] / 1000, row | {h.getNumCol() - 1: -1.0})
            for q, row in at_quarter.items() if counts[q]
        ]  # fmt: skip
    for low, high, row in rows:
        index = np.array(list(row), dtype=np.int32)
        h.addRow(low, high, len(row), index, np.array(list(row.values())))
    h.run()
    if h.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"{fleet.name}: HiGHS says {h.getModelStatus()}")
    x = h.getSolution().col_value
    power_w = [0.0] * count
    got: dict[str, float] = dict.fromkeys((stay.id for stay in fleet.stays), 0.0)
    for n, (stay_id, q, _) in enumerate(columns[:used]):
        power_w[q] += x[n] * 1000
        got[stay_id] += x[n] * 1000 * QUARTER_H
    return power_w, got


def _limits(
    fleet: Fleet, columns: list[tuple[str, int, float]], base_w: list[float]
) -> list[tuple[float, float, dict[int, float]]]:
    """Return the rows of breakers, phase by phase, and of the utility's events."""
    volts = fleet.site.voltage_v
    charger_of = {stay.id: stay.charger for stay in fleet.stays}
    chargers = {c.id: c for c in fleet.site.chargers}
    paths = {n.id: fleet.site.path(n.id) for n in fleet.site.nodes}
    rows: dict[tuple[str, int, int], dict[int, float]] = {}
    sums: dict[int, dict[int, float]] = {}
    for n, (stay_id, q, _) in enumerate(columns):
        charger = chargers[charger_of[stay_id]]
        sums.setdefault(q, {})[n] = 1.0
        for node in paths[charger.node]:
            for phase in charger.phases:
                rows.setdefault((node, phase, q), {})[n] = 1000 / len(charger.phases) / volts
    limit_a = {(n.id, p): n.limit_ma[p] / 1000 for n in fleet.site.nodes for p in PHASES}
    inf = highspy.kHighsInf
    found = [
        (-inf, limit_a[node, p] - (base_w[q] / volts / 3 if node == "main" else 0.0), row)
        for (node, p, q), row in rows.items()
    ]
    for q, row in sums.items():
        begin = fleet.start_ms + q * QUARTER_MS
        held = [s.limit_w for s in fleet.sheds if s.start_ms <= begin < s.end_ms]
        if held:
            found.append((-inf, max(0.0, (min(held) - base_w[q]) / 1000), row))
    return found


def ready(fleet: Fleet) -> dict[str, bool]:
    """Return for each stay whether it lasted to its ready-by time: else nobody could have known."""
    return {stay.id: stay.leaves_ms >= stay.ready_by_ms - MINUTE_MS for stay in fleet.stays}
