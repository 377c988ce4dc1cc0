"""Why: the binding limit behind a number, with its reason and what would change it; now, or at a time.

/why?charger=bay-3                          now
/why?charger=bay-3&at=2026-11-19T14:03      then, in the site's local time
/why?node=panel-a                           what a breaker carries, phase by phase
…&part=1                                    only what stands in the dialog (page.js)
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import MediaType, Response, get
from litestar.params import Parameter
from litestar.types import ControllerRouterHandler

from edge.model.records import NodeNow, TickRecord
from edge.model.site import Node
from edge.model.units import DAY_MS, MINUTE_MS, PHASE_NAMES, PHASES
from edge.shell import words
from edge.shell.answers import Bind, DeskError, NothingRecordedError, UnknownError, Why
from edge.shell.windows import charger_of
from edge.web.house import House
from edge.web.markup import Child, Markup, h
from edge.web.page import frame, notice
from edge.web.sentences import said
from edge.web.texts import t

# So many changes before the one that is asked for are shown.
CHANGES = 6

Name = Annotated[str, Parameter(max_length=200)]


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""

    @get("/why", media_type=MediaType.HTML, include_in_schema=False)
    async def why(charger: Name = "", node: Name = "", at: Name = "", part: Name = "") -> Response[str]:
        status = 200
        title, body = charger or node, notice("", "bad")
        try:
            at_ms = local_ms(at, house.desk.site.timezone)
            title, body = _charger(house, charger, at_ms) if charger else _node(house, node, at_ms)
        except DeskError as error:
            status = 404 if isinstance(error, NothingRecordedError | UnknownError) else 400
            body = notice(str(error), "bad")
        asked = _ask(house, charger, node, at)
        if part:
            return Response(_dialog(title, body, asked), status_code=status, media_type=MediaType.HTML)
        whole = frame(
            house, "now", h("h1", {}, title), h("div", {"class": "panel form"}, body, asked), title=title
        )
        return Response(whole, status_code=status, media_type=MediaType.HTML)

    return [why]


def local_ms(at: str, timezone: str) -> int | None:
    """Return a local time such as 2026-11-19T14:03 as UTC ms; None for "".  Raises DeskError."""
    if not at:
        return None
    try:
        then = datetime.fromisoformat(at)
        return int(then.replace(tzinfo=then.tzinfo or ZoneInfo(timezone)).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise DeskError(f"at: {at[:40]!r}: expected a time such as 2026-11-19T14:03") from None


def _dialog(title: str, body: Child, asked: Markup) -> str:
    close = h(
        "button", {"class": "close", "type": "button", "data-close": "", "aria-label": t("frame.close")}, "×"
    )
    head = h("div", {"class": "dialog-head"}, h("h2", {"id": "dialog-h"}, title), close)
    return h("div", {"class": "form"}, head, body, asked)


def _ask(house: House, charger: str, node: str, at: str) -> Markup:
    """Return the question for another time."""
    zone = ZoneInfo(house.desk.site.timezone)
    asked_ms = _known_time(at, house)
    shown = datetime.fromtimestamp(asked_ms / 1000, zone).replace(tzinfo=None, microsecond=0)
    what = {"type": "hidden", "name": "charger" if charger else "node", "value": charger or node}
    time = {"type": "datetime-local", "name": "at", "step": "1", "value": shown.isoformat(), "required": ""}
    steps = [
        h(
            "a",
            {
                "class": "button small",
                "href": _address(charger, node, shown - timedelta(milliseconds=ms)),
                "data-why": "",
            },
            t(key),
        )
        for key, ms in (
            ("why.minute_before", MINUTE_MS),
            ("why.quarter_before", 15 * MINUTE_MS),
            ("why.day_before", DAY_MS),
        )
    ]
    now = h(
        "a", {"class": "button small", "href": _address(charger, node, None), "data-why": ""}, t("why.now")
    )
    return h(
        "form",
        {"action": "/why", "method": "get", "data-part": "", "class": "row end"},
        h("input", what),
        h("label", {"class": "field"}, h("span", {}, t("why.at")), h("input", time)),
        h("button", {"class": "main", "type": "submit"}, t("why.ask")),
        h("span", {"class": "row"}, steps, now if at else None),
    )


def _known_time(at: str, house: House) -> int:
    try:
        asked_ms = local_ms(at, house.desk.site.timezone)
    except DeskError:
        asked_ms = None
    return house.desk.status().wall_ms if asked_ms is None else asked_ms


def _address(charger: str, node: str, at: datetime | None) -> str:
    what = {"charger": charger} if charger else {"node": node}
    return f"/why?{urlencode({**what, **({'at': at.isoformat()} if at else {})})}"


# A charger.


def _charger(house: House, charger: str, at_ms: int | None) -> tuple[str, Markup]:
    found = house.desk.why(charger, at_ms)
    name = charger_of(house.desk.site, charger).name or charger
    title = t("why.title", name=name, amps=said(words.amps(found.granted_ma)), time=said(found.time))
    change = h("p", {"class": "notice note"}, said(found.would_change)) if found.would_change else None
    return title, h(
        "div",
        {"class": "form"},
        h("p", {"class": "why-words"}, said(found.words)),
        change,
        _promise(house, charger) if at_ms is None else None,
        _path(found) if found.path else None,
        _changes(house, charger, found),
        h("p", {"class": "soft"}, t(f"why.source_{found.source}")),
    )


def _promise(house: House, charger: str) -> Child:
    """Return what the vehicle that is there now was promised."""
    now = next((c for c in house.desk.status().chargers if c.id == charger), None)
    if now is None or not now.ready:
        return None
    parts = [now.vehicle, said(now.ready), said(now.promise_words)]
    return h(
        "p", {"class": "ready", "data-late": "late" if now.late else ""}, " · ".join(filter(None, parts))
    )


def _path(found: Why) -> Markup:
    heads = ("why.node", "why.limit", "why.because", "why.other", "why.charging", "why.free")
    return table(
        t("why.path"), [t(key) for key in heads], [_row(b) for b in found.path], figures={1, 3, 4, 5}
    )


def _row(b: Bind) -> list[Child]:
    free = said(words.amps(max(0, b.free_ma)))
    return [
        f"{b.node} {b.phase}",
        said(words.amps(b.limit_ma)),
        said(b.because),
        said(words.amps(b.other_ma)),
        f"{said(words.amps(b.charging_ma))} ({b.chargers})",
        h("strong", {}, t("why.full")) if b.full else free,
    ]


def _changes(house: House, charger: str, found: Why) -> Child:
    """Return the changes of the grant up to the time that is asked for."""
    zone, now_ms = ZoneInfo(house.desk.site.timezone), house.desk.status().wall_ms
    known = house.desk.decisions(charger, found.wall_ms, CHANGES)
    if not known:
        return None
    rows: list[list[Child]] = [
        [
            said(words.clock(d.wall_ms, zone, now_ms, seconds=True)),
            said(words.amps(d.current_ma)),
            said(d.because),
        ]
        for d in known
    ]
    return table(t("why.changes"), [t("why.since"), t("now.gets"), t("why.because")], rows, figures={1})


def table(caption: str, heads: list[str], rows: list[list[Child]], figures: set[int]) -> Markup:
    """Return a table that a narrow screen scrolls.  figures: the columns of numbers."""

    def cells(name: str, row: list[Child] | list[str]) -> Iterator[Markup]:
        for n, cell in enumerate(row):
            scope = {"scope": "col"} if name == "th" else {}
            yield h(name, {"class": "figure" if n in figures else None, **scope}, cell)

    return h(
        "div",
        {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": caption},
        h(
            "table",
            {},
            h("caption", {}, caption),
            h("thead", {}, h("tr", {}, list(cells("th", heads)))),
            h("tbody", {}, [h("tr", {}, list(cells("td", row))) for row in rows]),
        ),
    )


# A node.


def _node(house: House, node: str, at_ms: int | None) -> tuple[str, Markup]:
    """Return what a node carried; known for the last quarter of an hour, tick by tick."""
    site = house.desk.site
    drawn = next((n for n in site.nodes if n.id == node), None)
    if drawn is None:
        known = ", ".join(n.id for n in site.nodes[:12])
        raise UnknownError(f"node: there is no {node!r} on this site; expected one of {known}")
    record = _record(house, at_ms)
    now = next((n for n in record.nodes if n.id == node), None)
    if now is None:
        raise NothingRecordedError(f"nothing is recorded of {node} then")
    zone = ZoneInfo(site.timezone)
    time = said(words.clock(record.wall_ms, zone, house.desk.status().wall_ms, seconds=True))
    heads = (
        "why.phase",
        "why.limit",
        "why.because",
        "now.installed",
        "now.other",
        "now.charge",
        "now.flowing",
        "why.free",
    )
    body = h(
        "div",
        {"class": "form"},
        table(t("why.phases"), [t(key) for key in heads], _phases(now, drawn), figures={1, 3, 4, 5, 6, 7}),
        h("p", {"class": "soft"}, t("why.node_kept")),
    )
    return t("why.node_title", name=node, time=time), body


def _record(house: House, at_ms: int | None) -> TickRecord:
    asked_ms = house.desk.status().wall_ms if at_ms is None else at_ms
    record = house.desk.lookback.at(asked_ms)
    if record is None:
        raise NothingRecordedError(t("why.node_kept"))
    return record


def _phases(now: NodeNow, drawn: Node) -> list[list[Child]]:
    def amps(current_ma: int) -> str:
        return said(words.amps(current_ma))

    return [
        [
            PHASE_NAMES[p],
            amps(now.limit_ma[p]),
            said(now.because[p]),
            amps(drawn.limit_ma[p]),
            amps(now.other_ma[p]),
            amps(now.charging_ma[p]),
            amps(now.flowing_ma[p]) if now.flowing_ma else t("now.unknown"),
            amps(max(0, now.limit_ma[p] - now.other_ma[p] - now.charging_ma[p])),
        ]
        for p in PHASES
    ]
