"""Forms of the pages: fields with their labels, and what sends them.

A form goes to the API as JSON, by page.js: `data-send` is where, a field's name is its key there.  A button
with data-part asks the server for what would come of it, as markup, before anything is saved.
"""

from collections.abc import Iterable, Mapping

from edge.model.role import Role
from edge.web.markup import Child, Markup, h
from edge.web.texts import t
from edge.web.who import who

Attributes = Mapping[str, str | None]


def field(
    label: str, name: str, kind: str = "text", value: str = "", wide: bool = False, **more: str
) -> Markup:
    """Return an input with its label.  more: its other attributes (min_ is written min, data_x data-x)."""
    given: Attributes = {key.rstrip("_").replace("_", "-"): text for key, text in more.items()}
    box = {"name": name, "type": kind, "value": value or None, "autocomplete": "off", **given}
    return labelled(label, h("input", box), wide)


def labelled(label: str, control: Markup, wide: bool = False) -> Markup:
    """Return a control with its label above it."""
    return h("label", {"class": "field wide" if wide else "field"}, h("span", {}, label), control)


def choice(label: str, name: str, options: Iterable[tuple[str, str]], chosen: str = "") -> Markup:
    """Return a list to choose from.  options: value and text."""
    entries = [
        h("option", {"value": value or None, "selected": "" if value == chosen else None}, text)
        for value, text in options
    ]
    return labelled(label, h("select", {"name": name}, entries))


def check(label: str, name: str, on: bool = False, value: str = "", **more: str) -> Markup:
    """Return a box to tick.  value: of one of several of the same name, which are sent as a list."""
    given: Attributes = {key.replace("_", "-"): text for key, text in more.items()}
    several = {"value": value, "data-list": ""} if value else {}
    box = {"type": "checkbox", "name": name, "checked": "" if on else None, **several, **given}
    return h("label", {"class": "check"}, h("input", box), label)


def sending(to: str, *children: Child, method: str = "POST", then: str = "", **more: str | None) -> Markup:
    """Return a form that page.js sends.  then: where it goes after it; left out: this page anew."""
    said = h("p", {"data-says": "", "role": "status", "hidden": ""})
    given = {"data-send": to, "data-method": method, "data-then": then or None, "class": "form", **more}
    return h("form", given, children, said)


def act(label: str, to: str, method: str = "POST", then: str = "", sure: str = "") -> Markup:
    """Return a button that does one thing.  sure: what is asked before."""
    button = h("button", {"class": "small", "type": "submit"}, label)
    more = {"class": "act", "data-sure": sure or None}
    return sending(to, button, method=method, then=then, **more)


def needs(role: Role, back: str) -> Markup | None:
    """Return who may change something here, for somebody who may not; None for somebody who may."""
    visitor = who()
    if visitor.may(role):
        return None
    text = t("forms.needs", role=t(f"common.role_{role.word}"))
    link = h("a", {"href": f"/sign-in?to={back}"}, t("common.sign_in"))
    return h("p", {"class": "notice note"}, text, " ", *([] if visitor.signed_in else [link]))
