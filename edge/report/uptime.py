"""Uptime per port and month, computed per 23 CFR 680.116(b), on exact milliseconds.

    monthly(records, month, timezone, until_wall_ms) -> list[PortUptime]

    µ = (525,600 − (T_outage − T_excluded)) / 525,600 × 100       minutes, over twelve months

Two figures stand side by side, conservative and by evidence: report/portyear.py tells them apart, and takes
out of both what is excluded.  Ports that fail their starts are down: report/starts.py.

Rule 1: a year has 525,600 minutes, a leap year too; µ below 0 is 0.
Rule 2: whether a port passes is decided on exact time: more than 97 %, not 97.00 after rounding.
Rule 3: less than twelve months of records has no yearly figure.  The first record starts the clock, or the
        day of commissioning where it is given: what was recorded before it does not count.
Rule 4: overlapping causes are one outage; months end by the clock of the reporting time zone.

This is a report of a private depot: computed per 23 CFR 680.116(b), not a statement of NEVI compliance.
Source: 23 CFR 680.116(b)(3); EV-ChART data format (uptime, total_outage, total_outage_excl).
"""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec

from edge.model.exclusion import REPAIRED, Exclusion
from edge.model.portpolicy import DEFAULT, PortPolicy
from edge.model.records import PortInterval, Session
from edge.model.units import MINUTE_MS, SECOND_MS
from edge.report.portyear import FEDERAL, FigureKind, PortTime, Rules, length, told_apart
from edge.report.spans import Span, clip, measure
from edge.report.starts import failing

METHOD = "computed per 23 CFR 680.116(b); conservative: unknown time is down; by evidence: outages seen"

YEAR_MS = 525_600 * MINUTE_MS
TARGET_PERCENT = 97

KINDS: tuple[FigureKind, ...] = ("conservative", "evidence")


class Figure(msgspec.Struct, frozen=True):
    """Outage of a stretch of time.  percent: two decimals, half up.  meets: decided before rounding."""

    outage_ms: int
    excluded_ms: int
    percent: str
    meets: bool


class PortUptime(msgspec.Struct, frozen=True):
    """One port in one month.

    from_wall_ms, to_wall_ms: the part of the month that lies in the records' time.
    up_ms + down_ms + unknown_ms is its length, as recorded, flaps included.  excluded_ms: by evidence.
    conservative, evidence: of this stretch alone.  year_…: of the twelve months that end with it, None
    where the records do not go back that far.  past_…: of what there is of those twelve months, as a part of
    its own length.  excluded_by: ms of this stretch by reason, conservative.
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
    past_conservative: Figure
    past_evidence: Figure
    excluded_by: dict[str, int]


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


class Records(msgspec.Struct, frozen=True):
    """What is known of all ports.

    intervals, sessions: those that touch the twelve months up to the month's end.  first_seen: when each
    port was first recorded.  entries: of people.  commissioned: by port, UTC ms, where it is known.
    """

    intervals: list[PortInterval]
    first_seen: dict[str, int] = {}
    sessions: list[Session] = []
    entries: list[Exclusion] = []
    commissioned: dict[str, int] = {}
    policy: PortPolicy = DEFAULT
    rules: Rules = FEDERAL


def monthly(records: Records, month: str, timezone: str, until_wall_ms: int) -> list[PortUptime]:
    """Return the uptime of every port, by port.

    until_wall_ms: how far the records go: an interval without an end lasts until then, and what comes after
    is not reported on.  Ports that were first seen or commissioned later than the month are left out.

    Raises ValueError if the month or the time zone is none.
    """
    this = months_ending(month, 1, timezone)
    return [
        _port(port, month, clip_end(this, until_wall_ms), time, is_whole, records.rules)
        for port, time, is_whole in port_years(records, month, timezone, until_wall_ms)
        if max(this[0], time.stretch[0]) < min(this[1], until_wall_ms)
    ]


def clip_end(stretch: Span, until_wall_ms: int) -> Span:
    """Return a stretch, cut where the records end."""
    return stretch[0], min(stretch[1], until_wall_ms)


def port_years(
    records: Records, month: str, timezone: str, until_wall_ms: int
) -> Iterator[tuple[str, PortTime, bool]]:
    """Yield every port's time in the twelve months that end with a month, and whether that is all of them."""
    year = clip_end(months_ending(month, 12, timezone), until_wall_ms)
    by_port: dict[str, list[PortInterval]] = {port: [] for port in records.first_seen}
    for interval in [*records.intervals, *failing_rows(records)]:
        by_port.setdefault(interval.port, []).append(interval)
    for port, own in sorted(by_port.items()):
        seen = min([records.first_seen.get(port, until_wall_ms), *(row.start_wall_ms for row in own)])
        first_wall_ms = records.commissioned.get(port, seen)
        stretch = (max(year[0], first_wall_ms), year[1])
        if stretch[0] < stretch[1]:
            entries = [entry for entry in records.entries if entry.concerns(port)]
            time = told_apart(own, stretch, entries, records.policy)
            yield port, time, first_wall_ms <= year[0]


def failing_rows(records: Records) -> list[PortInterval]:
    """Return the stretches in which ports failed their starts."""
    repaired: dict[str, list[int]] = {}
    ports = {row.port or row.charger for row in records.sessions}
    for entry in records.entries:
        if entry.reason == REPAIRED and entry.withdrawn_wall_ms is None:
            for port in filter(entry.concerns, ports):
                repaired.setdefault(port, []).append(entry.start_wall_ms)
    return failing(records.sessions, repaired, records.policy)


def _port(port: str, month: str, this: Span, year: PortTime, is_whole: bool, rules: Rules) -> PortUptime:
    stretch = (max(this[0], year.stretch[0]), this[1])
    down, unknown = clip(year.down, stretch), clip(year.unknown, stretch)
    figures: dict[str, Figure] = {}
    by_reason: dict[str, int] = {}
    outages = 0
    for kind in KINDS:
        outage = year.outage(kind)
        excluded = year.excluded(outage, rules)
        here = clip(outage, stretch)
        out = {reason: clip(spans, stretch) for reason, spans in excluded.items()}
        figures[kind] = figure(measure(here), length(out), stretch[1] - stretch[0])
        whole_ms = YEAR_MS if is_whole else year.stretch[1] - year.stretch[0]
        figures[f"past {kind}"] = figure(measure(outage), length(excluded), whole_ms)
        if kind == "evidence":
            outages = len(here)
        else:
            by_reason = {reason: measure(spans) for reason, spans in out.items() if spans}
    return PortUptime(
        port=port,
        month=month,
        from_wall_ms=stretch[0],
        to_wall_ms=stretch[1],
        up_ms=stretch[1] - stretch[0] - measure(down) - measure(unknown),
        down_ms=measure(down),
        excluded_ms=figures["evidence"].excluded_ms,
        unknown_ms=measure(unknown),
        outages=outages,
        flaps=len(clip(year.flaps, stretch)),
        conservative=figures["conservative"],
        evidence=figures["evidence"],
        year_conservative=figures["past conservative"] if is_whole else None,
        year_evidence=figures["past evidence"] if is_whole else None,
        past_conservative=figures["past conservative"],
        past_evidence=figures["past evidence"],
        excluded_by=by_reason,
    )
