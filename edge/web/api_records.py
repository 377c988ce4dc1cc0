"""What was: a day, the reports of a month (as JSON and as CSV), the audit log."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.params import FromPath, Parameter
from litestar.types import ControllerRouterHandler

from edge.shell.answers import AuditPage, DayStatus
from edge.shell.archive import (
    AUDIT_MAX,
    CostWorking,
    MonthBilled,
    MonthIndicators,
    MonthPerformance,
    MonthSessions,
    MonthUptime,
)
from edge.shell.costs import MonthMoney
from edge.web.house import House
from edge.web.tables import download, table

Month = Annotated[str, Parameter(pattern=r"^[0-9]{4}-[0-9]{2}$", description="such as 2026-11")]

RETRY_S = "3"


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    return [*_days(house), *_months(house), *_tables(house)]


def _days(house: House) -> list[ControllerRouterHandler]:
    desk = house.desk

    @get("/api/day", operation_id="day", tags=["records"])
    async def day(
        date: Annotated[
            str, Parameter(max_length=10, description="such as 2026-11-20; today if left out")
        ] = "",
    ) -> DayStatus:
        """A local day: prices, events, load, who was there, what is planned."""
        return await desk.day(date)

    @get("/api/audit", operation_id="audit", tags=["records"])
    async def audit(
        before: Annotated[
            int | None, Parameter(ge=0, le=2**62, description="only lines older than the one with this id")
        ] = None,
        limit: Annotated[int, Parameter(ge=1, le=AUDIT_MAX)] = 50,
        text: Annotated[str, Parameter(max_length=80, description="only lines that hold this")] = "",
    ) -> AuditPage:
        """The audit log, newest first: who or what, did what, and what became of it."""
        return await desk.archive.audit(before, limit, text)

    return [day, audit]


def _months(house: House) -> list[ControllerRouterHandler]:
    desk = house.desk

    @get("/api/reports/{month:str}/uptime", operation_id="month_uptime", tags=["reports"])
    async def uptime(month: Annotated[FromPath[str], Month]) -> MonthUptime:
        """Uptime port by port, per 23 CFR 680.116(b)."""
        return await desk.archive.uptime(month)

    @get("/api/reports/{month:str}/sessions", operation_id="month_sessions", tags=["reports"])
    async def sessions(month: Annotated[FromPath[str], Month]) -> MonthSessions:
        """All sessions that touch a month, and their sums."""
        return await desk.archive.sessions(month)

    @get("/api/reports/{month:str}/indicators", operation_id="month_indicators", tags=["reports"])
    async def indicators(month: Annotated[FromPath[str], Month]) -> MonthIndicators:
        """The depot in figures."""
        return await desk.archive.indicators(month)

    @get("/api/reports/{month:str}/performance", operation_id="month_performance", tags=["reports"])
    async def performance(month: Annotated[FromPath[str], Month]) -> MonthPerformance:
        """What was done about the utility's limits, interval by interval."""
        return await desk.archive.performance(month)

    @get("/api/reports/{month:str}/bill", operation_id="month_bill", tags=["reports"])
    async def bill(month: Annotated[FromPath[str], Month]) -> MonthBilled:
        """The month's bill, line by line."""
        return await desk.archive.bill(month)

    @get("/api/reports/{month:str}/cost", operation_id="month_cost", tags=["reports"])
    async def cost(month: Annotated[FromPath[str], Month]) -> Response[MonthMoney | CostWorking]:
        """What charging cost, uncontrolled, and at best in hindsight; 202 while that is being found."""
        found = await desk.archive.cost(month)
        if isinstance(found, CostWorking):
            return Response(found, status_code=202, headers={"Retry-After": RETRY_S})
        return Response(found)

    return [uptime, sessions, indicators, performance, bill, cost]


def _tables(house: House) -> list[ControllerRouterHandler]:
    desk, site = house.desk, house.desk.site

    def file(kind: str, month: str, rows: Sequence[msgspec.Struct]) -> Response[str]:
        return download(f"{kind}-{site.id}-{month}.csv", table(rows, {"site": site.id}))

    def csv(kind: str) -> get:
        path = f"/api/reports/{{month:str}}/{kind}.csv"
        return get(path, operation_id=f"{kind}_csv", tags=["reports"], media_type="text/csv")

    @csv("uptime")
    async def uptime(month: Annotated[FromPath[str], Month]) -> Response[str]:
        """Uptime port by port, as CSV."""
        return file("uptime", month, (await desk.archive.uptime(month)).ports)

    @csv("sessions")
    async def sessions(month: Annotated[FromPath[str], Month]) -> Response[str]:
        """Sessions, as CSV."""
        return file("sessions", month, (await desk.archive.sessions(month)).sessions)

    @csv("indicators")
    async def indicators(month: Annotated[FromPath[str], Month]) -> Response[str]:
        """Indicators, as CSV."""
        return file("indicators", month, (await desk.archive.indicators(month)).indicators)

    @csv("performance")
    async def performance(month: Annotated[FromPath[str], Month]) -> Response[str]:
        """What was done about the utility's limits, as CSV."""
        return file("performance", month, (await desk.archive.performance(month)).intervals)

    @csv("bill")
    async def bill(month: Annotated[FromPath[str], Month]) -> Response[str]:
        """The bill's lines, as CSV."""
        return file("bill", month, (await desk.archive.bill(month)).bill.lines)

    return [uptime, sessions, indicators, performance, bill]
