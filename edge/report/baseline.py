"""What the site would have taken without an event: day matching.  docs/baselines.md is the definition.

    history = History.of(blocks, "America/Los_Angeles")
    found = baseline(history, calendar, from_wall_ms, to_wall_ms)
    found.energy_wh(from, to), found.mean_w(from, to)        None where there is none; found.note says why

Rule 1: days count by the site's own clock, quarter-hours by what that clock shows: on a day on which it is
    set, a quarter-hour that comes twice is compared with the same one, and one that is left out with nothing.
Rule 2: a quarter-hour of which less than half was measured is unknown, and a day without a known quarter-hour
    that is needed is left out.
Rule 3: nothing is made up: with too few days there is no baseline, and the note says so.

Whole W; a mean is rounded down, so what was shed is never overstated by it (I8).
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from edge.model.records import LoadBlock
from edge.model.units import DAY_MS, HOUR_MS, QUARTER_MS

Method = Literal["10 of 10", "5 of 10"]

# The adjustment compares these hours: from four hours before the event to one hour before it.
ADJUST_FROM_MS, ADJUST_TO_MS = 4 * HOUR_MS, HOUR_MS

_PPM = 1_000_000


class Rule(msgspec.Struct, frozen=True):
    """A method's figures, for working days and for the others.

    days: how many are looked for; best: how many of them, by load in the event's hours; least: below that
    there is no baseline; within_days: how far back.  adjust_…_ppm: between what the adjustment is held.
    """

    days: int
    best: int
    least: int
    within_days: int
    adjust_min_ppm: int
    adjust_max_ppm: int


# Source: docs/baselines.md, "Figures".
RULES: dict[tuple[Method, bool], Rule] = {
    ("10 of 10", True): Rule(10, 10, 5, 45, 800_000, 1_200_000),
    ("10 of 10", False): Rule(4, 4, 4, 90, 800_000, 1_200_000),
    ("5 of 10", True): Rule(10, 5, 5, 45, 710_000, 1_400_000),
    ("5 of 10", False): Rule(5, 3, 3, 90, 710_000, 1_400_000),
}

# How much history is needed at most, before the event's day.
LOOK_BACK_MS = 91 * DAY_MS


class Calendar(msgspec.Struct, frozen=True):
    """Which days are not like the others.

    holidays: of the programme; they count as weekends.  events: all times in which the utility limited the
    site, whichever event: their days are not matched with.
    """

    holidays: frozenset[date] = frozenset()
    events: tuple[tuple[int, int], ...] = ()

    def working(self, day: date) -> bool:
        """Tell whether a day is Monday to Friday and no holiday."""
        return day.weekday() < 5 and day not in self.holidays


class History(msgspec.Struct, frozen=True):
    """Mean power by day and quarter-hour of the site's clock."""

    zone: ZoneInfo
    days: dict[date, dict[int, int]] = {}

    @classmethod
    def of(
        cls,
        blocks: Iterable[LoadBlock],
        timezone: str,
        energy_wh: Callable[[LoadBlock], int] = lambda block: block.import_wh,
    ) -> "History":
        """Return the history of quarter-hours.  energy_wh: which of their energies."""
        zone = ZoneInfo(timezone)
        days: dict[date, dict[int, int]] = {}
        for block in blocks:
            if block.measured_ms * 2 < QUARTER_MS:
                continue
            day, quarter = _local(block.start_wall_ms, zone)
            of_day = days.setdefault(day, {})
            power_w = energy_wh(block) * HOUR_MS // block.measured_ms
            if quarter in of_day:  # the hour that comes twice: their mean
                power_w = (of_day[quarter] + power_w) // 2
            of_day[quarter] = power_w
        return cls(zone, days)

    def mean_w(self, day: date, quarters: Iterable[int]) -> int | None:
        """Return the mean of a day's quarter-hours, None where one is unknown, or none are asked for."""
        known = self.days.get(day, {})
        powers = [known.get(quarter) for quarter in quarters]
        found = [power for power in powers if power is not None]
        return sum(found) // len(found) if found and len(found) == len(powers) else None


class Baseline(msgspec.Struct, frozen=True):
    """A baseline, or none.  powers_w: by start of the quarter-hour, UTC, adjusted.  days: matched with.

    ratio_ppm: of the same-day adjustment as applied, in millionths.  note: why there is none, or what is
    particular about it.
    """

    method: Method
    days: tuple[date, ...] = ()
    powers_w: dict[int, int] = {}
    ratio_ppm: int = _PPM
    note: str = ""

    def mean_w(self, from_wall_ms: int, to_wall_ms: int) -> int | None:
        """Return the mean power in a time, None where the baseline does not cover it."""
        if to_wall_ms <= from_wall_ms:
            return None
        wms = 0
        start = from_wall_ms // QUARTER_MS * QUARTER_MS
        while start < to_wall_ms:
            power = self.powers_w.get(start)
            if power is None:
                return None
            wms += power * (min(to_wall_ms, start + QUARTER_MS) - max(from_wall_ms, start))
            start += QUARTER_MS
        return wms // (to_wall_ms - from_wall_ms)

    def energy_wh(self, from_wall_ms: int, to_wall_ms: int) -> int | None:
        """Return the energy in a time, None where the baseline does not cover it."""
        mean = self.mean_w(from_wall_ms, to_wall_ms)
        return None if mean is None else mean * (to_wall_ms - from_wall_ms) // HOUR_MS


