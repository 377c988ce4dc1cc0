"""Day: what was, what is planned, who is there when; drag on a lane to give a vehicle a charge window."""

from datetime import date as Date
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from litestar import MediaType, get
from litestar.params import Parameter
from litestar.types import ControllerRouterHandler

from edge.shell import words
from edge.shell.answers import DayStatus, DayVehicle
from edge.web.dayplot import plot
from edge.web.diagram import hatching
from edge.web.forms import field
from edge.web.house import House
from edge.web.markup import Child, Markup, h
from edge.web.page import frame, section
from edge.web.page_why import table
from edge.web.sentences import said
from edge.web.texts import t


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""

    @get("/day", media_type=MediaType.HTML, include_in_schema=False)
    async def day(date: Annotated[str, Parameter(max_length=10)] = "") -> str:
        found = await house.desk.day(date)
        return frame(
            house,
            "day",
            hatching(),
            h("h1", {}, t("day.title", date=found.date)),
            _choose(found),
            section(
                "day.power", _legend(), plot(found, house.desk.site), h("p", {"class": "soft"}, t("day.drag"))
            ),
            section("day.vehicles", _table(found)),
            section("day.prices", _prices(found)),
        )

    return [day]


def _choose(day: DayStatus) -> Markup:
    at = Date.fromisoformat(day.date)
    links = [
        h("a", {"class": "button small", "href": f"/day?date={at + timedelta(days=n)}"}, t(key))
        for n, key in ((-1, "day.before"), (1, "day.after"))
    ]
    today = h("a", {"class": "button small", "href": "/day"}, t("day.today"))
    box = field(t("day.date"), "date", "date", day.date, required="")
    button = h("button", {"type": "submit"}, t("day.show"))
    return h("form", {"action": "/day", "method": "get", "class": "row end"}, box, button, links, today)


def _legend() -> Markup:
    def swatch(kind: str) -> Markup:
        fill = "url(#hatch)" if kind.startswith("other") else None
        bar = h("rect", {"class": kind, "fill": fill, "width": "100%", "height": "100%"})
        return h("svg", {"class": "swatch", "width": "18", "height": "12", "aria-hidden": "true"}, bar)

    kinds = (
        ("other", "now.other"),
        ("charge", "now.charge"),
        ("charge planned", "day.planned"),
        ("limit-key", "day.limit"),
    )
    return h("p", {"class": "legend"}, [h("span", {}, swatch(kind), t(key)) for kind, key in kinds])


def _table(day: DayStatus) -> Child:
    if not day.vehicles:
        return h("p", {"class": "soft"}, t("day.nobody"))
    zone, now_ms = ZoneInfo(day.timezone), day.now_wall_ms

    def clock(wall_ms: int | None) -> str:
        return said(words.clock(wall_ms, zone, now_ms)) if wall_ms is not None else "–"

    rows: list[list[Child]] = [
        [
            v.charger,
            v.vehicle,
            t(f"day.{v.kind}"),
            clock(v.from_wall_ms),
            _charges(v, clock(v.planned[0].from_wall_ms) if v.planned else ""),
            clock(v.ready_by_wall_ms),
            clock(v.to_wall_ms),
            t("day.missing", kwh=said(words.kwh(v.missing_wh))) if v.missing_wh else "",
        ]
        for v in day.vehicles
    ]
    keys = ("charger", "vehicle", "state", "arrives", "charges", "ready_by", "leaves", "note")
    return table(t("day.stays"), [t(f"day.c_{key}") for key in keys], rows, set())


def _charges(v: DayVehicle, first: str) -> str:
    """Return what a vehicle got or is to get."""
    had = said(words.kwh(v.energy_wh)) if v.energy_wh else ""
    needs = t("day.to_go", kwh=said(words.kwh(v.need_wh))) if v.need_wh else ""
    return ", ".join(part for part in (had, needs, t("day.from", time=first) if first else "") if part)


def _prices(day: DayStatus) -> Markup:
    zone = ZoneInfo(day.timezone)
    events = [h("li", {"class": "event-line"}, said(e.words)) for e in day.events]
    prices = []
    for p in day.prices:
        when = f"{words.clock(p.from_wall_ms, zone)}–{words.clock(p.to_wall_ms, zone)}"
        prices.append(h("li", {}, f"{when}: {said(words.price(p.price_micro, day.currency))}"))
    return h("ul", {"class": "day-list"}, events, prices or h("li", {}, t("day.no_price")))
