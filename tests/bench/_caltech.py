"""Caltech's garage as acnportal draws it, and its visitors: 54 chargers line to line below one transformer.

480 V delta above, 208 V wye below.  Limits: the transformer's three lines above, its three below, and two
pods of eight chargers with 80 A each.  Time is slots of 5 min of the local clock, 0 at the month's first
midnight; arrival and departure are rounded down, a visit lasts 144 slots at most, and its energy fits into it
at the full 32 A: the setting of Lee et al., "ACN-Sim" (arXiv 2012.02809), section on constrained sites.

Sources: acnportal 0.3.3, acnsim/network/sites/caltech_acn.py (stations, pairs of lines, limits);
sessions: ACN-Data (Lee, Li, Low, e-Energy 2019), see data/README.md.
"""

import csv
import gzip
import math
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge.model.site import Address, Charger, Node, Policy, Site

DATA = Path(__file__).parent / "data" / "acn_caltech_2019.csv.gz"
TIMEZONE = "America/Los_Angeles"

SLOT_S = 300
DAY_SLOTS = 288
LONGEST_SLOTS = 144
LINE_V = 208
MOST_MA = 32_000
SLOT_WH = LINE_V * SLOT_S / 3600  # one ampere for one slot

CC_POD = ("CA-322", "CA-493", "CA-496", "CA-320", "CA-495", "CA-321", "CA-323", "CA-494")
AV_POD = ("CA-324", "CA-325", "CA-326", "CA-327", "CA-489", "CA-490", "CA-491", "CA-492")
NUMBERS = {
    (1, 2): (308, 508, 303, 513, 310, 506, 316, 500, 318, 498),
    (2, 3): (304, 512, 305, 511, 313, 503, 311, 505, 317, 499, 148, 149, 212, 213),
    (1, 3): (307, 509, 309, 507, 306, 510, 315, 501, 319, 497, 312, 504, 314, 502),
}
PAIRS: dict[str, tuple[int, int]] = {f"CA-{n}": pair for pair, numbers in NUMBERS.items() for n in numbers}
PAIRS |= dict.fromkeys((*AV_POD, *CC_POD), (1, 2))

POD_A = 80.0

# acnportal writes the transformer's ratings with 277 V and 120 V to neutral, and its ratio as 4.
ABOVE_V, BELOW_V, RATIO = 277, 120, 4


class Visit(NamedTuple):
    """One vehicle at one station.  Slots of the month."""

    id: str
    station: str
    arrives: int
    leaves: int
    need_wh: float


class Pilots(NamedTuple):
    """What a charger may be told: 0, or least_ma and then by step_ma."""

    least_ma: int
    step_ma: int


CONTINUOUS = Pilots(1, 1)


def legal(station: str) -> Pilots:
    """Return what a station takes: AeroVironment 0 or 6 to 32 A, ClipperCreek 0, 8, 16, 24 or 32 A."""
    return Pilots(8_000, 8_000) if station in CC_POD else Pilots(6_000, 1_000)


@cache
def visits(month: str) -> tuple[Visit, ...]:
    """Return the visits that begin in a month, such as "2019-05", in order of arrival."""
    first = datetime.fromisoformat(f"{month}-01")
    with gzip.open(DATA, "rt") as file:
        found = [visit for row in csv.DictReader(file) if (visit := _visit(row, month, first))]
    return _without_overlap(sorted(found, key=lambda v: v.arrives))


def _visit(row: dict[str, str], month: str, first: datetime) -> Visit | None:
    if not row["arrival"].startswith(month) or row["station"] not in PAIRS:
        return None
    came, went = (
        int((datetime.fromisoformat(row[key]) - first).total_seconds() // SLOT_S)
        for key in ("arrival", "departure")
    )
    leaves = min(went, came + LONGEST_SLOTS)
    need_wh = min(float(row["delivered_kwh"]) * 1000, (leaves - came) * MOST_MA / 1000 * SLOT_WH)
    if leaves <= came or need_wh <= 0:
        return None
    return Visit(f"{row['station']}@{came}", row["station"], came, leaves, need_wh)


def _without_overlap(found: list[Visit]) -> tuple[Visit, ...]:
    """Return the visits, each over before the next at its station comes."""
    after: dict[str, int] = {}
    kept = []
    for visit in reversed(found):
        leaves = min(visit.leaves, after.get(visit.station, visit.leaves))
        after[visit.station] = visit.arrives
        if leaves > visit.arrives:
            most_wh = (leaves - visit.arrives) * MOST_MA / 1000 * SLOT_WH
            kept.append(visit._replace(leaves=leaves, need_wh=min(visit.need_wh, most_wh)))
    return tuple(reversed(kept))


def of_days(month: str, days: tuple[int, ...]) -> tuple[Visit, ...]:
    """Return the visits that begin on these days of a month; all for no days."""
    return tuple(v for v in visits(month) if not days or v.arrives // DAY_SLOTS + 1 in days)


def start_ms(month: str) -> int:
    """Return the month's first midnight, UTC ms."""
    return round(datetime.fromisoformat(f"{month}-01").replace(tzinfo=ZoneInfo(TIMEZONE)).timestamp() * 1000)


def above_a(kw: float) -> float:
    """Return the limit of a line above the transformer, referred to its wye side: |I₁ − I₃| / √3."""
    return kw * 1000 / 3 / ABOVE_V * RATIO / math.sqrt(3)


def below_a(kw: float) -> float:
    """Return the limit of a line below the transformer."""
    return kw * 1000 / 3 / BELOW_V


def site(kw: float, pilots: str) -> Site:
    """Return the garage with a transformer of so many kW.  pilots: "continuous" or "legal"."""
    above, below = (math.floor(amps * 1000) for amps in (above_a(kw), below_a(kw)))
    pod = math.floor(POD_A * 1000)
    nodes = (
        Node("feed", None, (above, above, above), delta="delta-wye"),
        Node("bus", "feed", (below, below, below), delta="phasor"),
        Node("cc-pod", "bus", (pod, pod, pod), delta="phasor"),
        Node("av-pod", "bus", (pod, pod, pod), delta="phasor"),
    )
    return Site(
        id="caltech",
        name="Caltech's garage",
        timezone=TIMEZONE,
        nodes=nodes,
        chargers=tuple(_chargers(pilots)),
        voltage_v=BELOW_V,
        without_window="never",
        policy=Policy(),
    )


def _chargers(pilots: str) -> Iterator[Charger]:
    for station, pair in PAIRS.items():
        may = legal(station) if pilots == "legal" else CONTINUOUS
        yield Charger(
            station,
            "cc-pod" if station in CC_POD else "av-pod" if station in AV_POD else "bus",
            "simulated",
            Address(1),
            phases=tuple(p - 1 for p in pair),
            min_ma=may.least_ma,
            max_ma=MOST_MA,
            fallback_ma=0,
            step_ma=may.step_ma,
        )
