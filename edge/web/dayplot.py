"""A day as a picture: power, limit, prices and events over time, and a lane for every charger.

Places in time are percentages of the width, heights are pixels: legible at 360 px and at 1440 px.  What was
is solid, what is planned is outlined; other load is hatched.  The tables of page_day.py say it in words.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from edge.model.site import Charger, Site
from edge.model.units import HOUR_MS, QUARTER_MS
from edge.shell import words
from edge.shell.answers import DayStatus, DayVehicle
from edge.web.markup import Markup, h
from edge.web.sentences import said
from edge.web.texts import t

POWER_TOP, POWER_BOTTOM = 22, 150
PRICE_TOP, PRICE_BOTTOM = 172, 206
EVENT_TOP, EVENT_HEIGHT = 212, 20
AXIS, HOURS, LANES = 240, 256, 270
LANE, BAR_TOP, BAR_HEIGHT = 36, 17, 13

# The picture is this much higher than what is drawn; a limit that is far above is only named.
HEADROOM, FAR = 1.15, 1.7

LEAST = 0.003


class Time:
    """The time that is shown, and where a time stands in it."""

    def __init__(self, day: DayStatus) -> None:
        self.from_ms, self.to_ms, self.now_ms = day.from_wall_ms, day.to_wall_ms, day.now_wall_ms
        self.zone = ZoneInfo(day.timezone)

    def share(self, wall_ms: int) -> float:
        """Return a time as a share of the width, within it."""
        return min(1.0, max(0.0, (wall_ms - self.from_ms) / (self.to_ms - self.from_ms)))

    def x(self, wall_ms: int) -> str:
        """Return a time as a place."""
        return f"{100 * self.share(wall_ms):.2f}%"

    def span(self, from_ms: int, to_ms: int) -> dict[str, str]:
        """Return a stretch of time as place and width that can be seen."""
        width = max(LEAST, self.share(to_ms) - self.share(from_ms))
        return {"x": self.x(from_ms), "width": f"{100 * width:.2f}%"}

    def shows(self, from_ms: int, to_ms: int | None) -> bool:
        """Tell whether any of a stretch is shown."""
        return from_ms < self.to_ms and (to_ms is None or to_ms > self.from_ms)


def plot(day: DayStatus, site: Site) -> Markup:
    """Return the picture."""
    time = Time(day)
    height = LANES + LANE * len(site.chargers)
    box = {"class": "day day-plan", "width": "100%", "height": str(height)}
    data = {"data-from": str(day.from_wall_ms), "data-to": str(day.to_wall_ms)}
    return h(
        "svg",
        {**box, **data, "role": "group", "aria-label": t("day.picture")},
        list(_grid(time, height)),
        list(_power(day, time)),
        list(_prices(day, time)),
        list(_events(day, time)),
        list(_lanes(day, time, site)),
        list(_now(time, height)),
    )


def _grid(time: Time, height: int) -> Iterator[Markup]:
    """Yield the axis, a line every three hours."""
    yield h("line", {"class": "axis", "x1": "0", "x2": "100%", "y1": str(AXIS), "y2": str(AXIS)})
    at = datetime.fromtimestamp(time.from_ms / 1000, time.zone)
    while (at_ms := int(at.timestamp() * 1000)) < time.to_ms:
        if at.hour % 3 == 0 and at.minute == 0 and 0.02 < time.share(at_ms) < 0.98:
            x, wide = time.x(at_ms), "" if at.hour % 6 == 0 else " wide-only"
            yield h(
                "line", {"class": f"hours{wide}", "x1": x, "x2": x, "y1": str(POWER_TOP), "y2": str(height)}
            )
            text = t("day.midnight") if at.hour == 0 else f"{at.hour:02d}:00"
            yield h("text", {"class": f"hour{wide}", "x": x, "text-anchor": "middle", "y": str(HOURS)}, text)
        at = (at.astimezone(ZoneInfo("UTC")) + timedelta(hours=1)).astimezone(time.zone)


def _power(day: DayStatus, time: Time) -> Iterator[Markup]:
    """Yield what flowed and what is expected, quarter by quarter, and the limit."""
    was = [(b.from_wall_ms, max(0, b.import_w - b.charging_w), b.charging_w) for b in day.load]
    coming = list(_coming(day))
    known = [base + charging for _, base, charging in (*was, *coming)]
    limits = day.forecast.limit_w if day.forecast else []
    top_w = max([1_000, *known]) * HEADROOM
    near = [limit for limit in limits if limit <= top_w * FAR]
    top_w = max([top_w, *(limit * 1.05 for limit in near)])

    def y(power_w: float) -> float:
        return POWER_BOTTOM - power_w / top_w * (POWER_BOTTOM - POWER_TOP)

    for stretch, planned in ((was, ""), (coming, " planned")):
        for from_ms, base, charging in stretch:
            place = time.span(from_ms, from_ms + QUARTER_MS)
            for kind, low, high in (("other", 0, base), ("charge", base, base + charging)):
                if high > low:
                    size = {"y": f"{y(high):.1f}", "height": f"{y(low) - y(high):.1f}"}
                    fill = {"fill": "url(#hatch)"} if kind == "other" else {}
                    yield h("rect", {"class": f"{kind}{planned}", **place, **size, **fill})
    yield from _limit(day, time, y, top_w)
    yield h(
        "line", {"class": "axis", "x1": "0", "x2": "100%", "y1": str(POWER_BOTTOM), "y2": str(POWER_BOTTOM)}
    )
    yield h("text", {"class": "hour", "x": "0", "y": "12"}, t("day.up_to", kw=said(words.kw(round(top_w)))))


def _limit(day: DayStatus, time: Time, y: object, top_w: float) -> Iterator[Markup]:
    forecast = day.forecast
    if forecast is None or not callable(y):
        return
    begin = 0
    for slot in range(1, len(forecast.limit_w) + 1):
        ended = slot == len(forecast.limit_w) or forecast.limit_w[slot] != forecast.limit_w[begin]
        limit_w = forecast.limit_w[begin]
        if not ended:
            continue
        from_ms = forecast.from_wall_ms + begin * forecast.slot_ms
        to_ms = forecast.from_wall_ms + slot * forecast.slot_ms
        if limit_w <= top_w and time.shows(from_ms, to_ms):
            at = f"{y(limit_w):.1f}"
            yield h(
                "line",
                {"class": "limit-line", "x1": time.x(from_ms), "x2": time.x(to_ms), "y1": at, "y2": at},
            )
        begin = slot


def _coming(day: DayStatus) -> Iterator[tuple[int, int, int]]:
    """Yield what is expected by quarters: when, other load, planned charging."""
    forecast = day.forecast
    if forecast is None:
        return
    each = max(1, QUARTER_MS // forecast.slot_ms)
    for first in range(0, len(forecast.planned_w), each):
        base = [w for w in forecast.base_w[first : first + each] if w is not None]
        planned = forecast.planned_w[first : first + each]
        mean = sum(base) // len(base) if base else 0
        yield forecast.from_wall_ms + first * forecast.slot_ms, max(0, mean), sum(planned) // len(planned)


def _prices(day: DayStatus, time: Time) -> Iterator[Markup]:
    highest = max((p.price_micro for p in day.prices), default=0)
    levels = sorted({p.price_micro for p in day.prices})
    for p in (p for p in day.prices if time.shows(p.from_wall_ms, p.to_wall_ms)):
        share = max(0.0, p.price_micro / highest) if highest > 0 else 0.0
        top = PRICE_BOTTOM - max(2, round(share * (PRICE_BOTTOM - PRICE_TOP)))
        level = "high" if len(levels) > 1 and p.price_micro == levels[-1] else "low"
        place = time.span(p.from_wall_ms, p.to_wall_ms)
        yield h(
            "rect", {"class": f"price {level}", **place, "y": str(top), "height": str(PRICE_BOTTOM - top)}
        )
        size = time.share(p.to_wall_ms) - time.share(p.from_wall_ms)
        if size >= 0.06:
            text = said(words.price(p.price_micro, day.currency)).split(" ")[0]
            fits = "" if size >= 0.15 else " wide-only"
            yield h("text", {"class": f"value{fits}", "x": place["x"], "dx": "3", "y": str(top - 3)}, text)


def _events(day: DayStatus, time: Time) -> Iterator[Markup]:
    for e in day.events:
        if e.payload_type == "PRICE":
            continue
        to_ms = e.to_wall_ms if e.to_wall_ms is not None else time.to_ms
        off = " off" if e.opted_out or e.step in ("done", "cancelled", "superseded", "refused") else ""
        place = time.span(e.from_wall_ms, to_ms)
        size = {"y": str(EVENT_TOP), "height": str(EVENT_HEIGHT), "rx": "3"}
        text = e.name or e.id if e.limit_w is None else f"≤ {said(words.kw(e.limit_w))}"
        late = time.share(e.from_wall_ms) > 0.7
        label = {"dx": "-5", "text-anchor": "end"} if late else {"dx": "5"}
        yield h(
            "a",
            {"href": f"/events#event-{e.id}"},
            h("rect", {"class": f"event{off}", **place, **size}),
            h("text", {"class": "event-text", "x": place["x"], "y": str(EVENT_TOP + 15), **label}, text),
        )


def _lanes(day: DayStatus, time: Time, site: Site) -> Iterator[Markup]:
    """Yield a lane for every charger: who was, is and will be there."""
    for n, charger in enumerate(site.chargers):
        top = LANES + n * LANE
        here = [v for v in day.vehicles if v.charger == charger.id or v.charger in charger.groups]
        yield h(
            "g",
            {"class": "lane", "data-charger": charger.id, "transform": f"translate(0 {top})"},
            h("rect", {"class": "lane-track", "y": str(BAR_TOP), "width": "100%", "height": str(BAR_HEIGHT)}),
            h(
                "a",
                {"href": f"/windows?charger={charger.id}"},
                h("text", {"class": "lane-name", "y": "12"}, _lane_name(charger, here)),
            ),
            [list(_bar(v, time)) for v in here],
        )


def _lane_name(charger: Charger, here: list[DayVehicle]) -> str:
    names = list(dict.fromkeys(v.vehicle for v in here if v.vehicle))
    return " · ".join([charger.name or charger.id, *names[:3]])


def _bar(v: DayVehicle, time: Time) -> Iterator[Markup]:
    """Yield a stay: from arrival to departure, its charging, and by when it is ready."""
    end = v.to_wall_ms or v.ready_by_wall_ms or max(time.now_ms, v.from_wall_ms + HOUR_MS)
    if not time.shows(v.from_wall_ms, end):
        return
    size = {"y": str(BAR_TOP), "height": str(BAR_HEIGHT), "rx": "3"}
    yield h("rect", {"class": f"stay {v.kind}", **time.span(v.from_wall_ms, end), **size})
    inner = {"y": str(BAR_TOP + 3), "height": str(BAR_HEIGHT - 6)}
    for stretch in v.planned:
        if time.shows(stretch.from_wall_ms, stretch.to_wall_ms):
            yield h(
                "rect", {"class": "charge", **time.span(stretch.from_wall_ms, stretch.to_wall_ms), **inner}
            )
    if v.ready_by_wall_ms is not None and time.shows(v.ready_by_wall_ms - 1, v.ready_by_wall_ms):
        x = time.x(v.ready_by_wall_ms)
        late = " late" if v.missing_wh else ""
        yield h(
            "line",
            {
                "class": f"ready-line{late}",
                "x1": x,
                "x2": x,
                "y1": str(BAR_TOP - 4),
                "y2": str(BAR_TOP + BAR_HEIGHT + 3),
            },
        )


def _now(time: Time, height: int) -> Iterator[Markup]:
    if time.from_ms <= time.now_ms < time.to_ms:
        x = time.x(time.now_ms)
        text = t("day.now", time=words.clock(time.now_ms, time.zone))
        late = {"dx": "-5", "text-anchor": "end"} if time.share(time.now_ms) > 0.8 else {"dx": "5"}
        line = h("line", {"x1": x, "x2": x, "y1": "4", "y2": str(height)})
        yield h("g", {"class": "now"}, line, h("text", {"x": x, "y": "12", **late}, text))
