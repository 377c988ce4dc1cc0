"""Two workplaces' months as Lee, Pang and Low set them up: visits, circuits, prices, published costs.

Rule 1: time is slots of 5 min of the local clock, 0 at the month's first midnight; arrival and departure are
        rounded down, a visit lasts 144 slots at most, and its energy fits into it at the full rate.
Rule 2: circuits are limits on sums of magnitudes.  A limit on a line-to-line current's line is a node's limit
        on two phases.  The delta sides of the transformers are left out: at JPL the wye side's limits imply
        theirs, at Caltech they begin at 108 kW, which no plan here comes near.

Sources: Lee, Pang, Low, "Pricing EV Charging Service with Demand Charge", PSCC 2020 (setting, published
costs); sessions: ACN-Data, see data/README.md; circuits: acnportal 0.3.3, acnsim/network/sites; prices: SCE
TOU-EV-4 of March 2019.
"""

import csv
import gzip
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"

SLOT_MIN = 5
DAY_SLOTS = 288
LONGEST_SLOTS = 144
RATE_MA = 32_000
LINE_V = 208
RATE_KW = RATE_MA * LINE_V / 1e6
SLOT_KWH = RATE_KW * SLOT_MIN / 60

PER_KW = 15.51

# The published months' energies are the sessions' less this much for each, exactly.
LESS_KWH = 1e-4


class Visit(NamedTuple):
    """A session of the data.  Slots of the month; kWh."""

    arrives: int
    leaves: int
    kwh: float
    station: str


class Circuit(NamedTuple):
    """A node of a site.  limit_a: per line; below: the stations at it, by the pair of lines they are on."""

    name: str
    parent: str | None
    limit_a: float | None
    below: dict[tuple[int, int], tuple[str, ...]]


class Cost(NamedTuple):
    """A month's cost as published, $: of the optimum in hindsight, and of the paper's policy."""

    energy: float
    demand: float
    online: float

    @property
    def offline(self) -> float:
        """The whole optimum."""
        return round(self.energy + self.demand, 2)


PUBLISHED = {
    ("caltech", "2019-01"): Cost(757.50, 717.51, 1601.65),
    ("caltech", "2019-02"): Cost(694.58, 607.88, 1388.03),
    ("caltech", "2019-03"): Cost(652.73, 520.27, 1246.99),
    ("caltech", "2019-04"): Cost(652.42, 528.02, 1378.47),
    ("caltech", "2019-05"): Cost(629.09, 584.92, 1346.25),
    ("caltech", "2019-06"): Cost(956.87, 490.41, 1517.65),
    ("caltech", "2019-07"): Cost(875.50, 470.85, 1499.09),
    ("jpl", "2019-01"): Cost(1523.85, 1395.11, 3115.52),
    ("jpl", "2019-02"): Cost(1458.83, 1599.86, 3257.69),
    ("jpl", "2019-03"): Cost(1573.21, 1491.69, 3084.75),
    ("jpl", "2019-04"): Cost(1708.62, 1657.49, 3706.36),
    ("jpl", "2019-05"): Cost(1778.08, 1477.37, 3598.13),
    ("jpl", "2019-06"): Cost(2795.31, 1726.04, 4805.95),
    ("jpl", "2019-07"): Cost(2846.93, 1948.69, 5036.54),
}

# The totals as the paper's tables have them, which the rounded parts miss by a cent.
OFFLINE = {
    ("caltech", "2019-05"): 1214.01,
    ("caltech", "2019-06"): 1447.28,
    ("caltech", "2019-07"): 1346.35,
    ("jpl", "2019-05"): 3255.45,
    ("jpl", "2019-06"): 4521.35,
    ("jpl", "2019-07"): 4795.62,
}

# Hours from which a price holds; $/kWh.  Summer is June to September.
HOURS = (0, 8, 12, 18, 23)
SUMMER, WINTER = (0.05623, 0.0925, 0.26668, 0.0925, 0.05623), (0.06087, 0.07492, 0.0869, 0.07492, 0.06087)


