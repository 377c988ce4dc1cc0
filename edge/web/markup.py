"""HTML and SVG that cannot forget to escape: text is escaped, only elements made here are not.

    h("p", {"class": "reason"}, charger.reason)

A utility chooses the names of its events and an installer those of the bays; neither writes our page.
"""

from collections.abc import Iterable, Mapping
from html import escape

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Markup(str):
    """A piece of finished markup."""

    __slots__ = ()


Child = str | Markup | Iterable["Child"] | None


def h(name: str, attributes: Mapping[str, str | None] | None = None, *children: Child) -> Markup:
    """Return an element.  An attribute of None is left out; "" is an attribute without a value."""
    given = "".join(
        f" {key}" if value == "" else f' {key}="{escape(value)}"'
        for key, value in (attributes or {}).items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(children)}</{name}>")


def joined(child: Child) -> Markup:
    """Return children one after the other; plain text escaped."""
    if child is None:
        return Markup("")
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return Markup(escape(child, quote=False))
    return Markup("".join(joined(c) for c in child))
