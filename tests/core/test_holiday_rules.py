"""Rules of holidays against calendars as they were printed."""

from datetime import date

import pytest

from edge.core.holidays import easter, of_year, on


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [(1818, 3, 22), (1943, 4, 25), (2000, 4, 23), (2008, 3, 23), (2024, 3, 31), (2025, 4, 20), (2026, 4, 5),
     (2027, 3, 28), (2038, 4, 25)],
)  # fmt: skip
def test_easter(year, month, day):
    """1818 and 1943 are the earliest and the latest that there can be."""
    assert easter(year) == date(year, month, day)


@pytest.mark.parametrize(
    ("rule", "year", "day"),
    [
        ("12-25", 2026, date(2026, 12, 25)),
        ("07-04 observed", 2027, date(2027, 7, 5)),  # the 4th is a Sunday
        ("07-04 observed", 2026, date(2026, 7, 4)),  # a Saturday stays
        ("02-29", 2026, None),
        ("02-29", 2028, date(2028, 2, 29)),
        ("2026-11-03", 2026, date(2026, 11, 3)),
        ("2026-11-03", 2027, None),
        ("4th thu nov", 2026, date(2026, 11, 26)),
        ("last mon may", 2026, date(2026, 5, 25)),
        ("1st mon sep", 2026, date(2026, 9, 7)),
        ("5th mon feb", 2026, None),
        ("easter+1", 2026, date(2026, 4, 6)),
        ("easter-2", 2026, date(2026, 4, 3)),
        ("easter+39", 2026, date(2026, 5, 14)),  # Ascension Day
        ("easter", 2026, date(2026, 4, 5)),
    ],
)
def test_a_rule_in_a_year(rule, year, day):
    assert on(rule, year) == day


@pytest.mark.parametrize(
    "rule", ["", "13-01", "02-30", "7-4", "4th thu", "6th mon may", "easter + 1", "2026-02-29", "07-04 moved"]
)
def test_what_is_no_rule_is_refused(rule):
    with pytest.raises(ValueError):
        on(rule, 2026)


def test_the_holidays_of_a_year():
    rules = ("01-01", "easter+1", "2026-11-03")
    assert of_year(rules, 2026) == {date(2026, 1, 1), date(2026, 4, 6), date(2026, 11, 3)}
    assert of_year(rules, 2027) == {date(2027, 1, 1), date(2027, 3, 29)}
