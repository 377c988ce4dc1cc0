"""Vehicles that are known by their card: their windows follow them, whichever bay they come to.

The story begins at 16:53:20 on a Sunday; 22.08 kW a bay.
"""

import msgspec

from edge.model.flow import WindowSet
from edge.model.site import FleetVehicle, Site, Window
from tests.story.night import Bay, Night, two_prices
from tests.story.sites import depot

SEVEN, NINE = "d-0000000000000007", "d-0000000000000009"
FLEET = (
    FleetVehicle("van-7", (SEVEN,), name="Van 7", battery_wh=75_000, wh_per_km=240, groups=("long",)),
    FleetVehicle("van-9", (NINE,), wh_per_km=300, groups=("long",), priority=-3),
)
BEGIN = 16 * 60 + 53


def follows(name: str, vehicle: str = "", group: str = "", ready: int = 6, **more: int) -> Window:
    need_wh = more.pop("need_wh", 20_000)
    return Window(
        name,
        "",
        16 * 60,
        ready * 60,
        need_wh,
        vehicle=vehicle,
        group=group,
        follows=True,
        source="site",
        **more,
    )


def site(*windows: Window, bays: int = 2) -> Site:
    return msgspec.structs.replace(depot(bays, windows=windows, other_max_ma=0), fleet=FLEET)


def test_a_vehicle_has_its_window_at_whichever_bay_it_is_plugged_in() -> None:
    night = Night(site(follows("w", "van-7")), two_prices(21, 5), bays={"bay-1": Bay(plugged=False)})
    night.bays["bay-2"].tag = SEVEN
    night.minutes(3)
    now = night.now("bay-2")
    assert (now.vehicle, now.need_wh, now.promise, now.window_source) == ("Van 7", 20_000, "yes", "site")
    assert now.asked_because.startswith("planned from 2")
    assert night.now("bay-1").ready_by_wall_ms is None, "nobody is there"
    night.bays["bay-2"] = Bay(plugged=False, energy_wh=night.bays["bay-2"].energy_wh)
    night.bays["bay-1"] = Bay(tag=SEVEN)
    night.minutes(3)
    assert (night.now("bay-1").vehicle, night.now("bay-1").need_wh) == ("Van 7", 20_000)
    assert night.now("bay-2").ready_by_wall_ms is None
    night.until((6 - 17 + 24) * 60)
    assert night.charged_kwh("bay-1") >= 20


def test_a_stranger_gets_the_bay_s_own_window_and_the_vehicle_its_own_before_that() -> None:
    bays_own = Window("bay", "bay-1", 16 * 60, 20 * 60, 5_000, vehicle="whoever")
    night = Night(site(bays_own, follows("w", "van-7")), two_prices(21, 5))
    night.bays["bay-1"].tag = "d-ffffffffffffffff"
    night.minutes(2)
    assert (night.now("bay-1").need_wh, night.now("bay-1").vehicle) == (5_000, "whoever")
    night.bays["bay-1"].tag = SEVEN  # the card is shown later
    night.minutes(2)
    assert night.now("bay-1").vehicle == "Van 7"
    assert 19_000 <= night.now("bay-1").need_wh <= 20_000, "less what it has got meanwhile"
    night.bays["bay-1"].tag = NINE  # known, but without a window: the bay's holds, under its name
    night.minutes(2)
    assert night.now("bay-1").vehicle == "van-9"
    assert 4_000 <= night.now("bay-1").need_wh <= 5_000


def test_a_way_needs_what_each_vehicle_of_the_group_needs_for_it() -> None:
    # 100 km: 24 kWh at 0.24 kWh/km, 30 at 0.3; the window itself was entered with the larger
    night = Night(site(follows("w", group="long", need_wh=30_000, distance_m=100_000)), two_prices(21, 5))
    night.bays["bay-1"].tag, night.bays["bay-2"].tag = SEVEN, NINE
    night.minutes(3)
    assert [night.now(bay).need_wh for bay in ("bay-1", "bay-2")] == [24_000, 30_000]
    stayers = {s.charger: s.priority for s in night.wishes[-1].prospect.stayers}
    assert stayers == {"bay-1": 0, "bay-2": -3}


def test_a_state_of_charge_is_of_the_vehicle_s_own_battery() -> None:
    # from 20 % to 80 % of 75 kWh: 45; a charger that tells 40 % needs 30
    night = Night(site(follows("w", "van-7", soc_pm=800, need_wh=1)), two_prices(21, 5))
    night.bays["bay-1"].tag = SEVEN
    night.minutes(2)
    assert night.now("bay-1").need_wh == 45_000
    night.bays["bay-1"].soc_wh = 24_000  # the story's gauge counts of 60 kWh: 40 %
    night.minutes(2)
    assert night.now("bay-1").need_wh == 30_000


def test_a_window_that_is_entered_while_the_vehicle_stands_there_holds_at_once() -> None:
    night = Night(site(), two_prices(21, 5))
    night.bays["bay-1"].tag = SEVEN
    night.minutes(2)
    assert (night.now("bay-1").vehicle, night.now("bay-1").ready_by_wall_ms) == ("Van 7", None)
    night.say(WindowSet(0, follows("w", "van-7")))
    night.minutes(1)
    assert 19_000 <= night.now("bay-1").need_wh <= 20_000, "less what it has got meanwhile"


def test_an_absent_vehicle_is_expected_where_it_stood_last() -> None:
    tomorrow = Window(
        "w", "", 19 * 60, 6 * 60, 20_000, vehicle="van-7", follows=True, source="site"
    )  # from 19:00 on
    there = Window("b", "bay-1", 16 * 60, 6 * 60, 10_000)
    night = Night(site(there, tomorrow), two_prices(21, 5))
    night.minutes(2)
    assert [w.id for w in night.wishes[-1].prospect.windows] == ["b"], "nobody knows where it will come"
    night.bays["bay-2"].tag = SEVEN
    night.minutes(2)
    night.bays["bay-2"] = Bay(plugged=False)
    night.minutes(6)
    assert [(w.id, w.charger) for w in night.wishes[-1].prospect.windows] == [("b", "bay-1"), ("w", "bay-2")]
