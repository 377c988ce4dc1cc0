"""Energy under a tight transformer: how much of what vehicles ask for is delivered, in points of it.

The real core in closed loop (`_transformer_loop`) over real days of Caltech's garage (`_caltech`), with
pilots as the chargers' makers accept them and with continuous ones; acnportal's algorithms over the same
visits in the same run (`_transformer_peers`); and the most that was possible in hindsight with continuous
pilots (`_transformer_offline`).
"""

import math
from typing import Any, NamedTuple

from tests.bench import _caltech, _transformer_offline, _transformer_peers
from tests.bench._transformer_loop import Loop

PILOTS = ("legal", "continuous")


class Case(NamedTuple):
    """Which visits at which transformer.  days: of the month, () for all."""

    month: str
    days: tuple[int, ...]
    kw: float
    pilots: tuple[str, ...] = PILOTS


QUICK = (Case("2019-05", (4,), 10.0, ("legal",)), Case("2019-09", (1,), 5.0, ("continuous",)))

# Weeks of three months, at transformers from a tenth of what the garage would need; one month whole.
WEEKS = {"2019-05": (6, 7, 8, 9, 10), "2019-09": (9, 10, 11, 12, 13), "2019-11": (4, 5, 6, 7, 8)}
CAPACITIES = (10.0, 20.0, 30.0, 50.0, 100.0)
CASES = (
    *(Case(month, days, kw) for month, days in WEEKS.items() for kw in CAPACITIES),
    *(Case(month, (), 30.0, ("legal",)) for month in ("2019-05", "2019-09")),
)


def figures(quick: bool) -> dict[str, Any]:
    """Measure a few days at two transformers, or weeks of several months at five."""
    rows = [measure(case) for case in (QUICK if quick else CASES)]
    gaps = {
        pilots: max(
            row["optimum"] - row["pilots"][pilots]["delivered"] for row in rows if pilots in row["pilots"]
        )
        for pilots in PILOTS
    }
    return {
        "unit": "percent of the energy asked for",
        "rows": rows,
        "furthest_below_optimum_points": gaps,
        "acnportal": "0.3.3" if _transformer_peers.there() else "not installed: make bench-peers",
    }


def measure(case: Case) -> dict[str, Any]:
    """Measure one case."""
    visits = _caltech.of_days(case.month, case.days)
    asked_wh = sum(v.need_wh for v in visits)
    row: dict[str, Any] = {
        "month": case.month,
        "days": list(case.days),
        "kw": case.kw,
        "visits": len(visits),
        "asked_kwh": asked_wh / 1000,
        "optimum": 100 * _transformer_offline.optimum_wh(visits, case.kw) / asked_wh,
        "pilots": {},
    }
    for pilots in case.pilots:
        lived = Loop(case.kw, pilots, case.month, visits).run()
        row["pilots"][pilots] = {
            "delivered": 100 * sum(lived.got_wh.values()) / asked_wh,
            "violations": len(lived.violations),
            "switches": lived.switches,
            "tick_ms": spread(lived.ticks_s),
            "plan_ms": spread(lived.plans_s),
            "peers": _peers(visits, case.kw, pilots, asked_wh),
        }
    return row


def _peers(visits: tuple[_caltech.Visit, ...], kw: float, pilots: str, asked_wh: float) -> dict[str, Any]:
    if not _transformer_peers.there():
        return {}
    found = {}
    for name in _transformer_peers.NAMES:
        ran = _transformer_peers.run(name, visits, kw, pilots)
        found[name] = {"delivered": 100 * ran.got_wh / asked_wh, "decision_ms": spread(ran.decisions_s)}
    return found


def spread(seconds: list[float]) -> dict[str, float]:
    """Return the median and the 99th percentile, ms."""
    if not seconds:
        return {"p50": 0.0, "p99": 0.0}
    ordered = sorted(seconds)
    return {
        name: 1000 * ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)]
        for name, part in (("p50", 0.5), ("p99", 0.99))
    }


def words(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    peers = _transformer_peers.NAMES
    times = ["tick p50/p99", "plan p50/p99", "peers p50/p99"]
    head = ["month", "days", "kW", "pilots", "optimum", "depot", "below", *peers, *times]
    lines = [head]
    for row in found["rows"]:
        for pilots, own in row["pilots"].items():
            lines.append(_line(row, pilots, own))
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    told = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    notes = [
        f"% of the energy asked for; ms of CPU time on one thread; acnportal: {found['acnportal']}",
        "limits broken: "
        + str(sum(own["violations"] for row in found["rows"] for own in row["pilots"].values())),
    ]
    return "\n".join([*told, *notes])


def _line(row: dict[str, Any], pilots: str, own: dict[str, Any]) -> list[str]:
    peers = own["peers"]
    slowest = [peers[name]["decision_ms"] for name in peers]
    return [
        row["month"],
        str(len(row["days"]) or "all"),
        f"{row['kw']:g}",
        pilots,
        f"{row['optimum']:.2f}",
        f"{own['delivered']:.2f}",
        f"{row['optimum'] - own['delivered']:.2f}",
        *(f"{peers[name]['delivered']:.2f}" if name in peers else "-" for name in _transformer_peers.NAMES),
        _pair(own["tick_ms"]),
        _pair(own["plan_ms"]),
        f"{min(s['p50'] for s in slowest):.0f}-{max(s['p50'] for s in slowest):.0f} / "
        f"{max(s['p99'] for s in slowest):.0f}"
        if slowest
        else "-",
    ]


def _pair(ms: dict[str, float]) -> str:
    return f"{ms['p50']:.1f}/{ms['p99']:.1f}"
