"""When the utility wants which report: an event's reportDescriptors, laid out in time.  Pure.

    plans(event) -> [Plan]          one for the descriptors that want their reports together
    due(plan, after, until)         the reports that fall due in a time
    spans(plan, report)             the intervals of a report
    boundaries(grid, from, to)      where its intervals begin and end: load history is cut there

The intervals of reports are numbered through all rounds of an event that repeats: 0, 1, 2 …  An event without
intervals has implied ones, as long as its intervalPeriod, without end; one that gives no length either has
quarter-hours.  So has whoever leaves the pace to us (frequency 0), or gives intervals that never end.

    startInterval  numIntervals  historical   the first report covers                    and is due
    -1             n or -1       true         the last n (all) of the event's intervals   at their end
    s              -1            true         s … the last                                at their end
    s              n             true         s-n+1 … s; where s < n-1: s … s+n-1         at their end
    -1             n or -1       false        the first n (all)                           on receipt
    s              n or -1       false        s … s+n-1 (the last)                        when s begins

Every repetition moves all of it by `frequency` intervals (-1: as many as it covers), `repeat` times (-1: to
the event's end).  An event that loops and wants one report gets one every round.  The guide's two figures for
`startInterval 1` (three intervals from 1 on; two intervals up to 1) do not agree with one another; the
third line of the table agrees with both.

Source: OpenADR 3.1.1 User Guide 7.5, 8.6 to 8.8; openadr3.yaml, reportDescriptor.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from edge.core.timeline import Laid, lay, placed
from edge.model.openadr import OpenAdrEvent, ReportDescriptor
from edge.model.units import QUARTER_MS

# Fast telemetry: no report more often than this (User Guide 8.9.3: "as high as every 2 seconds").
FASTEST_MS = 2_000

# Intervals in one report; a longer one is cut, the latest are told.
INTERVALS_MAX = 1_000

# What is told before it happens, whatever `historical` says.  Source: User Guide 7.5.
FORECASTS = frozenset(
    {
        "USAGE_FORECAST",
        "LOAD_SHED_DELTA_AVAILABLE",
        "GENERATION_DELTA_AVAILABLE",
        "STORAGE_DISPATCH_FORECAST",
    }
)

# Reports of one group that are looked for at a time.
_DUE_MAX = 200
_EVER = 2**40


class Group(NamedTuple):
    """Descriptors of an event that differ in nothing but what they ask for.  n: its place in the event."""

    n: int
    descriptors: tuple[ReportDescriptor, ...]

    @property
    def pace(self) -> ReportDescriptor:
        """One of them: all are due alike."""
        return self.descriptors[0]

    @property
    def forecast(self) -> bool:
        """Whether its reports tell of what is to come."""
        return is_forecast(self.pace)


class Due(NamedTuple):
    """A report that falls due.  k: its number within its group; first, last: what it covers."""

    k: int
    at_wall_ms: int
    first: int
    last: int


class Span(NamedTuple):
    """One interval of a report, with the id that it has there."""

    id: int
    from_wall_ms: int
    to_wall_ms: int


class Grid(msgspec.Struct, frozen=True):
    """The reporting intervals of an event: one round of them, and when it comes again.

    round_ms: None where it comes once.  start_wall_ms, end_wall_ms: of the event; end None for ever.
    implied: the utility has not written them down.  own_id: what they are all called then; None: 0, 1, 2 …
    """

    round: tuple[Span, ...]
    round_ms: int | None
    start_wall_ms: int
    end_wall_ms: int | None
    implied: bool = False
    own_id: int | None = None

    @property
    def count(self) -> int | None:
        """How many intervals the utility has written down."""
        return None if self.implied else len(self.round)

    def span(self, index: int) -> Span | None:
        """Return an interval, cut at the event's start and end; None where there is none."""
        turn, n = divmod(index, len(self.round)) if self.round else (1, 0)
        if index < 0 or not self.round or (turn and self.round_ms is None):
            return None
        base, offset = self.round[n], turn * (self.round_ms or 0)
        begin, end = max(base.from_wall_ms + offset, self.start_wall_ms), base.to_wall_ms + offset
        if self.end_wall_ms is not None:
            end = min(end, self.end_wall_ms)
        name = base.id if not self.implied else index if self.own_id is None else self.own_id
        return Span(name, begin, end) if begin < end else None


