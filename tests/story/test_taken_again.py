"""What a vehicle takes is learned at the daemon's own pace, a tick a second, and known after a restart.

The charger offers 32 A on three phases, 22 kW; the vehicle takes 16 A on one, 3.7 kW.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from edge.model.site import Window
from edge.model.units import SECOND_MS
from tests.story.sites import depot
from tests.story.weeks import Visit, Yard

MONDAY_MS = int(datetime(2026, 11, 30, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp() * 1000)
REAL_W = 16 * 230


def test_its_phases_and_its_own_maximum_are_planned_with_at_once_after_a_restart() -> None:
    window = Window("w", "bay-1", 0, 6 * 60, 20_000, source="site")
    stay = Visit("bay-1", 0, 300, 60_000, max_a=16.0, phases=1)
    yard = Yard(depot(1, windows=(window,), other_max_ma=0), [stay], MONDAY_MS, pace_ms=SECOND_MS)
    yard.run(1)
    assert yard.wishes[0].prospect.stayers[0].takes_w == 22_080, "nobody can know"
    yard.run(4)
    learned = yard.wishes[-1].prospect.stayers[0]
    assert learned.phases == (0,)
    assert REAL_W <= learned.takes_w <= REAL_W * 1.1
    yard.restart()
    before = len(yard.wishes)
    yard.run(1)
    first = yard.wishes[before].prospect.stayers[0]
    assert (first.phases, first.takes_w) == (learned.phases, learned.takes_w)


def test_a_steady_vehicle_does_not_have_the_day_planned_anew_for_its_flicker() -> None:
    window = Window("w", "bay-1", 0, 6 * 60, 20_000, source="site")
    stay = Visit("bay-1", 0, 300, 60_000, max_a=16.0, phases=1)
    yard = Yard(depot(1, windows=(window,), other_max_ma=0), [stay], MONDAY_MS, pace_ms=SECOND_MS)
    yard.run(10)
    assert len(yard.wishes) <= 8, "it came, its phases, its maximum; every five minutes; little else"
