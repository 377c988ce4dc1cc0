"""The utility's events: what they ask, whether the depot will comply, who misses what; opt out; reports."""

from collections.abc import Iterator
from urllib.parse import quote

from litestar import MediaType, get
from litestar.types import ControllerRouterHandler

from edge.model.role import Role
from edge.shell.answers import EventStatus, GridStatus
from edge.web.forms import act, field, needs, sending
from edge.web.house import House
from edge.web.markup import Child, Markup, h
from edge.web.page import frame, section
from edge.web.sentences import said
from edge.web.texts import t
from edge.web.who import who

OVER = ("done", "cancelled", "superseded", "refused", "expired")


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk = house.desk

    @get("/events", media_type=MediaType.HTML, include_in_schema=False)
    async def events() -> str:
        found = desk.events()
        coming = [e for e in found if e.step not in OVER]
        over = [e for e in reversed(found) if e.step in OVER]
        grid = desk.grid()
        return frame(
            house,
            "events",
            h("h1", {}, t("frame.events")),
            needs(Role.FLEET, "/events"),
            section("events.coming", _list(coming, t("events.none_coming"))),
            section("events.over", _list(over, t("events.none_over"))),
            section("events.grid", _grid(grid)) if grid else None,
        )

    return [events]


def _list(events: list[EventStatus], none: str) -> Markup:
    if not events:
        return h("p", {"class": "soft"}, none)
    return h("ul", {"class": "list"}, [h("li", {"id": f"event-{e.id}"}, list(_entry(e))) for e in events])


def _entry(e: EventStatus) -> Iterator[Child]:
    yield h("p", {"class": "entry-head"}, h("strong", {}, e.name or e.id), " ", list(_tags(e)))
    yield h("p", {}, said(e.words))
    report = h("a", {"class": "button small", "href": f"/events/{quote(e.id, safe='')}"}, t("events.report"))
    may = who().may(Role.FLEET) and e.step not in OVER and not e.binding
    if e.step in ("active", "done") or may:
        yield h(
            "div",
            {"class": "row end"},
            report if e.step in ("active", "done") else None,
            _opting(e) if may else None,
        )


def _tags(e: EventStatus) -> Iterator[Child]:
    if e.program:
        yield h("span", {"class": "tag"}, e.program)
    for on, key in (
        (e.binding, "events.binding"),
        (e.drill, "events.drill"),
        (e.opted_out, "events.opted_out"),
    ):
        if on:
            yield h("span", {"class": "tag"}, t(key))


def _opting(e: EventStatus) -> Markup:
    """Return the way out of an event, with a reason; or back in."""
    address = f"/api/events/{quote(e.id, safe='')}"
    if e.opted_out:
        return act(t("events.opt_in"), f"{address}/opt-in")
    reason = field(t("events.reason"), "reason", required="", maxlength="200")
    button = h("button", {"class": "main", "type": "submit"}, t("events.opt_out_now"))
    return h(
        "details",
        {},
        h("summary", {}, t("events.opt_out"), h("span", {"class": "unseen"}, f" {e.name or e.id}")),
        h("p", {"class": "soft"}, t("events.opt_out_what")),
        sending(f"{address}/opt-out", h("div", {"class": "row end"}, reason, button)),
    )


def _grid(limits: list[GridStatus]) -> Markup:
    rows = [
        h(
            "li",
            {},
            h("p", {}, h("strong", {}, g.id), " ", h("span", {"class": "tag"}, g.node)),
            h("p", {}, said(g.words)),
        )
        for g in limits
    ]
    return h("ul", {"class": "list"}, rows)