class Plan(msgspec.Struct, frozen=True):
    """When the reports of a group are due, as the table at the top says.

    on_receipt: when the first forecast is due, where that is at once.
    """

    group: Group
    intervals: Grid
    first: int
    count: int
    step: int
    times: int
    on_receipt: int | None = None

    @property
    def period_ms(self) -> int:
        """How long it is from one report to the next, at least."""
        shortest = min(span.to_wall_ms - span.from_wall_ms for span in self.intervals.round)
        return self.step * max(1, shortest)


def is_forecast(descriptor: ReportDescriptor) -> bool:
    """Tell whether a descriptor wants to know what is to come."""
    forecast = descriptor.payload_type in FORECASTS or descriptor.reading_type == "FORECAST"
    return forecast or not descriptor.historical


def groups(event: OpenAdrEvent) -> list[Group]:
    """Return an event's descriptors, those that want the same reports together."""
    found: dict[tuple[object, ...], list[ReportDescriptor]] = {}
    for each in event.report_descriptors:
        pace = (each.start_interval, each.num_intervals, each.frequency, each.repeat, each.report_intervals)
        found.setdefault((*pace, is_forecast(each), each.targets, each.aggregate), []).append(each)
    return [Group(n, tuple(descriptors)) for n, descriptors in enumerate(found.values())]


def plans(event: OpenAdrEvent) -> list[Plan]:
    """Return when all reports of an event are due; nothing for one that asks for none."""
    found = (_plan(event, group) for group in groups(event))
    return [plan for plan in found if plan is not None]


def grid(event: OpenAdrEvent, pace: ReportDescriptor) -> Grid:
    """Return the intervals that a descriptor's reports are made of."""
    laid, length_ms = lay(event), 0
    if event.intervals and pace.frequency != 0:
        spans = [Span(i.id, begin, end) for begin, end, i in placed(event) if end is not None]
        if spans or laid.end_wall_ms is not None:
            return _written(event, spans, laid)
    elif pace.frequency != 0:
        length_ms = (event.period.duration_ms or 0) if event.period else 0
    start = laid.start_wall_ms
    ours = length_ms <= 0
    if ours:
        start, length_ms = start // QUARTER_MS * QUARTER_MS, QUARTER_MS
    only = event.intervals[0].id if len(event.intervals) == 1 else None
    one = (Span(0, start, start + length_ms),)
    return Grid(one, length_ms, laid.start_wall_ms, laid.end_wall_ms, implied=True, own_id=only)


def _written(event: OpenAdrEvent, found: list[Span], laid: Laid) -> Grid:
    """Return the intervals that the utility has written down; they come again where the event is longer."""
    ordered = tuple(sorted(found, key=lambda span: span.from_wall_ms))
    round_ms = None
    if ordered and all(end is not None for _, end, _ in placed(event)):
        length_ms = max(s.to_wall_ms for s in ordered) - ordered[0].from_wall_ms
        if event.duration_ms is None or event.duration_ms > length_ms:
            round_ms = length_ms
    return Grid(ordered, round_ms, laid.start_wall_ms, laid.end_wall_ms)


def _plan(event: OpenAdrEvent, group: Group) -> Plan | None:
    pace, intervals = group.pace, grid(event, group.pace)
    written = intervals.count
    if written == 0:
        return None
    if pace.frequency == 0 or (event.intervals and intervals.implied):
        return Plan(group, intervals, 0, 1, 1, _EVER)
    start, wanted = pace.start_interval, pace.num_intervals
    first, count = max(start, 0), wanted
    if wanted < 0:
        count = 1 if written is None else max(1, written - first)
    elif not group.forecast and start < 0 and written is not None:
        first = max(0, written - count)
    elif not group.forecast and start >= count - 1:
        first = start - count + 1
    if written is not None and intervals.round_ms is None:
        count = min(count, written)
    step = max(1, count if pace.frequency < 0 else pace.frequency)
    times = _EVER if pace.repeat < 0 else max(1, pace.repeat)
    if start < 0 and pace.repeat == 1 and intervals.round_ms is not None and written is not None:
        step, times = written, _EVER  # it loops: one report a round
    step, count = _paced(intervals, step, count)
    on_receipt = event.received_wall_ms if group.forecast and start < 0 else None
    return Plan(group, intervals, first, min(count, INTERVALS_MAX), step, times, on_receipt)


