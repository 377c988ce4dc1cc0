"""Reports of a month: indicators, uptime, sessions, the bill, events; each to download as CSV or JSON."""

import re
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from litestar import MediaType, get
from litestar.params import Parameter
from litestar.types import ControllerRouterHandler

from edge.report.indicators import Indicator
from edge.report.uptime import Figure, minutes
from edge.shell import words
from edge.shell.answers import DeskError
from edge.shell.archive import (
    CostWorking,
    MonthBilled,
    MonthIndicators,
    MonthPerformance,
    MonthSessions,
    MonthUptime,
    month_of,
)
from edge.shell.costs import MonthMoney
from edge.web.forms import field
from edge.web.house import House
from edge.web.markup import Child, Markup, h
from edge.web.page import frame, notice, section
from edge.web.page_why import table
from edge.web.sentences import said
from edge.web.texts import number, t

MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")

# Of a month of sessions the page shows the newest; the file has them all.
SESSIONS_SHOWN = 60

Report = TypeVar("Report")


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk, site = house.desk, house.desk.site

    @get("/reports", media_type=MediaType.HTML, include_in_schema=False)
    async def reports(month: Annotated[str, Parameter(max_length=10)] = "") -> str:
        wanted = month if MONTH.fullmatch(month) else month_of(desk.status().wall_ms, site.timezone)
        zone, archive = ZoneInfo(site.timezone), desk.archive
        parts = [
            await _part("indicators", wanted, archive.indicators, _indicators),
            await _part("uptime", wanted, archive.uptime, _uptime),
            await _part("sessions", wanted, archive.sessions, lambda found: _sessions(found, zone)),
            await _part("performance", wanted, archive.performance, lambda found: _performance(found, zone)),
            await _part("bill", wanted, archive.bill, _bill),
            _cost_link(wanted),
        ]
        return frame(house, "reports", h("h1", {}, t("reports.title", month=wanted)), _choose(wanted), parts)

    @get("/reports/cost", media_type=MediaType.HTML, include_in_schema=False)
    async def cost(month: Annotated[str, Parameter(max_length=10)] = "") -> str:
        try:
            found = await desk.archive.cost(month)
        except DeskError as error:
            return notice(said(str(error)), "note")
        return _working(found) if isinstance(found, CostWorking) else _cost(found)

    return [reports, cost]


async def _part(
    kind: str, month: str, ask: Callable[[str], Awaitable[Report]], show: Callable[[Report], Child]
) -> Markup:
    """Return a report with its downloads, or why there is none."""
    files = [
        h(
            "a",
            {"class": "button small", "href": f"/api/reports/{month}/{kind}{ending}", "download": name},
            text,
        )
        for ending, name, text in ((".csv", "", "CSV"), ("", f"{kind}-{month}.json", "JSON"))
    ]
    try:
        shown, ready = show(await ask(month)), True
    except DeskError as error:
        shown, ready = notice(said(str(error)), "note"), False
    label = h("span", {"class": "soft"}, t("reports.download"))
    return section(f"reports.{kind}", shown, h("p", {"class": "row more"}, label, files) if ready else None)


def _choose(month: str) -> Markup:
    """Return the choice of another month."""
    year, of_year = map(int, month.split("-"))
    before = date(year - (of_year == 1), (of_year - 2) % 12 + 1, 1)
    after = date(year + (of_year == 12), of_year % 12 + 1, 1)
    box = field(t("reports.month"), "month", "month", month, required="", pattern="[0-9]{4}-[0-9]{2}")
    links = [
        h("a", {"class": "button small", "href": f"/reports?month={day:%Y-%m}"}, f"{day:%Y-%m}")
        for day in (before, after)
    ]
    button = h("button", {"type": "submit"}, t("reports.show"))
    return h("form", {"action": "/reports", "method": "get", "class": "row end"}, box, button, links)


def _indicators(found: MonthIndicators) -> Child:
    rows: list[list[Child]] = [
        [t(f"reports.i_{i.id}"), _value(i), f"{i.of}"] for i in found.indicators if i.value is not None
    ]
    if not rows:
        return h("p", {"class": "soft"}, t("reports.nothing"))
    return table(t("reports.figures"), [t("reports.what"), t("reports.value"), t("reports.of")], rows, {1, 2})


def _value(i: Indicator) -> str:
    """Return a figure in the unit that people use."""
    value = i.value or 0
    match i.unit:
        case "ppm":
            return f"{number(value / 10_000, 2)} %"
        case "ms":
            return f"{number(value / 1000, 1)} s" if value < 120_000 else f"{number(value / 3_600_000, 2)} h"
        case "W":
            return f"{number(value / 1000, 1)} kW"
    return f"{number(value / 1000, 1)} kWh"


