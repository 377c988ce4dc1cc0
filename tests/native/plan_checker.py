"""What a plan must keep, checked from the two documents alone: exact sums, none of the product's code.

Amperes are decimal fractions, so loads are summed as such and compared with the limits exactly; only
the square root of a phasor is taken, in 40 digits.
"""

import cmath
import math
from decimal import Decimal, localcontext
from typing import Any

Document = dict[str, Any]

MILLIAMP = Decimal("0.001")
WATT = Decimal(1)


def faults(problem: Document, answer: Document, *, lawful: bool | None = None) -> list[str]:
    """Return every promise that the answer breaks.  A limit holds to 1 mA and 1 W."""
    with localcontext() as context:
        context.prec = 40
        found = _charger_faults(problem, answer, problem["lawful"] if lawful is None else lawful)
        amps = {name: [Decimal(repr(a)) for a in row] for name, row in answer["amps"].items()}
        for t in range(problem["slots"]):
            found += _slot_faults(problem, amps, t)
        return found + _cost_faults(problem, answer, amps)


def cost(problem: Document, amps: dict[str, list[Any]]) -> float:
    """Return what these amperes cost."""
    hours = problem["slot_s"] / 3600
    early = problem.get("earliness_per_kwh_h", 0)
    site = [float(b) / 1000 for b in problem.get("base_w") or [0] * problem["slots"]]
    total = 0.0
    for c in problem["chargers"]:
        kwh = 0.0
        for t, a in enumerate(amps[c["id"]]):
            kw = float(a) * c["w_per_a"] / 1000
            site[t] += kw
            kwh += kw * hours
            total += kw * hours * (problem["price_per_kwh"][t] + early * t * hours)
        total += c["unmet_per_kwh"] * max(0.0, c["energy_wh"] / 1000 - kwh)
    if own := problem.get("own"):
        for t, base in enumerate(problem.get("base_w") or [0] * problem["slots"]):
            free = min(site[t] - float(base) / 1000, own["w"][t] / 1000)
            total -= free * hours * (problem["price_per_kwh"][t] - own["price_per_kwh"][t])
    demand = problem.get("demand")
    if demand:
        total += demand["per_kw"] * max(0.0, max(site) - demand["already_kw"])
    return total


def _charger_faults(problem: Document, answer: Document, lawful: bool) -> list[str]:
    found = []
    if set(answer["amps"]) != {c["id"] for c in problem["chargers"]}:
        found.append("amps: not the chargers of the problem")
    hours = Decimal(problem["slot_s"]) / 3600
    for c in problem["chargers"]:
        row = [Decimal(repr(a)) for a in answer["amps"][c["id"]]]
        if len(row) != problem["slots"]:
            found.append(f"{c['id']}: {len(row)} slots")
        for t, a in enumerate(row):
            there = c["from_slot"] <= t < c["to_slot"]
            if a < 0 or a * 1000 > c["max_ma"] or (a > 0 and not there):
                found.append(f"{c['id']}: {a} A in slot {t}")
            if lawful and 0 < a * 1000 < c["min_ma"]:
                found.append(f"{c['id']}: {a} A in slot {t} is below its minimum")
        wh = sum(row) * Decimal(repr(c["w_per_a"])) * hours
        if wh > Decimal(repr(c["energy_wh"])) + Decimal("1e-6"):
            found.append(f"{c['id']}: gets {wh} Wh of {c['energy_wh']}")
        if abs(float(wh) - answer["energy_wh"][c["id"]]) > 1e-3:
            found.append(f"{c['id']}: says {answer['energy_wh'][c['id']]} Wh, gets {wh}")
        if abs(c["energy_wh"] - float(wh) - answer["unmet_wh"][c["id"]]) > 1e-3:
            found.append(f"{c['id']}: says {answer['unmet_wh'][c['id']]} Wh unmet")
    return found


def _entry(limits: Any, t: int, constant: bool) -> Any:
    return limits if constant else limits[t]