def _paced(intervals: Grid, step: int, count: int) -> tuple[int, int]:
    """Return step and count, larger where the reports would come too fast."""
    shortest_ms = min(s.to_wall_ms - s.from_wall_ms for s in intervals.round)
    least = -(-FASTEST_MS // max(1, shortest_ms))
    return (step, count) if step >= least else (least, max(count, least))


def due(plan: Plan, after_wall_ms: int, until_wall_ms: int) -> list[Due]:
    """Return the reports of a plan that fall due in (after, until], in the order of time; 200 at most."""
    first_k = bisect_right(range(min(_EVER, plan.times)), after_wall_ms, key=lambda k: _at(plan, k))
    found = []
    for k in range(first_k, min(first_k + _DUE_MAX, plan.times)):
        each = _due(plan, k)
        if each is None or each.at_wall_ms > until_wall_ms:
            break
        found.append(each)
    return found


def next_due(plan: Plan, after_wall_ms: int) -> int | None:
    """Return when the next report of a plan falls due after a time, None where there is none."""
    k = bisect_right(range(min(_EVER, plan.times)), after_wall_ms, key=lambda each: _at(plan, each))
    found = _due(plan, k) if k < plan.times else None
    return None if found is None else found.at_wall_ms


def _due(plan: Plan, k: int) -> Due | None:
    """Return the k-th report; None where the event has no such intervals."""
    first = plan.first + k * plan.step
    last = first + plan.count - 1
    begin = plan.intervals.span(first)
    while last > first and plan.intervals.span(last) is None:
        last -= 1
    end = plan.intervals.span(last)
    if begin is None or end is None:
        return None
    at = begin.from_wall_ms if plan.group.forecast else end.to_wall_ms
    if k == 0 and plan.on_receipt is not None:
        at = min(at, plan.on_receipt)
    return Due(k, at, first, last)


def _at(plan: Plan, k: int) -> int:
    """Return when the k-th report is due, for the search: later than anything where there is none."""
    found = _due(plan, k)
    return 2**62 if found is None else found.at_wall_ms


def spans(plan: Plan, report: Due) -> list[Span]:
    """Return the intervals of a report, divided where the descriptor wants that."""
    found = [s for n in range(report.first, report.last + 1) if (s := plan.intervals.span(n)) is not None]
    if plan.group.pace.report_intervals == "SUB_INTERVALS":
        found = [part for span in found for part in _quarters(span)]
    elif plan.group.pace.report_intervals == "OPEN_INTERVALS" and not plan.intervals.implied:
        parts = [part for span in found for part in _quarters(span)]
        found = [part._replace(id=n) for n, part in enumerate(parts)]
    return found[-INTERVALS_MAX:]


def _quarters(span: Span) -> Iterable[Span]:
    """Return an interval cut at the quarter-hours in it."""
    begin = span.from_wall_ms
    while begin < span.to_wall_ms:
        end = min(span.to_wall_ms, begin // QUARTER_MS * QUARTER_MS + QUARTER_MS)
        yield Span(span.id, begin, end)
        begin = end


def boundaries(intervals: Grid, from_wall_ms: int, to_wall_ms: int) -> Iterator[Span]:
    """Return the intervals that begin or end within a time.  Bounded."""
    if not intervals.round:
        return
    turn = 0
    if intervals.round_ms is not None:
        turn = max(0, (from_wall_ms - intervals.round[0].from_wall_ms) // intervals.round_ms - 1)
    offset = turn * (intervals.round_ms or 0)
    at = bisect_left(intervals.round, from_wall_ms - offset, key=lambda span: span.from_wall_ms)
    index = turn * len(intervals.round) + max(0, at - 1)
    for n in range(index, index + INTERVALS_MAX):
        span = intervals.span(n)
        if span is None or span.from_wall_ms >= to_wall_ms:
            return
        yield span
