"""Depots of real fleets over two nights, with the grid operators' real windows in them; seeded.

Who comes and goes is from tests/bench/data; a dispatcher knows the schedule, not the truth: some come late,
some leave early, and until a vehicle is there its need is only what it usually is.  What else the site takes
is an office's year, with days and minutes of their own; the core knows the week before.
"""

import csv
import gzip
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge.core.windows import quarter_of_week
from edge.model.flow import Restored
from edge.model.records import Kept, NodeLoad
from edge.model.site import Address, Charger, Meter, Node, Policy, Site
from edge.model.tariff import Tariff
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS, QUARTER_MS
from edge.shell import tarifffile

DATA = Path(__file__).parent / "data"
TARIFFS = Path(__file__).parents[2] / "docs" / "tariffs"
NOWHERE = Address(unit=1, tcp="127.0.0.1:1")
DAY_MIN = 24 * 60

# Onboard chargers stay a little below what they are told.
FOLLOWS = 0.985

# kWh per mile of a class 8 truck: 1.8 to 2.2.  Source: Borlaug et al., Nature Energy 2021.
TRUCK_WH_PER_MILE = (1_800, 2_200)

# A tenth is late by up to two hours, a twentieth leaves up to half an hour before the dispatcher's time.
LATE, EARLY = 0.10, 0.05


@dataclass(frozen=True)
class Stay:
    """One vehicle's stay, UTC ms.

    arrives_ms, leaves_ms, need_wh: the truth.  from_ms, ready_by_ms, usual_wh: the schedule.
    """

    id: str
    charger: str
    arrives_ms: int
    leaves_ms: int
    need_wh: int
    from_ms: int
    ready_by_ms: int
    usual_wh: int


class Shed(NamedTuple):
    """An event: what the site may import from when to when, and when that was told."""

    start_ms: int
    end_ms: int
    limit_w: int
    told_ms: int


@dataclass(frozen=True)
class Fleet:
    """A depot over its days.  base_w: what else flows, by minute from start_ms on.  before: as restored."""

    name: str
    site: Site
    tariff: Tariff
    stays: tuple[Stay, ...]
    base_w: tuple[int, ...]
    sheds: tuple[Shed, ...]
    before: Restored
    start_ms: int
    end_ms: int


class Visit(NamedTuple):
    """A stay by the schedule: minutes after the first local midnight, and what is needed."""

    from_min: int
    ready_min: int
    need_wh: int


class Kind(NamedTuple):
    """A kind of bay: how many, kW, phases."""

    count: int
    kw: float
    phases: int


# (date of the first evening; by seed): runs of evenings whose hours are certain, `verified` = yes.
CAISO = (date(2020, 8, 17), date(2022, 9, 8), date(2020, 8, 18))
GB = (date(2023, 1, 23), date(2022, 11, 22), date(2023, 1, 30))


def wall_ms(day: date, minute: int, timezone: str) -> int:
    """Return UTC ms of a local minute of a day."""
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)) + timedelta(minutes=minute)
    return int(local.timestamp() * 1000)


def fleet(name: str, seed: int, size: float = 1.0) -> Fleet:
    """Return a depot.  size: of the number of vehicles."""
    return DEPOTS[name](random.Random(f"{name} {seed}"), seed, size)


def first_night(fleet: Fleet) -> Fleet:
    """Return only its first 21 hours, with the stays and events that are over by then."""
    end_ms = fleet.start_ms + 21 * HOUR_MS
    return replace(
        fleet,
        stays=tuple(stay for stay in fleet.stays if stay.leaves_ms <= end_ms),
        sheds=tuple(shed for shed in fleet.sheds if shed.end_ms <= end_ms),
        base_w=fleet.base_w[: 21 * 60],
        end_ms=end_ms,
    )


# --- depots --------------------------------------------------------------------------------------------


def _trucks(
    fleet_name: str, count: int, kw: float, tariff: str, base_kw: float
) -> Callable[[random.Random, int, float], Fleet]:
    def made(rng: random.Random, seed: int, size: float) -> Fleet:
        kinds = (Kind(max(4, round(count * size)), kw, 3),)
        begin = CAISO[seed % len(CAISO)]
        days = [row for row in _rows("trucks.csv") if fleet_name in (row["fleet"], "both")]

        def of(bay: int) -> list[Visit]:
            wh_per_mile = rng.randint(*TRUCK_WH_PER_MILE)
            shifts = [rng.choice(days) for _ in range(3)]
            return _truck_nights(shifts, wh_per_mile)

        return _assembled(
            f"{fleet_name} trucks", rng, kinds, of, begin, "America/Los_Angeles", tariff, base_kw * size
        )

    return made


