"""Windows in local time, against dates worked out by hand (America/Los_Angeles, Europe/Berlin)."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.core.windows import clock, each_charger, missing_wh, stay
from edge.model.site import Window

LA = "America/Los_Angeles"
BERLIN = "Europe/Berlin"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")


def wall(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def window(from_: str, ready: str, days: tuple[str, ...] = WEEKDAYS, id_: str = "w") -> Window:
    def minutes(text: str) -> int:
        return int(text[:2]) * 60 + int(text[3:])

    return Window(id_, "bay-1", minutes(from_), minutes(ready), 10_000, days=days)


@pytest.mark.parametrize(
    ("at", "begins", "ends"),
    [
        ("2026-11-16 17:59", None, None),  # a Monday, a minute early
        ("2026-11-16 18:00", "2026-11-16 18:00", "2026-11-17 05:30"),
        ("2026-11-17 05:29", "2026-11-16 18:00", "2026-11-17 05:30"),
        ("2026-11-17 05:30", None, None),
        ("2026-11-21 03:00", "2026-11-20 18:00", "2026-11-21 05:30"),  # Saturday, but Friday's window
        ("2026-11-21 19:00", None, None),  # Saturday evening has none
        ("2026-11-16 03:00", None, None),  # Monday early belongs to Sunday, which has none
    ],
)
def test_a_window_over_midnight_belongs_to_its_first_day(
    at: str, begins: str | None, ends: str | None
) -> None:
    found = stay([window("18:00", "05:30")], "bay-1", wall(at, LA), LA)
    if begins is None or ends is None:
        assert found is None
    else:
        assert found is not None
        assert (found.from_wall_ms, found.ready_by_wall_ms) == (wall(begins, LA), wall(ends, LA))


def test_the_night_on_which_clocks_go_back_has_an_hour_more() -> None:
    found = stay([window("22:00", "06:00", days=("sat",))], "bay-1", wall("2026-10-25 01:00", BERLIN), BERLIN)
    assert found is not None
    assert found.ready_by_wall_ms - found.from_wall_ms == 9 * 3_600_000


def test_the_night_on_which_clocks_go_forward_has_an_hour_less() -> None:
    found = stay([window("22:00", "06:00", days=("sat",))], "bay-1", wall("2026-03-29 01:00", BERLIN), BERLIN)
    assert found is not None
    assert found.ready_by_wall_ms - found.from_wall_ms == 7 * 3_600_000


def test_of_two_windows_the_one_that_is_due_first_holds() -> None:
    both = [window("08:00", "18:00", id_="day"), window("09:00", "12:00", id_="morning")]
    found = stay(both, "bay-1", wall("2026-11-16 10:00", LA), LA)
    assert found is not None and found.window.id == "morning"


def test_another_chargers_window_does_not_count() -> None:
    assert stay([window("00:00", "23:59")], "bay-2", wall("2026-11-16 10:00", LA), LA) is None


def test_times_are_shown_as_the_clock_on_the_wall_shows_them() -> None:
    assert clock(wall("2026-07-01 21:00", LA), LA) == "21:00"


def test_dates_and_exceptions() -> None:
    week = window("18:00", "06:00")
    day = msgspec.structs.replace(window("20:00", "23:00", id_="d"), dates=("2026-11-24",))
    monday, tuesday = wall("2026-11-23 21:00", LA), wall("2026-11-24 21:00", LA)
    for when, expected in ((monday, "w"), (tuesday, "d")):
        found = stay([week, day], "bay-1", when, LA)
        assert found is not None
        assert found.window.id == expected
    off = msgspec.structs.replace(week, not_on=("2026-11-23",))
    assert stay([off], "bay-1", monday, LA) is None
    assert stay([off], "bay-1", tuesday, LA) is not None


def test_a_group_is_for_each_of_its_chargers_and_gives_way_to_a_chargers_own() -> None:
    vans = msgspec.structs.replace(
        window("18:00", "05:00", id_="v"), charger="", group="vans", holidays=False
    )
    own = window("18:00", "06:00")
    found = each_charger([vans, own], {"vans": ["bay-1", "bay-2"]}, [date(2026, 11, 26)])
    assert [(w.id, w.charger) for w in found] == [("v/bay-1", "bay-1"), ("v/bay-2", "bay-2"), ("w", "bay-1")]
    thursday = wall("2026-11-26 21:00", LA)
    for charger, expected in (("bay-1", "w"), ("bay-2", "v/bay-2")):
        now = stay(found, charger, wall("2026-11-24 21:00", LA), LA)
        assert now is not None
        assert now.window.id == expected
    assert stay(found, "bay-2", thursday, LA) is None, "a holiday"
    assert stay(found, "bay-1", thursday, LA) is not None


@pytest.mark.parametrize(
    ("soc_pm", "session_wh", "missing"), [(None, 10_000, 26_000), (500, 10_000, 18_000), (801, 0, 0)]
)
def test_a_state_of_charge_is_followed_where_it_is_told(
    soc_pm: int | None, session_wh: int, missing: int
) -> None:
    eighty = Window("w", "bay-1", 0, 1, 36_000, soc_pm=800, battery_wh=60_000)
    assert missing_wh(eighty, session_wh, soc_pm) == missing
