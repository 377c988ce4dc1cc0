"""What cannot be had, said when a window is entered: the charger is too small, or a panel is.

    room_note(window, windows, site) -> str        "" where it may be possible

A necessary condition, not a plan: within any stretch of time, what must be charged below a node cannot be
more than its breakers let through, even if nothing else flowed.  What depends on other load is for the
promises (edge/core/promises.py), which know it.  Looks at the week as a circle; a date counts as its weekday.
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from edge.model.site import EVERY_DAY, Charger, Node, Site, Window
from edge.shell.words import kwh, minutes

DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN

# Stretches that are looked at: distinct times are few, but somebody may have 400 different ones.
STRETCHES_MAX = 2_000


class Span(NamedTuple):
    """A stay in minutes of the week, and what each phase of its charger's must carry, Wh."""

    begin: int
    end: int
    window: Window
    charger: Charger


def room_note(window: Window, windows: Iterable[Window], site: Site) -> str:
    """Return what of a window's need cannot be had, and where; "" where it may be had.

    windows: all others.
    """
    chargers = {c.id: c for c in site.chargers}
    everyone = [window, *(w for w in windows if w.id != window.id)]
    spans = [span for each in everyone for span in _spans(each, site, chargers)]
    worst = ""
    worst_wh = 0
    if window.follows:
        return ""
    for own in (span for span in spans if span.window.id == window.id and 0 <= span.begin < WEEK_MIN):
        for name in site.path(own.charger.node):
            node = next(n for n in site.nodes if n.id == name)
            short_wh = _short_wh(own, node, spans, site)
            if short_wh > worst_wh:
                has = kwh(max(0, window.need_wh - short_wh))
                who = window.vehicle or own.charger.id
                by = minutes(window.ready_by_min)
                worst_wh = short_wh
                worst = f"{who} can have at most {has} of {kwh(window.need_wh)} by {by}: {name} is too small"
    return worst


def _short_wh(own: Span, node: Node, spans: list[Span], site: Site) -> int:
    """Return what is too much below a node in the worst stretch around a stay."""
    below = [s for s in spans if node.id in site.path(s.charger.node)]
    begins = sorted(
        {s.begin for s in below if s.begin <= own.begin and s.end > own.begin - DAY_MIN}, reverse=True
    )
    ends = sorted({s.end for s in below if s.end >= own.end and s.begin < own.end + DAY_MIN})
    worst = 0
    looked = 0
    for begin in begins:
        for end in ends:
            looked += 1
            if looked > STRETCHES_MAX:
                return worst
            inside = [s for s in below if s.begin >= begin and s.end <= end]
            for phase in own.charger.phases:
                needs = sum(
                    s.window.need_wh // len(s.charger.phases) for s in inside if phase in s.charger.phases
                )
                lets_wh = node.limit_ma[phase] * site.voltage_v // 1000 * (end - begin) // 60
                worst = max(worst, (needs - lets_wh) * len(own.charger.phases))
    return worst


def _spans(window: Window, site: Site, chargers: dict[str, Charger]) -> Iterable[Span]:
    length = (window.ready_by_min - window.from_min) % DAY_MIN
    if window.follows:
        return  # nobody knows below which breakers it will stand
    if window.group:
        there = [c for c in site.chargers if window.group in c.groups]
    else:
        there = [chargers[window.charger]] if window.charger in chargers else []
    for charger in there:
        days = {EVERY_DAY.index(day) for day in window.days}
        if window.dates:
            days = {date.fromisoformat(day).weekday() for day in window.dates}
        for day in sorted(days):
            begin = day * DAY_MIN + window.from_min
            for week in (-WEEK_MIN, 0, WEEK_MIN):
                yield Span(begin + week, begin + week + length, window, charger)
