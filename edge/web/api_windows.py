"""Charge windows."""

from litestar import get
from litestar.types import ControllerRouterHandler

from edge.shell.answers import WindowStatus
from edge.web.house import House


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk = house.desk

    @get("/api/windows", operation_id="windows", tags=["windows"])
    async def windows() -> list[WindowStatus]:
        """All charge windows."""
        return desk.windows()

    return [windows]
