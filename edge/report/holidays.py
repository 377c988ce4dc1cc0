"""The days that a programme counts as weekends: listed, or the six of the North American grid.

Source: NERC, "Additional Off-peak Days": New Year's Day, Memorial Day, Independence Day, Labor Day,
Thanksgiving and Christmas Day; one that falls on a Sunday is kept on the Monday after, one on a Saturday is
not moved.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

NERC: Final = "NERC"

_MONDAY, _THURSDAY = 0, 3


def holidays(names: Iterable[str], wall_ms: int) -> frozenset[date]:
    """Return the holidays of the year of a time and of those beside it.  names: dates, or NERC."""
    year = datetime.fromtimestamp(wall_ms // 1000, UTC).year
    found: set[date] = set()
    for name in names:
        if name == NERC:
            found |= {day for each in (year - 1, year, year + 1) for day in nerc(each)}
        else:
            found.add(date.fromisoformat(name))
    return frozenset(found)


def nerc(year: int) -> list[date]:
    """Return the six holidays of a year, as they are kept."""
    fixed = (date(year, 1, 1), date(year, 7, 4), date(year, 12, 25))
    kept = [day + timedelta(days=day.weekday() == 6) for day in fixed]
    memorial = max(date(year, 5, n) for n in range(25, 32) if date(year, 5, n).weekday() == _MONDAY)
    labor = min(date(year, 9, n) for n in range(1, 8) if date(year, 9, n).weekday() == _MONDAY)
    thanks = min(date(year, 11, n) for n in range(22, 29) if date(year, 11, n).weekday() == _THURSDAY)
    return sorted([*kept, memorial, labor, thanks])
