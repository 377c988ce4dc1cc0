"""Turns URDB's grids of twelve months and 24 hours into times as people say them.

    Grid(weekday, weekend).during(period, seasons) -> (When, …)

Months in which a period has the same hours make one season; hours that follow each other one stretch.
"""

import calendar

from edge.model.tariff import DAY_MIN, KINDS, WEEKDAYS, WEEKEND, Kind, Season, When

_NAMES = tuple(name.lower() for name in calendar.month_abbr)
ALL_YEAR = frozenset(range(1, 13))

# Kinds of day by URDB's two grids.  It knows no holidays: they are in the grid of their weekday.
_GRIDS: tuple[tuple[Kind, ...], ...] = (WEEKDAYS, WEEKEND)


class Seasons:
    """The seasons that a rate turns out to have, named by their months: "jun-sep", "jan-feb+nov-dec"."""

    def __init__(self) -> None:
        self._of: dict[frozenset[int], Season] = {}

    def name(self, months: frozenset[int]) -> str:
        """Return the season of some months, "" for all twelve."""
        if months == ALL_YEAR:
            return ""
        if months not in self._of:
            runs = _runs(months)
            spans = tuple(((a, 1), (b, calendar.monthrange(2024, b)[1])) for a, b in runs)
            named = [_NAMES[a] if a == b else f"{_NAMES[a]}-{_NAMES[b]}" for a, b in runs]
            self._of[months] = Season("+".join(named), spans)
        return self._of[months].name

    def whole(self, months: frozenset[int]) -> tuple[When, ...]:
        """Return all of these months."""
        return (When(season=self.name(months)),)

    def all(self) -> tuple[Season, ...]:
        """Return the seasons that were named."""
        return tuple(self._of.values())


class Grid:
    """Which period holds: weekday and weekend, [month 0-11][hour 0-23]."""

    def __init__(self, weekday: list[list[int]], weekend: list[list[int]]) -> None:
        self._grids = (weekday, weekend)

    def during(self, period: int, seasons: Seasons) -> tuple[When, ...]:
        """Return when a period holds, () for never."""
        months: dict[tuple[tuple[Kind, ...], tuple[int, int]], set[int]] = {}
        for month in range(12):
            stretches = [_stretches(grid[month], period) for grid in self._grids]
            for stretch in {*stretches[0], *stretches[1]}:
                days = tuple(
                    k for s, kinds in zip(stretches, _GRIDS, strict=True) if stretch in s for k in kinds
                )
                days = KINDS if len(days) == len(KINDS) - 1 else days
                months.setdefault((days, stretch), set()).add(month + 1)
        found = [
            When(seasons.name(frozenset(of)), days, begin, end)
            for (days, (begin, end)), of in sorted(months.items(), key=lambda item: (min(item[1]), item[0]))
        ]
        return tuple(found)


def _stretches(hours: list[int], period: int) -> list[tuple[int, int]]:
    """Return the stretches of a day in a period, in minutes; one over midnight is one, from after to."""
    found: list[tuple[int, int]] = []
    for hour, at in enumerate(hours):
        if at != period:
            continue
        if found and found[-1][1] == hour * 60:
            found[-1] = (found[-1][0], hour * 60 + 60)
        else:
            found.append((hour * 60, hour * 60 + 60))
    if len(found) > 1 and found[0][0] == 0 and found[-1][1] == DAY_MIN:
        last = found.pop()
        found[0] = (last[0], found[0][1])
    return found


def _runs(months: frozenset[int]) -> list[tuple[int, int]]:
    """Return runs of months; one over New Year is one."""
    runs: list[tuple[int, int]] = []
    for month in sorted(months):
        if runs and runs[-1][1] == month - 1:
            runs[-1] = (runs[-1][0], month)
        else:
            runs.append((month, month))
    if len(runs) > 1 and runs[0][0] == 1 and runs[-1][1] == 12:
        last = runs.pop()
        runs[0] = (last[0], runs[0][1])
    return runs
