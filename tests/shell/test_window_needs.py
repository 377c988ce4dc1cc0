"""What vehicles need, as people say it, and what cannot be had: figures worked out by hand."""

import msgspec
import pytest

from edge.model.site import Address, Charger, Node, Site, Window
from edge.shell.answers import DeskError
from edge.shell.windowneeds import Need, need
from edge.shell.windows import WindowWish, checked, note
from edge.shell.words import window as words

NOWHERE = Address(1, tcp="127.0.0.1:1")


def site(panel_a: int = 200) -> Site:
    nodes = (
        Node("main", None, (400_000,) * 3),
        Node("panel-b", "main", (panel_a * 1000,) * 3),
    )
    bays = tuple(
        Charger(f"bay-{n}", "panel-b", "alfen_eve", NOWHERE, groups=("vans",) if n < 4 else ())
        for n in range(1, 5)
    )
    return Site("y", "Y", "America/Los_Angeles", nodes, chargers=bays)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (("37.5001", "", "", "", ""), Need(37_501)),
        (("", "80", "60", "", ""), Need(36_000, 800, 60_000)),  # from 20 %
        (("", "", "", "180", "0.22"), Need(39_600)),
    ],
)
def test_three_ways_of_saying_it(said: tuple[str, ...], found: Need) -> None:
    assert need(*said) == found


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("40", "80", "60", "", ""), "need: need and soc: expected an energy"),
        (("", "", "", "", ""), "need: nothing: expected an energy"),
        (("", "80", "", "", ""), "battery: '': expected an energy in kWh"),
        (("", "101", "60", "", ""), "soc: '101': expected a state of charge"),
        (("", "20", "60", "", ""), "soc: 20 %: expected more than the 20 %"),
        (("", "", "", "180", ""), "kwh-per-km: '': expected a consumption"),
        (("", "", "", "-1", "0.2"), "km: '-1': expected a distance"),
    ],
)
def test_what_is_no_need_is_named(said: tuple[str, ...], why: str) -> None:
    with pytest.raises(DeskError) as error:
        need(*said)
    assert str(error.value).startswith(why)


def test_a_wish_may_be_for_a_group_with_exceptions() -> None:
    wish = WindowWish(
        "vans", "18:00", "06:00", soc="80", battery_kwh="60", arrive_kwh="8", not_on="2026-12-25,2026-12-24",
        holidays=False, must_leave=True,
    )  # fmt: skip
    window = checked(wish, site(), ())
    assert (window.charger, window.group, window.soc_pm, window.arrive_wh) == ("", "vans", 800, 8_000)
    assert window.not_on == ("2026-12-24", "2026-12-25")
    assert words(window) == (
        "vans: daily 18:00 to 06:00, 80 % of 60.0 kWh, priority 0, 8.0 kWh of it at once, "
        "not on 2026-12-24 2026-12-25, not on holidays, must leave"
    )


def test_a_date_that_is_none_is_named() -> None:
    with pytest.raises(DeskError, match="dates: '2026-02-30': expected days such as"):
        checked(WindowWish("bay-1", "18:00", "06:00", "9", dates="2026-02-30"), site(), ())


def test_a_day_of_its_own_is_no_conflict_with_the_week() -> None:
    week = checked(WindowWish("bay-1", "18:00", "06:00", "9"), site(), ())
    day = WindowWish("bay-1", "20:00", "23:00", "9", dates="2026-12-24")
    assert checked(day, site(), [week]).dates == ("2026-12-24",)
    group = checked(WindowWish("vans", "18:00", "06:00", "9"), site(), [week])
    with pytest.raises(DeskError, match="vans already has window vans-1"):
        checked(WindowWish("vans", "05:00", "06:00", "9"), site(), [week, group])


def night(
    name: str, charger: str, need_kwh: int, from_h: int = 18, ready_h: int = 6, **more: object
) -> Window:
    return Window(name, charger, from_h * 60, ready_h * 60, need_kwh * 1000, **more)  # type: ignore[arg-type]


def test_what_a_panel_cannot_carry_is_named_with_what_it_can() -> None:
    # 20 A of panel are 13.8 kW: 165.6 kWh in twelve hours.  Three vans want 60 each: 14.4 too much.
    windows = [night(f"w{n}", f"bay-{n}", 60, vehicle=f"van {n}") for n in (1, 2, 3)]
    assert note(windows[2], site(20), windows) == (
        "van 3 can have at most 45.6 kWh of 60.0 kWh by 06:00: panel-b is too small"
    )
    assert note(windows[2], site(22), windows) == ""


def test_only_what_is_there_at_the_same_time_counts() -> None:
    # the second is there by day, the third at the weekend
    windows = [
        night("w1", "bay-1", 120),
        night("w2", "bay-2", 120, 6, 18),
        night("w3", "bay-3", 120, days=("sat", "sun")),
    ]
    assert note(windows[0], site(20), windows[:2]) == ""
    assert "panel-b is too small" in note(windows[0], site(20), windows)
    assert note(night("w", "bay-3", 120, dates=("2026-11-25",)), site(20), windows[1:2]) == ""


def test_a_group_counts_with_all_of_its_chargers() -> None:
    vans = night("v", "", 60, group="vans")
    assert "45.6 kWh of 60.0 kWh by 06:00: panel-b" in note(vans, site(20), ())
    assert note(vans, site(22), ()) == ""


def test_one_phase_chargers_fill_one_phase() -> None:
    # 20 A on L1 are 4.6 kW: 55.2 kWh in twelve hours; a third of 60 kWh for three phases, and 40 for one
    bays = (
        Charger("bay-1", "panel-b", "alfen_eve", NOWHERE),
        Charger("bay-2", "panel-b", "alfen_eve", NOWHERE, phases=(0,)),
        Charger("bay-3", "panel-b", "alfen_eve", NOWHERE, phases=(1,)),
    )
    narrow = Site("y", "Y", "UTC", site(20).nodes, chargers=bays)
    windows = [night("w1", "bay-1", 60), night("w2", "bay-2", 40), night("w3", "bay-3", 40)]
    assert "bay-2 can have at most 35.2 kWh of 40.0 kWh" in note(windows[1], narrow, windows)
    assert note(windows[1], narrow, [windows[1], windows[2]]) == ""


def test_a_window_may_let_a_vehicle_give_back_and_says_what_stays() -> None:
    depot = site()
    chargers = tuple(msgspec.structs.replace(c, discharge_ma=16_000) for c in depot.chargers)
    gives = msgspec.structs.replace(depot, chargers=chargers)
    name = gives.chargers[0].id
    wish = WindowWish(
        name, "17:00", "06:00", soc=80, battery_kwh=40, discharge=True, keep_soc="37.5", cycle_per_kwh=0.05
    )
    window = checked(wish, gives, ())
    assert (window.discharge, window.keep_pm, window.cycle_micro) == (True, 375, 50_000)
    for change, told in (
        ({"soc": "", "battery_kwh": "", "need_kwh": 20}, "expected soc and battery"),
        ({"keep_soc": ""}, "keep-soc: expected"),
        ({"discharge": False}, "are for a vehicle that may discharge"),
        ({"cycle_per_kwh": -1}, "cycle-cost"),
    ):
        with pytest.raises(DeskError, match=told):
            checked(msgspec.structs.replace(wish, **change), gives, ())
    with pytest.raises(DeskError, match="discharge_a"):
        checked(wish, depot, ())
