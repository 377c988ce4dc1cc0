"""The utility's events."""

from litestar import get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from edge.report.performance import EventReport
from edge.shell.answers import EventStatus
from edge.web.house import House


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk = house.desk

    @get("/api/events", operation_id="events", tags=["events"])
    async def events() -> list[EventStatus]:
        """The utility's events."""
        return desk.events()

    @get("/api/events/{event_id:str}/report", operation_id="event_report", tags=["events"])
    async def event_report(event_id: FromPath[str]) -> EventReport:
        """What was done about an event: limits, measured, complied, shed, and who was held back."""
        return await desk.event_report(event_id)

    return [events, event_report]
