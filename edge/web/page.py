"""The page: its skeleton, with every changing text and bar marked with its key from fields.py.

`data-live="key"` is an element whose text changes; `data-live-at="attribute:key …"` one whose attributes
do.  page.js knows nothing else.  Works without it too: then the page is as of when it was made.
"""

from collections.abc import Iterator

from edge.model.units import PHASE_NAMES, PHASES
from edge.shell.answers import ChargerStatus, NodeStatus, Status
from edge.web.day import day
from edge.web.day import key as day_key
from edge.web.markup import Child, Markup, h

NOT_LISTED = (
    "Not a listed energy-management or power-control system (NEC 750.30, UL 3141). "
    "Breakers and the chargers' own limits stay the protection."
)

Fields = dict[str, str]


def page(status: Status, fields: Fields, assets: dict[str, str], build: str) -> str:
    """Return the whole page.  assets: address by file name; build: changes when this page would."""
    body = h(
        "body",
        {"data-build": build, "data-day": day_key(status), "data-live-state": "still"},
        h("a", {"class": "skip", "href": "#chargers"}, "Skip to the chargers"),
        _symbols(),
        _header(status, fields),
        h("main", {}, _site(status, fields), _day(status), _chargers(status, fields)),
        _footer(),
    )
    return f'<!doctype html>\n<html lang="en">{_head(status.name, assets)}{body}</html>\n'


def starting(name: str, assets: dict[str, str]) -> str:
    """Return the page of a daemon that has not made its first tick; it asks again by itself."""
    again = h("meta", {"http-equiv": "refresh", "content": "1"})
    main = h(
        "main", {}, h("h1", {}, name), h("p", {}, "Starting: the first look at the meters takes a second.")
    )
    body = h("body", {"class": "starting"}, main, _footer())
    return f'<!doctype html>\n<html lang="en">{_head(name, assets, again)}{body}</html>\n'


