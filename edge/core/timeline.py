"""Which interval of an OpenADR event holds when.  Pure, in integers of UTC ms.

    event ── lay ──> Laid (one round of its intervals, and how it repeats) ── between ──> stretches

Rule 1: lay() looks at every interval once; between() makes only what touches the asked time, so a tariff
    that repeats for ever costs no more than its horizon.
Rule 2: a stretch holds from its first millisecond to before its last; what has no length never holds.
Rule 3: the clock is an argument.  "now" is when this version of the event was received.

What a payload demands is not here: see demand_response.py.

Source: OpenADR 3.1.1 User Guide 7.1 (priority), 7.3 (timing), 7.4 (own intervalPeriods), 7.9 (cancelling).
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, islice
from typing import Generic, TypeVar

import msgspec

from edge.model.openadr import Interval, IntervalPeriod, OpenAdrEvent, Value

What = TypeVar("What")

# More stretches than this at a time are cut off, the latest first: two months of quarter-hours fit.
MAX_STRETCHES = 6_000

# Later than any end.
NEVER_MS = 2**62

# Payload types whose values are a list by nature; of all others several values share the interval evenly.
LISTS = frozenset({"CURVE", "OLS", "DISPATCH_INSTRUCTION"})


class Stretch(msgspec.Struct, frozen=True):
    """A time in which one payload holds.  to_wall_ms: None for ever."""

    from_wall_ms: int
    to_wall_ms: int | None
    type: str
    values: tuple[Value, ...]
    interval_id: int


class Laid(msgspec.Struct, frozen=True):
    """An event laid out in time: one round of stretches in the order of their starts, and how it repeats.

    round_ms: how long a round lasts; None where it does not repeat.  end_wall_ms: None for ever.
    reach_ms: per stretch, the latest end of it and all before it: where a search may begin.
    An event without any extent (cancelled by PT0S) has start and end alike, and no round.
    """

    round: tuple[Stretch, ...]
    round_ms: int | None
    start_wall_ms: int
    end_wall_ms: int | None
    reach_ms: tuple[int, ...] = ()


def stretches(event: OpenAdrEvent, from_wall_ms: int, to_wall_ms: int) -> list[Stretch]:
    """Return the stretches of an event that touch a time, whole, in the order of their starts."""
    return between(lay(event), from_wall_ms, to_wall_ms)


def lay(event: OpenAdrEvent) -> Laid:
    """Lay an event's intervals out in time: inheritance, "now", random shift, looping and truncation."""
    found = placed(event)
    if not found:
        return _report_only(event)
    start = min(begin for begin, _, _ in found)
    ends = [end for _, end, _ in found if end is not None]
    round_end = max(ends) if len(ends) == len(found) else None
    end, round_ms = round_end, None
    if event.duration_ms is None and round_end is not None:
        end, round_ms = None, round_end - start
    elif event.duration_ms:
        end = start + event.duration_ms
        if round_end is not None and end > round_end:
            round_ms = round_end - start
    if end is not None and end <= start:
        return Laid((), None, start, start)
    made = [stretch for begin, until, interval in found for stretch in _split(begin, until, interval)]
    return _laid(made, round_ms, start, end)


def _report_only(event: OpenAdrEvent) -> Laid:
    """Return an event without intervals: where it asks for reports, it lasts until it is deleted.

    Its own duration ends it earlier.  Source: User Guide 7.5, report-only events; 8.6 to 8.8.
    """
    given = event.period.start if event.period else None
    start = given if isinstance(given, int) else event.received_wall_ms
    if event.intervals or not event.report_descriptors:
        return Laid((), None, event.received_wall_ms, event.received_wall_ms)
    return Laid((), None, start, start + event.duration_ms if event.duration_ms else None)


def _laid(made: Iterable[Stretch], round_ms: int | None, start: int, end: int | None) -> Laid:
    ordered = sorted(made, key=lambda stretch: stretch.from_wall_ms)
    reach = accumulate((NEVER_MS if s.to_wall_ms is None else s.to_wall_ms for s in ordered), max)
    return Laid(tuple(ordered), round_ms, start, end, tuple(reach))


def only(laid: Laid, payload_type: str) -> Laid:
    """Return the same event with the stretches of one payload type alone; its rounds stay as long."""
    kept = (stretch for stretch in laid.round if stretch.type == payload_type)
    return _laid(kept, laid.round_ms, laid.start_wall_ms, laid.end_wall_ms)


def placed(event: OpenAdrEvent) -> list[tuple[int, int | None, Interval]]:
    """Return begin, end and interval of one round, as sent; intervals without length are left out."""
    default = event.period or IntervalPeriod()
    largest_ms = _largest_randomize_ms(event)
    event_start = default.start if isinstance(default.start, int) else event.received_wall_ms
    found: list[tuple[int, int | None, Interval]] = []
    follows: int | None = event_start
    for n, interval in enumerate(event.intervals):
        own = interval.period or IntervalPeriod(inherits_duration=True)
        shift_ms = _shift_ms(event, own.randomize_start_ms or default.randomize_start_ms, largest_ms)
        begin = follows
        if isinstance(own.start, int):
            begin = own.start + shift_ms
        elif n == 0:
            begin = event_start + shift_ms
        if begin is None:  # after an interval that lasts for ever
            continue
        duration_ms = default.duration_ms if own.inherits_duration else own.duration_ms
        follows = None if duration_ms is None else begin + max(0, duration_ms)
        if follows != begin:
            found.append((begin, follows, interval))
    return found


