"""The day ahead as a picture: price bands with their values, the utility's events, where now is.

An SVG without a scaled view box: places are percentages of the width and texts keep their size, so the
same picture is legible at 360 px and at 1440 px.  The list below it says the same in words.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from edge.model.units import HOUR_MS, MINUTE_MS
from edge.shell import words
from edge.shell.answers import EventStatus, Price, Status
from edge.web.markup import Markup, h

BEFORE_MS = 2 * HOUR_MS
SHOWN_MS = 24 * HOUR_MS

HEIGHT = 192
PRICE_TOP, PRICE_BOTTOM = 38, 128  # the highest price, and nothing
EVENT_TOP, EVENT_HEIGHT = 136, 26
AXIS, HOURS = 166, 182

# Bands narrower than this hold no label; between the two only on wide screens.
NARROW, WIDE = 0.045, 0.14

# The narrowest stretch that is drawn: an event of a minute is seen.
LEAST = 0.004


class Span:
    """The time that is shown, and where a time stands in it.

    known_from_ms: what is before it need not be shown, there is nothing.
    """

    def __init__(self, now_ms: int, known_from_ms: int) -> None:
        self.now_ms = now_ms - now_ms % MINUTE_MS
        self.from_ms = min(now_ms, max(now_ms - BEFORE_MS, known_from_ms)) // HOUR_MS * HOUR_MS
        self.to_ms = self.from_ms + SHOWN_MS

    def share(self, wall_ms: int) -> float:
        """Return a time as a share of the width, within it."""
        return min(1.0, max(0.0, (wall_ms - self.from_ms) / SHOWN_MS))

    def x(self, wall_ms: int) -> str:
        """Return a time as a place."""
        return f"{100 * self.share(wall_ms):.2f}%"

    def width(self, from_ms: int, to_ms: int) -> str:
        """Return a stretch of time as a width that can be seen."""
        return f"{100 * max(LEAST, self.share(to_ms) - self.share(from_ms)):.2f}%"

    def shows(self, from_ms: int, to_ms: int | None) -> bool:
        """Tell whether any of a stretch is shown."""
        return from_ms < self.to_ms and (to_ms is None or to_ms > self.from_ms)


def key(status: Status) -> str:
    """Return what tells one picture from another: the minute, the prices, the events."""
    shown = (status.wall_ms // MINUTE_MS, tuple(status.prices), tuple(status.events))
    return f"{hash(shown) & 0xFFFFFFFF:08x}"


def day(status: Status) -> Markup:
    """Return the picture and its words."""
    starts = [p.from_wall_ms for p in status.prices] + [e.from_wall_ms for e in status.events]
    known_from_ms = min(starts, default=status.wall_ms)
    span, zone = Span(status.wall_ms, known_from_ms), ZoneInfo(status.timezone)
    prices = [p for p in status.prices if span.shows(p.from_wall_ms, p.to_wall_ms)]
    events = [e for e in status.events if span.shows(e.from_wall_ms, e.to_wall_ms)]
    label = "Prices and the utility's events from now to tomorrow; the list below says them in words"
    picture = h(
        "svg",
        {"class": "day", "width": "100%", "height": str(HEIGHT), "role": "img", "aria-label": label},
        _bands(prices, span, status.currency),
        _events(events, span),
        _axis(span, zone),
        _now(span, zone),
    )
    return h("div", {}, picture, h("ul", {"class": "day-list"}, _said(prices, events, status, zone)))


def _bands(prices: list[Price], span: Span, currency: str) -> Iterator[Markup]:
    highest = max((p.price_micro for p in prices), default=0)
    levels = sorted({p.price_micro for p in prices})
    for p in prices:
        share = p.price_micro / highest if highest > 0 else 0.0
        top = PRICE_BOTTOM - max(2, round(max(0.0, share) * (PRICE_BOTTOM - PRICE_TOP)))
        level = "high" if len(levels) > 1 and p.price_micro == levels[-1] else "low"
        x, width = span.x(p.from_wall_ms), span.width(p.from_wall_ms, p.to_wall_ms)
        box = {"x": x, "y": str(top), "width": width, "height": str(PRICE_BOTTOM - top)}
        yield h("rect", {"class": f"price {level}", **box})
        size = span.share(p.to_wall_ms) - span.share(p.from_wall_ms)
        if size >= NARROW:
            value = words.price(p.price_micro, currency).split(" ")[0]
            fits = "" if size >= WIDE else " wide-only"
            yield h("text", {"class": f"value{fits}", "x": x, "dx": "4", "y": str(top - 5)}, value)


def _events(events: list[EventStatus], span: Span) -> Iterator[Markup]:
    for e in events:
        if e.payload_type == "PRICE":  # drawn as prices
            continue
        to_ms = e.to_wall_ms if e.to_wall_ms is not None else span.to_ms
        x = span.x(e.from_wall_ms)
        off = " off" if e.opted_out or e.step in ("done", "cancelled", "superseded", "refused") else ""
        y, height = str(EVENT_TOP), str(EVENT_HEIGHT)
        box = {"x": x, "y": y, "width": span.width(e.from_wall_ms, to_ms), "height": height}
        yield h("rect", {"class": f"event{off}", "rx": "3", **box})
        text = "event" if e.limit_w is None else f"≤ {words.kw(e.limit_w)}"
        # Left of the event's start where the right edge is near, so that it is never cut off.
        late = span.share(e.from_wall_ms) > 0.75
        place = {"x": x, "dx": "-6", "text-anchor": "end"} if late else {"x": x, "dx": "6"}
        yield h("text", {"class": "event-text", "y": str(EVENT_TOP + 18), **place}, text)


def _axis(span: Span, zone: ZoneInfo) -> Iterator[Markup]:
    yield h("line", {"class": "axis", "x1": "0", "x2": "100%", "y1": str(AXIS), "y2": str(AXIS)})
    at = datetime.fromtimestamp(span.from_ms / 1000, zone)
    while (at_ms := int(at.timestamp() * 1000)) < span.to_ms:
        if at.hour % 3 == 0 and at.minute == 0 and 0.02 < span.share(at_ms) < 0.97:
            wide = "" if at.hour % 6 == 0 else " wide-only"
            x = span.x(at_ms)
            yield h("line", {"class": "axis", "x1": x, "x2": x, "y1": str(AXIS), "y2": str(AXIS + 4)})
            text = "midnight" if at.hour == 0 else f"{at.hour:02d}:00"
            yield h("text", {"class": f"hour{wide}", "x": x, "text-anchor": "middle", "y": str(HOURS)}, text)
        at = (at.astimezone(ZoneInfo("UTC")) + timedelta(hours=1)).astimezone(zone)


def _now(span: Span, zone: ZoneInfo) -> Markup:
    x = span.x(span.now_ms)
    return h(
        "g",
        {"class": "now"},
        h("line", {"x1": x, "x2": x, "y1": "4", "y2": str(AXIS)}),
        h("text", {"x": x, "dx": "5", "y": "12"}, f"now {words.clock(span.now_ms, zone)}"),
    )


def _said(prices: list[Price], events: list[EventStatus], status: Status, zone: ZoneInfo) -> Iterator[Markup]:
    now_ms = status.wall_ms
    for e in events:
        over = h("a", {"href": f"/events/{quote(e.id, safe='')}"}, "what was done")
        yield h("li", {"class": "event-line"}, e.words, *([" ", over] if e.step == "done" else []))
    coming = [p for p in prices if p.to_wall_ms > now_ms]
    for p in coming:
        start = "now" if p.from_wall_ms <= now_ms else words.clock(p.from_wall_ms, zone, now_ms)
        end = words.clock(p.to_wall_ms, zone, now_ms)
        yield h("li", {}, f"{start} to {end}: {words.price(p.price_micro, status.currency)}")
    if not coming:
        yield h("li", {}, "No price is known for the time ahead.")
