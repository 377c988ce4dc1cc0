"""What is going on: status, why, the stream of changes, metrics."""

from collections.abc import AsyncIterator
from typing import Annotated

from litestar import MediaType, Response, get
from litestar.params import FromPath, Parameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from edge.shell.answers import NotYetError, Status, Why
from edge.web.house import House
from edge.web.metrics import CONTENT_TYPE, metrics
from edge.web.who import Visitor, who

READERS_MAX = 100

# 9999-12-31: the last day that a calendar here can name.
WALL_MS_MAX = 253_402_214_400_000


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk = house.desk
    ports = {charger.id: charger.port or charger.id for charger in desk.site.chargers}

    @get("/api/status", operation_id="status", tags=["depot"])
    async def status() -> Status:
        """The depot now: nodes, chargers, prices, events."""
        return desk.status()

    @get("/api/why/{charger:str}", operation_id="why", tags=["depot"])
    async def why(
        charger: FromPath[str],
        at_wall_ms: Annotated[
            int | None,
            Parameter(ge=0, le=WALL_MS_MAX, description="UTC, ms since 1970; now where it is left out"),
        ] = None,
    ) -> Why:
        """Why a charger gets, or got, what it gets."""
        return desk.why(charger, at_wall_ms)

    @get("/metrics", media_type=MediaType.TEXT, include_in_schema=False)
    async def open_metrics() -> Response[bytes]:
        return Response(metrics(desk.status(), ports).encode(), media_type=CONTENT_TYPE)

    @get("/api/stream", operation_id="stream", tags=["page"], media_type="text/event-stream")
    async def stream() -> Stream:
        """What changes on the page, as server-sent events, once a second."""
        if house.readers >= READERS_MAX:
            raise NotYetError(f"{READERS_MAX} pages are open already; close one")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Stream(_while_welcome(house, who()), media_type="text/event-stream", headers=headers)

    return [status, why, open_metrics, stream]


async def _while_welcome(house: House, visitor: Visitor) -> AsyncIterator[bytes]:
    """Yield the stream's messages until the visitor's session or token has ended."""
    reception = house.desk.reception
    async for message in house.live.messages():
        if visitor.session and not reception.holds(visitor.session):
            return
        if visitor.token and not reception.accounts.has_token(visitor.token):
            return
        yield message
