"""The devices: how every line does, what to look at, the frames on a line."""

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, Parameter
from litestar.types import ControllerRouterHandler

from edge.report.health import Finding
from edge.shell.answers import LineStatus, Trace
from edge.shell.lines import TRACE_MAX_S
from edge.web.house import House


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk = house.desk

    @get("/api/devices", operation_id="devices", tags=["devices"])
    async def devices() -> list[LineStatus]:
        """Every line and every device on it: found or lost and why, and the quality of the line."""
        return desk.lines.status()

    @get("/api/devices/look-at", operation_id="look_at", tags=["devices"])
    async def look_at() -> list[Finding]:
        """What to look at before it fails, by the trends of five weeks."""
        return await desk.archive.look_at()

    @post("/api/devices/{device:str}/trace", operation_id="trace", tags=["devices"], status_code=200)
    async def trace(
        device: FromPath[str], seconds: Annotated[int, Parameter(ge=1, le=TRACE_MAX_S)] = 3
    ) -> Trace:
        """The frames on a device's line in the coming seconds.  Nothing more is asked of the device."""
        return await desk.lines.trace(device, seconds)

    return [devices, look_at, trace]
