"""The audit log: who or what, did what, when, and what became of it.  Newest first."""

from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import MediaType, get
from litestar.params import Parameter
from litestar.types import ControllerRouterHandler

from edge.shell import words
from edge.shell.answers import AuditPage, DeskError
from edge.web.forms import field
from edge.web.house import House
from edge.web.markup import Child, Markup, h
from edge.web.page import frame, notice, section
from edge.web.page_why import table
from edge.web.sentences import said
from edge.web.texts import t

LINES = 50


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""

    @get("/log", media_type=MediaType.HTML, include_in_schema=False)
    async def log(
        before: Annotated[int | None, Parameter(ge=0, le=2**62)] = None,
        text: Annotated[str, Parameter(max_length=80)] = "",
    ) -> str:
        zone = ZoneInfo(house.desk.site.timezone)
        try:
            shown = _page(await house.desk.archive.audit(before, LINES, text), text, zone)
        except DeskError as error:
            shown = notice(said(str(error)), "note")
        return frame(house, "log", h("h1", {}, t("frame.log")), _search(text), section("log.lines", shown))

    return [log]


def _search(text: str) -> Markup:
    box = field(t("log.text"), "text", "search", text, maxlength="80")
    button = h("button", {"type": "submit"}, t("log.search"))
    return h("form", {"action": "/log", "method": "get", "class": "row end"}, box, button)


def _page(found: AuditPage, text: str, zone: ZoneInfo) -> Markup:
    if not found.lines:
        return h("p", {"class": "soft"}, t("log.none"))
    rows: list[list[Child]] = [
        [said(words.clock(line.wall_ms, zone, 0, seconds=True)), line.who, line.what, line.outcome]
        for line in found.lines
    ]
    heads = [t(f"log.{key}") for key in ("when", "who", "what", "outcome")]
    older = None
    if found.before is not None:
        address = f"/log?{urlencode({'before': found.before, 'text': text})}"
        older = h("p", {"class": "more"}, h("a", {"class": "button", "href": address}, t("log.older")))
    return h("div", {"class": "log"}, table(t("log.caption"), heads, rows, set()), older)