def baseline(
    history: History,
    calendar: Calendar,
    from_wall_ms: int,
    to_wall_ms: int,
    method: Method = "10 of 10",
    now_wall_ms: int | None = None,
) -> Baseline:
    """Return the baseline of an event from one time to another.

    An event over midnight has one baseline a day, adjusted by what was before the event.  now_wall_ms: for a
    forecast, when it is made: no load after it is looked at.
    """
    starts = range(from_wall_ms // QUARTER_MS * QUARTER_MS, to_wall_ms, QUARTER_MS)
    by_day: dict[date, list[int]] = {}
    for start in starts:
        by_day.setdefault(_local(start, history.zone)[0], []).append(start)
    raw: dict[int, int] = {}
    used: dict[date, list[date]] = {}
    for day, of_day in by_day.items():
        quarters = {start: _local(start, history.zone)[1] for start in of_day}
        days, why = matching(history, calendar, day, sorted(set(quarters.values())), method)
        if why:
            return Baseline(method, tuple(days), note=why)
        used[day] = days
        for start, quarter in quarters.items():
            raw[start] = sum(history.days[each][quarter] for each in days) // len(days)
    if not used:
        return Baseline(method, note="no baseline: the event has no extent")
    day = next(iter(used))
    rule = RULES[method, calendar.working(day)]
    ratio, note = _adjustment(history, calendar, from_wall_ms, rule, used[day], now_wall_ms)
    powers = {start: power * ratio // _PPM for start, power in raw.items()}
    matched = sorted({each for days in used.values() for each in days})
    return Baseline(method, tuple(matched), powers, ratio, note)


def matching(
    history: History, calendar: Calendar, day: date, quarters: list[int], method: Method
) -> tuple[list[date], str]:
    """Return the days to match with, newest first; and why they do not do, or ""."""
    working = calendar.working(day)
    rule = RULES[method, working]
    event_days = _days_of(calendar.events, history.zone)
    found: list[tuple[date, int]] = []
    for back in range(1, rule.within_days + 1):
        each = day - timedelta(days=back)
        if calendar.working(each) != working or each in event_days:
            continue
        mean = history.mean_w(each, quarters)
        if mean is not None:
            found.append((each, mean))
        if len(found) == rule.days:
            break
    if len(found) < rule.least:
        kind = "working days" if working else "weekend days and holidays"
        return [each for each, _ in found], (
            f"no baseline: {len(found)} {kind} without an event are known in the {rule.within_days} days "
            f"before {day}, {rule.least} are needed"
        )
    best = sorted(found, key=lambda each: (-each[1], found.index(each)))[: rule.best]
    return sorted((each for each, _ in best), reverse=True), ""


def _adjustment(
    history: History,
    calendar: Calendar,
    from_wall_ms: int,
    rule: Rule,
    days: list[date],
    now_wall_ms: int | None,
) -> tuple[int, str]:
    """Return the same-day adjustment in millionths, and what is particular about it.  days: matched with."""
    begin, end = from_wall_ms - ADJUST_FROM_MS, from_wall_ms - ADJUST_TO_MS
    begin, end = (moment // QUARTER_MS * QUARTER_MS for moment in (begin, end))
    if now_wall_ms is not None and end > now_wall_ms:
        return _PPM, "not adjusted: the hours before it are not over yet"
    if any(since < end and until > begin for since, until in calendar.events):
        return _PPM, "not adjusted: another event was in the hours before it"
    event_day = _local(from_wall_ms, history.zone)[0]
    window = [_local(start, history.zone) for start in range(begin, end, QUARTER_MS)]
    actual = _window_w(history, window, timedelta())
    means = [_window_w(history, window, event_day - day) for day in days]
    known = [mean for mean in means if mean is not None]
    if actual is None or 2 * len(known) < len(means):
        return _PPM, "not adjusted: the hours before it are not known"
    matched = sum(known) // len(known)
    if matched <= 0:
        return _PPM, "not adjusted: nothing was taken in those hours on the days before"
    ratio = actual * _PPM // matched
    held = min(max(ratio, rule.adjust_min_ppm), rule.adjust_max_ppm)
    return held, "" if held == ratio else f"adjustment of {ratio / _PPM:.2f} held at {held / _PPM:.2f}"


def _window_w(history: History, window: list[tuple[date, int]], back: timedelta) -> int | None:
    """Return the mean of the hours before an event, or of the same hours some days back."""
    powers = [history.days.get(day - back, {}).get(quarter) for day, quarter in window]
    known = [power for power in powers if power is not None]
    return sum(known) // len(known) if len(known) == len(powers) else None


def _days_of(events: Iterable[tuple[int, int]], zone: ZoneInfo) -> set[date]:
    """Return the days that events touch; one that ends at midnight does not touch the next."""
    found = set()
    for since, until in events:
        day, last = _local(since, zone)[0], _local(max(since, until - 1), zone)[0]
        while day <= last:
            found.add(day)
            day += timedelta(days=1)
    return found


def _local(wall_ms: int, zone: ZoneInfo) -> tuple[date, int]:
    """Return the day and the quarter-hour of it that the site's clock shows."""
    shown = datetime.fromtimestamp(wall_ms // 1000, UTC).astimezone(zone)
    return shown.date(), (shown.hour * 60 + shown.minute) // 15
