"""Planning with vehicles that give back, against the exact optimum (HiGHS): what it costs, and what it saves.

Seeded depots of a dozen vehicles from 17:00 to the morning, some of which may give back, a building with or
without a roof, prices by time of use, with and without a demand charge.  Both plan the same forecast and
the same reserves.  Ours decides one battery after the other, then shares what is left (core/giveplan.py,
native/plan.c); HiGHS solves all of it as one linear programme, with currents from 0 on.  Costs are added up
here, from currents and powers alone.
"""

import math
import random
import statistics
import time
from typing import Any, NamedTuple

import highspy
import numpy as np

from edge.core import forecast
from edge.core import plan as planner
from edge.core.battery import ROUND_TRIP
from edge.core.prospect import RESERVE, Drawn, draw
from edge.model.dayplan import Giver, Profile, Prospect, Stayer
from edge.model.planning import Plan
from edge.model.records import DemandNow, PriceNow
from edge.model.site import Address, Charger, Meter, Node, Site
from edge.model.units import DAY_MS, HOUR_MS

START_WALL_MS = 1_794_877_200_000  # 2026-11-16, a Monday, 17:00 in Los Angeles
TARIFF = ((5, 0.36), (3, 0.18), (6, 0.11), (10, 0.18))  # hours and price from the start on
PER_KW = 5.0
VEHICLES, GIVING = 12, 4


class Case(NamedTuple):
    """A depot at a moment.  base_w: what the building takes, slot by slot of five minutes."""

    site: Site
    prospect: Prospect
    base_w: list[float]


