"""Prices over time, against days worked out by hand.

Los Angeles is UTC-8, and UTC-7 from 8 March to 1 November 2026.
"""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from edge.core.tariff import prices
from edge.model.records import PriceNow
from edge.model.tariff import Tariff
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS

PEAK, OFF, SUPER = 415_220, 201_990, 178_720
# Peak 16-21, super off-peak 9-14, every day: the hours of PG&E BEV-2-S.
DAY = (*[1] * 9, *[2] * 5, *[1] * 2, *[0] * 5, *[1] * 3)
LOS_ANGELES = Tariff("bev", "pge", "America/Los_Angeles", "USD", (PEAK, OFF, SUPER), (DAY,) * 12, (DAY,) * 12)


def utc(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def told(stretches):
    """UTC hour:minute of begin and end, and the price."""

    def clock(ms):
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%d %H:%M")

    return [(clock(p.from_wall_ms), clock(p.to_wall_ms), p.price_micro) for p in stretches]


def price_at(tariff, wall_ms):
    (stretch,) = prices(tariff, wall_ms, wall_ms + 1)
    return stretch.price_micro


def test_a_summer_day():
    midnight = utc("2026-07-15T07:00")
    assert told(prices(LOS_ANGELES, midnight, midnight + DAY_MS)) == [
        ("15 07:00", "15 16:00", OFF), ("15 16:00", "15 21:00", SUPER), ("15 21:00", "15 23:00", OFF),
        ("15 23:00", "16 04:00", PEAK), ("16 04:00", "16 07:00", OFF),
    ]  # fmt: skip


def test_the_day_that_loses_an_hour():
    """8 March 2026: 02:00 PST is 03:00 PDT; the off-peak night until 9 lasts 8 hours."""
    assert told(prices(LOS_ANGELES, utc("2026-03-08T08:00"), utc("2026-03-09T07:00"))) == [
        ("08 08:00", "08 16:00", OFF), ("08 16:00", "08 21:00", SUPER), ("08 21:00", "08 23:00", OFF),
        ("08 23:00", "09 04:00", PEAK), ("09 04:00", "09 07:00", OFF),
    ]  # fmt: skip


def test_the_day_that_has_an_hour_twice():
    """1 November 2026: 01:00 to 02:00 comes twice; the off-peak night until 9 lasts 10 hours."""
    assert told(prices(LOS_ANGELES, utc("2026-11-01T07:00"), utc("2026-11-02T08:00"))) == [
        ("01 07:00", "01 17:00", OFF), ("01 17:00", "01 22:00", SUPER), ("01 22:00", "02 00:00", OFF),
        ("02 00:00", "02 05:00", PEAK), ("02 05:00", "02 08:00", OFF),
    ]  # fmt: skip


def test_an_hour_that_comes_twice_costs_the_same_twice():
    """A price that changes at 01:00 and 02:00: the second 01:00 hour has the price of the first."""
    day = (0, 1, *[0] * 22)
    tariff = Tariff("t", "", "America/Los_Angeles", "USD", (10, 20), (day,) * 12, (day,) * 12)
    assert told(prices(tariff, utc("2026-11-01T07:00"), utc("2026-11-01T12:00"))) == [
        ("01 07:00", "01 08:00", 10), ("01 08:00", "01 10:00", 20), ("01 10:00", "01 12:00", 10),
    ]  # fmt: skip


def test_months_and_weekends_have_their_own_days():
    weekday, weekend = (0,) * 24, (1,) * 24
    july = ((2,) * 24,)
    tariff = Tariff(
        "t", "", "Europe/Berlin", "EUR", (1, 2, 3), (weekday,) * 6 + july + (weekday,) * 5, (weekend,) * 12
    )
    assert price_at(tariff, utc("2026-06-30T21:59")) == 1, "Tuesday 23:59 in June"
    assert price_at(tariff, utc("2026-06-30T22:00")) == 3, "Wednesday 00:00 in July"
    assert price_at(tariff, utc("2026-07-03T21:59")) == 3, "Friday 23:59"
    assert price_at(tariff, utc("2026-07-03T22:00")) == 2, "Saturday"
    assert price_at(tariff, utc("2026-07-05T22:00")) == 3, "Monday"


def test_zones_with_half_hours():
    """Kolkata is UTC+5:30: its hours begin at :30 of UTC."""
    day = (*[0] * 18, 1, *[0] * 5)
    tariff = Tariff("t", "", "Asia/Kolkata", "INR", (10, 20), (day,) * 12, (day,) * 12)
    assert told(prices(tariff, utc("2026-05-05T12:00"), utc("2026-05-05T14:00"))) == [
        ("05 12:00", "05 12:30", 10), ("05 12:30", "05 13:30", 20), ("05 13:30", "05 14:00", 10),
    ]  # fmt: skip


def test_a_zone_whose_clocks_change_by_half_an_hour():
    """Lord Howe, 5 April 2026: 02:00 +11 is 01:30 +10:30.  Hour 1 lasts 90 minutes in all."""
    day = (0, 1, *[0] * 22)
    tariff = Tariff("t", "", "Australia/Lord_Howe", "AUD", (10, 20), (day,) * 12, (day,) * 12)
    assert told(prices(tariff, utc("2026-04-04T13:00"), utc("2026-04-04T17:00"))) == [
        ("04 13:00", "04 14:00", 10), ("04 14:00", "04 15:30", 20), ("04 15:30", "04 17:00", 10),
    ]  # fmt: skip


@pytest.mark.parametrize("offset_ms", [0, 1, 999, 1_001, 59 * MINUTE_MS + 59_999, HOUR_MS])
@pytest.mark.parametrize("length_ms", [1, 1_500, HOUR_MS - 1, HOUR_MS + 1, 3 * DAY_MS + 7])
def test_stretches_cover_what_was_asked_for_exactly(offset_ms, length_ms):
    begin = utc("2026-03-07T22:00") + offset_ms
    found = prices(LOS_ANGELES, begin, begin + length_ms)
    assert found[0].from_wall_ms == begin
    assert found[-1].to_wall_ms == begin + length_ms
    for before, after in pairwise(found):
        assert before.to_wall_ms == after.from_wall_ms
        assert before.price_micro != after.price_micro


def test_no_time_has_no_prices():
    assert prices(LOS_ANGELES, 5, 5) == []
    assert prices(LOS_ANGELES, 6, 5) == []
    assert prices(LOS_ANGELES, 5, 6) == [PriceNow(5, 6, PEAK, "tariff bev")]  # 1969-12-31 16:00
