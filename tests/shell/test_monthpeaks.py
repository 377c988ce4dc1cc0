"""The peaks of the months before, from a real store: days that repeat, so that the best is known by hand."""

import asyncio
from datetime import UTC, datetime

import pytest

from edge.core.tariff import Book
from edge.model.flow import MonthsLearned
from edge.model.records import ChargeBlock, LoadBlock, Session
from edge.model.tariff import DemandPrice, EnergyPrice, Season, Tariff, Tier, When
from edge.model.trends import MonthPeak
from edge.model.units import DAY_MS, HOUR_MS, QUARTER_MS
from edge.shell import monthpeaks
from edge.shell.clock import Clock
from edge.shell.store import open_store
from tests.story.sites import depot

SITE = depot(2, limit_ma=200_000, other_max_ma=0)
NOW_MS = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()) * 1000
EARLY, LATE = When(from_min=0, to_min=14 * 60), When(from_min=14 * 60, to_min=1440)


def tariff(per: str = "month") -> Tariff:
    """10 $/kW; energy is cheap after 14:00, and by much more in November."""
    november = Season("november", (((11, 1), (11, 30)),))
    prices = (
        EnergyPrice("november early", (Tier(9_000_000_000),), (When("november", from_min=0, to_min=840),)),
        EnergyPrice("early", (Tier(100_000_000),), (EARLY,)),
        EnergyPrice("late", (Tier(100_000_000),), (LATE,)),
    )
    demand = DemandPrice("d", (Tier(10_000_000_000),), per=per)  # type: ignore[arg-type]
    return Tariff("t", SITE.timezone, energy=prices, demand=(demand,), seasons=(november,))


def filled(path, first: str, days: int) -> None:
    """Every day one vehicle from 12:00 to 16:00, which took 16 kWh in its first hour."""
    store, _ = open_store(path, "boot")
    begin = int(datetime.fromisoformat(f"{first}T19:00:00+00:00").timestamp()) * 1000
    for day in range(days):
        at = begin + day * DAY_MS
        store.keep(Session(f"s{at}", "bay-1", at, at + 4 * HOUR_MS, energy_wh=16_000, power_w_max=22_000))
        for quarter in range(16):
            start = at + quarter * QUARTER_MS
            wh = 4_000 if quarter < 4 else 0
            store.keep(LoadBlock(start, import_wh=wh, export_wh=0, measured_ms=QUARTER_MS))
            if wh:
                store.keep(ChargeBlock(f"s{at}", start, "bay-1", wh))
    store.close(None)


@pytest.fixture
def store(tmp_path):
    found, _ = open_store(tmp_path / "store.db", "boot")
    yield found
    found.close(None)


def test_a_month_is_planned_again_under_the_prices_of_now(tmp_path) -> None:
    filled(tmp_path / "store.db", "2026-10-01", 30)
    store, _ = open_store(tmp_path / "store.db", "next")
    assert Book(tariff()).month_of(NOW_MS) == (2026, 11)
    (row,) = monthpeaks.learned(store, SITE, tariff(), NOW_MS)
    # October's prices would leave 4 kW for the 16 kWh of four hours; November's the two hours from 14:00.
    assert (row.month, row.priced_as) == ("2026-10", "2026-11")
    assert abs(row.peak_w - 8_000) < 400
    store.close(None)


def test_two_weeks_are_the_least_that_says_something(tmp_path) -> None:
    filled(tmp_path / "store.db", "2026-10-01", 13)
    store, _ = open_store(tmp_path / "store.db", "next")
    assert monthpeaks.learned(store, SITE, tariff(), NOW_MS) == []
    store.close(None)


def test_what_is_known_for_this_month_is_not_worked_out_again(store, monkeypatch) -> None:
    row = MonthPeak("2026-09", "2026-11", 55_000)
    store.keep(row)
    store.keep(MonthPeak("2026-10", "2026-10", 1))
    store.commit()
    assert monthpeaks.learned(store, SITE, tariff(), NOW_MS) == [row]


def test_the_core_is_told_at_the_start_and_only_where_a_month_s_demand_costs(store) -> None:
    store.keep(MonthPeak("2026-09", "2026-11", 55_000))
    store.commit()
    clock = Clock(NOW_MS)
    clock.wall_ms = lambda: NOW_MS  # type: ignore[method-assign]
    clock.wall_trusted = lambda: True  # type: ignore[method-assign]

    async def told(of: Tariff | None) -> list[MonthsLearned]:
        said: list[MonthsLearned] = []
        task = asyncio.create_task(monthpeaks.work(store, SITE, of, said.append, clock))
        for _ in range(200):
            await asyncio.sleep(0.02)
            if said or task.done():
                break
        task.cancel()
        return said

    (event,) = asyncio.run(told(tariff()))
    assert [row.peak_w for row in event.peaks] == [55_000]
    assert asyncio.run(told(tariff("day"))) == []
    assert asyncio.run(told(None)) == []