def _uptime(found: MonthUptime) -> Child:
    if not found.ports:
        return h("p", {"class": "soft"}, t("reports.nothing"))
    keys = ("port", "outage", "excluded", "unseen", "outages", "by_evidence", "conservative", "year")
    rows: list[list[Child]] = [
        [
            p.port,
            said(minutes(p.down_ms)),
            said(minutes(p.excluded_ms)),
            said(minutes(p.unknown_ms)),
            str(p.outages),
            _percent(p.evidence),
            _percent(p.conservative),
            _year(p.year_evidence),
        ]
        for p in found.ports
    ]
    return table(t("reports.uptime_caption"), [t(f"reports.{key}") for key in keys], rows, set(range(1, 8)))


def _percent(figure: Figure) -> str:
    return f"{number(float(figure.percent), 2)} %"


def _year(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    return f"{_percent(figure)} {t('reports.passes') if figure.meets else t('reports.fails')}"


def _sessions(found: MonthSessions, zone: ZoneInfo) -> Child:
    if not found.sessions:
        return h("p", {"class": "soft"}, t("reports.nothing"))
    sums = t("reports.sums", count=found.totals.sessions, kwh=number(found.totals.energy_wh / 1000, 1))
    keys = ("begin", "end", "charger", "vehicle", "energy", "highest", "ended")
    shown = list(reversed(found.sessions))[:SESSIONS_SHOWN]
    rows: list[list[Child]] = [
        [
            said(words.clock(s.start_wall_ms, zone, 0)),
            said(words.clock(s.end_wall_ms, zone, 0)) if s.end_wall_ms is not None else t("reports.lasts"),
            s.charger,
            s.vehicle,
            said(words.kwh(s.energy_wh)),
            said(words.kw(s.power_w_max)),
            said(s.end_reason),
        ]
        for s in shown
    ]
    heads = [t(f"reports.{key}") for key in keys]
    return [h("p", {}, sums), table(t("reports.newest", count=len(shown)), heads, rows, {4, 5})]


def _performance(found: MonthPerformance, zone: ZoneInfo) -> Child:
    if not found.intervals:
        return h("p", {"class": "soft"}, t("reports.no_events"))
    keys = ("event", "begin", "asked", "highest", "met")
    rows: list[list[Child]] = [
        [
            h("a", {"href": f"/events/{c.event_id}"}, c.event_name or c.event_id),
            said(words.clock(c.start_wall_ms, zone, 0)),
            said(words.kw(c.limit_w)),
            said(words.kw(c.highest_w)),
            t("reports.yes") if c.highest_w <= c.limit_w else t("reports.no"),
        ]
        for c in found.intervals
    ]
    return table(t("reports.intervals"), [t(f"reports.{key}") for key in keys], rows, {2, 3})


def _bill(found: MonthBilled) -> Child:
    bill = found.bill
    rows: list[list[Child]] = [
        [
            line.name,
            f"{number(line.quantity, 1)} {line.unit}",
            said(words.money(line.amount_micro, bill.currency)),
        ]
        for line in bill.lines
    ]
    rows.append(
        [
            h("strong", {}, t("reports.total")),
            "",
            h("strong", {}, said(words.money(bill.total_micro, bill.currency))),
        ]
    )
    missing = found.missing_ms * 100 / max(1, found.length_ms)
    return [
        table(bill.tariff, [t("reports.line"), t("reports.quantity"), t("reports.amount")], rows, {1, 2}),
        h("p", {"class": "soft"}, t("reports.missing", percent=number(missing, 1))) if missing else None,
    ]


def _cost_link(month: str) -> Markup:
    """Return the comparison with other ways of charging: it is looked for when somebody asks."""
    place = h("div", {"id": "cost-result", "role": "status"})
    address = f"/reports/cost?month={month}"
    button = h(
        "button", {"type": "button", "data-fetch": address, "data-into": "cost-result"}, t("reports.compare")
    )
    return section(
        "reports.cost", h("p", {"class": "soft"}, t("reports.cost_what")), place, h("p", {}, button)
    )


def _working(found: CostWorking) -> Markup:
    return h(
        "p", {"class": "notice note", "data-again": "3"}, t("reports.working", done=found.done, of=found.of)
    )


def _cost(found: MonthMoney) -> Markup:
    money = found.money
    rows: list[list[Child]] = [
        [
            t(f"reports.way_{way.name}"),
            said(words.money(way.total_micro, money.currency)),
            said(words.kw(way.peak_w)) if way.peak_w is not None else "–",
        ]
        for way in money.ways
    ]
    heads = [t("reports.way"), t("reports.amount"), t("reports.i_peak")]
    return table(t("reports.ways"), heads, rows, {1, 2})
