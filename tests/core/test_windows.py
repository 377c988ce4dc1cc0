"""Windows in local time, against dates worked out by hand (America/Los_Angeles, Europe/Berlin)."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from edge.core.windows import clock, stay
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
