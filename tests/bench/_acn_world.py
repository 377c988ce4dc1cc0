"""A month at a workplace in simulated time, decided by the product's core; nothing is known beforehand.

What of the core runs, slot by slot of 5 min: the tariff's prices and the peak so far (Book, Peaks), what was
learned of peaks and arrivals (PeakTarget), the drawing of the problem and its second, roomier one (prospect),
the C planner, the day's plan (dayplan.made, step), and the exact balancer with the site's circuits (share).
A plan is made when somebody comes, and every half hour.
What does not: the controller's tick with its ramps, meters and chargers of seconds, and its rule that a
vehicle with little time to spare charges at once (asks): vehicles here are ideal and leave when they say.

Rule 1: the world's own figures (energy, cost, circuits) share no code with the core.
Rule 2: the core leaves 3 min before a departure and a fiftieth of the energy in reserve, for real vehicles.
        Ideal ones need neither: the world hands in departures and needs that these reserves just fill.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import NamedTuple

from edge.core import balance, dayplan, prospect
from edge.core import tariff as tariffs
from edge.core.peaks import Peaks, Quarter
from edge.core.peaktarget import PeakTarget
from edge.core.tariff import Book
from edge.model.dayplan import DayPlan, Prospect, Stayer
from edge.model.flow import MonthsLearned
from edge.model.records import Session
from edge.model.sharing import Ask
from edge.model.sharing import Node as Room
from edge.model.site import Address, Charger, Node, Site
from edge.model.tariff import DemandPrice, EnergyPrice, Season, Tariff, Tier, When
from edge.model.trends import MonthPeak
from edge.model.units import HOUR_MS
from tests.bench import _acn_month as acn
from tests.bench._acn_month import Visit

# The data's clock, taken as it is: one zone without summer time.
ZONE, OFFSET = "Etc/GMT+7", timedelta(hours=-7)

SLOT_MS = acn.SLOT_MIN * 60_000
EVERY_SLOTS = 6

# Calls of the solver for a plan: where the gap of a thousandth takes longer, it is taken as it is, unless
# it is a percent or somebody would go without: the daemon has 20 s for that, which is far more.
STEPS, STEPS_MORE = 40, 250
POOR_PPM = 10_000
AHEAD_MS = 48 * HOUR_MS

# W per ampere and line: a line-to-line load of 208 V on two lines is 104 on each.
LINE_SHARE_V = acn.LINE_V // 2

NO_LIMIT_MA = 10_000_000

OVER, UNDER = prospect.RESERVE


class Run(NamedTuple):
    """A month as it went.  kwh: delivered.  over_ma: the worst excess of a circuit.  decide_ms: each plan."""

    energy_usd: float
    peak_kw: float
    kwh: float
    over_ma: int
    decide_ms: list[float]

    @property
    def total_usd(self) -> float:
        """What the month costs."""
        return self.energy_usd + acn.PER_KW * self.peak_kw


def site_of(name: str) -> Site:
    """Return a workplace as the core knows sites."""
    nodes, chargers = [], []
    for circuit in acn.CIRCUITS[name]:
        limit_ma = NO_LIMIT_MA if circuit.limit_a is None else int(circuit.limit_a * 1000)
        nodes.append(Node(circuit.name, circuit.parent, (limit_ma,) * 3))
        for pair, stations in circuit.below.items():
            for station in stations:
                chargers.append(
                    Charger(station, circuit.name, "", Address(unit=1), pair, min_ma=0, max_ma=acn.RATE_MA)
                )
    return Site(name, name, ZONE, tuple(nodes), chargers=tuple(chargers), voltage_v=LINE_SHARE_V)


def tariff() -> Tariff:
    """Return SCE TOU-EV-4 of March 2019, demand as the paper takes it: the mean of 5 min."""
    weekdays, weekend = ("mon", "tue", "wed", "thu", "fri"), ("sat", "sun")
    energy = []
    for season, table in (("summer", acn.SUMMER), ("winter", acn.WINTER)):
        tiers = [(Tier(round(usd * 1e9)),) for usd in table]
        energy.append(EnergyPrice(f"{season} weekend", tiers[0], (When(season, weekend),)))
        for hour, until, tier in zip(acn.HOURS, (*acn.HOURS[1:], 24), tiers, strict=True):
            during = (When(season, weekdays, hour * 60, until * 60),)
            energy.append(EnergyPrice(f"{season} from {hour}", tier, during))
    seasons = (Season("summer", (((6, 1), (9, 30)),)), Season("winter", (((10, 1), (5, 31)),)))
    demand = DemandPrice("facilities", (Tier(round(acn.PER_KW * 1e9)),), minutes=acn.SLOT_MIN)
    return Tariff("SCE TOU-EV-4", ZONE, energy=tuple(energy), demand=(demand,), seasons=seasons)


class Learned:
    """What a device has learned before a month begins, from what it could have seen."""

    def __init__(self) -> None:
        self.target = PeakTarget(ZONE)

    def peaks(self, month: str, peaks_kw: dict[str, float]) -> None:
        """Take in the optimal peaks of the months before, under this month's prices."""
        rows = [MonthPeak(name, month, round(kw * 1000)) for name, kw in peaks_kw.items()]
        self.target.months(MonthsLearned(0, tuple(rows)))

    def saw(self, month: str, visit: Visit) -> None:
        """Take in a visit that is over."""
        begin, end = wall_ms(month, visit.arrives), wall_ms(month, visit.leaves)
        name = f"{visit.station} {begin}"
        wh = round(visit.kwh * 1000)
        self.target.came(Session(name, visit.station, begin, end, energy_wh=wh))


