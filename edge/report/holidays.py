"""The days that a programme counts as weekends: by rules as tariffs have them, or the six of NERC.

Source: NERC, "Additional Off-peak Days": New Year's Day, Memorial Day, Independence Day, Labor Day,
Thanksgiving and Christmas Day; one that falls on a Sunday is kept on the Monday after, one on a Saturday is
not moved.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final

from edge.core.holidays import of_year

NERC: Final = "NERC"
NERC_RULES = (
    "01-01 observed",
    "last mon may",
    "07-04 observed",
    "1st mon sep",
    "4th thu nov",
    "12-25 observed",
)


def holidays(names: Iterable[str], wall_ms: int) -> frozenset[date]:
    """Return the holidays of the year of a time and of those beside it.

    names: rules of core/holidays.py, or NERC.  Raises ValueError for what is neither.
    """
    year = datetime.fromtimestamp(wall_ms // 1000, UTC).year
    rules = tuple(rule for name in names for rule in (NERC_RULES if name == NERC else (name,)))
    return frozenset(day for each in (year - 1, year, year + 1) for day in of_year(rules, each))