def _slot_faults(problem: Document, amps: dict[str, list[Decimal]], t: int) -> list[str]:
    parents = {n["id"]: n["parent"] for n in problem["nodes"]}
    below: dict[str, list[Document]] = {n["id"]: [] for n in problem["nodes"]}
    for c in problem["chargers"]:
        node = c["node"]
        while node is not None:
            below[node].append(c)
            node = parents[node]
    found = []
    for n in problem["nodes"]:
        watts = n.get("limit_w")
        cap = watts[t] if isinstance(watts, list) else watts
        if cap is not None:
            load = sum(amps[c["id"]][t] * Decimal(repr(c["w_per_a"])) for c in below[n["id"]])
            if load > max(0, cap) + WATT:
                found.append(f"{n['id']}: {load} W in slot {t}, limit {cap}")
        limits = n.get("limit_ma")
        if limits is None:
            continue
        triple = limits[t] if isinstance(limits[0], list) or len(limits) != 3 else limits
        for phase in (1, 2, 3):
            if triple is None or triple[phase - 1] is None:
                continue
            if n.get("delta") == "delta-wye":
                found += _feed_faults(n, triple[phase - 1], below[n["id"]], amps, t)
                continue
            load = _conductor(below[n["id"]], amps, t, phase, n.get("delta") == "phasor")
            if load > Decimal(max(0, triple[phase - 1])) / 1000 + MILLIAMP:
                found.append(f"{n['id']} L{phase}: {load} A in slot {t}, limit {triple[phase - 1]} mA")
    return found


def _feed_faults(
    node: Document, limit_ma: int, chargers: list[Document], amps: dict[str, list[Decimal]], t: int
) -> list[str]:
    """Hold each line that feeds a delta-wye transformer to one of its limits: all must hold for all.

    As complex numbers: the windings' currents, and of two of them 1/√3 of the difference.
    """
    volt = {1: 1, 2: cmath.rect(1, -2 * math.pi / 3), 3: cmath.rect(1, 2 * math.pi / 3)}
    winding = {1: 0j, 2: 0j, 3: 0j}
    for c in chargers:
        own = float(amps[c["id"]][t])
        if len(c["phases"]) == 2:
            p, q = c["phases"]
            winding[p] += own * (volt[p] - volt[q]) / math.sqrt(3)
            winding[q] -= own * (volt[p] - volt[q]) / math.sqrt(3)
        else:
            for p in c["phases"]:
                winding[p] += own * volt[p]
    found = []
    for p, q in ((1, 3), (2, 1), (3, 2)):
        load = abs(winding[p] - winding[q]) / math.sqrt(3)
        if load > max(0, limit_ma) / 1000 + float(MILLIAMP):
            found.append(f"{node['id']} line {p}: {load} A in slot {t}, limit {limit_ma} mA")
    return found


def _conductor(
    chargers: list[Document], amps: dict[str, list[Decimal]], t: int, phase: int, phasor: bool
) -> Decimal:
    """What flows in one conductor: magnitudes added, or phasors at unity power factor."""
    plain = Decimal(0)
    sides: dict[int, Decimal] = {}
    for c in chargers:
        if phase not in c["phases"]:
            continue
        if phasor and len(c["phases"]) == 2:
            other = sum(c["phases"]) - phase
            sides[other] = sides.get(other, Decimal(0)) + amps[c["id"]][t]
        else:
            plain += amps[c["id"]][t]
    both = sum(sides.values(), Decimal(0))
    apart = max(sides.values()) * 2 - both if len(sides) == 2 else both
    return ((Decimal(3).sqrt() / 2 * both + plain) ** 2 + apart**2 / 4).sqrt()


def _cost_faults(problem: Document, answer: Document, amps: dict[str, list[Decimal]]) -> list[str]:
    found = []
    real = cost(problem, amps)
    if abs(real - answer["objective"]) > 1e-6 * (1 + abs(real)):
        found.append(f"objective: says {answer['objective']}, is {real}")
    over = answer["objective"] - answer["lower_bound"]
    if over < -1e-9 * (1 + abs(real)):
        found.append(f"lower_bound: {answer['lower_bound']} above {answer['objective']}")
    if answer["objective"] and abs(over / abs(answer["objective"]) - answer["gap"]) > 1e-9 + 1e-6 * abs(
        answer["gap"]
    ):
        found.append(f"gap: says {answer['gap']}, is {over / abs(answer['objective'])}")
    return found