def case(seed: int, demand: bool, roof: bool) -> Case:
    """Return a seeded depot."""
    dice = random.Random(f"{seed} {demand} {roof}")
    chargers = tuple(
        Charger(f"bay-{n}", "main", "alfen_eve", Address(1, tcp="127.0.0.1:1"), discharge_ma=16_000)
        for n in range(VEHICLES)
    )
    main = Node("main", None, (250_000,) * 3, other_max_ma=(120_000,) * 3, meter="grid")
    site = Site(
        "b", "B", "America/Los_Angeles", (main,), (Meter("grid", "janitza_umg604", chargers[0].at),), chargers
    )
    quarters = []
    for n in range(96):
        clock = n / 4
        load = 12_000 + 22_000 * math.exp(-(((clock - 18.5) / 2.5) ** 2)) + dice.uniform(-1_000, 1_000)
        sun = (
            60_000 * max(0.0, math.cos((clock - 12.5) / 6 * math.pi / 2))
            if roof and 6.5 < clock < 18.5
            else 0
        )
        watts = round(load - sun)
        quarters.append((max(0, watts) // 690 * 1000 // 1000, 0, 0, watts))
    at = forecast.quarters(START_WALL_MS, HOUR_MS, 1, site.timezone)[0] % 96
    profile = Profile(now=quarters[at], day=tuple(quarters))
    prices, begin = [], START_WALL_MS
    for hours, price in TARIFF:
        prices.append(PriceNow(begin, begin + hours * HOUR_MS, round(price * 1e6), "t"))
        begin += hours * HOUR_MS
    export = (PriceNow(START_WALL_MS, begin, 60_000, "t"),)
    span = (START_WALL_MS - DAY_MS, START_WALL_MS + 20 * DAY_MS)
    charge = DemandNow("d", round(PER_KW * 1e6), 20_000, None, None, 15, "month", *span, [span])
    prospect = Prospect(
        START_WALL_MS,
        tuple(_stayer(n, dice, roof) for n in range(VEHICLES)),
        prices=tuple(prices),
        other={"main": profile},
        demand=(charge,) if demand else (),
        export=export,
    )
    blank = draw(site, prospect, giving=False)
    slots, slot_ms = blank.problem.slots, blank.problem.slot_s * 1000
    ahead = forecast.ahead(
        profile, (10**6, 10**6, 10**6, 10**6), slot_ms,
        forecast.quarters(START_WALL_MS, slot_ms, slots, site.timezone),
    )  # fmt: skip
    return Case(site, prospect, [float(four[3]) for four in ahead])


def _stayer(n: int, dice: random.Random, roof: bool) -> Stayer:
    hours = dice.choice([11, 12, 13, 22] if roof else [11, 12, 13])
    need = dice.randint(5_000, 30_000)
    giver = None
    if n < GIVING:
        now = dice.randint(35_000, 58_000)
        giver = Giver(now, 20_000, 64_000, min(60_000, now + dice.randint(-10_000, 12_000)), 11_040, 20_000)
        need = max(0, giver.target_wh - now)
    ready = START_WALL_MS + hours * HOUR_MS
    return Stayer(
        f"bay-{n}", START_WALL_MS, ready, need, 6_000, 32_000, 22_080, (0, 1, 2), 0, True, giver=giver
    )


def figures(quick: bool) -> dict[str, Any]:
    """Measure.  quick: two depots of each kind."""
    rows = []
    for demand in (False, True):
        for roof in (False, True):
            seeds = range(1, 3 if quick else 11)
            rows.append(_row(demand, roof, [_one(case(seed, demand, roof)) for seed in seeds]))
    return {"vehicles": VEHICLES, "giving": GIVING, "rows": rows}


def _one(of: Case) -> dict[str, float]:
    begun = time.process_time()
    drawn = draw(of.site, of.prospect)
    drawn_s = time.process_time() - begun
    blind = draw(of.site, of.prospect, giving=False)
    ours, without = _solved(drawn), _solved(blind)
    return {
        "ours": cost(of, drawn, ours),
        "without": cost(of, blind, without),
        "optimum": optimum(of),
        "unmet_wh": sum(ours.unmet_wh.values()),
        "given_kwh": sum(sum(g.watts) for g in drawn.gives) * drawn.problem.slot_s / 3.6e6,
        "draw_s": drawn_s,
    }


def _solved(drawn: Drawn) -> Plan:
    chunks = iter(range(200))
    return planner.solve(drawn.problem, lambda: next(chunks, None) is None)


def _row(demand: bool, roof: bool, cases: list[dict[str, float]]) -> dict[str, Any]:
    over = [one["ours"] / one["optimum"] - 1 for one in cases]
    saved = [1 - one["ours"] / one["without"] for one in cases]
    could = [1 - one["optimum"] / one["without"] for one in cases]
    return {
        "demand": demand, "roof": roof, "depots": len(cases),
        "over_optimum_median": statistics.median(over), "over_optimum_most": max(over),
        "saved_median": statistics.median(saved), "could_save_median": statistics.median(could),
        "given_kwh_median": statistics.median(one["given_kwh"] for one in cases),
        "unmet_wh_most": max(one["unmet_wh"] for one in cases),
        "draw_s_most": max(one["draw_s"] for one in cases),
    }  # fmt: skip


def cost(of: Case, drawn: Drawn, plan: Plan) -> float:
    """Return what a plan costs: energy in and out, wear, the peak."""
    slots, hours = drawn.problem.slots, drawn.problem.slot_s / 3600
    net_w = list(of.base_w)
    for charger in drawn.problem.chargers:
        for t, amps in enumerate(plan.amps[charger.id]):
            net_w[t] += amps * charger.w_per_a
    wear = 0.0
    for gives in drawn.gives:
        for t, watts in enumerate(gives.watts, gives.from_slot):
            net_w[t] -= watts
            assert gives.stayer.giver is not None
            wear += watts * hours / 1000 * gives.stayer.giver.cycle_micro / 1e6
    total = wear
    for t in range(slots):
        price, paid = _prices(of, t, hours)
        total += (max(0.0, net_w[t]) * price - max(0.0, -net_w[t]) * paid) * hours / 1000
    return total + _per_kw(of) * max(0.0, max(net_w) - 20_000) / 1000


def _prices(of: Case, t: int, hours: float) -> tuple[float, float]:
    wall_ms = START_WALL_MS + round((t + 0.5) * hours * HOUR_MS)
    held = [p.price_micro for p in of.prospect.prices if p.from_wall_ms <= wall_ms < p.to_wall_ms]
    return held[0] / 1e6, 0.06


def _per_kw(of: Case) -> float:
    return PER_KW if of.prospect.demand else 0.0


def optimum(of: Case) -> float:
    """Return the least cost of all vehicles, batteries and the peak together."""
    blank = draw(of.site, of.prospect, giving=False)
    slots, hours = blank.problem.slots, blank.problem.slot_s / 3600
    over, under = RESERVE
    lp = _Programme()
    buys = [lp.column(_prices(of, t, hours)[0] * hours / 1000) for t in range(slots)]
    sells = [lp.column(-0.06 * hours / 1000, max(0.0, -of.base_w[t])) for t in range(slots)]
    peak = lp.column(_per_kw(of) / 1000)
    flows: list[list[tuple[int, float]]] = [[] for _ in range(slots)]
    for stayer in of.prospect.stayers:
        last = (stayer.ready_by_wall_ms - 180_000 - START_WALL_MS) // (blank.problem.slot_s * 1000)
        giver, level = stayer.giver, []
        for t in range(last):
            into = lp.column(0.0, stayer.takes_w)
            flows[t].append((into, 1.0))
            level.append((into, hours * under / over))
            if giver is None:
                continue
            out = lp.column(giver.cycle_micro / 1e6 * hours / 1000, giver.gives_w)
            flows[t].append((out, -1.0))
            level.append((out, -hours / ROUND_TRIP))
            lp.row(list(level), giver.keep_wh - giver.now_wh, giver.full_wh - giver.now_wh)
        least = stayer.need_wh if giver is None else giver.target_wh - giver.now_wh
        lp.row(level, least, highspy.kHighsInf)
    for t in range(slots):
        lp.row(
            [(buys[t], 1.0), (sells[t], -1.0), *((c, -s) for c, s in flows[t])], of.base_w[t], of.base_w[t]
        )
        lp.row([(buys[t], 1.0), (sells[t], -1.0), (peak, -1.0)], -highspy.kHighsInf, 20_000)
    return lp.solve()


class _Programme:
    """A linear programme, written row by row."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.most: list[float] = []
        self.rows: list[tuple[list[tuple[int, float]], float, float]] = []

    def column(self, cost: float, most: float = highspy.kHighsInf) -> int:
        self.cost.append(cost)
        self.most.append(most)
        return len(self.cost) - 1

    def row(self, entries: list[tuple[int, float]], least: float, most: float) -> None:
        self.rows.append((entries, least, most))

    def solve(self) -> float:
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.cost), len(self.rows)
        lp.col_cost_, lp.col_lower_ = np.array(self.cost), np.zeros(len(self.cost))
        lp.col_upper_ = np.array(self.most)
        lp.row_lower_ = np.array([row[1] for row in self.rows])
        lp.row_upper_ = np.array([row[2] for row in self.rows])
        starts = np.concatenate(([0], np.cumsum([len(row[0]) for row in self.rows])))
        entries = [entry for row in self.rows for entry in row[0]]
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = starts.astype(np.int32)
        lp.a_matrix_.index_ = np.array([entry[0] for entry in entries], dtype=np.int32)
        lp.a_matrix_.value_ = np.array([entry[1] for entry in entries])
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        highs.passModel(lp)
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"HiGHS: {highs.modelStatusToString(highs.getModelStatus())}")
        return float(highs.getInfo().objective_function_value)


def words(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = [
        f"{found['vehicles']} vehicles, {found['giving']} of which may give back; the whole night",
        "demand  roof   above the optimum       saved by giving back      given     short   planning",
        "               median     most         ours    at best          kWh       Wh      CPU s",
    ]
    for row in found["rows"]:
        lines.append(
            f"{'yes' if row['demand'] else 'no':6}  {'yes' if row['roof'] else 'no':4}"
            f" {row['over_optimum_median']:8.2%} {row['over_optimum_most']:9.2%}"
            f" {row['saved_median']:11.2%} {row['could_save_median']:9.2%}"
            f" {row['given_kwh_median']:12.1f} {row['unmet_wh_most']:9.0f} {row['draw_s_most']:9.2f}"
        )
    return "\n".join(lines)
