"""The frame of every page: head, navigation, foot.

    frame(house, "windows", main, …)      the whole document around a page's own parts

Rule 1: a page is whole without scripts, as of when it was made; scripts keep it live and write.
Rule 2: no inline script or style (headers.py forbids both); what a script must know is in data attributes.
"""

from urllib.parse import quote

from edge.web.house import House
from edge.web.look import theme
from edge.web.markup import Child, Markup, h
from edge.web.texts import LANGUAGES, language, t
from edge.web.who import who

# The pages by the topic of their texts, in the order of the navigation.
PAGES = {
    "now": "/",
    "day": "/day",
    "windows": "/windows",
    "events": "/events",
    "reports": "/reports",
    "devices": "/devices",
    "log": "/log",
    "settings": "/settings",
}

Attributes = dict[str, str | None]


def frame(
    house: House, topic: str, *main: Child, title: str = "", scripts: tuple[str, ...] = (), **body: str
) -> str:
    """Return a page.  topic: of PAGES; title: where it is not the topic's; body: its data attributes."""
    name = house.desk.site.name or house.desk.site.id
    heading = title or t(f"frame.{topic}")
    data: Attributes = {f"data-{key}": value for key, value in body.items()}
    whole = h(
        "body",
        {
            "data-page": topic,
            "data-build": house.build,
            "data-live-state": "still",
            "data-offline": t("frame.offline"),
            **data,
        },
        h("a", {"class": "skip", "href": "#main"}, t("frame.skip")),
        _header(name, topic),
        h("main", {"id": "main", "tabindex": "-1", "class": f"page-{topic}"}, main),
        _footer(topic),
        h("dialog", {"id": "dialog", "aria-labelledby": "dialog-h"}),
    )
    head = _head(house, f"{heading} · {name}", scripts)
    return f"<!doctype html>\n{h('html', {'lang': language(), 'data-theme': theme()}, head, whole)}\n"


def starting(house: House) -> str:
    """Return the page of a daemon that has not made its first tick; it asks again by itself."""
    again = h("meta", {"http-equiv": "refresh", "content": "1"})
    name = house.desk.site.name or house.desk.site.id
    main = h("main", {"id": "main"}, h("h1", {}, name), h("p", {}, t("frame.starting")))
    body = h("body", {"class": "starting"}, main, _footer(""))
    head = _head(house, name, more=again)
    return f"<!doctype html>\n{h('html', {'lang': language(), 'data-theme': theme()}, head, body)}\n"


def _head(house: House, title: str, scripts: tuple[str, ...] = (), more: Child = None) -> Markup:
    assets = house.addresses
    return h(
        "head",
        {},
        h("meta", {"charset": "utf-8"}),
        h("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        h("meta", {"name": "color-scheme", "content": "light dark"}),
        h("meta", {"name": "csrf", "content": who().csrf}),
        h("title", {}, f"{title} · depot-edge"),
        h("link", {"rel": "icon", "href": assets["icon.svg"], "type": "image/svg+xml"}),
        h("link", {"rel": "stylesheet", "href": assets["page.css"]}),
        [h("script", {"type": "module", "src": assets[name]}) for name in ("page.js", *scripts)],
        more,
    )


def _header(name: str, topic: str) -> Markup:
    links = [
        h("a", {"href": address, "aria-current": "page" if each == topic else None}, t(f"frame.{each}"))
        for each, address in PAGES.items()
    ]
    visitor = who()
    if visitor.signed_in:
        account = h("a", {"class": "account", "href": "/settings#account"}, visitor.name)
    else:
        back = quote(PAGES.get(topic, "/"))
        account = h("a", {"class": "account", "href": f"/sign-in?to={back}"}, t("common.sign_in"))
    return h(
        "header",
        {},
        h("p", {"class": "site-name"}, h("a", {"href": "/"}, name)),
        account,
        h("nav", {"aria-label": t("frame.pages")}, links),
    )


def _footer(topic: str) -> Markup:
    to = quote(PAGES.get(topic, "/"))
    languages = [
        h("a", {"href": f"/language/{code}?to={to}", "lang": code, "hreflang": code}, name)
        for code, name in LANGUAGES.items()
        if code != language()
    ]
    api = h("a", {"href": "/schema/openapi.json"}, t("frame.api"))
    return h(
        "footer",
        {},
        h("p", {}, t("common.not_listed")),
        h("p", {}, languages, " · ", api, " · depot-edge"),
    )


def section(key: str, *children: Child, **attributes: str | None) -> Markup:
    """Return a section with its heading.  key: of its heading's text, and by its last part its id."""
    name = key.rpartition(".")[2].replace("_", "-")
    head = h("h2", {"id": f"{name}-h"}, t(key))
    given: Attributes = {"class": "panel", "aria-labelledby": f"{name}-h", **attributes}
    return h("section", {"id": name, **given}, head, children)


def notice(text: str, kind: str = "note") -> Markup:
    """Return a line that stands out.  kind: note, warn, bad, good."""
    return h("p", {"class": f"notice {kind}"}, text)
