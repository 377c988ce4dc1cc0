"""Uptime per port and month, computed per 23 CFR 680.116(b), on exact milliseconds.

    monthly(intervals, first_seen, month, timezone, until_wall_ms) -> list[PortUptime]

    µ = (525,600 − (T_outage − T_excluded)) / 525,600 × 100       minutes, over twelve months

Two figures stand side by side.  *Conservative*: time that nobody saw (gateway off, clock unset, no interval)
is an outage, and so is every flap.  *By evidence*: an outage is what was seen as one; a charger that was
silent for less than FLAP_MS was not down.  Excluded time is taken out of both, as far as it is outage.

Rule 1: a year has 525,600 minutes, a leap year too; µ below 0 is 0.
Rule 2: whether a port passes is decided on exact time: more than 97 %, not 97.00 after rounding.
Rule 3: less than twelve months of records has no yearly figure.  The first record starts the clock.
Rule 4: overlapping causes are one outage; months end by the clock of the reporting time zone.

This is a report of a private depot: computed per 23 CFR 680.116(b), not a statement of NEVI compliance.
Source: 23 CFR 680.116(b)(3); EV-ChART data format (uptime, total_outage, total_outage_excl).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec

from edge.model.records import PortInterval
from edge.model.units import MINUTE_MS, SECOND_MS
from edge.report.spans import Span, clip, difference, intersection, measure, union

METHOD = "computed per 23 CFR 680.116(b); conservative: unknown time is down; by evidence: outages seen"

YEAR_MS = 525_600 * MINUTE_MS
TARGET_PERCENT = 97

# Shorter silences are lost answers and not an outage: the bus asks again after seconds.
FLAP_MS = 10 * SECOND_MS


class Figure(msgspec.Struct, frozen=True):
    """Outage of a stretch of time.  percent: two decimals, half up.  meets: decided before rounding."""

    outage_ms: int
    excluded_ms: int
    percent: str
    meets: bool


class PortUptime(msgspec.Struct, frozen=True):
    """One port in one month.

    from_wall_ms, to_wall_ms: the part of the month that lies in the records' time.
    up_ms + down_ms + unknown_ms is its length; excluded_ms is part of down_ms.
    conservative, evidence: of this stretch alone.  year_…: of the twelve months that end with it, None
    where the records do not go back that far.
    """

    port: str
    month: str
    from_wall_ms: int
    to_wall_ms: int
    up_ms: int
    down_ms: int
    excluded_ms: int
    unknown_ms: int
    outages: int
    flaps: int
    conservative: Figure
    evidence: Figure
    year_conservative: Figure | None
    year_evidence: Figure | None


def minutes(ms: int) -> str:
    """Return a time in minutes with two decimals, rounded half up."""
    return str((Decimal(ms) / MINUTE_MS).quantize(Decimal("0.01"), ROUND_HALF_UP))


def uptime(outage_ms: int, excluded_ms: int, of_ms: int = YEAR_MS) -> Fraction:
    """Return µ as a fraction of 1, from 0 to 1."""
    return max(Fraction(0), min(Fraction(1), 1 - Fraction(outage_ms - excluded_ms, of_ms)))


def figure(outage_ms: int, excluded_ms: int, of_ms: int = YEAR_MS) -> Figure:
    """Return the figure of an outage in a stretch of time, by default a year."""
    share = uptime(outage_ms, excluded_ms, of_ms)
    percent = Decimal(share.numerator * 100) / Decimal(share.denominator)
    return Figure(
        outage_ms=outage_ms,
        excluded_ms=excluded_ms,
        percent=str(percent.quantize(Decimal("0.01"), ROUND_HALF_UP)),
        meets=share * 100 > TARGET_PERCENT,
    )


def months_ending(month: str, count: int, timezone: str) -> Span:
    """Return the stretch of `count` months that ends with a month, by local midnights.

    Raises ValueError if the month is not "YYYY-MM" or the zone does not exist.
    """
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", month)
    if not found:
        raise ValueError(f'month "{month}": expected YYYY-MM, such as 2026-10')
    zone = ZoneInfo(timezone)
    after = int(found[1]) * 12 + int(found[2])  # months since the year 0, counted from January = 0
    begin, end = (
        datetime(number // 12, number % 12 + 1, 1, tzinfo=zone) for number in (after - count, after)
    )
    return int(begin.timestamp()) * SECOND_MS, int(end.timestamp()) * SECOND_MS


def monthly(
    intervals: Iterable[PortInterval],
    first_seen: Mapping[str, int],
    month: str,
    timezone: str,
    until_wall_ms: int,
) -> list[PortUptime]:
    """Return the uptime of every port, by port.

    intervals: those that touch the twelve months up to the month's end.  first_seen: when each port was
    first recorded.  until_wall_ms: how far the records go: an interval without an end lasts until then, and
    what comes after is not reported on.  Ports that were first seen later than the month are left out.

    Raises ValueError if the month or the time zone is none.
    """
    this, year = months_ending(month, 1, timezone), months_ending(month, 12, timezone)
    by_port: dict[str, list[PortInterval]] = {port: [] for port in first_seen}
    for interval in intervals:
        by_port.setdefault(interval.port, []).append(interval)
    found = []
    for port, own in sorted(by_port.items()):
        first = min([first_seen.get(port, until_wall_ms), *(interval.start_wall_ms for interval in own)])
        stretch = (max(this[0], first), min(this[1], until_wall_ms))
        if stretch[0] < stretch[1]:
            found.append(_port(port, month, own, stretch, _whole_year(year, first, until_wall_ms)))
    return found


def _whole_year(year: Span, first_wall_ms: int, until_wall_ms: int) -> Span | None:
    """Return the twelve months, as far as they have been; None where the records begin later."""
    return (year[0], min(year[1], until_wall_ms)) if first_wall_ms <= year[0] else None


class _Seen(msgspec.Struct, frozen=True):
    """A stretch of a port's time, told apart.  down and unknown do not overlap; flaps are within down."""

    length_ms: int
    down: list[Span]
    unknown: list[Span]
    excluded: list[Span]
    flaps: list[Span]

    def conservative(self, of_ms: int) -> Figure:
        outage = union([*self.down, *self.unknown])
        return figure(measure(outage), measure(intersection(self.excluded, outage)), of_ms)

    def evidence(self, of_ms: int) -> Figure:
        outage = difference(self.down, self.flaps)
        return figure(measure(outage), measure(intersection(self.excluded, outage)), of_ms)


