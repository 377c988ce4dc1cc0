"""What is usual, from stays that are over: quantiles and habits.  Pure; edge/core/learned.py keeps the stays.

    usual(past, day, minute, off) -> Usual | None      of who comes at that time of such a day
    habits(past, today) -> habits                      who comes on most days of a kind

Rule 1: of the stays of the same kind of day (workdays, or days off) that began within two hours of the same
        time of day, the last twenty count; fewer than five say nothing.
Rule 2: what is promised by them is what held in nine of ten: left then or later, took so much or less.  What
        is typical is the median.
Rule 3: a habit is a time of day at which somebody came on at least half of the days of that kind.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

DAY_MIN = 24 * 60

# Nobody is said to be usual by fewer stays; more than so many are not looked at.
STAYS_MIN = 5
STAYS_MAX = 20

# Arrivals within so much of each other are of one habit.
NEAR_MIN = 120

# Of ten stays, one may have left earlier, or taken more.
ONE_IN = 10

# Habits of vehicles that have not come for so long are no more.
HABIT_DAYS = 28

# Who had left by then is not like somebody who comes then.
AFTER_MIN = 5


class Past(NamedTuple):
    """A stay that is over.

    day: the local one on which it began, off: no workday.  minute, leaves: minutes after the midnight before
    it began.  need_wh: what the vehicle would have taken.  tapered_ms: see records.Session.
    """

    day: date
    off: bool
    minute: int
    leaves: int
    need_wh: int
    tapered_ms: int = 0


class Usual(NamedTuple):
    """What is usual.  stays: that it is taken from; kept: by how many of them it would have held.

    leaves: minutes after the midnight of the day asked about; typical_…: the medians.
    """

    stays: int
    kept: int
    leaves: int
    need_wh: int
    typical_leaves: int
    typical_need_wh: int


class Habit(NamedTuple):
    """Somebody who comes on most days of a kind: on `came` of `days`.  minute: the median arrival."""

    off: bool
    minute: int
    came: int
    days: int
    usual: Usual


def usual(past: Sequence[Past], minute: int, off: bool) -> Usual | None:
    """Return what is usual of who comes at a minute of such a day; None where too little is known."""
    near: list[tuple[int, int]] = []
    for each in reversed(past):
        apart = (each.minute - minute + DAY_MIN // 2) % DAY_MIN - DAY_MIN // 2
        leaves = minute + apart + each.leaves - each.minute
        if each.off == off and abs(apart) <= NEAR_MIN and leaves > minute + AFTER_MIN:
            near.append((leaves, each.need_wh))
        if len(near) == STAYS_MAX:
            break
    if len(near) < STAYS_MIN:
        return None
    leaves_ = sorted(leaves for leaves, _ in near)
    needs = sorted(need_wh for _, need_wh in near)
    count, rank = len(near), len(near) // ONE_IN
    middle = count // 2
    return Usual(count, count - rank, leaves_[rank], needs[-1 - rank], leaves_[middle], needs[middle])


def habits(past: Sequence[Past], today: date) -> list[Habit]:
    """Return who comes on most days of a kind, by kind and time of day."""
    recent = [each for each in past if (today - each.day).days <= HABIT_DAYS]
    found = []
    for off in (False, True):
        own = sorted((each for each in recent if each.off == off), key=lambda each: each.minute)
        for group in _groups(own):
            habit = _habit(past, group, recent, off, today)
            if habit is not None:
                found.append(habit)
    return found


def _groups(stays: Iterable[Past]) -> list[list[Past]]:
    """Return stays in groups between which there is a gap, by time of day."""
    found: list[list[Past]] = []
    for each in stays:
        if not found or each.minute - found[-1][-1].minute > NEAR_MIN:
            found.append([])
        found[-1].append(each)
    return found


def _habit(
    past: Sequence[Past], group: Sequence[Past], recent: Sequence[Past], off: bool, today: date
) -> Habit | None:
    came = len({each.day for each in group})
    days = _days_of_kind(recent, off, today)
    if len(group) < STAYS_MIN or came * 2 < days:
        return None
    minute = group[len(group) // 2].minute
    found = usual(past, minute, off)
    return Habit(off, minute, came, max(came, days), found) if found else None


def _days_of_kind(recent: Sequence[Past], off: bool, today: date) -> int:
    """Return how many days of a kind there were since the first stay, as far as stays or the week tell."""
    first = min(each.day for each in recent)
    kinds = {each.day: each.off for each in recent}
    span = (first + timedelta(days=n) for n in range((today - first).days))
    return sum(kinds.get(day, day.weekday() >= 5) == off for day in span)
