"""Charge windows: list, what one would change, add, except, import, remove."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from edge.shell.answers import DeskError, WindowConsequence, WindowPreview, WindowStatus
from edge.shell.windowfiles import read
from edge.shell.windows import WindowWish
from edge.web.house import House
from edge.web.who import who

FILE_MAX = 512 * 1024


class WindowsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Windows of a CSV or iCalendar file.  name: of the file, for messages; text: what it holds.

    apply: add them, all or none; without it only what would become of them is answered.
    """

    name: Annotated[str, msgspec.Meta(max_length=200)]
    text: Annotated[str, msgspec.Meta(max_length=FILE_MAX)]
    apply: bool = False


class Exceptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days such as 2026-12-24.  back: the window holds on them again."""

    dates: Annotated[list[str], msgspec.Meta(min_length=1, max_length=400)]
    back: bool = False


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk = house.desk

    @get("/api/windows", operation_id="windows", tags=["windows"])
    async def windows() -> list[WindowStatus]:
        """All charge windows."""
        return desk.windows()

    @post("/api/windows", operation_id="window_add", tags=["windows"])
    async def window_add(data: JSONBody[WindowWish]) -> WindowStatus:
        """Add a charge window, or replace the operator's window of that id."""
        return desk.window_add(data, who().signature)

    @post("/api/windows/preview", operation_id="window_preview", tags=["windows"], status_code=200)
    async def window_preview(data: JSONBody[WindowWish]) -> WindowConsequence:
        """What a window would change, by two plans; nothing is saved."""
        return await desk.window_consequence(data)

    @post("/api/windows/import", operation_id="window_import", tags=["windows"], status_code=200)
    async def window_import(data: JSONBody[WindowsFile]) -> list[WindowPreview]:
        """What would become of the windows of a file; with apply, add them, all or none."""
        if not data.name.isprintable():
            raise DeskError("name: expected printable characters")
        entries = read(data.name or "file", data.text, desk.site.timezone)
        wishes = [(entry.line, entry.wish) for entry in entries]
        return desk.window_import(wishes, who().signature, data.apply)

    @post("/api/windows/{window_id:str}/exceptions", operation_id="window_except", tags=["windows"],
          status_code=200)  # fmt: skip
    async def window_except(window_id: FromPath[str], data: JSONBody[Exceptions]) -> WindowStatus:
        """Let a window not hold on some days, or hold again."""
        return desk.window_except(window_id, data.dates, who().signature, data.back)

    @delete("/api/windows/{window_id:str}", operation_id="window_remove", tags=["windows"], status_code=200)
    async def window_remove(window_id: FromPath[str]) -> WindowStatus:
        """Remove a charge window that was added here."""
        return desk.window_remove(window_id, who().signature)

    return [windows, window_add, window_preview, window_import, window_except, window_remove]