def _truck_nights(shifts: list[dict[str, str]], wh_per_mile: int) -> list[Visit]:
    """Return the nights between shifts."""
    return [
        Visit(
            n * DAY_MIN + _minute(today["end"]),
            (n + 1) * DAY_MIN + _minute(tomorrow["start"]),
            round(float(today["miles"]) * wh_per_mile),
        )
        for n, (today, tomorrow) in enumerate(pairwise(shifts))
    ]


def _vans(count: int, tariff: str) -> Callable[[random.Random, int, float], Fleet]:
    def made(rng: random.Random, seed: int, size: float) -> Fleet:
        kinds = (Kind(max(4, round(count * size)), 8.8, 1),)
        return _assembled(
            "vans", rng, kinds, lambda bay: _van_nights(rng), CAISO[seed % len(CAISO)],
            "America/Los_Angeles", tariff, 30 * size,
        )  # fmt: skip

    return made


def _van_nights(rng: random.Random) -> list[Visit]:
    """Return a parcel van's two nights: back from 16:30 to 19:30, off from 6:00 to 8:00, 15 to 45 kWh."""
    return [
        Visit(
            n * DAY_MIN + rng.randint(990, 1170),
            (n + 1) * DAY_MIN + rng.randint(360, 480),
            rng.randint(15_000, 45_000),
        )
        for n in range(2)
    ]


def _mixed(rng: random.Random, seed: int, size: float) -> Fleet:
    kinds = (
        Kind(max(3, round(110 * size)), 8.8, 1),
        Kind(max(3, round(60 * size)), 22.0, 3),
        Kind(max(2, round(30 * size)), 60.0, 3),
    )
    days = _rows("trucks.csv")

    def of(bay: int) -> list[Visit]:
        if bay < kinds[0].count:
            return _van_nights(rng)
        if bay < kinds[0].count + kinds[1].count:  # pool cars: by day
            begin, end = DAY_MIN + rng.randint(450, 570), DAY_MIN + rng.randint(960, 1080)
            return [Visit(begin, end, rng.randint(8_000, 40_000))]
        return _truck_nights([rng.choice(days) for _ in range(3)], 2_000)

    begin = CAISO[seed % len(CAISO)]
    return _assembled("mixed", rng, kinds, of, begin, "America/Los_Angeles", "sce_tou_ev_4_2019", 150 * size)


def _buses(rng: random.Random, seed: int, size: float) -> Fleet:
    rows = _rows("buses.csv")
    names = sorted({row["vehicle"] for row in rows})[: max(6, round(27 * size))]
    by_bay: list[list[Visit]] = [[] for _ in names]
    first = datetime(2018, 1, 2)
    for row in rows:
        if row["vehicle"] in names:
            begin, end = (
                int((datetime.fromisoformat(row[key]) - first).total_seconds()) // 60
                for key in ("arrives", "leaves")
            )
            need_wh = round(float(row["kwh"]) * 1000 * rng.uniform(0.85, 1.0))
            by_bay[names.index(row["vehicle"])].append(Visit(begin, min(end, begin + 23 * 60), need_wh))
    kinds = (Kind(len(names), 100.0, 3),)
    begin_day = GB[seed % len(GB)]
    return _assembled(
        "buses", rng, kinds, lambda bay: by_bay[bay], begin_day, "Europe/London", "german_annual_peak",
        60 * size, first_hour=0, hours=54,
    )  # fmt: skip


DEPOTS: dict[str, Callable[[random.Random, int, float], Fleet]] = {
    "beverage": _trucks("beverage", 24, 60.0, "sce_tou_ev_4_2019", 80.0),
    "warehouse": _trucks("warehouse", 24, 60.0, "pge_bev_2_s", 80.0),
    "buses": _buses,
    "vans": _vans(50, "pge_bev_2_s"),
    "trucks-100": _trucks("warehouse", 100, 60.0, "sce_tou_ev_4_2019", 200.0),
    "mixed-200": _mixed,
}


# --- parts -----------------------------------------------------------------------------------------------


