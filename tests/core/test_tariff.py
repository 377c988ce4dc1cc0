"""Prices over time, against days worked out by hand.

Los Angeles is UTC-8, and UTC-7 from 8 March to 1 November 2026.
"""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from edge.core.tariff import prices
from edge.model.records import PriceNow
from edge.model.tariff import WEEKEND, EnergyPrice, Season, Tariff, Tier, When
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS

PEAK, OFF, SUPER = 415_220, 201_990, 178_720


def energy(name, price_micro, *during, **more):
    return EnergyPrice(name, (Tier(price_micro * 1000),), during or (When(),), **more)


def at(from_h, to_h, **more):
    return When(from_min=int(from_h * 60), to_min=int(to_h * 60), **more)


# Peak 16-21, super off-peak 9-14, every day: the hours of PG&E BEV-2-S.
LOS_ANGELES = Tariff(
    "bev",
    "America/Los_Angeles",
    energy=(energy("peak", PEAK, at(16, 21)), energy("super", SUPER, at(9, 14)), energy("off", OFF)),
)


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
    tariff = Tariff("t", "America/Los_Angeles", energy=(energy("one", 20, at(1, 2)), energy("else", 10)))
    assert told(prices(tariff, utc("2026-11-01T07:00"), utc("2026-11-01T12:00"))) == [
        ("01 07:00", "01 08:00", 10), ("01 08:00", "01 10:00", 20), ("01 10:00", "01 12:00", 10),
    ]  # fmt: skip


def test_months_and_weekends_have_their_own_days():
    tariff = Tariff(
        "t",
        "Europe/Berlin",
        energy=(
            energy("weekend", 2, When(days=WEEKEND)),
            energy("july", 3, When("july")),
            energy("else", 1),
        ),
        seasons=(Season("july", (((7, 1), (7, 31)),)),),
    )
    assert price_at(tariff, utc("2026-06-30T21:59")) == 1, "Tuesday 23:59 in June"
    assert price_at(tariff, utc("2026-06-30T22:00")) == 3, "Wednesday 00:00 in July"
    assert price_at(tariff, utc("2026-07-03T21:59")) == 3, "Friday 23:59"
    assert price_at(tariff, utc("2026-07-03T22:00")) == 2, "Saturday"
    assert price_at(tariff, utc("2026-07-05T22:00")) == 3, "Monday"


def test_zones_with_half_hours():
    """Kolkata is UTC+5:30: its hours begin at :30 of UTC."""
    tariff = Tariff("t", "Asia/Kolkata", energy=(energy("evening", 20, at(18, 19)), energy("else", 10)))
    assert told(prices(tariff, utc("2026-05-05T12:00"), utc("2026-05-05T14:00"))) == [
        ("05 12:00", "05 12:30", 10), ("05 12:30", "05 13:30", 20), ("05 13:30", "05 14:00", 10),
    ]  # fmt: skip


def test_a_zone_whose_clocks_change_by_half_an_hour():
    """Lord Howe, 5 April 2026: 02:00 +11 is 01:30 +10:30.  Hour 1 lasts 90 minutes in all."""
    tariff = Tariff("t", "Australia/Lord_Howe", energy=(energy("one", 20, at(1, 2)), energy("else", 10)))
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


# --- what URDB cannot say -----------------------------------------------------------------------------


def test_half_hours_and_nights_over_midnight():
    tariff = Tariff("t", "UTC", energy=(energy("night", 5, at(21.5, 8.5)), energy("day", 9)))
    midnight = utc("2026-07-15T00:00")
    assert told(prices(tariff, midnight, midnight + DAY_MS)) == [
        ("15 00:00", "15 08:30", 5), ("15 08:30", "15 21:30", 9), ("15 21:30", "16 00:00", 5),
    ]  # fmt: skip


def test_a_holiday_counts_as_a_sunday_or_as_itself():
    """4 July 2026 is a Saturday; 25 December 2026 a Friday."""
    rows = (
        energy("holiday", 7, When(days=("holiday",))),
        energy("sunday", 2, When(days=("sun",))),
        energy("else", 1),
    )
    as_sunday = Tariff("t", "UTC", energy=rows, holidays=("07-04", "12-25"))
    as_itself = Tariff("t", "UTC", energy=rows, holidays=("07-04", "12-25"), holiday_is="holiday")
    days = ["2026-07-03T12:00", "2026-07-04T12:00", "2026-07-05T12:00", "2026-12-25T12:00"]
    assert [price_at(as_sunday, utc(day)) for day in days] == [1, 2, 2, 2]
    assert [price_at(as_itself, utc(day)) for day in days] == [1, 7, 2, 7]


def test_a_season_that_passes_new_year():
    tariff = Tariff(
        "t", "UTC", energy=(energy("winter", 8, When("winter")), energy("else", 4)),
        seasons=(Season("winter", (((11, 15), (2, 29)),)),),
    )  # fmt: skip
    days = [
        "2026-11-14T12:00",
        "2026-11-15T12:00",
        "2027-01-01T12:00",
        "2028-02-29T12:00",
        "2027-03-01T12:00",
    ]
    assert [price_at(tariff, utc(day)) for day in days] == [4, 8, 8, 8, 4]


def test_components_add_up_and_tiers_follow_what_was_used():
    tiered = EnergyPrice("delivery", (Tier(10_000, 500_000), Tier(30_000)), component="delivery")
    tariff = Tariff("t", "UTC", energy=(energy("generation", 5, component="generation"), tiered))
    assert price_at(tariff, utc("2026-07-15T00:00")) == 15
    for used_wh, price in ((499_999, 15), (500_000, 35)):
        (stretch,) = prices(tariff, 0, 1, {1: used_wh})
        assert stretch.price_micro == price


def test_a_price_finer_than_a_millionth_is_shown_rounded_up():
    tariff = Tariff("t", "UTC", energy=(EnergyPrice("e", (Tier(18_994_400),)),))
    assert price_at(tariff, 0) == 18_995