def _port(port: str, month: str, own: list[PortInterval], this: Span, year: Span | None) -> PortUptime:
    seen = _told_apart(own, this)
    in_year = _told_apart(own, year) if year else None
    down_ms, unknown_ms = measure(seen.down), measure(seen.unknown)
    return PortUptime(
        port=port,
        month=month,
        from_wall_ms=this[0],
        to_wall_ms=this[1],
        up_ms=seen.length_ms - down_ms - unknown_ms,
        down_ms=down_ms,
        excluded_ms=measure(intersection(seen.excluded, seen.down)),
        unknown_ms=unknown_ms,
        outages=len(difference(seen.down, seen.flaps)),
        flaps=len(seen.flaps),
        conservative=seen.conservative(seen.length_ms),
        evidence=seen.evidence(seen.length_ms),
        year_conservative=in_year.conservative(YEAR_MS) if in_year else None,
        year_evidence=in_year.evidence(YEAR_MS) if in_year else None,
    )


def _told_apart(own: list[PortInterval], stretch: Span) -> _Seen:
    """Tell a stretch apart.  Where intervals overlap (a clock was set back), down is down."""

    def spans(rows: Iterable[PortInterval]) -> list[Span]:
        ends = (
            (row.start_wall_ms, stretch[1] if row.end_wall_ms is None else row.end_wall_ms) for row in rows
        )
        return clip(ends, stretch)

    down = spans(row for row in own if row.state == "down")
    up = difference(spans(row for row in own if row.state == "up"), down)
    unknown = difference(difference([stretch], down), up)
    silent = spans(row for row in own if row.state == "down" and row.cause == "comms" and _is_flap(row))
    other = spans(row for row in own if row.state == "down" and not (row.cause == "comms" and _is_flap(row)))
    return _Seen(
        length_ms=stretch[1] - stretch[0],
        down=down,
        unknown=unknown,
        excluded=spans(row for row in own if row.excluded),
        flaps=difference(silent, other),
    )


def _is_flap(row: PortInterval) -> bool:
    return row.end_wall_ms is not None and row.end_wall_ms - row.start_wall_ms < FLAP_MS
