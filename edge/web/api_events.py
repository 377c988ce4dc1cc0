"""The utility's events: list, what was done about one, opt out and back in."""

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from edge.report.performance import EventReport
from edge.shell.answers import EventStatus, GridStatus, OptOutStatus
from edge.web.house import House
from edge.web.who import who


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why; it is kept with the event, and the utility is told."""

    reason: str


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Opting out of all that a program sends ("": of everything), with a reason; or back in."""

    program: str = ""
    reason: str = ""
    back_in: bool = False


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

    @post("/api/events/{event_id:str}/opt-out", operation_id="opt_out", tags=["events"], status_code=200)
    async def opt_out(event_id: FromPath[str], data: JSONBody[Reason]) -> EventStatus:
        """Opt out of an event, with a reason."""
        return desk.opt_out(event_id, data.reason, who().signature)

    @post("/api/events/{event_id:str}/opt-in", operation_id="opt_in", tags=["events"], status_code=200)
    async def opt_in(event_id: FromPath[str]) -> EventStatus:
        """Obey an event again."""
        return desk.opt_out(event_id, "", who().signature, back_in=True)

    @post("/api/opt-outs", operation_id="opt_out_standing", tags=["events"], status_code=200)
    async def standing(data: JSONBody[Standing]) -> OptOutStatus:
        """Opt out of all that a program sends, or back in."""
        return desk.opt_out_standing(data.program, data.reason, who().signature, data.back_in)

    @get("/api/grid", operation_id="grid", tags=["events"])
    async def grid() -> list[GridStatus]:
        """The grid operator's own limits."""
        return desk.grid()

    return [events, event_report, opt_out, opt_in, standing, grid]
