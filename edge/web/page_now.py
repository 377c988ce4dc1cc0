"""Now: the depot as it is, live.  The diagram, what today costs, and a card for every charger.

`data-live="key"` is an element whose text changes; `data-live-at="attribute:key …"` one whose attributes
do (fields.py has the keys).  live.js knows nothing else.
"""

from collections.abc import Iterator
from urllib.parse import quote

from litestar import MediaType, get
from litestar.types import ControllerRouterHandler

from edge.shell.answers import ChargerStatus, NotYetError, Status
from edge.web.day import day
from edge.web.day import key as day_key
from edge.web.diagram import drawn, flowing, hatching
from edge.web.house import House
from edge.web.markup import Markup, h
from edge.web.page import frame, section, starting
from edge.web.texts import t

Fields = dict[str, str]


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""

    @get("/", media_type=MediaType.HTML, include_in_schema=False)
    async def now() -> str:
        try:
            status = house.desk.status()
        except NotYetError:
            return starting(house)
        return page(house, status, house.live.fields(status))

    @get("/now/prices", media_type=MediaType.HTML, include_in_schema=False)
    async def prices() -> str:
        return day(house.desk.status())

    return [now, prices]


def page(house: House, status: Status, fields: Fields) -> str:
    """Return the page of a moment."""
    return frame(
        house,
        "now",
        hatching(),
        _top(status, fields),
        _diagram(status, fields),
        _prices(status),
        _chargers(status, fields),
        scripts=("live.js",),
        day=day_key(status),
    )


def _top(status: Status, fields: Fields) -> Markup:
    as_of = t("now.as_of", time=fields["time"])
    words = {
        "data-fresh": t("now.live"),
        "data-as-of": t("now.as_of", time="{time}"),
        "data-old": t("now.old", age="{age}"),
        "data-old-spoken": t("now.old_spoken"),
        "data-lost": t("now.lost", time="{time}", age="{age}"),
        "data-lost-since": t("now.lost_since", time="{time}"),
    }
    age = h("span", {"id": "age", "aria-hidden": "true", **words}, as_of)
    spoken = h("span", {"id": "spoken", "class": "unseen", "role": "status"})
    figures = ("time", "power", "price", "demand", "counts", "plan")
    return h(
        "div",
        {"class": "top"},
        h("h1", {}, t("frame.now")),
        h("p", {"class": "age"}, h("span", {"class": "dot", "aria-hidden": "true"}), age, spoken),
        h(
            "dl",
            {"class": "sums"},
            [_sum(t(f"now.{name}"), live(name, fields, "dd"), f"sum-{name}") for name in figures],
        ),
        _banner("event", t("now.event_now"), fields),
        _banner("alert", t("now.look_at"), fields, role="alert"),
        h("p", {"class": "banner lost-banner", "id": "lost", "hidden": ""}),
        h("noscript", {}, h("p", {"class": "banner"}, t("now.no_scripts"))),
    )


def _banner(key: str, head: str, fields: Fields, role: str | None = None) -> Markup:
    return h(
        "p",
        {
            "class": f"banner {key}-banner",
            "role": role,
            "data-text": fields[key] and "some",
            "data-live-at": f"data-text:{key}",
        },
        h("strong", {}, head),
        " ",
        live(key, fields),
    )


def _sum(name: str, value: Markup, kind: str | None = None) -> Markup:
    return h("div", {"class": kind}, h("dt", {}, name), value)


def live(
    key: str, fields: Fields, name: str = "span", attributes: dict[str, str | None] | None = None
) -> Markup:
    """Return an element whose text follows a field."""
    return h(name, {**(attributes or {}), "data-live": key}, fields[key])


def _diagram(status: Status, fields: Fields) -> Markup:
    legend = h(
        "p",
        {"class": "legend"},
        [
            h("span", {}, _swatch(kind), t(f"now.{kind}"))
            for kind in ("other", "charge", "limit", "installed", "flowing")
        ],
    )
    return section("now.site", legend, drawn(status, fields))


def _swatch(kind: str) -> Markup:
    box = {"class": f"swatch {kind}-swatch", "width": "18", "height": "12", "aria-hidden": "true"}
    if kind == "flowing":
        return h("svg", box, flowing({"x": "9"}))
    fill = "url(#hatch)" if kind == "other" else None
    width = {"limit": "3", "installed": "1"}.get(kind, "100%")
    return h("svg", box, h("rect", {"class": kind, "fill": fill, "width": width, "height": "100%"}))


def _prices(status: Status) -> Markup:
    more = h("p", {"class": "more"}, h("a", {"href": "/day"}, t("now.whole_day")))
    return section("now.today", h("div", {"id": "day"}, day(status)), more)


def _chargers(status: Status, fields: Fields) -> Markup:
    return h(
        "section",
        {"class": "chargers", "id": "chargers", "aria-labelledby": "chargers-h"},
        h("h2", {"id": "chargers-h"}, t("now.chargers")),
        list(_groups(status, fields)),
    )


def _groups(status: Status, fields: Fields) -> Iterator[Markup]:
    for node in status.nodes:
        cards = [_card(c, fields) for c in status.chargers if c.node == node.id]
        if cards:
            yield h("h3", {"class": "group"}, t("now.on_node", node=node.id))
            yield h("div", {"class": "cards"}, cards)


def _card(charger: ChargerStatus, fields: Fields) -> Markup:
    key = f"c.{charger.id}"
    name = charger.name or charger.id
    late = {"data-late": fields[f"{key}.late"], "data-live-at": f"data-late:{key}.late"}
    why = {"class": "why", "href": f"/why?charger={quote(charger.id, safe='')}", "data-why": ""}
    gets = h(
        "a", {**why, "aria-label": None}, live(f"{key}.amps", fields), h("span", {"class": "why-mark"}, "?")
    )
    return h(
        "article",
        {
            "class": "card",
            "id": f"at-{charger.id}",  # an installer may call a charger "day", and the page has one
            "data-kind": fields[f"{key}.kind"],
            "data-live-at": f"data-kind:{key}.kind",
        },
        h(
            "h4",
            {},
            h("span", {"class": "bay"}, name),
            " ",
            live(f"{key}.vehicle", fields, "span", {"class": "vehicle"}),
            " ",
            h("span", {"class": "phases"}, charger.phases),
        ),
        live(f"{key}.state", fields, "p", {"class": "state"}),
        h(
            "dl",
            {},
            _sum(t("now.gets"), h("dd", {}, gets)),
            _sum(t("now.draws"), live(f"{key}.power", fields, "dd")),
            _sum(t("now.so_far"), live(f"{key}.energy", fields, "dd")),
        ),
        live(f"{key}.reason", fields, "p", {"class": "reason"}),
        live(f"{key}.ready", fields, "p", {"class": "ready", **late}),
        live(f"{key}.promise", fields, "p", {"class": "promise"}),
        h("p", {"class": "card-foot"}, h("a", why, t("now.why"), h("span", {"class": "unseen"}, f" {name}"))),
    )
