"""Seeded depots to plan, as documents of `depot plan`: for the tests and for the benchmark.

A site with panels of 24 chargers and branches of 6.  45 % three-phase 22 kW, 35 % single-phase 7.4 kW
turned over the phases, 20 % of 50 kW.  A quarter of the vehicles stays some hours, the others a night.
Other load of the building, prices by time of use with a random part of a thousandth that breaks ties,
a demand charge, a power cap of two hours each day.  `room` sizes all limits: 1 is comfortable, 0.75 is
congested, 0.5 cannot serve everybody.
"""

import math
import random
from typing import Any

Document = dict[str, Any]

KINDS = (([1, 2, 3], 690.0, 32_000), ([1], 230.0, 32_000), ([1, 2, 3], 690.0, 72_000))


def depot(
    chargers: int, slots: int, slot_s: int, seed: int, *, room: float = 0.75, line_to_line: bool = False
) -> Document:
    """Return one problem.  The horizon begins at noon; line_to_line: 208 V loads and phasor nodes."""
    dice = random.Random(f"{chargers} {slots} {seed}")
    bays = [_bay(n, slots, slot_s / 3600, dice, line_to_line) for n in range(chargers)]
    clock = [(12 + t * slot_s / 3600) % 24 for t in range(slots)]
    needs = _kw(bays, slots, slot_s)
    mean, top = sum(needs) / slots, max(needs)
    base = [
        round(1000 * mean * (0.5 + 0.4 * math.exp(-((((c - 14) % 24) / 4) ** 2)) + 0.05 * dice.random()))
        for c in clock
    ]
    main = 1.05 * room * _amps(bays, slots, slot_s)
    limits = [[max(0, round(1000 * (main - (b - min(base)) / 690)))] * 3 for b in base]
    caps = [round(1000 * top * room * 0.45) if 18 <= c < 20 else None for c in clock]
    delta = "phasor" if line_to_line else "arithmetic"
    nodes: list[Document] = [
        {"id": "main", "parent": None, "limit_ma": limits, "limit_w": caps, "delta": delta}
    ]
    for n in range(math.ceil(chargers / 24)):
        size = round(1000 * 1.1 * room * _amps(bays[n * 24 : n * 24 + 24], slots, slot_s))
        nodes.append({"id": f"panel-{n}", "parent": "main", "limit_ma": [size] * 3, "delta": delta})
    for n in range(math.ceil(chargers / 6)):
        size = round(1000 * 1.2 * room * _amps(bays[n * 6 : n * 6 + 6], slots, slot_s))
        nodes.append({"id": f"branch-{n}", "parent": f"panel-{n // 4}", "limit_ma": [size] * 3})
    return {
        "slot_s": slot_s,
        "slots": slots,
        "price_per_kwh": [_price(c) * (1 + 1e-3 * dice.random()) for c in clock],
        "base_w": base,
        "demand": {"per_kw": 15.51, "already_kw": round(max(base) / 1000 + 0.4 * top, 1)},
        "nodes": nodes,
        "chargers": bays,
        "lawful": False,
        "gap": 0.001,
        "max_ms": 60_000,
    }


def with_roof(document: Document, peak_kw: float, export_per_kwh: float = 0.07) -> Document:
    """Return the same depot with a roof that makes so much at noon; what it would export is used first."""
    slots, slot_s = document["slots"], document["slot_s"]
    clock = [(12 + t * slot_s / 3600) % 24 for t in range(slots)]
    sun = [max(0.0, math.cos((c - 12.5) / 6 * math.pi / 2)) if 6 < c < 19 else 0.0 for c in clock]
    base = [round(b - 1000 * peak_kw * s) for b, s in zip(document["base_w"], sun, strict=True)]
    own = {"w": [max(0, -b) for b in base], "price_per_kwh": [export_per_kwh] * slots}
    return {**document, "base_w": base, "own": own}


def nudged(document: Document, seed: int) -> Document:
    """Return the same problem with needs up to 1 % smaller and other load up to 1 % different."""
    dice = random.Random(f"nudged {seed}")
    base = [round(b * dice.uniform(0.99, 1.01)) for b in document["base_w"]]
    bays = [{**b, "energy_wh": round(b["energy_wh"] * dice.uniform(0.99, 1))} for b in document["chargers"]]
    return {**document, "base_w": base, "chargers": bays}