def wall_ms(month: str, slot: int) -> int:
    """Return when a slot begins, UTC."""
    day = acn.day_of(month, slot)
    local = datetime(day.year, day.month, day.day, tzinfo=UTC) - OFFSET
    return int(local.timestamp()) * 1000 + slot % acn.DAY_SLOTS * SLOT_MS


def run(name: str, month: str, visits: Sequence[Visit], learned: Learned) -> Run:
    """Live through a month."""
    return _World(name, month, visits, learned).lived()


class _World:
    def __init__(self, name: str, month: str, visits: Sequence[Visit], learned: Learned) -> None:
        self._site, self._month, self._visits, self._learned = site_of(name), month, visits, learned
        self._book = Book(tariff())
        self._peaks = Peaks(self._book)
        self._left_kwh: dict[int, float] = {}  # of those who are there, by number of the visit
        self._plan: DayPlan | None = None
        self._planned_slot = 0
        self._rooms = [Room(n.id, n.parent, n.limit_ma) for n in self._site.nodes]
        self._chargers = {c.id: c for c in self._site.chargers}
        self._rows = acn.rows_of(name)
        self.decide_ms: list[float] = []

    def lived(self) -> Run:
        last = max(visit.leaves for visit in self._visits)
        price = acn.prices(self._month, last)
        coming: dict[int, list[int]] = {}
        for number, visit in enumerate(self._visits):
            coming.setdefault(visit.arrives, []).append(number)
        usd = peak_kw = kwh = 0.0
        over_ma = 0
        for slot in range(last):
            news = coming.get(slot, [])
            self._left_kwh |= {number: self._visits[number].kwh for number in news}
            self._leave(slot)
            taken = self._slot(slot, bool(news)) if self._left_kwh else {}
            taken_kwh = sum(taken.values())
            self._peaks.fold(
                Quarter(wall_ms(self._month, slot), round(taken_kwh * 1000), 0, SLOT_MS, SLOT_MS)
            )
            usd, kwh = usd + taken_kwh * price[slot], kwh + taken_kwh
            peak_kw = max(peak_kw, taken_kwh * 60 / acn.SLOT_MIN)
            over_ma = max(over_ma, self._excess_ma(taken))
        return Run(usd, peak_kw, kwh, over_ma, self.decide_ms)

    def _leave(self, slot: int) -> None:
        """Let those go whose time has come; the device then knows them as a session."""
        for number in [n for n in self._left_kwh if self._visits[n].leaves <= slot]:
            visit = self._visits[number]
            got = visit._replace(kwh=visit.kwh - self._left_kwh.pop(number))
            self._learned.saw(self._month, got)

    def _slot(self, slot: int, news: bool) -> dict[str, float]:
        """Return what everybody takes in a slot, kWh by station."""
        hungry = {n: kwh for n, kwh in self._left_kwh.items() if kwh > 1e-6}
        if not hungry:
            self._plan = None
            return {}
        if news or self._plan is None or slot - self._planned_slot >= EVERY_SLOTS:
            begun = time.process_time()
            self._plan, self._planned_slot = self._made(slot, hungry), slot
            self.decide_ms.append((time.process_time() - begun) * 1000)
        asks = self._asks(slot, hungry)
        grants = balance.share(self._rooms, asks).grants_ma
        taken: dict[str, float] = {}
        for number, left_kwh in hungry.items():
            station = self._visits[number].station
            kwh = grants.get(station, 0) * acn.LINE_V * acn.SLOT_MIN / 60 / 1e6
            taken[station] = min(kwh, left_kwh)
            self._left_kwh[number] -= taken[station]
        return taken

    def _made(self, slot: int, hungry: dict[int, float]) -> DayPlan:
        now_ms = wall_ms(self._month, slot)
        stayers = [self._stayer(number, now_ms, kwh) for number, kwh in hungry.items()]
        look = Prospect(
            now_ms,
            tuple(stayers),
            prices=tuple(tariffs.prices(self._book, now_ms, now_ms + AHEAD_MS)),
            demand=tuple(self._peaks.ahead(now_ms, now_ms + AHEAD_MS)),
            aim=self._learned.target.aim(now_ms),
        )
        plan = dayplan.made(self._site, look, STEPS)
        if plan.gap_ppm > POOR_PPM or plan.unmet_wh:
            plan = dayplan.made(self._site, look, STEPS_MORE)
        return plan

    def _stayer(self, number: int, now_ms: int, kwh: float) -> Stayer:
        visit = self._visits[number]
        return Stayer(
            charger=visit.station,
            from_wall_ms=now_ms,
            ready_by_wall_ms=wall_ms(self._month, visit.leaves) + prospect.SPARE_MS,
            need_wh=ceil(kwh * 1000 * UNDER / OVER),
            min_ma=0,
            max_ma=acn.RATE_MA,
            takes_w=round(acn.RATE_KW * 1000),
            phases=self._chargers[visit.station].phases,
            priority=0,
            present=True,
        )

    def _asks(self, slot: int, hungry: dict[int, float]) -> list[Ask]:
        plan, now_ms = self._plan, wall_ms(self._month, slot)
        assert plan is not None
        rows = {row.charger: row for row in plan.rows}
        found = []
        for number in hungry:
            station = self._visits[number].station
            step = dayplan.step(plan, rows[station], now_ms) if station in rows else None
            if step is not None and step.current_ma:
                charger = self._chargers[station]
                phases = tuple(phase + 1 for phase in charger.phases)
                found.append(Ask(station, charger.node, phases, 0, step.current_ma))
        return found

    def _excess_ma(self, taken: dict[str, float]) -> int:
        """Return by how much the worst circuit is overloaded."""
        amps = {s: kwh / acn.LINE_V * 1000 * 60 / acn.SLOT_MIN for s, kwh in taken.items()}
        most = max((sum(amps.get(s, 0.0) for s in who) - limit for who, limit in self._rows), default=0.0)
        return max(0, round(most * 1000))