@cache
def visits(site: str, month: str, days: int = 31) -> tuple[Visit, ...]:
    """Return the visits of a month's first days, in order of arrival.

    Those without time or energy are left out.
    """
    first = date.fromisoformat(f"{month}-01").toordinal()
    found = []
    with gzip.open(DATA / f"acn_{site}_2019.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            if not row["arrival"].startswith(month):
                continue
            arrives, leaves = _slot(row["arrival"], first), _slot(row["departure"], first)
            leaves = min(leaves, arrives + LONGEST_SLOTS)
            kwh = min(float(row["delivered_kwh"]), (leaves - arrives) * SLOT_KWH) - LESS_KWH
            if kwh > 0 and arrives < days * DAY_SLOTS:
                found.append(Visit(arrives, leaves, kwh, row["station"]))
    return tuple(sorted(found))


def _slot(local: str, first: int) -> int:
    moment = datetime.fromisoformat(local)
    minutes = moment.hour * 60 + moment.minute
    return (moment.toordinal() - first) * DAY_SLOTS + minutes // SLOT_MIN


def day_of(month: str, slot: int) -> date:
    """Return the day that a slot is in."""
    return date.fromordinal(date.fromisoformat(f"{month}-01").toordinal() + slot // DAY_SLOTS)


def days_in(month: str) -> int:
    """Return how many days a month has."""
    year, number = map(int, month.split("-"))
    return (date(year + number // 12, number % 12 + 1, 1) - date(year, number, 1)).days


def is_summer(month: str) -> bool:
    """Tell whether summer's prices hold in a month."""
    return 6 <= int(month[5:]) <= 9


def prices(month: str, slots: int, summer: bool | None = None) -> list[float]:
    """Return $/kWh, slot by slot.  summer: whether its prices hold; None for the calendar's."""
    found = []
    for slot in range(slots):
        day, hour = day_of(month, slot), slot % DAY_SLOTS * SLOT_MIN // 60
        table = SUMMER if (6 <= day.month <= 9 if summer is None else summer) else WINTER
        found.append(table[0] if day.weekday() >= 5 else table[sum(hour >= h for h in HOURS) - 1])
    return found


def _named(prefix: str, numbers: str) -> tuple[str, ...]:
    return tuple(prefix + n for n in numbers.split())


AB, BC, CA = (0, 1), (1, 2), (0, 2)

_JPL = (
    Circuit("jpl", None, None, {}),
    Circuit("floor 1", "jpl", 125.0, {
        AB: _named("AG-1F", "10"), BC: _named("AG-1F", "07 09"), CA: _named("AG-1F", "08"),
    }),
    Circuit("floor 1 panel 1", "floor 1", 100.0, {
        AB: _named("AG-1F", "12 14"), CA: _named("AG-1F", "11 13"),
    }),
    Circuit("floor 1 panel 2", "floor 1", 100.0, {
        AB: _named("AG-1F", "03 06"), BC: _named("AG-1F", "01 04"), CA: _named("AG-1F", "02 05"),
    }),
    Circuit("floors 3 and 4", "jpl", 150_000 / 360, {}),
    Circuit("floor 3", "floors 3 and 4", 225.0, {
        AB: _named("AG-3F", "16 17 20 23 25 26 29 33"),
        BC: _named("AG-3F", "18 21 27 30 31"),
        CA: _named("AG-3F", "15 19 22 24 28 32"),
    }),
    Circuit("floor 4", "floors 3 and 4", 225.0, {
        AB: _named("AG-4F", "35 36 39 42 44 45 48 52"),
        BC: _named("AG-4F", "37 40 46 49 50"),
        CA: _named("AG-4F", "34 38 41 43 47 51"),
    }),
)  # fmt: skip

_CALTECH = (
    Circuit("caltech", None, 150_000 / 360, {
        AB: _named("CA-", "308 508 303 513 310 506 316 500 318 498"),
        BC: _named("CA-", "304 512 305 511 313 503 311 505 317 499 148 149 212 213"),
        CA: _named("CA-", "307 509 309 507 306 510 315 501 319 497 312 504 314 502"),
    }),
    Circuit("pod 1", "caltech", 80.0, {AB: _named("CA-", "322 493 496 320 495 321 323 494")}),
    Circuit("pod 2", "caltech", 80.0, {AB: _named("CA-", "324 325 326 327 489 490 491 492")}),
)  # fmt: skip

CIRCUITS = {"jpl": _JPL, "caltech": _CALTECH}


def lines_of(site: str) -> dict[str, tuple[int, int]]:
    """Return the two lines of every station."""
    return {s: pair for c in CIRCUITS[site] for pair, stations in c.below.items() for s in stations}


def rows_of(site: str) -> list[tuple[frozenset[str], float]]:
    """Return every limit as who counts in it, in full, and the amperes they may take together."""
    parents = {c.name: c.parent for c in CIRCUITS[site]}
    members: dict[tuple[str, int], set[str]] = {}
    for circuit in CIRCUITS[site]:
        for pair, stations in circuit.below.items():
            at: str | None = circuit.name
            while at is not None:
                for line in pair:
                    members.setdefault((at, line), set()).update(stations)
                at = parents[at]
    limits = {c.name: c.limit_a for c in CIRCUITS[site]}
    found = {
        (frozenset(who), limit)
        for (name, _), who in members.items()
        if (limit := limits[name]) is not None and len(who) * RATE_MA / 1000 > limit
    }
    return sorted(found, key=lambda row: (sorted(row[0]), row[1]))


def energy_kwh(month: Iterable[Visit]) -> float:
    """Return what visits need together."""
    return sum(v.kwh for v in month)
