"""`depot bench commission`: hidden faults in simulated depots, and which of them commissioning finds.

Virtual time, the tests and judgement of a real run (edge/sim/commissioned.py).  For each kind of fault as
many depots as seeds, and as many sound ones: found, with the right device named; further faults reported;
limits broken on the way (by the simulator's own judge; hunger is left out: vehicles wait meanwhile).
"""

import asyncio
import time
from typing import Any

from edge.model.commission import Protocol
from edge.shell.commission import Commission, Question
from edge.sim.commissioned import VirtualBench, depot, faulty
from edge.sim.faults import FOUND_AS, KINDS, Fault

SEEDS, SEEDS_QUICK = 20, 2
# What follows from one fault need not be hidden: sums at nodes, and a charger that obeys nobody.
CONSEQUENCES = ("fallbacks do not fit",)


def figures(quick: bool) -> dict[str, Any]:
    """Return one row a kind of fault, and one of sound depots."""
    seeds = range(1, 1 + (SEEDS_QUICK if quick else SEEDS))
    began = time.process_time()
    rows = [row(kind, seeds) for kind in ("sound", *KINDS)]
    return {"seeds": len(seeds), "rows": rows, "cpu_s": round(time.process_time() - began, 1)}


def row(kind: str, seeds: range) -> dict[str, Any]:
    """Return what came of one kind of fault."""
    found = 0
    others: list[str] = []
    broken: list[str] = []
    minutes: list[float] = []
    for seed in seeds:
        bench, fault = (depot(seed), None) if kind == "sound" else faulty(kind, seed)  # type: ignore[arg-type]
        protocol = commissioned(bench)
        faults = [f for f in protocol.findings if f.kind == "fault"]
        mine = [f for f in faults if fault and is_it(fault, f.device, f.code)]
        found += bool(mine) if fault else not faults
        others += [
            f"seed {seed}: {f.device} {f.code}"
            for f in faults
            if f not in mine and f.code not in CONSEQUENCES
        ]
        report = bench.judge.report()
        broken += [f"seed {seed}: {v}" for v in report["violations"] if not v.startswith("I12")]
        minutes.append(bench.now_ms / 60_000)
    return {
        "fault": kind,
        "depots": len(seeds),
        "found": found,
        "other_faults_reported": others,
        "limits_broken": broken,
        "minutes_mean": round(sum(minutes) / len(minutes), 1),
    }


def commissioned(bench: VirtualBench) -> Protocol:
    """Return the protocol of a whole run in which everything is confirmed."""

    async def yes(question: Question) -> bool:
        return True

    protocol = Protocol("bench", bench.site.id, bench.site.name, "", "bench", 0, "")
    return asyncio.run(Commission(bench, protocol, lambda kept: None, yes).run())


def is_it(fault: Fault, device: str, code: str) -> bool:
    """Say whether a finding names the hidden fault: its device and its kind."""
    return device == fault.device and code == FOUND_AS[fault.fault]


def words(figures: dict[str, Any]) -> str:
    """Return the table."""
    lines = [f"{'fault':18} depots  found  others  limits broken  min of depot time"]
    for one in figures["rows"]:
        lines.append(
            f"{one['fault']:18} {one['depots']:6} {one['found']:6} {len(one['other_faults_reported']):7} "
            f"{len(one['limits_broken']):14} {one['minutes_mean']:18}"
        )
        lines += [f"    {text}" for text in (*one["other_faults_reported"], *one["limits_broken"])]
    return "\n".join([*lines, f"{figures['cpu_s']} s of processor time"])
