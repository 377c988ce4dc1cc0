"""Who is to give back, and what it takes before and after: hours of one price, figures by hand."""

import pytest
from msgspec.structs import replace

from edge.core import giveplan
from edge.core.battery import ROUND_TRIP
from edge.core.giveplan import Demand, Outlook
from edge.model.dayplan import Giver, Stayer
from edge.model.units import HOUR_MS

HOURS = (0.40, 0.10, 0.10)


def van(name: str = "bay-1", hours: int = 3, now_wh: int = 40_000, **more: int) -> Stayer:
    """50 kWh, of which 20 stay; to leave with what it came with; 10 kW each way."""
    known = {"keep_wh": 20_000, "full_wh": 50_000, "target_wh": 40_000, "gives_w": 10_000, "cycle_micro": 0}
    giver = Giver(now_wh, **(known | more))
    need = max(0, giver.target_wh - now_wh)
    return Stayer(name, 0, hours * HOUR_MS, need, 6_000, 16_000, 11_040, (0, 1, 2), 0, True, giver=giver)


def outlook(
    net_w: float = 30_000, room_w: float = 11_040, prices=HOURS, demand: Demand | None = None
) -> Outlook:
    slots = len(prices)
    rooms = {name: [room_w] * slots for name in ("bay-1", "bay-2")}
    return Outlook(0, HOUR_MS, prices, [0.0] * slots, [net_w] * slots, rooms, 0.0, 0, demand)


def test_the_dear_hour_is_given_and_what_was_given_becomes_a_need_after_it() -> None:
    found = giveplan.folded([van()], outlook())
    (gives,) = found.gives
    assert (gives.from_slot, gives.watts) == (0, pytest.approx((10_000,)))
    (after,) = found.stayers
    assert after.need_wh == round(10_000 / ROUND_TRIP)
    assert (after.from_wall_ms, after.ready_by_wall_ms, after.part) == (HOUR_MS, 3 * HOUR_MS, "")
    assert found.given_w == pytest.approx([10_000, 0, 0])


def test_what_is_missing_is_taken_in_before_a_later_dear_hour() -> None:
    """It holds 21 kWh, keeps 20, and could give 10 kW in the second hour: bought in the first."""
    found = giveplan.folded([van(now_wh=21_000, target_wh=21_000)], outlook(prices=(0.10, 0.40, 0.10)))
    (gives,) = found.gives
    before, after = found.stayers
    assert gives.from_slot == 1 and gives.watts == pytest.approx((10_000,))
    assert before.part == "<" and before.ready_by_wall_ms == HOUR_MS
    assert before.need_wh == pytest.approx(10_000 / ROUND_TRIP - 1_000, abs=1)
    assert after.need_wh == pytest.approx(1_000, abs=1)


def test_the_second_vehicle_sees_what_the_first_gives() -> None:
    """15 kW flow: 10 are for one, 5 for the other, and nothing is exported."""
    found = giveplan.folded([van(), van("bay-2")], outlook(net_w=15_000))
    assert [g.watts for g in found.gives] == [pytest.approx((10_000,)), pytest.approx((5_000,))]


def test_less_than_the_least_current_is_not_given() -> None:
    assert giveplan.folded([van()], outlook(net_w=4_000)).gives == ()  # 6 A of 11.04 kW at 16 A are 4.14 kW


def test_who_is_short_of_time_or_of_room_gives_nothing() -> None:
    assert giveplan.folded([van(hours=1)], outlook()).gives == ()
    assert giveplan.folded([van()], outlook(room_w=100)).gives == ()
    found = giveplan.folded([van(now_wh=30_000)], outlook(room_w=5_000))
    assert found.gives == () and found.stayers[0].need_wh == 10_000


def test_a_peak_is_worth_more_than_a_price() -> None:
    """30 kW in the first hour, 38 in the second, at one price: 4.2 kW or more off the peak at 20 a kW."""
    prices = (0.20, 0.20, 0.20)
    demand = Demand(20.0, 30_000, (True, True, True))
    flat = outlook(prices=prices, demand=demand)._replace(net_w=[30_000, 38_000, 5_000])
    (gives,) = giveplan.folded([van()], flat).gives
    assert gives.from_slot == 1 and gives.watts[0] == pytest.approx(8_000, abs=1_000)
    assert giveplan.folded([van()], outlook(prices=prices)).gives == ()


def test_who_is_not_there_or_may_not_is_left_as_it_is() -> None:

    plain, absent = replace(van(), giver=None), replace(van("bay-2"), present=False)
    found = giveplan.folded([plain, absent], outlook())
    assert (found.stayers, found.gives) == ([plain, absent], ())
