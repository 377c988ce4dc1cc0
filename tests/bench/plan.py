"""The planner's speed and quality, with HiGHS and PDLP on the same problems in the same run.

Times are CPU seconds of one thread; ours from pl_begin to the certified gap, HiGHS' and PDLP's the
solve alone, model building counted for nobody (ours through Python is given beside it).  Depots as in
tests/native/plan_depots.py: mixed phases, demand charge, power caps, about a third of the circuit rows
tight.  Every answer is checked: the optimum between bound and objective, every limit kept.
"""

import math
import statistics
import time
from collections.abc import Sequence
from typing import Any

from edge.cli.plan import document, problem_of
from edge.core import plan
from tests.bench import _plan_peers
from tests.native import plan_checker, plan_depots
from tests.native.plan_oracle import Oracle

CHARGERS = (50, 100, 200, 400)
HORIZONS = ((96, 900), (192, 900), (288, 300))
ROOM = 0.8
GAP = 0.001
MOST_ITERATIONS = 20_000
RANDOM_PROBLEMS = 500


def figures(quick: bool) -> dict[str, Any]:
    """Measure.  quick: the smaller depots, and fewer random problems."""
    sizes = [(n, t, s) for n in CHARGERS for t, s in HORIZONS]
    if quick:
        sizes = [(n, t, s) for n, t, s in sizes if n * t <= 100 * 192 and s == 900]
    rows = [_row(n, slots, slot_s) for n, slots, slot_s in sizes]
    return {
        "gap": GAP,
        "rows": rows,
        "summary": _summary(rows),
        "random": _random(RANDOM_PROBLEMS // (10 if quick else 1)),
    }


def solved(problem: Any, warm: plan.Solver | None = None, shift: int = 0) -> tuple[plan.Solver, float]:
    """Solve to the gap; return the solver and its CPU seconds, the best of three, setting up in C
    included, building the arrays not."""
    best = math.inf
    for _ in range(3):
        solver = plan.Solver(problem, warm, shift)
        start = time.process_time()
        solver.begin()
        if warm is not None:
            solver.warm_start(warm, shift)
        while solver.step().gap > GAP and solver.progress().iterations < MOST_ITERATIONS:
            pass
        best = min(best, time.process_time() - start)
    return solver, best


def _row(chargers: int, slots: int, slot_s: int) -> dict[str, Any]:
    problem = plan_depots.depot(chargers, slots, slot_s, 1, room=ROOM)
    later = plan_depots.later(problem, 1)
    oracle, oracle_later = Oracle(problem), Oracle(later)
    peer, peer_later = _plan_peers.cold(oracle), _plan_peers.cold(oracle_later)
    peer_warm = _plan_peers.warm(oracle, peer["basis"], oracle_later, 1)
    nudged = plan_depots.nudged(problem, 1)
    peer_nudged = _plan_peers.warm(oracle, peer["basis"], Oracle(nudged), 0)
    pdlp = _plan_peers.pdlp(oracle)
    start = time.process_time()
    parsed, parsed_later = problem_of(problem), problem_of(later)
    reading_s = (time.process_time() - start) / 2
    cold, cold_s = solved(parsed)
    warm, warm_s = solved(parsed_later, cold, 1)
    again, nudged_s = solved(problem_of(nudged), cold)
    optimum = peer["optimum"]
    _check(problem, cold, optimum.objective)
    _check(later, warm, peer_later["optimum"].objective)
    _check(nudged, again, peer_nudged.objective)
    return {
        "chargers": chargers,
        "slots": slots,
        "columns": optimum.columns,
        "rows": optimum.rows,
        "rows_tight": round(optimum.tight, 3),
        "optimum": optimum.objective,
        "objective": cold.progress().objective,
        "lower_bound": cold.progress().lower_bound,
        "gap": cold.progress().gap,
        "iterations": cold.progress().iterations,
        "iterations_warm": warm.progress().iterations,
        "ms": round(cold_s * 1e3, 3),
        "ms_warm": round(warm_s * 1e3, 3),
        "ms_nudged": round(nudged_s * 1e3, 3),
        "ms_reading": round(reading_s * 1e3, 1),
        "bytes": cold.bytes,
        "highs_ms": round(peer["seconds"] * 1e3, 1),
        "highs_better": peer["better"],
        "highs_warm_ms": round(peer_warm.seconds * 1e3, 1),
        "highs_nudged_ms": round(peer_nudged.seconds * 1e3, 1),
        "pdlp_ms": round(pdlp["seconds"] * 1e3, 1) if pdlp else None,
        "cold_ratio": peer["seconds"] / cold_s,
        "warm_ratio_to_cold": peer_later["seconds"] / warm_s,
        "warm_ratio_to_warm": peer_warm.seconds / warm_s,
        "nudged_ratio_to_warm": peer_nudged.seconds / nudged_s,
        "pdlp_ratio": pdlp["seconds"] / cold_s if pdlp else None,
        **_lawful(problem),
    }


def _check(problem: dict[str, Any], solver: plan.Solver, optimum: float) -> None:
    """Raise AssertionError unless the answer is right."""
    answer = document(solver.plan(), 0.0)
    assert plan_checker.faults(problem, answer) == []
    hair = 1e-6 * abs(optimum)
    assert answer["lower_bound"] - hair <= optimum <= answer["objective"] + hair


def _lawful(problem: dict[str, Any]) -> dict[str, Any]:
    lawful = {**problem, "lawful": True}
    start = time.process_time()
    answer = plan.solve(problem_of(lawful), lambda: False)
    seconds = time.process_time() - start
    assert plan_checker.faults(lawful, document(answer, 0.0)) == []
    return {
        "lawful_gap": answer.gap,
        "lawful_ms": round(seconds * 1e3, 1),
        "lawful_switches": answer.switches,
    }


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key in (
        "cold_ratio",
        "warm_ratio_to_cold",
        "warm_ratio_to_warm",
        "nudged_ratio_to_warm",
        "pdlp_ratio",
    ):
        ratios = [row[key] for row in rows if row[key] is not None]
        if ratios:
            out[key] = {
                "geometric_mean": round(statistics.geometric_mean(ratios), 1),
                "least": round(min(ratios), 1),
            }
    gaps = sorted(row["lawful_gap"] for row in rows)
    out["lawful_gap"] = {"median": round(statistics.median(gaps), 5), "most": round(gaps[-1], 5)}
    out["bytes_most"] = max(row["bytes"] for row in rows)
    return out


def _random(count: int) -> dict[str, Any]:
    """Iterations over random depots, loose to infeasible."""
    iterations = []
    for seed in range(count):
        room = (1.5, 1.0, 0.8, 0.6, 0.4)[seed % 5]
        problem = plan_depots.depot(20 + 7 * (seed % 9), 96, 900, seed, room=room)
        solver = plan.Solver(problem_of(problem))
        while solver.step().gap > GAP and solver.progress().iterations < MOST_ITERATIONS:
            pass
        iterations.append(solver.progress().iterations)
    iterations.sort()
    return {
        "problems": count,
        "iterations_median": iterations[count // 2],
        "iterations_p99": iterations[math.ceil(0.99 * count) - 1],
        "iterations_most": iterations[-1],
    }


def words(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = [
        "chargers slots   rows tight |   ms   its | HiGHS ms  ratio | warm ms ratio (cold) (warm) (nudged) | "
        "PDLP ms  ratio | lawful gap  ms  switches |  MB"
    ]
    for row in found["rows"]:
        pdlp = f"{row['pdlp_ms']:7.0f} {row['pdlp_ratio']:6.0f}" if row["pdlp_ms"] else f"{'-':>7} {'-':>6}"
        lines.append(
            f"{row['chargers']:8} {row['slots']:5} {row['rows']:6} {row['rows_tight']:5.0%} | "
            f"{row['ms']:6.1f} {row['iterations']:5} | {row['highs_ms']:8.0f} {row['cold_ratio']:6.0f} | "
            f"{row['ms_warm']:7.1f}       {row['warm_ratio_to_cold']:6.0f} "
            f"{row['warm_ratio_to_warm']:6.0f}   {row['nudged_ratio_to_warm']:6.0f} | "
            f"{pdlp} | {row['lawful_gap']:9.2%} {row['lawful_ms']:5.0f} {row['lawful_switches']:6} | "
            f"{row['bytes'] / 1e6:4.1f}"
        )
    for key, value in found["summary"].items():
        lines.append(f"{key}: {value}")
    lines.append(f"random: {found['random']}")
    return "\n".join(lines)
