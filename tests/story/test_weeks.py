"""Two weeks without a single window: what is learned from stays, and that vehicles leave ready all the same.

bay-1: at about 17:00 on workdays until about 06:00, 25 to 35 kWh.  bay-2: from about 08:00 to 12:00, 8 to 14.
Cheap is from 21:00 to 05:00.  The default is 10 kWh within twelve hours.
"""

import random
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.core.planner import EVERY_MS
from edge.model.flow import StaysForgotten
from edge.model.records import ChargerNow
from edge.model.site import DefaultWindow, FleetVehicle, Site, Window
from edge.model.units import HOUR_MS, MINUTE_MS
from tests.story.night import two_prices
from tests.story.sites import depot
from tests.story.weeks import Visit, Yard, of_days

MONDAY_MS = int(datetime(2026, 11, 30, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp() * 1000)
DAY = 24 * 60
PACE_MS = 3 * MINUTE_MS
DEFAULT = DefaultWindow(10_000, 12 * HOUR_MS)


def site(bays: int = 2, default: DefaultWindow | None = DEFAULT, windows: tuple[Window, ...] = ()) -> Site:
    drawn = depot(bays, limit_ma=40_000, other_max_ma=0, windows=windows)
    return msgspec.structs.replace(drawn, default_window=default)


def visits(seed: int) -> list[Visit]:
    """Return two weeks of stays, each at its own time and with its own need."""
    draw = random.Random(seed)
    found = []
    for day in (d for d in range(14) if d % 7 < 5):
        at = day * DAY + 17 * 60 + draw.randrange(-20, 21)
        leaves = (day + 1) * DAY + 6 * 60 + draw.randrange(-10, 20)
        found.append(Visit("bay-1", at, leaves, draw.uniform(25e3, 35e3)))
        at = day * DAY + 8 * 60 + draw.randrange(-15, 16)
        leaves = day * DAY + 12 * 60 + draw.randrange(-10, 20)
        found.append(Visit("bay-2", at, leaves, draw.uniform(8e3, 14e3)))
    return found


def now(yard: Yard, bay: str) -> ChargerNow:
    assert yard.latest is not None
    return next(c for c in yard.latest.chargers if c.id == bay)


@pytest.fixture(scope="module")
def fortnight() -> Iterator[Yard]:
    """A yard on the second Thursday at 17:30, after a restart on the Wednesday."""
    yard = Yard(site(), visits(1), MONDAY_MS, two_prices(21, 5), PACE_MS)
    yard.run(9 * DAY + 15 * 60)
    yard.restart()
    yield yard.run(DAY + 2 * 60 + 30)


def test_everybody_leaves_ready_whether_anything_is_learned_yet_or_not(fortnight: Yard) -> None:
    assert len(fortnight.left) == 17  # nine nights are over, and so are eight mornings… with the ninth
    assert [left for left in fortnight.left if left.late_wh > 50] == []


def test_in_the_second_week_it_is_known_how_long_they_stay_and_it_is_said_from_what(fortnight: Yard) -> None:
    bay = now(fortnight, "bay-1")
    assert (bay.window_source, bay.promise) == ("learned", "yes")
    assert bay.asked_because.startswith("planned from 2")
    assert "no window: taken from 8 stays of bay-1, left at 05:" in bay.asked_because
    assert bay.asked_because.endswith("or later in 8 of 8; by the default earlier")
    assert bay.need_wh is not None
    assert 30_000 <= bay.need_wh <= 35_500
    assert fortnight.latest is not None
    by = (bay.ready_by_wall_ms or 0) - (bay.session_since_wall_ms or 0)
    assert by == 12 * HOUR_MS, "the default is the latest"


def test_what_was_said_is_measured_and_a_restart_forgets_none_of_it(fortnight: Yard) -> None:
    assert fortnight.latest is not None
    rows = {row.charger: row for row in fortnight.latest.learned}
    evening, morning = rows["bay-1"], rows["bay-2"]
    assert (evening.stays, evening.measured, morning.stays, morning.measured) == (8, 3, 9, 4)
    assert abs(evening.arrives_min - 17 * 60) <= 20
    assert DAY + 5 * 60 + 50 <= evening.leaves_min <= DAY + 6 * 60
    assert evening.leaves_error_min is not None
    assert evening.leaves_error_min <= 20, "they leave within half an hour of each other"
    assert evening.need_error_wh is not None
    assert evening.need_error_wh <= 10_000
    before = fortnight.latest.learned
    fortnight.restart()
    fortnight.run(3)
    assert fortnight.latest.learned == before
    assert now(fortnight, "bay-1").window_source == "learned"


def test_who_is_to_come_is_planned_for(fortnight: Yard) -> None:
    coming = fortnight.controller._calendar.expected(MONDAY_MS + fortnight.now_ms)
    friday = [w for w in coming if w.dates == ("2026-12-11",)]
    assert [(w.charger, w.source) for w in friday] == [("bay-2", "learned"), ("bay-1", "learned")]
    saturday = [w for w in coming if w.dates == ("2026-12-12",)]
    assert saturday == [], "nobody has come on a day off"


def test_what_is_forgotten_is_not_acted_upon_and_stays_forgotten(fortnight: Yard) -> None:
    wall_ms = MONDAY_MS + fortnight.now_ms
    fortnight._say(StaysForgotten(fortnight.now_ms, wall_ms, "bay-1"))
    fortnight.run(3)
    assert now(fortnight, "bay-1").window_source == "default"
    assert "no window: by the default" in now(fortnight, "bay-1").asked_because
    fortnight.restart()
    fortnight.run(3)
    assert now(fortnight, "bay-1").window_source == "default"
    assert fortnight.latest is not None
    assert [row.charger for row in fortnight.latest.learned] == ["bay-2"]


def test_dear_hours_are_left_out_once_it_is_known_that_there_is_time() -> None:
    """A morning's vehicle charges at once: twelve hours of default would have it wait until it is gone."""
    stays = of_days("bay-1", (0, 1, 2, 3, 4, 7), 17 * 60, 11 * 60, 30_000)
    yard = Yard(site(1), stays, MONDAY_MS, two_prices(21, 5), PACE_MS)
    yard.run(7 * DAY + 20 * 60)
    assert now(yard, "bay-1").session_wh == 0, "it waits for 21:00"
    yard.run(9 * 60)
    assert [left for left in yard.left if left.late_wh > 50] == []


def test_a_vehicle_that_stays_shorter_than_the_default_says_is_ready_once_that_is_known() -> None:
    """By the default it is planned for 21:00 and is gone by then; by what is learned it charges at once."""
    stays = of_days("bay-1", range(9), 15 * 60, 3 * 60, 20_000)
    default = DefaultWindow(10_000, 8 * HOUR_MS)
    yard = Yard(site(1, default), stays, MONDAY_MS, two_prices(21, 5), PACE_MS)
    yard.run(9 * DAY)
    late = [left.late_wh > 50 for left in yard.left]
    assert late[:5] == [True] * 5, "nobody could know"
    assert late[7:9] == [False, False]


def test_without_a_default_nothing_that_is_learned_is_acted_upon() -> None:
    stays = of_days("bay-1", (0, 1, 2, 3, 4, 7), 17 * 60, 11 * 60, 8_000)
    yard = Yard(site(1, None), stays, MONDAY_MS, two_prices(21, 5), PACE_MS)
    yard.run(7 * DAY + 18 * 60)
    assert now(yard, "bay-1").window_source == ""
    assert (now(yard, "bay-1").session_wh or 0) > 7_000, "charges now, as without_window says"
    assert yard.latest is not None
    assert [(row.charger, row.used) for row in yard.latest.learned] == [("bay-1", False)]


def test_a_stated_window_goes_before_what_is_learned() -> None:
    window = Window("w", "bay-1", 16 * 60, 20 * 60, 5_000, days=("mon",), source="site")
    stays = of_days("bay-1", (0, 1, 2, 3, 4, 7), 17 * 60, 11 * 60, 20_000)
    yard = Yard(site(1, windows=(window,)), stays, MONDAY_MS, two_prices(21, 5), PACE_MS)
    yard.run(7 * DAY + 17 * 60 + 30)
    assert now(yard, "bay-1").window_source == "site"
    yard.run(3 * 60)
    assert now(yard, "bay-1").window_source == "learned", "when its time is over and it is still there"


def test_a_vehicle_that_is_known_is_taken_by_its_own_stays_at_whichever_bay() -> None:
    card = "d-0000000000000007"
    drawn = msgspec.structs.replace(site(2), fleet=(FleetVehicle("van-7", (card,)),))
    stays = of_days("bay-1", (0, 1, 2, 3, 4), 17 * 60, 11 * 60, 20_000)
    stays = [with_card(visit, card) for visit in stays]
    stays += [Visit("bay-2", 7 * DAY + 17 * 60, 8 * DAY, 20_000, tag=card)]
    yard = Yard(drawn, stays, MONDAY_MS, two_prices(21, 5), PACE_MS)
    yard.run(7 * DAY + 17 * 60 + 2 * EVERY_MS // MINUTE_MS)
    bay = now(yard, "bay-2")
    assert (bay.vehicle, bay.window_source) == ("van-7", "learned")
    assert "taken from 5 stays of van-7, left at 04:00 or later in 5 of 5" in bay.asked_because


def with_card(visit: Visit, card: str) -> Visit:
    """Return a visit with a card that is shown."""
    return Visit(visit.bay, visit.at_min, visit.until_min, visit.need_wh, tag=card)
