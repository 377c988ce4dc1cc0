"""Windows from CSV and iCalendar files: what is read, and how what is wrong is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.shell.answers import DeskError
from edge.shell.windowfiles import read
from edge.shell.windows import WindowWish

ZONE = "Europe/Berlin"

TABLE = """charger;from;ready_by;need_kwh;days;vehicle;not_on;must_leave
bay-1;18:00;06:00;40;mon-fri;van 7;2026-12-24 2026-12-25;yes

vans;17:30;05:00;37.5;;;;
"""

CALENDAR = """BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
UID:tour-12@fleet\r
SUMMARY:van 12\\, long\r
LOCATION:bay-3\r
DTSTART;TZID=Europe/Berlin:20261123T180000\r
DTEND;TZID=Europe/Berlin:20261124T053000\r
RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR\r
EXDATE;TZID=Europe/Berlin:20261225T180000\r
DESCRIPTION:tour to the coast\\, 180 km at 0.22\r
  kWh/km\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:once\r
LOCATION:bay-4\r
DTSTART:20261201T190000Z\r
DTEND:20261201T220000Z\r
DESCRIPTION:80 % of 60 kWh\r
END:VEVENT\r
END:VCALENDAR\r
"""


def test_a_table_is_read_with_its_lines() -> None:
    first, second = read("vans.csv", TABLE, ZONE)
    assert first == (
        2,
        WindowWish(
            "bay-1", "18:00", "06:00", "40", "mon-fri", vehicle="van 7", not_on="2026-12-24,2026-12-25",
            must_leave=True,
        ),
    )  # fmt: skip
    assert second == (4, WindowWish("vans", "17:30", "05:00", "37.5"))


def test_a_calendar_is_read_in_the_sites_time() -> None:
    tour, once = read("fleet.ics", CALENDAR, ZONE)
    assert tour == (
        3,
        WindowWish(
            "bay-3", "18:00", "05:30", days="mon,wed,fri", not_on="2026-12-25", km="180", kwh_per_km="0.22",
            vehicle="van 12, long", id="tour-12-fleet",
        ),
    )  # fmt: skip
    # 19:00 UTC is 20:00 in Berlin in December
    assert once.wish == WindowWish(
        "bay-4", "20:00", "23:00", dates="2026-12-01", soc="80", battery_kwh="60", id="once"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "f: line 1: column '': expected some of charger"),
        ("charger,frm\nbay-1,18:00", "f: line 1: column 'frm': expected some of charger"),
        ("charger,from,ready_by\n", "f: no windows: expected rows"),
        ("charger,from,ready_by\nbay-1,18:00", "f: line 2: ready_by: is missing"),
        ("charger,from,ready_by\na,b,c,d", "f: line 2: 4 cells: expected 3"),
        ("charger,from,ready_by,priority\na,b,c,high", "f: line 2: priority: 'high': expected a whole"),
        ("charger,from,ready_by,holidays\na,b,c,perhaps", "f: line 2: holidays: 'perhaps': expected yes"),
        (CALENDAR.replace("LOCATION:bay-3\r\n", ""), "f: line 3: LOCATION: is missing: the charger"),
        (CALENDAR.replace("BYDAY=MO,WE,FR", "BYDAY=1MO"), "f: line 3: RRULE: BYDAY 1MO: expected"),
        (CALENDAR.replace("FREQ=WEEKLY", "FREQ=MONTHLY"), "f: line 3: RRULE: FREQ=MONTHLY"),
        (CALENDAR.replace(";BYDAY", ";COUNT=3;BYDAY"), "f: line 3: RRULE: FREQ=WEEKLY;COUNT=3"),
        (
            CALENDAR.replace("20261124T053000", "20261123T170000"),
            "f: line 3: DTEND: 2026-11-23 17:00: expected",
        ),
        (
            CALENDAR.replace("TZID=Europe/Berlin:20261123", "TZID=Europe/Nowhere:20261123"),
            "f: line 3: DTSTART:",
        ),
        (CALENDAR.replace("80 % of 60 kWh", "lots"), "f: line 14: DESCRIPTION: 'lots': expected \"40 kWh\""),
        (CALENDAR.partition("END:VEVENT")[0], "f: line 3: the VEVENT has no end"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_key(text: str, why: str) -> None:
    with pytest.raises(DeskError) as error:
        read("f", text, ZONE)
    assert str(error.value).startswith(why)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.integers(0, len(CALENDAR)))
def test_whatever_a_file_holds_it_is_read_or_refused(text: str, at: int) -> None:
    for whole in (text, CALENDAR[:at] + text + CALENDAR[at:], TABLE + text):
        try:
            read("f", whole, ZONE)
        except DeskError as error:
            assert str(error).startswith("f: ")