def _assembled(
    name: str,
    rng: random.Random,
    kinds: tuple[Kind, ...],
    nights: Callable[[int], list[Visit]],
    begin: date,
    timezone: str,
    tariff: str,
    base_kw: float,
    first_hour: int = 12,
    hours: int = 50,
) -> Fleet:
    """Return the depot, over so many hours from first_hour of the first day on."""
    start_ms = wall_ms(begin, first_hour * 60, timezone)
    end_ms = start_ms + hours * HOUR_MS
    voltage_v = 277 if timezone.startswith("America") else 230
    chargers = _chargers(kinds, voltage_v)
    stays = tuple(_stays(rng, chargers, nights, begin, timezone, (start_ms, end_ms), voltage_v))
    base_w = tuple(_base(rng, begin, start_ms, end_ms, timezone, base_kw))
    most_w = max(base_w)
    site = _site(name, timezone, chargers, voltage_v, most_w)
    free_w = _uncontrolled_w(site, stays, start_ms, end_ms)
    sheds = tuple(
        Shed(a, b, _limit_w(base_w, free_w, start_ms, a, b), told)
        for a, b, told in _windows(begin, timezone, start_ms, end_ms)
    )
    return Fleet(
        name, site, tarifffile.load(TARIFFS / f"{tariff}.toml", timezone), stays, base_w, sheds,
        _week_before(rng, begin, start_ms, timezone, base_kw, voltage_v), start_ms, end_ms,
    )  # fmt: skip


def _chargers(kinds: tuple[Kind, ...], voltage_v: int) -> tuple[Charger, ...]:
    found: list[Charger] = []
    for kind in kinds:
        max_ma = round(kind.kw * 1000 / voltage_v / kind.phases) * 1000
        for _ in range(kind.count):
            n = len(found)
            phases = (0, 1, 2) if kind.phases == 3 else (n % 3,)
            name = f"bay-{n + 1}"
            panel = f"panel-{n // 20 + 1}"
            found.append(Charger(name, panel, "alfen_eve", NOWHERE, phases, 6_000, max_ma, 0, port=name))
    return tuple(found)