def _head(name: str, assets: dict[str, str], more: Child = None) -> Markup:
    return h(
        "head",
        {},
        h("meta", {"charset": "utf-8"}),
        h("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        h("meta", {"name": "color-scheme", "content": "light dark"}),
        h("title", {}, f"{name} · depot-edge"),
        h("link", {"rel": "icon", "href": assets["icon.svg"], "type": "image/svg+xml"}),
        h("link", {"rel": "stylesheet", "href": assets["page.css"]}),
        h("script", {"type": "module", "src": assets["page.js"]}),
        more,
    )


def _symbols() -> Markup:
    """Return what pictures share: the hatching of the other load, the breaker of a single-line diagram."""
    hatch = h(
        "pattern",
        {
            "id": "hatch",
            "width": "6",
            "height": "6",
            "patternUnits": "userSpaceOnUse",
            "patternTransform": "rotate(45)",
        },
        h("rect", {"class": "hatch-back", "width": "6", "height": "6"}),
        h("rect", {"class": "hatch-line", "width": "2.5", "height": "6"}),
    )
    breaker = h(
        "symbol",
        {"id": "breaker", "viewBox": "0 0 20 28"},
        h("path", {"d": "M10 0v7M6.5 3.5l7 7M13.5 3.5l-7 7M10 28v-8M10 20L4.5 9.5", "fill": "none"}),
    )
    return h("svg", {"class": "symbols", "width": "0", "height": "0", "aria-hidden": "true"}, hatch, breaker)


def _header(status: Status, fields: Fields) -> Markup:
    age = h("span", {"id": "age", "aria-hidden": "true"}, f"as of {fields['time']}")
    spoken = h("span", {"id": "spoken", "class": "unseen", "role": "status"})
    return h(
        "header",
        {},
        h("h1", {}, status.name),
        h("p", {"class": "age"}, h("span", {"class": "dot", "aria-hidden": "true"}), age, spoken),
        h(
            "dl",
            {"class": "sums"},
            _sum("Time", _live("time", fields, "dd")),
            _sum("Grid", _live("power", fields, "dd")),
            _sum("Price", _live("price", fields, "dd")),
            _sum("Demand", _live("demand", fields, "dd")),
            _sum("Chargers", _live("counts", fields, "dd")),
            _sum("Plan", _live("plan", fields, "dd")),
        ),
        _live("event", fields, "p", {"class": "banner event-banner"}),
        _live("alert", fields, "p", {"class": "banner alert-banner", "role": "alert"}),
        h("p", {"class": "banner lost-banner", "id": "lost", "hidden": ""}),
        h(
            "noscript",
            {},
            h("p", {"class": "banner"}, "Without scripts this page shows one moment; reload it for another."),
        ),
    )


def _sum(name: str, value: Markup) -> Markup:
    return h("div", {}, h("dt", {}, name), value)


def _live(
    key: str, fields: Fields, name: str = "span", attributes: dict[str, str | None] | None = None
) -> Markup:
    """Return an element whose text follows a field."""
    return h(name, {**(attributes or {}), "data-live": key}, fields[key])


# The tree.


def _site(status: Status, fields: Fields) -> Markup:
    legend = h(
        "p",
        {"class": "legend"},
        h("span", {}, _swatch("other"), "other load"),
        h("span", {}, _swatch("charge"), "charging"),
        h("span", {}, _swatch("limit"), "limit now"),
        h("span", {}, _swatch("installed"), "installer's limit"),
        h("span", {}, _swatch("flowing"), "measured"),
    )
    return h(
        "section",
        {"class": "site", "aria-labelledby": "site-h"},
        h("h2", {"id": "site-h"}, "Site"),
        legend,
        h("ul", {"class": "tree"}, _branch(status.nodes[0], status, fields) if status.nodes else None),
    )


def _swatch(kind: str) -> Markup:
    if kind == "flowing":
        return h(
            "svg",
            {"class": "swatch", "width": "12", "height": "16", "aria-hidden": "true"},
            _flowing({"x": "6"}),
        )
    fill = "url(#hatch)" if kind == "other" else None
    width = {"limit": "3", "installed": "1"}.get(kind, "100%")
    bar = h("rect", {"class": kind, "fill": fill, "width": width, "height": "100%"})
    return h(
        "svg", {"class": f"swatch {kind}-swatch", "width": "18", "height": "12", "aria-hidden": "true"}, bar
    )


def _branch(node: NodeStatus, status: Status, fields: Fields) -> Markup:
    key = f"n.{node.id}"
    breaker = h("svg", {"class": "breaker", "aria-hidden": "true"}, h("use", {"href": "#breaker"}))
    bays = [c for c in status.chargers if c.node == node.id]
    below = [n for n in status.nodes if n.parent == node.id]
    return h(
        "li",
        {},
        h(
            "div",
            {
                "class": "node",
                "data-state": fields[f"{key}.state"],
                "data-live-at": f"data-state:{key}.state",
            },
            breaker,
            h("h3", {}, node.id),
            _live(f"{key}.power", fields, "span", {"class": "node-power"}),
            [_bar(p, f"{key}.l{p + 1}", fields) for p in PHASES],
            h(
                "p",
                {"class": "node-words"},
                _live(f"{key}.words", fields),
                "; ",
                _live(f"{key}.measured", fields),
            ),
        ),
        h("ul", {"class": "chips"}, [_chip(c, fields) for c in bays]) if bays else None,
        h("ul", {"class": "tree"}, [_branch(n, status, fields) for n in below]) if below else None,
    )


def _bar(p: int, key: str, fields: Fields) -> Markup:
    """Return one phase: its bar against the limit, and the same in numbers."""

    def rect(name: str, fill: str | None, **at: str) -> Markup:
        places = {attribute: fields[k] for attribute, k in at.items()}
        live = " ".join(f"{attribute}:{k}" for attribute, k in at.items())
        return h("rect", {"class": name, "fill": fill, "height": "100%", **places, "data-live-at": live})

    numbers = h(
        "span",
        {"class": "amps"},
        h("span", {"class": "unseen"}, f"{PHASE_NAMES[p]}, other load + charging / limit: "),
        _live(f"{key}.text", fields),
    )
    return h(
        "div",
        {"class": "phase"},
        h("span", {"class": "phase-name", "aria-hidden": "true"}, PHASE_NAMES[p]),
        h(
            "svg",
            {"class": "bar", "aria-hidden": "true"},
            rect("other", "url(#hatch)", width=f"{key}.other"),
            rect("charge", None, x=f"{key}.charge.x", width=f"{key}.charge.width"),
            rect("installed", None, x=f"{key}.installed"),
            rect("limit", None, x=f"{key}.limit"),
            _flowing({"x": fields[f"{key}.flowing"], "data-live-at": f"x:{key}.flowing"}),
        ),
        numbers,
    )


def _flowing(place: dict[str, str | None]) -> Markup:
    """Return the mark of what is measured: it points at its place on the bar."""
    return h("svg", {"class": "flowing", **place}, h("path", {"d": "M0 8l5 8h-10z"}))


def _chip(charger: ChargerStatus, fields: Fields) -> Markup:
    key = f"c.{charger.id}"
    return h(
        "li",
        {},
        h(
            "a",
            {
                "class": "chip",
                "href": f"#at-{charger.id}",
                "data-kind": fields[f"{key}.kind"],
                "data-live-at": f"data-kind:{key}.kind",
            },
            h("span", {"class": "chip-name"}, charger.id),
            " ",
            _live(f"{key}.amps", fields),
            h("span", {"class": "unseen"}, ", ", _live(f"{key}.state", fields)),
        ),
    )


# The day and the chargers.


def _day(status: Status) -> Markup:
    return h(
        "section",
        {"class": "prices", "aria-labelledby": "day-h"},
        h("h2", {"id": "day-h"}, f"Price per kWh in {status.currency}, and events"),
        h("div", {"id": "day"}, day(status)),
    )


def _chargers(status: Status, fields: Fields) -> Markup:
    return h(
        "section",
        {"class": "chargers", "id": "chargers", "aria-labelledby": "chargers-h", "tabindex": "-1"},
        h("h2", {"id": "chargers-h"}, "Chargers"),
        list(_groups(status, fields)),
    )


def _groups(status: Status, fields: Fields) -> Iterator[Markup]:
    for node in status.nodes:
        cards = [_card(c, fields) for c in status.chargers if c.node == node.id]
        if cards:
            yield h("h3", {"class": "group"}, f"on {node.id}")
            yield h("div", {"class": "cards"}, cards)


def _card(charger: ChargerStatus, fields: Fields) -> Markup:
    key = f"c.{charger.id}"
    name = charger.name or charger.id
    vehicle = _live(f"{key}.vehicle", fields, "span", {"class": "vehicle"})
    late = f"data-late:{key}.late"
    return h(
        "article",
        {
            "class": "card",
            "id": f"at-{charger.id}",  # an installer may call a charger "day", and the page has one
            "data-kind": fields[f"{key}.kind"],
            "data-live-at": f"data-kind:{key}.kind",
        },
        h("h4", {}, name, " ", vehicle, " ", h("span", {"class": "phases"}, charger.phases)),
        _live(f"{key}.state", fields, "p", {"class": "state"}),
        h(
            "dl",
            {},
            _sum("gets", _live(f"{key}.amps", fields, "dd")),
            _sum("draws", _live(f"{key}.power", fields, "dd")),
            _sum("so far", _live(f"{key}.energy", fields, "dd")),
        ),
        _live(f"{key}.reason", fields, "p", {"class": "reason"}),
        _live(
            f"{key}.ready",
            fields,
            "p",
            {"class": "ready", "data-late": fields[f"{key}.late"], "data-live-at": late},
        ),
        _live(f"{key}.promise", fields, "p", {"class": "promise"}),
        h(
            "details",
            {"class": "why", "data-charger": charger.id},
            h("summary", {}, "Why?", h("span", {"class": "unseen"}, f" ({name})")),
            h("p", {"class": "why-words", "aria-live": "polite"}),
        ),
    )


def _footer() -> Markup:
    return h(
        "footer",
        {},
        h("p", {}, NOT_LISTED),
        h("p", {}, h("a", {"href": "/schema/openapi.json"}, "HTTP API (OpenAPI)"), " · depot-edge"),
    )
