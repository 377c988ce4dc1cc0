"""Which days of a year are holidays, from rules as people write them.

    "07-04"  "12-25 observed"      each year on that date; observed: the Monday after, if it is a Sunday
    "2026-11-03"                   once
    "last mon may" "4th thu nov"   the n-th of a weekday in a month
    "easter" "easter-2" "easter+39"

Source: the Gregorian computus in its anonymous form (Meeus, Astronomical Algorithms, ch. 8).
"""

import calendar
import re
from datetime import date, timedelta
from functools import lru_cache

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEARLY = re.compile(r"(\d\d)-(\d\d)( observed)?")
_ONCE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_NTH = re.compile(rf"(1st|2nd|3rd|4th|5th|last) ({'|'.join(_DAYS)}) ({'|'.join(_MONTHS)})")
_EASTER = re.compile(r"easter(?:([+-])(\d{1,3}))?")

EXPECTED = 'a day such as "12-25", "07-04 observed", "2026-11-03", "4th thu nov", "last mon may", "easter+1"'


@lru_cache(maxsize=64)
def of_year(rules: tuple[str, ...], year: int) -> frozenset[date]:
    """Return the holidays of a year.  Raises ValueError, naming the rule, for one that is none."""
    return frozenset(day for rule in rules if (day := on(rule, year)) is not None)


def on(rule: str, year: int) -> date | None:
    """Return the day that a rule means in a year, None where it has none there.

    Raises ValueError if it is no rule.
    """
    if match := _ONCE.fullmatch(rule):
        day = date(int(match[1]), int(match[2]), int(match[3]))
        return day if day.year == year else None
    if match := _YEARLY.fullmatch(rule):
        return _yearly(int(match[1]), int(match[2]), bool(match[3]), year)
    if match := _NTH.fullmatch(rule):
        return _nth(match[1], _DAYS.index(match[2]), _MONTHS.index(match[3]) + 1, year)
    if match := _EASTER.fullmatch(rule):
        offset = int(match[2] or 0) * (-1 if match[1] == "-" else 1)
        return easter(year) + timedelta(days=offset)
    raise ValueError(f'"{rule}" is not {EXPECTED}')


def easter(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    r = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * r) // 451
    month, day = divmod(h + r - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _yearly(month: int, day: int, observed: bool, year: int) -> date | None:
    date(2000, month, day)  # raises ValueError for a day that no year has
    if (month, day) == (2, 29) and not calendar.isleap(year):
        return None
    found = date(year, month, day)
    sunday = found.weekday() == _DAYS.index("sun")
    return found + timedelta(days=1) if observed and sunday else found


def _nth(which: str, weekday: int, month: int, year: int) -> date | None:
    length = calendar.monthrange(year, month)[1]
    days = [d for d in range(1, length + 1) if date(year, month, d).weekday() == weekday]
    if which == "last":
        return date(year, month, days[-1])
    number = int(which[0])
    return date(year, month, days[number - 1]) if number <= len(days) else None