def _site(name: str, timezone: str, chargers: tuple[Charger, ...], voltage_v: int, most_w: int) -> Site:
    """Return the site: a panel for twenty bays at eight tenths of their sum, the main one at seven."""

    def sum_ma(of: tuple[Charger, ...], tenths: int) -> tuple[int, int, int]:
        sums = [sum(c.max_ma for c in of if p in c.phases) * tenths // 10 for p in range(3)]
        return (max(sums),) * 3

    panels = sorted({c.node for c in chargers}, key=lambda p: int(p[6:]))
    other_ma = (most_w * 1000 // voltage_v // 3 * 5 // 4,) * 3
    main_ma = tuple(a + b for a, b in zip(sum_ma(chargers, 7), other_ma, strict=True))
    nodes = (
        Node("main", None, main_ma, other_max_ma=other_ma, meter="grid"),
        *(Node(p, "main", sum_ma(tuple(c for c in chargers if c.node == p), 8)) for p in panels),
    )
    slow = Policy(meter_silent_ms=30_000, charger_silent_ms=30_000, setpoint_ms=60_000)
    return Site(
        "depot", name, timezone, nodes, (Meter("grid", "janitza_umg604", NOWHERE),), chargers,
        voltage_v=voltage_v, without_window="never", policy=slow,
    )  # fmt: skip


def _stays(
    rng: random.Random,
    chargers: tuple[Charger, ...],
    nights: Callable[[int], list[Visit]],
    begin: date,
    timezone: str,
    span: tuple[int, int],
    voltage_v: int,
) -> Iterator[Stay]:
    for n, charger in enumerate(chargers):
        most_w = most_of_w(charger, voltage_v)
        visits = nights(n)
        usual_wh = sum(visit.need_wh for visit in visits) // max(1, len(visits))
        free_ms = 0
        for k, visit in enumerate(visits):
            from_ms, ready_ms = (wall_ms(begin, at, timezone) for at in (visit.from_min, visit.ready_min))
            late = rng.randint(15, 120) if rng.random() < LATE else rng.randint(-5, 10)
            early = rng.random() < EARLY
            leaves_ms = ready_ms + (rng.randint(-30, -5) if early else rng.randint(0, 15)) * MINUTE_MS
            arrives_ms = max(from_ms + late * MINUTE_MS, free_ms + 10 * MINUTE_MS)
            if arrives_ms < span[0] or leaves_ms > span[1] or leaves_ms - arrives_ms < 20 * MINUTE_MS:
                continue
            free_ms = leaves_ms
            there_ms = min(ready_ms, leaves_ms) - max(arrives_ms, from_ms)
            need_wh = min(visit.need_wh, round(0.9 * most_w * there_ms / HOUR_MS))
            yield Stay(
                f"{charger.id}-{k}", charger.id, arrives_ms, leaves_ms, need_wh, from_ms, ready_ms, usual_wh
            )


def _windows(begin: date, timezone: str, start_ms: int, end_ms: int) -> Iterator[tuple[int, int, int]]:
    """Return the events of these days that are certain: start, end, and when they were told, a day ahead."""
    for row in _rows("dr_events.csv"):
        if row["verified"] != "yes" or row["tz"] != timezone:
            continue
        day = date.fromisoformat(row["date"])
        a, b = (wall_ms(day, _minute(row[key]), timezone) for key in ("start_local", "end_local"))
        if start_ms < a and b < end_ms:
            yield a, b, max(start_ms + 5 * MINUTE_MS, wall_ms(day - timedelta(days=1), 15 * 60, timezone))


def _limit_w(base_w: tuple[int, ...], free_w: list[int], start_ms: int, a: int, b: int) -> int:
    """Return an event's limit: the other load, and a quarter of what would charge if nobody held it back."""
    first, last = ((at - start_ms) // MINUTE_MS for at in (a, b))
    return max(base_w[first:last]) + max(*free_w[first:last], max(free_w) // 4) // 4


def most_of_w(charger: Charger, voltage_v: int) -> float:
    """Return what a vehicle takes at its charger's maximum."""
    return charger.max_ma * len(charger.phases) * voltage_v * FOLLOWS / 1e3


def _uncontrolled_w(site: Site, stays: tuple[Stay, ...], start_ms: int, end_ms: int) -> list[int]:
    """Return what would charge, minute by minute, if everybody took all from arrival on."""
    found = [0.0] * ((end_ms - start_ms) // MINUTE_MS)
    most_w = {c.id: most_of_w(c, site.voltage_v) for c in site.chargers}
    for stay in stays:
        left_wh = float(stay.need_wh)
        first, last = ((at - start_ms) // MINUTE_MS for at in (stay.arrives_ms, stay.leaves_ms))
        for minute in range(first, last):
            watts = min(most_w[stay.charger], left_wh * 60)
            if watts <= 0:
                break
            found[minute] += watts
            left_wh -= watts / 60
    return [round(w) for w in found]


def uncontrolled_w(depot: Fleet) -> list[int]:
    """Return what would charge, minute by minute, if everybody took all from arrival on and no limit held."""
    return _uncontrolled_w(depot.site, depot.stays, depot.start_ms, depot.end_ms)


def _base(
    rng: random.Random, begin: date, start_ms: int, end_ms: int, timezone: str, peak_kw: float
) -> Iterator[int]:
    """Return other load by minute: the office's hour, a factor of the day, noise that fades soon."""
    hourly = _office()
    highest = max(hourly)
    of_day: dict[date, float] = {}
    noise = 0.0
    for at in range(start_ms, end_ms, MINUTE_MS):
        local = datetime.fromtimestamp(at / 1000, ZoneInfo(timezone))
        factor = of_day.setdefault(local.date(), rng.gauss(1.0, 0.07))
        noise = 0.9 * noise + rng.gauss(0.0, 0.015)
        kw = hourly[_hour_of_year(local)] / highest * peak_kw * max(0.5, factor) * (1 + noise)
        yield max(0, round(kw * 1000))


def _week_before(
    rng: random.Random, begin: date, start_ms: int, timezone: str, peak_kw: float, voltage_v: int
) -> Restored:
    """Return what the store has of the week before: other load by quarters of an hour."""
    first_ms = start_ms - 7 * DAY_MS
    minutes = tuple(_base(rng, begin, first_ms, start_ms, timezone, peak_kw))
    kept: list[Kept] = []
    for n in range(len(minutes) // 15):
        at = first_ms + n * QUARTER_MS
        watts = sum(minutes[15 * n : 15 * n + 15]) // 15
        ma = watts * 1000 // voltage_v // 3
        kept.append(NodeLoad(quarter_of_week(at, timezone), "main", at, ma, ma, ma, watts))
    return Restored(0, start_ms, "bench", start_ms, kept, [], [], {})


@cache
def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def _office() -> list[float]:
    text = gzip.decompress((DATA / "office_hourly_kw.csv.gz").read_bytes()).decode()
    return [float(line) for line in text.split()]


def _hour_of_year(local: datetime) -> int:
    return min(8759, (local.timetuple().tm_yday - 1) * 24 + local.hour)


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")[:2]
    return int(hours) * 60 + int(minutes)
