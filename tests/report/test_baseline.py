"""edge/report/baseline.py against hand-made cases and against an oracle that shares nothing with it.

The oracle works in datetimes and fractions, hour by hour of a plain table, as docs/baselines.md says it.
"""

import random
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from edge.model.records import LoadBlock
from edge.report.baseline import Baseline, Calendar, History, baseline

ZONE = "America/Los_Angeles"
TZ = ZoneInfo(ZONE)
QUARTER = 900_000
# A Wednesday, in winter: no clock is set in the 45 days before it (1 November is earlier).
EVENT_DAY = date(2026, 12, 16)
HOLIDAY = date(2026, 11, 26)


def at(day: date, hour: int, minute: int = 0) -> int:
    return int(datetime(day.year, day.month, day.day, hour, minute, tzinfo=TZ).timestamp() * 1000)


def blocks(power_w, first: date = EVENT_DAY - timedelta(days=60), last: date = EVENT_DAY) -> list[LoadBlock]:  # type: ignore[no-untyped-def]
    """Return quarter-hours of a function of the clock's day and hour, None where nothing is known."""
    found = []
    start, end = at(first, 0), at(last + timedelta(days=1), 0)
    for wall in range(start, end, QUARTER):
        shown = datetime.fromtimestamp(wall / 1000, UTC).astimezone(TZ)
        power = power_w(shown.date(), shown.hour)
        if power is not None:
            found.append(LoadBlock(wall, power // 4, 0, 0, QUARTER, None))
    return found


NO_EVENTS = Calendar()


def of(power_w, calendar: Calendar = NO_EVENTS, hours: tuple[int, int] = (16, 18), **more) -> Baseline:  # type: ignore[no-untyped-def]
    history = History.of(blocks(power_w), ZONE)
    day = more.pop("day", EVENT_DAY)
    return baseline(history, calendar, at(day, hours[0]), at(day, hours[1]), **more)


def test_ten_alike_days_are_the_baseline() -> None:
    found = of(lambda day, hour: 40_000)
    assert found.mean_w(at(EVENT_DAY, 16), at(EVENT_DAY, 18)) == 40_000
    assert found.energy_wh(at(EVENT_DAY, 16), at(EVENT_DAY, 17, 30)) == 60_000
    assert (found.ratio_ppm, found.note) == (1_000_000, "")


def test_the_days_are_the_last_ten_working_days() -> None:
    found = of(lambda day, hour: 40_000)
    assert list(found.days) == [date(2026, 12, d) for d in (2, 3, 4, 7, 8, 9, 10, 11, 14, 15)]


def test_holidays_and_event_days_are_left_out() -> None:
    other = Calendar(
        frozenset({date(2026, 12, 8)}), ((at(date(2026, 12, 9), 10), at(date(2026, 12, 9), 11)),)
    )
    found = of(lambda day, hour: 40_000, other)
    expected = [(11, 30), *((12, d) for d in (1, 2, 3, 4, 7, 10, 11, 14, 15))]
    assert list(found.days) == [date(2026, m, d) for m, d in expected]


def test_an_event_that_ends_at_midnight_does_not_touch_the_next_day() -> None:
    event = ((at(date(2026, 12, 14), 22), at(date(2026, 12, 15), 0)),)
    days = of(lambda day, hour: 40_000, Calendar(events=event)).days
    assert date(2026, 12, 14) not in days and date(2026, 12, 15) in days


def test_a_weekend_is_matched_with_four_days_of_weekends_and_holidays() -> None:
    saturday = date(2026, 12, 12)
    found = of(lambda day, hour: 40_000, Calendar(frozenset({HOLIDAY})), day=saturday)
    assert list(found.days) == [date(2026, 11, 28), date(2026, 11, 29), date(2026, 12, 5), date(2026, 12, 6)]
    friday = Calendar(frozenset({date(2026, 12, 11)}))
    assert date(2026, 12, 11) in of(lambda day, hour: 40_000, friday, day=saturday).days


def test_the_mean_by_hand() -> None:
    # 10, 20 … 100 kW on the ten days; the morning was alike, so nothing is adjusted: mean 55 kW.
    days = [date(2026, 12, d) for d in (2, 3, 4, 7, 8, 9, 10, 11, 14, 15)]
    rising = {day: 10_000 * (n + 1) for n, day in enumerate(days)}
    found = of(lambda day, hour: rising.get(day, 1_000) if hour >= 16 else 20_000)
    assert found.mean_w(at(EVENT_DAY, 16), at(EVENT_DAY, 18)) == 55_000
    # The five highest of the ten: 60, 70, 80, 90, 100: mean 80 kW.
    found = of(lambda day, hour: rising.get(day, 1_000) if hour >= 16 else 20_000, method="5 of 10")
    assert found.mean_w(at(EVENT_DAY, 16), at(EVENT_DAY, 18)) == 80_000
    assert list(found.days) == days[5:]


@pytest.mark.parametrize(
    ("morning_w", "method", "ratio_ppm", "note"),
    [
        (22_000, "10 of 10", 1_100_000, ""),
        (18_000, "10 of 10", 900_000, ""),
        (30_000, "10 of 10", 1_200_000, "adjustment of 1.50 held at 1.20"),
        (2_000, "10 of 10", 800_000, "adjustment of 0.10 held at 0.80"),
        (30_000, "5 of 10", 1_400_000, "adjustment of 1.50 held at 1.40"),
        (2_000, "5 of 10", 710_000, "adjustment of 0.10 held at 0.71"),
    ],
)
def test_the_same_day_adjustment(morning_w: int, method, ratio_ppm: int, note: str) -> None:  # type: ignore[no-untyped-def]
    # The event is from 16 to 18: the hours from 12 to 15 count, the hour before it does not.
    def load(day: date, hour: int) -> int:
        return morning_w if day == EVENT_DAY and 12 <= hour < 15 else 20_000

    found = of(load, method=method)
    assert (found.ratio_ppm, found.note) == (ratio_ppm, note)
    assert found.mean_w(at(EVENT_DAY, 16), at(EVENT_DAY, 18)) == 20_000 * ratio_ppm // 1_000_000


def test_the_hour_before_the_event_is_not_looked_at() -> None:
    assert of(lambda day, hour: 90_000 if day == EVENT_DAY and hour == 15 else 20_000).ratio_ppm == 1_000_000


def test_another_event_in_the_hours_before_is_no_measure() -> None:
    other = Calendar(events=((at(EVENT_DAY, 13), at(EVENT_DAY, 14)),))
    assert of(lambda d, h: 20_000, other).note == "not adjusted: another event was in the hours before it"


def test_a_forecast_looks_at_no_hour_that_is_to_come() -> None:
    found = of(lambda day, hour: 20_000, now_wall_ms=at(EVENT_DAY, 14))
    assert found.note == "not adjusted: the hours before it are not over yet"


def test_with_too_few_days_there_is_none() -> None:
    found = of(lambda day, hour: 20_000 if day >= date(2026, 12, 10) else None)
    assert found.mean_w(at(EVENT_DAY, 16), at(EVENT_DAY, 17)) is None
    assert found.note == (
        "no baseline: 4 working days without an event are known in the 45 days before 2026-12-16, "
        "5 are needed"
    )
    assert len(of(lambda day, hour: 20_000 if day >= date(2026, 12, 9) else None).days) == 5


def test_a_quarter_hour_that_was_hardly_measured_is_unknown_and_its_day_left_out() -> None:
    table = blocks(lambda day, hour: 20_000)
    start = at(date(2026, 12, 15), 16)
    thin = [
        b if b.start_wall_ms != start else LoadBlock(start, 9, 0, 0, QUARTER // 2 - 1, None) for b in table
    ]
    found = baseline(History.of(thin, ZONE), Calendar(), at(EVENT_DAY, 16), at(EVENT_DAY, 18))
    assert date(2026, 12, 15) not in found.days
    half = [
        b if b.start_wall_ms != start else LoadBlock(start, 2_500, 0, 0, QUARTER // 2, None) for b in table
    ]
    found = baseline(History.of(half, ZONE), Calendar(), at(EVENT_DAY, 16), at(EVENT_DAY, 18))
    assert date(2026, 12, 15) in found.days
    assert found.mean_w(at(EVENT_DAY, 16), at(EVENT_DAY, 18)) == 20_000


@pytest.mark.parametrize("day", [date(2026, 11, 1), date(2026, 3, 8)])  # 25 and 23 hours
def test_quarter_hours_are_matched_by_what_the_clock_shows(day: date) -> None:
    first = day - timedelta(days=60)
    table = blocks(lambda d, hour: hour * 1_000, first, day)
    found = baseline(History.of(table, ZONE), Calendar(), at(day, 12), at(day, 14))
    assert found.powers_w == {at(day, 12, 0) + n * QUARTER: (12 + n // 4) * 1_000 for n in range(8)}


def oracle(
    load: dict[tuple[date, int], int], day: date, hours: list[int], holidays: set[date], events: set[date],
    best: int | None,
) -> list[Fraction] | None:  # fmt: skip
    """Return the adjusted baseline of each hour, or None.  load: by day and hour."""

    def working(each: date) -> bool:
        return each.strftime("%a") not in ("Sat", "Sun") and each not in holidays

    wanted, most, back_days = (10, 5, 45) if working(day) else (4, 4, 90)
    if best and not working(day):
        wanted, most = 5, 3
    alike = [
        each
        for back in range(1, back_days + 1)
        if working(each := day - timedelta(back)) == working(day)
        and each not in events
        and all((each, hour) in load for hour in hours)
    ][:wanted]
    if len(alike) < most:
        return None
    if best:
        keep = 5 if working(day) else 3
        alike.sort(key=lambda each: -sum(load[each, hour] for hour in hours))
        alike = alike[:keep]
    mean = [Fraction(sum(load[each, hour] for each in alike), len(alike)) for hour in hours]
    window = [hours[0] - 4, hours[0] - 3, hours[0] - 2]
    before = Fraction(sum(load[each, hour] for each in alike for hour in window), 3 * len(alike))
    ratio = Fraction(sum(load[day, hour] for hour in window), 3) / before
    low, high = (Fraction(71, 100), Fraction(14, 10)) if best else (Fraction(8, 10), Fraction(12, 10))
    return [each * min(max(ratio, low), high) for each in mean]


@pytest.mark.parametrize("seed", range(40))
def test_the_oracle_agrees(seed: int) -> None:
    draw = random.Random(seed)
    day = EVENT_DAY + timedelta(days=draw.randrange(7))
    first = day - timedelta(days=91)
    hours = list(range(begin := draw.randrange(5, 20), min(24, begin + draw.randrange(1, 5))))
    holidays = {day - timedelta(days=draw.randrange(0, 45)) for _ in range(draw.randrange(4))}
    events = {day - timedelta(days=draw.randrange(1, 45)) for _ in range(draw.randrange(8))}
    load = {
        (first + timedelta(days=n), hour): draw.randrange(5_000, 90_000) * 4
        for n in range(92)
        for hour in range(24)
    }
    calendar = Calendar(frozenset(holidays), tuple((at(e, 9), at(e, 10)) for e in events))
    history = History.of(blocks(lambda d, h: load[d, h], first, day), ZONE)
    best = draw.random() < 0.5
    found = baseline(history, calendar, at(day, hours[0]), at(day, hours[0]) + len(hours) * 4 * QUARTER,
                     "5 of 10" if best else "10 of 10")  # fmt: skip
    expected = oracle(load, day, hours, holidays, events, 5 if best else None)
    if expected is None:
        assert not found.powers_w and found.note.startswith("no baseline")
        return
    for hour, power in zip(hours, expected, strict=True):
        mean = found.mean_w(at(day, hour), at(day, hour) + 4 * QUARTER)
        assert mean is not None and abs(mean - power) <= 2, (hour, mean, float(power))