def _largest_randomize_ms(event: OpenAdrEvent) -> int:
    periods = [event.period, *(interval.period for interval in event.intervals)]
    return max((period.randomize_start_ms for period in periods if period), default=0)


def _shift_ms(event: OpenAdrEvent, extent_ms: int, largest_ms: int) -> int:
    """Return the part of the event's one draw that falls on a period with this randomizeStart."""
    if not extent_ms:
        return 0
    return max(-largest_ms, min(largest_ms, event.random_ms)) * extent_ms // largest_ms


def _split(begin: int, end: int | None, interval: Interval) -> Iterable[Stretch]:
    """Return the stretches of one interval: one a payload, or one a value where several share it evenly."""
    for payload in interval.payloads:
        count = len(payload.values)
        if count < 2 or end is None or payload.type in LISTS or end - begin < count:
            yield Stretch(begin, end, payload.type, payload.values, interval.id)
            continue
        for n, value in enumerate(payload.values):
            from_ms, to_ms = (begin + (end - begin) * part // count for part in (n, n + 1))
            yield Stretch(from_ms, to_ms, payload.type, (value,), interval.id)


def between(laid: Laid, from_wall_ms: int, to_wall_ms: int, most: int = MAX_STRETCHES) -> list[Stretch]:
    """Return the stretches that touch [from, to), cut only at the event's own end.

    At most `most`, the earliest first.
    """
    if laid.end_wall_ms is not None:
        to_wall_ms = min(to_wall_ms, laid.end_wall_ms)
    from_wall_ms = max(from_wall_ms, laid.start_wall_ms)
    if not laid.round or from_wall_ms >= to_wall_ms:
        return []
    found: list[Stretch] = []
    turn = 0 if laid.round_ms is None else (from_wall_ms - laid.start_wall_ms) // laid.round_ms
    while len(found) < most:
        offset = turn * (laid.round_ms or 0)
        found += islice(_of_round(laid, offset, from_wall_ms, to_wall_ms), most - len(found))
        turn += 1
        if laid.round_ms is None or laid.start_wall_ms + turn * laid.round_ms >= to_wall_ms:
            break
    return found


def _of_round(laid: Laid, offset: int, from_wall_ms: int, to_wall_ms: int) -> Iterable[Stretch]:
    """Return the stretches of one round that touch [from, to), moved by offset."""
    last = bisect_left(laid.round, to_wall_ms - offset, key=lambda stretch: stretch.from_wall_ms)
    for stretch in laid.round[bisect_right(laid.reach_ms, from_wall_ms - offset) : last]:
        end = None if stretch.to_wall_ms is None else stretch.to_wall_ms + offset
        if laid.end_wall_ms is not None and (end is None or end > laid.end_wall_ms):
            end = laid.end_wall_ms
        if end is None or end > from_wall_ms:
            yield Stretch(
                stretch.from_wall_ms + offset, end, stretch.type, stretch.values, stretch.interval_id
            )


class Claim(msgspec.Struct, Generic[What], frozen=True):
    """Something that claims a time.  rank: the lowest wins, the earlier in the list among equals."""

    from_wall_ms: int
    to_wall_ms: int | None
    rank: tuple[int, ...]
    what: What


def winners(claims: Sequence[Claim[What]]) -> list[Claim[What]]:
    """Return who holds when: pieces of the claims that do not overlap, in the order of time."""
    order = sorted(range(len(claims)), key=lambda n: claims[n].from_wall_ms)
    waiting: list[tuple[tuple[int, ...], int]] = []  # heap of rank and index
    pieces: list[Claim[What]] = []
    last = -1  # index of the claim that the last piece was cut from
    at = nxt = 0
    while nxt < len(order) or waiting:
        if not waiting:
            at = claims[order[nxt]].from_wall_ms
        while nxt < len(order) and claims[order[nxt]].from_wall_ms <= at:
            heapq.heappush(waiting, (claims[order[nxt]].rank, order[nxt]))
            nxt += 1
        best = claims[waiting[0][1]]
        if best.to_wall_ms is not None and best.to_wall_ms <= at:
            heapq.heappop(waiting)
            continue
        until = best.to_wall_ms
        if nxt < len(order):
            coming = claims[order[nxt]].from_wall_ms
            until = coming if until is None else min(until, coming)
        if last == waiting[0][1] and pieces[-1].to_wall_ms == at:
            pieces[-1] = Claim(pieces[-1].from_wall_ms, until, best.rank, best.what)
        else:
            pieces.append(Claim(at, until, best.rank, best.what))
        last = waiting[0][1]
        if until is None:
            break
        at = until
    return pieces
