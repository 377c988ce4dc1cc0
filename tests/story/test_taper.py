"""A battery that tapers, against the simulator's: its last 15 % go at falling power, down to a tenth.

40 kWh at 22.08 kW would take 1 h 49 min.  The last 6 kWh lose 6 / 22.08 * (ln 10 / 0.9 - 1) h = 25 min.
It comes at 21:00 and leaves at midnight; cheap is from 22:00 on: time enough at full power, and no more.
"""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from edge.core.fleet import Guest
from edge.model.records import Session
from edge.model.site import Window
from edge.model.units import MINUTE_MS
from tests.story.night import two_prices
from tests.story.sites import depot
from tests.story.weeks import Visit, Yard

MONDAY_MS = int(datetime(2026, 11, 30, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp() * 1000)
LOST_MIN = 0.15 * 40 / 22.08 * (math.log(10) / 0.9 - 1) * 60
START = 21 * 60  # of the yard's first day


def yard(nights: int) -> Yard:
    """Return a yard whose vehicle needs 40 kWh from 21:00 to midnight on so many nights."""
    window = Window("w", "bay-1", START, 0, 40_000, source="site")
    site = depot(1, windows=(window,), other_max_ma=0)
    stays = [Visit("bay-1", n * 1440 + START, (n + 1) * 1440, 40_000) for n in range(nights)]
    return Yard(site, stays, MONDAY_MS, two_prices(22, 5), pace_ms=10_000)


def test_the_time_that_a_battery_loses_is_measured_as_it_is() -> None:
    found = yard(1)
    found.visits[0] = Visit("bay-1", START, 1440 + 40, 40_000)  # it stays until it is full
    found.run(25 * 60)
    (row,) = [row for row in found.kept.values() if isinstance(row, Session)]
    assert row.tapered_ms / MINUTE_MS == pytest.approx(LOST_MIN, rel=0.15)
    assert (row.took_phases, row.power_w_max // 100) == (0b111, 216)  # 2 % below the setpoint


def test_who_tapers_begins_earlier_as_soon_as_that_is_known() -> None:
    """At full power from 22:00 on it would be ready at 23:51; with the taper it must have 5 kWh more before.

    A plan of so many hours aims at being ready a quarter of an hour early, at 23:45, in slots of five
    minutes: at most two of these, 3.7 kWh, and what a few minutes at 6 A give, are charged before 22:00.
    """
    found = yard(3)
    before_cheap = []
    for night in range(3):
        found.run(night * 1440 + START + 55 - found.now_ms // MINUTE_MS)
        assert found.latest is not None
        before_cheap.append(found.latest.chargers[0].session_wh or 0)
    assert before_cheap[0] < 4_500, "nobody could know: it waits as long as it can"
    assert before_cheap[2] > before_cheap[0] + 4_000
    found.run(2 * 60 + 30)
    assert found.left[2].late_wh <= 50
    assert found.controller._calendar.learned.taper_ms("bay-1", Guest(0)) >= LOST_MIN * MINUTE_MS * 0.8


def test_a_promise_counts_with_it() -> None:
    """Learned twice; it comes at 21:50 on the third night: 2 h 10 min are less than 1 h 49 and a taper."""
    found = yard(2)
    late = Visit("bay-1", 2 * 1440 + START + 50, 3 * 1440, 40_000)
    found.visits.append(late)
    found.run(2 * 1440 + START + 60)
    assert found.latest is not None
    bay = found.latest.chargers[0]
    assert bay.promise in ("no", "at risk")
    assert "as it gets full" in bay.promise_why or "min left" in bay.promise_why
    assert found.run(2 * 60 + 10).left[-1].late_wh > 0, "and so it is"
