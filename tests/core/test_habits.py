"""Quantiles of stays, against lists that are worked out by hand, and properties that must hold of any."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.habits import DAY_MIN, STAYS_MIN, Past, habits, usual

MONDAY = date(2026, 11, 2)


def stay(n: int, minute: int = 1020, length: int = 720, need_wh: int = 10_000) -> Past:
    """Return a stay of the n-th day, from 17:00 for twelve hours."""
    day = MONDAY + timedelta(days=n)
    return Past(day, day.weekday() >= 5, minute, minute + length, need_wh)


def test_of_ten_stays_one_may_have_left_earlier_and_one_have_taken_more() -> None:
    # Ten workdays; they leave 0 to 90 minutes later than 05:00 and take 10 to 19 kWh
    past = [stay(n + n // 5 * 2, length=720 + 10 * n, need_wh=10_000 + 1_000 * n) for n in range(10)]
    found = usual(past, 1020, off=False)
    assert found is not None
    assert (found.stays, found.kept) == (10, 9)
    assert (found.leaves, found.need_wh) == (1020 + 730, 18_000)
    assert (found.typical_leaves, found.typical_need_wh) == (1020 + 770, 15_000)


def test_under_ten_stays_all_of_them_count() -> None:
    past = [stay(n, length=600 + n, need_wh=9_000 + n) for n in range(5)]
    found = usual(past, 1020, off=False)
    assert found is not None
    assert (found.stays, found.kept, found.leaves, found.need_wh) == (5, 5, 1620, 9_004)
    assert usual(past[:4], 1020, off=False) is None, "four say nothing"


def test_other_kinds_of_day_and_other_times_of_day_say_nothing() -> None:
    past = [stay(n) for n in range(5)]
    assert usual(past, 1020, off=True) is None
    assert usual(past, 1020 + 120, off=False) is not None
    assert usual(past, 1020 + 121, off=False) is None
    assert usual(past, 1020 - 121, off=False) is None


def test_midnight_is_no_border() -> None:
    # They come at 23:30 and leave at 06:00; one that comes at 00:20 leaves at 06:00 as well
    past = [stay(n, minute=1410, length=390) for n in range(5)]
    found = usual(past, 20, off=False)
    assert found is not None
    assert found.leaves == 360
    past = [stay(n, minute=20, length=340) for n in range(5)]
    found = usual(past, 1410, off=False)
    assert found is not None
    assert found.leaves == DAY_MIN + 360


def test_the_latest_twenty_count() -> None:
    past = [stay(7 * n, length=60) for n in range(30)] + [stay(7 * n, length=700) for n in range(30, 50)]
    found = usual(past, 1020, off=False)
    assert found is not None
    assert (found.stays, found.leaves) == (20, 1720)


def test_who_was_gone_by_then_says_nothing_of_who_comes_then() -> None:
    early = [stay(n, minute=960, length=60) for n in range(5)]  # 16:00 to 17:00
    assert usual(early, 1020, off=False) is None


def test_a_habit_is_on_half_of_the_days_at_least() -> None:
    workdays = [n for n in range(14) if (MONDAY + timedelta(days=n)).weekday() < 5]
    past = [stay(n, minute=480, length=240) for n in workdays] + [stay(n) for n in workdays[::2]]
    past.sort(key=lambda each: (each.day, each.minute))
    today = MONDAY + timedelta(days=14)
    found = habits(past, today)
    assert [(h.off, h.minute, h.came, h.days) for h in found] == [
        (False, 480, 10, 10),
        (False, 1020, 5, 10),
    ]
    fewer = [each for each in past if each.minute == 480 or each.day != MONDAY]
    assert [h.minute for h in habits(fewer, today)] == [480], "four evenings of nine are no habit"


def test_who_has_not_come_for_a_month_is_not_expected() -> None:
    past = [stay(n) for n in range(5)]
    assert [h.minute for h in habits(past, MONDAY + timedelta(days=5))] == [1020]
    assert habits(past, MONDAY + timedelta(days=40)) == []


stays = st.lists(
    st.builds(
        stay,
        st.integers(0, 60),
        st.integers(0, DAY_MIN - 1),
        st.integers(1, 3 * DAY_MIN),
        st.integers(1, 200_000),
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(stays, st.integers(0, DAY_MIN - 1), st.booleans())
def test_what_is_promised_would_have_held_in_nine_of_ten(past: list[Past], minute: int, off: bool) -> None:
    found = usual(past, minute, off)
    if found is None:
        return
    assert STAYS_MIN <= found.stays <= 20
    assert found.kept * 10 >= found.stays * 9
    assert found.leaves > minute
    assert found.leaves <= found.typical_leaves
    assert found.need_wh >= found.typical_need_wh
    at_all = [each.need_wh for each in past if each.off == off]
    assert found.need_wh in at_all
    assert sum(need > found.need_wh for need in at_all if need in at_all) <= len(at_all)


@settings(max_examples=50, deadline=None)
@given(stays, st.integers(0, 90))
def test_habits_are_of_stays_that_were(past: list[Past], later: int) -> None:
    today = MONDAY + timedelta(days=60 + later)
    for habit in habits(past, today):
        recent = [e for e in past if e.off == habit.off and (today - e.day).days <= 28]
        assert habit.minute in {e.minute for e in recent}
        assert habit.came * 2 >= habit.days
        assert habit.came <= len({e.day for e in recent})
