"""Depots of fleets over two nights in closed loop: the real core against hindsight by HiGHS.

Of every run: departures missed that a linear programme says could have been made; cost beside the least that
the same energies could have cost, everything known beforehand; the peak beside uncontrolled charging's;
what the utility's events shed; what the simulator's checker found.  docs/bench-day.md: what it all means.
"""

import math
import os
import statistics
import time
from typing import Any

from edge.model.units import MINUTE_MS
from tests.bench import _fleet_depots as depots
from tests.bench import _fleet_hindsight as hindsight
from tests.bench._fleet_depots import Fleet, Shed, Stay
from tests.bench._fleet_loop import Lived, Loop

SEEDS = (0, 1, 2)
QUICK = ("vans", 0, 0.1)

# What a vehicle may lack and still count as ready: less than a charger's counter and a reading tell apart.
READY_WH = 100


def figures(quick: bool) -> dict[str, Any]:
    """Run the depots.  quick: a few vans, one seed, one night.

    DEPOT_BENCH_SIZE: a share of the vehicles, DEPOT_BENCH_FLEETS: some of the depots, by name.
    """
    if quick:
        return _summed([judged(depots.first_night(depots.fleet(*QUICK)), *QUICK[:2])])
    size = float(os.environ.get("DEPOT_BENCH_SIZE", "1"))
    names = os.environ.get("DEPOT_BENCH_FLEETS", ",".join(depots.DEPOTS)).split(",")
    return _summed([run(name, seed, size) for name in names for seed in SEEDS])


def run(name: str, seed: int, size: float) -> dict[str, Any]:
    """Live through one depot's days and judge them."""
    return judged(depots.fleet(name, seed, size), name, seed)


def judged(fleet: Fleet, name: str, seed: int) -> dict[str, Any]:
    """Live through a depot's days and judge them."""
    began = time.process_time()
    lived = Loop(fleet).run()
    seconds = time.process_time() - began
    free_w = [float(w) for w in depots.uncontrolled_w(fleet)]
    cost = hindsight.cost_of(fleet, lived.charging_w)
    best = hindsight.least_cost(fleet, lived.got_wh)
    free = hindsight.cost_of(fleet, free_w)
    return {
        "fleet": name,
        "seed": seed,
        "chargers": len(fleet.site.chargers),
        "stays": len(fleet.stays),
        **_departures(fleet, lived),
        "cost": round(cost.total, 2),
        "least_cost": round(best.total, 2),
        "ratio": round(cost.total / best.total, 4),
        "uncontrolled_cost": round(free.total, 2),
        "energy_ratio": round(cost.energy / best.energy, 4),
        "peak_kw": round(cost.peak_w / 1000, 1),
        "least_cost_peak_kw": round(best.peak_w / 1000, 1),
        "uncontrolled_peak_kw": round(free.peak_w / 1000, 1),
        "events": [_event(fleet, lived, n, shed, free_w) for n, shed in enumerate(fleet.sheds)],
        "violations": lived.violations,
        "plans": lived.plans,
        "ticks": lived.ticks,
        "cpu_s": round(seconds, 1),
    }


def _departures(fleet: Fleet, lived: Lived) -> dict[str, Any]:
    """Return who was not ready, and whether anybody could have known and helped it."""
    possible = hindsight.feasible_wh(fleet)
    stayed = hindsight.ready(fleet)

    def lacks(stay: Stay) -> float:
        return stay.need_wh - lived.got_wh[stay.id]

    short = [stay for stay in fleet.stays if lacks(stay) > READY_WH]
    missed = [s for s in short if stayed[s.id] and lacks(s) > s.need_wh - possible[s.id] + READY_WH]
    return {
        "missed": [{"stay": s.id, "lacks_wh": round(lacks(s)), "need_wh": s.need_wh} for s in missed],
        "left_early": sum(not there for there in stayed.values()),
        "left_early_short": sum(not stayed[s.id] for s in short),
        "not_possible": sum(possible[s.id] < s.need_wh - READY_WH for s in fleet.stays),
        "kwh": round(sum(lived.got_wh.values()) / 1000),
    }


def _event(fleet: Fleet, lived: Lived, n: int, shed: Shed, free_w: list[float]) -> dict[str, Any]:
    """Return what an event shed against uncontrolled charging, and whether its limit held."""
    first, last = ((at - fleet.start_ms) // MINUTE_MS for at in (shed.start_ms, shed.end_ms))
    free_kwh, kwh = (sum(w[first:last]) / 60_000 for w in (free_w, lived.charging_w))
    told = [row for row in lived.compliance if row.limit_w == shed.limit_w]
    return {
        "hours": (last - first) / 60,
        "limit_kw": round(shed.limit_w / 1000, 1),
        "highest_kw": round(lived.highest_w[n] / 1000, 1),
        "complied": lived.highest_w[n] <= shed.limit_w and all(r.highest_w <= shed.limit_w for r in told),
        "uncontrolled_kwh": round(free_kwh, 1),
        "kwh": round(kwh, 1),
        "shed_kwh": round(free_kwh - kwh, 1),
    }


def _summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    events = [event for row in rows for event in row["events"]]
    return {
        "rows": rows,
        "summary": {
            "missed": sum(len(row["missed"]) for row in rows),
            "departures": sum(row["stays"] for row in rows),
            "violations": sum(len(row["violations"]) for row in rows),
            "events": len(events),
            "complied": sum(event["complied"] for event in events),
            "ratio_mean": round(math.exp(statistics.mean(math.log(row["ratio"]) for row in rows)), 4),
            "ratio_most": max(row["ratio"] for row in rows),
            "within_5_percent": sum(row["ratio"] <= 1.05 for row in rows),
        },
    }


def words(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = [
        "fleet        seed bays stays | missed left early (short) |    cost   least  ratio uncontr. | "
        "peak kW  least uncontr. | events complied shed kWh | violations CPU s"
    ]
    lines += [_line(row) for row in found["rows"]]
    lines.append(", ".join(f"{key} {value}" for key, value in found["summary"].items()))
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    shed = sum(event["shed_kwh"] for event in row["events"])
    complied = sum(event["complied"] for event in row["events"])
    early = f"{row['left_early']:10} ({row['left_early_short']:5})"
    return (
        f"{row['fleet']:12} {row['seed']:4} {row['chargers']:4} {row['stays']:5} | "
        f"{len(row['missed']):6} {early} | {row['cost']:7.0f} {row['least_cost']:7.0f} {row['ratio']:6.3f} "
        f"{row['uncontrolled_cost']:8.0f} | {row['peak_kw']:7.0f} {row['least_cost_peak_kw']:6.0f} "
        f"{row['uncontrolled_peak_kw']:8.0f} | {len(row['events']):6} {complied:8} {shed:8.0f} | "
        f"{len(row['violations']):10} {row['cpu_s']:5.0f}"
    )