def later(document: Document, seed: int) -> Document:
    """Return the problem one slot later: horizon moved on, a few vehicles changed.

    Who is there has got an even share, and needs up to 1 % less besides; other load differs by up to
    1 %, one vehicle in fifty has gone and one in fifty asks for 30 % more.
    """
    dice = random.Random(f"later {seed}")
    slots = document["slots"]
    out = dict(document)
    out["price_per_kwh"] = document["price_per_kwh"][1:] + document["price_per_kwh"][:1]
    base = document["base_w"][1:] + document["base_w"][:1]
    out["base_w"] = [round(b * dice.uniform(0.99, 1.01)) for b in base]
    out["nodes"] = [_moved(node, slots) for node in document["nodes"]]
    out["chargers"] = []
    for was in document["chargers"]:
        bay = dict(was)
        fate = dice.random()
        change = 0.0 if fate < 0.02 else 1.3 if fate < 0.04 else dice.uniform(0.99, 1.0)
        if bay["from_slot"] == 0:  # one slot of its window has passed, and it has charged
            change *= 1 - 1 / bay["to_slot"]
        bay["from_slot"] = max(0, bay["from_slot"] - 1)
        if bay["to_slot"] < slots:  # else it stays beyond the horizon
            bay["to_slot"] -= 1
        bay["energy_wh"] = round(bay["energy_wh"] * change)
        out["chargers"].append(bay)
    return out


def _moved(node: Document, slots: int) -> Document:
    out = dict(node)
    for key in ("limit_ma", "limit_w"):
        entries = node.get(key)
        if isinstance(entries, list) and len(entries) == slots:
            out[key] = entries[1:] + entries[:1]
    return out


def _price(clock: float) -> float:
    return 0.11 if clock < 8 or clock >= 22 else 0.36 if 16 <= clock < 21 else 0.18


def _bay(n: int, slots: int, hours: float, dice: random.Random, line_to_line: bool) -> Document:
    kind = dice.random()
    phases, w_per_a, max_ma = KINDS[0 if kind < 0.45 else 1 if kind < 0.8 else 2]
    if phases == [1]:
        phases = [n % 3 + 1]
    if line_to_line and kind < 0.8:
        phases, w_per_a = [[1, 2], [2, 3], [1, 3]][n % 3], 208.0
    days = max(1, round(slots * hours / 24))
    day = 24 * dice.randrange(days)
    if dice.random() < 0.25:
        come = dice.choice([0, 17]) + dice.random() * 5
        go = come + 1.5 + dice.random() * 3.5
    else:
        come = 3 + dice.random() * 6
        go = come + 9 + dice.random() * 6
        if days > 1 and day == 0 and dice.random() < 0.6:  # stays a day longer
            go += 24
    first = min(slots - 2, round((day + come) / hours))
    last = min(slots, max(first + 1, round((day + go) / hours)))
    most_kwh = w_per_a * max_ma / 1e6 * (last - first) * hours
    return {
        "id": f"bay-{n}",
        "node": f"branch-{n // 6}",
        "phases": phases,
        "w_per_a": w_per_a,
        "min_ma": 6000,
        "max_ma": max_ma,
        "from_slot": first,
        "to_slot": last,
        "energy_wh": round(1000 * min(0.85 * most_kwh, w_per_a * max_ma / 1e6 * (1 + 3.5 * dice.random()))),
        "unmet_per_kwh": dice.choice([5.0, 10.0, 20.0]),
    }


def _kw(bays: list[Document], slots: int, slot_s: int) -> list[float]:
    """What the site would take if everybody charged evenly."""
    out = [0.0] * slots
    for bay in bays:
        even = bay["energy_wh"] / 1000 / (slot_s / 3600) / (bay["to_slot"] - bay["from_slot"])
        for t in range(bay["from_slot"], bay["to_slot"]):
            out[t] += even
    return out


def _amps(bays: list[Document], slots: int, slot_s: int) -> float:
    """The highest phase current if everybody charged evenly, A."""
    out = [[0.0] * slots for _ in range(3)]
    for bay in bays:
        even = bay["energy_wh"] / (slot_s / 3600) / (bay["to_slot"] - bay["from_slot"]) / bay["w_per_a"]
        for phase in bay["phases"]:
            for t in range(bay["from_slot"], bay["to_slot"]):
                out[phase - 1][t] += even
    return max(map(max, out))
