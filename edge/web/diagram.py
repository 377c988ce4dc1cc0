"""The single-line diagram: grid, breakers and bays as an SVG, every figure in it live.

    drawn(status, fields) -> Markup        twice: for a phone and for a desk; CSS shows the one that fits

        grid
         |
       [main]  L1 ▨▨▨██   |           a node: its breaker, three bars against the limit, what limits it
         |
         +------------+---------
         |            |
      [panel-a]    [panel-b]          side by side where they fit, else below each other
         |            |
       [bay] [bay]  [bay]             a bay: a link to why it gets what it gets

Rule 1: every text is drawn at its own size: a phone's drawing is as wide as a phone.
Rule 2: what changes is a field (fields.py): marked as on the rest of the page, once in each drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from edge.model.units import PHASE_NAMES, PHASES
from edge.shell.answers import ChargerStatus, NodeStatus, Status
from edge.web.markup import Markup, h
from edge.web.texts import t

PHONE_WIDTH, DESK_WIDTH = 328, 1150

# A node beside others of its rank needs this much; its bars are never longer than that.
NODE_LEAST, NODE_MOST, NODE_HEIGHT = 216, 420, 118
BARS_TOP, BAR_X, BAR_HEIGHT, BAR_STEP, AMPS_WIDTH = 30, 40, 13, 18, 88
WORDS_TOP = BARS_TOP + 3 * BAR_STEP

TILE_LEAST, TILE_MOST, TILE_HEIGHT = 92, 132, 100
TILE_NARROW, MORE_HEIGHT = 118, 16  # a narrower bay has its energy on a line of its own
GAP = 8
INDENT = 18  # of what hangs below a node
TRUNK = 9  # where a node's line is, from its left
DROP = 8  # from a rail down to a bay
FALL = 16  # from a rail down to a node

Fields = dict[str, str]
Thing = TypeVar("Thing")


@dataclass
class Drawing:
    """What is drawn so far: lines below, boxes above."""

    status: Status
    fields: Fields
    kind: str
    lines: list[Markup] = field(default_factory=list)
    boxes: list[Markup] = field(default_factory=list)
    clips: dict[str, Markup] = field(default_factory=dict)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "wire") -> None:
        """Draw a stretch of a line."""
        places = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        self.lines.append(h("line", {"class": kind, **{k: f"{v:g}" for k, v in places.items()}}))

    def clip(self, width: float, height: float) -> str:
        """Return the id of what cuts off the texts of a bay that are too long for it."""
        name = f"clip-{self.kind}-{width:g}-{height:g}".replace(".", "-")
        rect = h("rect", {"width": f"{width:g}", "height": f"{height:g}"})
        self.clips.setdefault(name, h("clipPath", {"id": name}, rect))
        return name


def drawn(status: Status, fields: Fields) -> Markup:
    """Return both drawings of the site."""
    both = ((PHONE_WIDTH, "phone-only"), (DESK_WIDTH, "desk-only"))
    return h("div", {"class": "diagram"}, [_one(status, fields, w, kind) for w, kind in both])


def _one(status: Status, fields: Fields, width: int, kind: str) -> Markup:
    drawing = Drawing(status, fields, kind)
    height = 26.0
    drawing.boxes.append(_grid())
    drawing.line(TRUNK, 18, TRUNK, height)
    for root in (n for n in status.nodes if n.parent is None):
        height += _node(drawing, root, 0, height, width)
    box = {"viewBox": f"-1 0 {width + 2} {height:g}", "width": "100%"}
    label = {"role": "group", "aria-label": t("now.diagram")}
    return h(
        "svg",
        {"class": f"single-line {kind}", **box, **label},
        list(drawing.clips.values()),
        drawing.lines,
        drawing.boxes,
    )


def _grid() -> Markup:
    """Return where the power comes from: the sign of a source of alternating current."""
    return h(
        "g",
        {"class": "source"},
        h("circle", {"cx": str(TRUNK), "cy": "10", "r": "8"}),
        h("path", {"d": f"M{TRUNK - 4.5} 10q2.25-5 4.5 0t4.5 0"}),
        h("text", {"class": "name", "x": "26", "y": "15"}, t("now.grid")),
    )


def _node(drawing: Drawing, node: NodeStatus, x: float, y: float, width: float) -> float:
    """Draw a node and what hangs on it, within a width; return its height."""
    drawing.boxes.append(_breaker_and_bars(drawing, node, x, y, min(width, NODE_MOST)))
    bays = [c for c in drawing.status.chargers if c.node == node.id]
    below = [n for n in drawing.status.nodes if n.parent == node.id]
    at = rail = y + NODE_HEIGHT
    left, room = x + INDENT, width - INDENT
    for row, columns in _rows(bays, room, TILE_LEAST):
        rail, at = at, _bays(drawing, row, left, at, min(TILE_MOST, room / columns - GAP))
    for nodes, columns in _rows(below, room, NODE_LEAST):
        rail, at = at, _nodes(drawing, nodes, left, at, room / columns)
    if bays or below:
        drawing.line(x + TRUNK, y + 28, x + TRUNK, rail)
    return at - y


def _bays(drawing: Drawing, row: Sequence[ChargerStatus], left: float, y: float, width: float) -> float:
    """Draw bays side by side below a rail; return where they end."""
    for n, bay in enumerate(row):
        x = left + n * (width + GAP)
        drawing.line(x + width / 2, y, x + width / 2, y + DROP)
        drawing.boxes.append(_tile(drawing, bay, x, y + DROP, width))
    drawing.line(left - INDENT + TRUNK, y, left + (len(row) - 1) * (width + GAP) + width / 2, y)
    return y + DROP + _tile_height(width) + GAP


def _nodes(drawing: Drawing, row: Sequence[NodeStatus], left: float, y: float, width: float) -> float:
    """Draw nodes side by side below a rail; return where the highest ends."""
    ends = []
    for n, node in enumerate(row):
        drawing.line(left + n * width + TRUNK, y, left + n * width + TRUNK, y + FALL)
        beside = GAP * 2 if n < len(row) - 1 else 0
        ends.append(y + FALL + _node(drawing, node, left + n * width, y + FALL, width - beside))
    drawing.line(left - INDENT + TRUNK, y, left + (len(row) - 1) * width + TRUNK, y)
    return max(ends)


def _rows(things: Sequence[Thing], room: float, least: int) -> list[tuple[Sequence[Thing], int]]:
    """Return things in rows that fit, as even as may be, each with the number of columns."""
    if not things:
        return []
    most = max(1, int((room + GAP) // (least + GAP)))
    columns = -(-len(things) // -(-len(things) // most))
    return [(things[n : n + columns], columns) for n in range(0, len(things), columns)]


def live(key: str, fields: Fields, name: str = "tspan", **attributes: str) -> Markup:
    """Return an element of a picture whose text follows a field."""
    return h(name, {**attributes, "data-live": key}, fields[key])


def _breaker_and_bars(drawing: Drawing, node: NodeStatus, x: float, y: float, width: float) -> Markup:
    key, fields = f"n.{node.id}", drawing.fields
    words = h(
        "foreignObject",
        {"x": "20", "y": str(WORDS_TOP), "width": f"{width - 20:g}", "height": "34"},
        h(
            "p",
            {"class": "node-words"},
            live(f"{key}.words", fields, "span"),
            "; ",
            live(f"{key}.measured", fields, "span"),
        ),
    )
    return h(
        "g",
        {
            "class": "node",
            "transform": f"translate({x:g} {y:g})",
            "data-state": fields[f"{key}.state"],
            "data-live-at": f"data-state:{key}.state",
        },
        h("path", {"class": "breaker", "d": f"M{TRUNK} 0v7m-3.5-3.5l7 7m0-7l-7 7M{TRUNK} 28v-8l-5.5-10.5"}),
        h(
            "a",
            {"class": "node-link", "href": f"/why?node={quote(node.id, safe='')}", "data-why": ""},
            h("text", {"class": "name", "x": "20", "y": "19"}, node.id),
        ),
        live(f"{key}.power", fields, "text", **{"class": "power", "x": f"{width:g}", "y": "19"}),
        [_bar(drawing, f"{key}.l{p + 1}", p, width) for p in PHASES],
        words,
    )


def _bar(drawing: Drawing, key: str, p: int, width: float) -> Markup:
    """Return one phase: its bar against the limit, and the same in numbers."""
    fields, y = drawing.fields, BARS_TOP + p * BAR_STEP

    def rect(name: str, **at: str) -> Markup:
        places = {attribute: fields[k] for attribute, k in at.items()}
        marks = " ".join(f"{attribute}:{k}" for attribute, k in at.items())
        fill = {"fill": "url(#hatch)"} if name == "other" else {}
        return h("rect", {"class": name, **fill, "height": "100%", **places, "data-live-at": marks})

    bar = {
        "x": str(BAR_X),
        "y": str(y),
        "width": f"{width - BAR_X - AMPS_WIDTH:g}",
        "height": str(BAR_HEIGHT),
    }
    return h(
        "g",
        {"class": "phase"},
        h("text", {"class": "phase-name", "x": "20", "y": str(y + 11)}, PHASE_NAMES[p]),
        h(
            "svg",
            {"class": "bar", **bar},
            h("rect", {"class": "track", "width": "100%", "height": "100%", "rx": "2"}),
            rect("other", width=f"{key}.other"),
            rect("charge", x=f"{key}.charge.x", width=f"{key}.charge.width"),
            rect("installed", x=f"{key}.installed"),
            rect("limit", x=f"{key}.limit"),
            flowing({"x": fields[f"{key}.flowing"], "data-live-at": f"x:{key}.flowing"}),
        ),
        live(f"{key}.text", fields, "text", **{"class": "amps", "x": f"{width:g}", "y": str(y + 11)}),
    )


def flowing(place: dict[str, str | None]) -> Markup:
    """Return the mark of what is measured: it points at its place on the bar."""
    return h("svg", {"class": "flowing", **place}, h("path", {"d": "M0 5l5 8h-10z"}))


def _tile_height(width: float) -> int:
    return TILE_HEIGHT + (MORE_HEIGHT if width < TILE_NARROW else 0)


def _tile(drawing: Drawing, bay: ChargerStatus, x: float, y: float, width: float) -> Markup:
    """Return a bay: state, vehicle, current, energy, and by when it is ready."""
    key, fields, height = f"c.{bay.id}", drawing.fields, _tile_height(width)
    clip = drawing.clip(width, height)
    frame = {"x": "0.5", "y": "0.5", "height": str(height - 1)}
    left = {"x": "11", "y": "87"} if width < TILE_NARROW else {"x": f"{width - 6:g}", "y": "71"}
    energy = "tile-energy" if width < TILE_NARROW else "tile-energy beside"

    def line(name: str, kind: str, place: int, indent: int = 11) -> Markup:
        return live(f"{key}.{name}", fields, "text", **{"class": kind, "x": str(indent), "y": str(place)})

    return h(
        "a",
        {
            "class": "tile",
            "href": f"/why?charger={quote(bay.id, safe='')}",
            "data-why": "",
            "data-kind": fields[f"{key}.kind"],
            "data-live-at": f"data-kind:{key}.kind",
        },
        h(
            "g",
            {"transform": f"translate({x:g} {y:g})", "clip-path": f"url(#{clip})"},
            h("rect", {"class": "tile-box", **frame, "width": f"{width - 1:g}", "rx": "6"}),
            h("rect", {"class": "tile-edge", **frame, "width": "4", "rx": "2"}),
            line("sign", "sign", 18),
            h("text", {"class": "tile-name", "x": "25", "y": "18"}, bay.name or bay.id),
            line("word", "tile-state", 34, 25),
            line("vehicle", "tile-vehicle", 53),
            line("amps", "tile-amps", 71),
            live(f"{key}.energy", fields, "text", **{"class": energy, **left}),
            line("by", "tile-by", height - 10),
        ),
    )


def hatching() -> Markup:
    """Return what pictures share: the hatching of the other load."""
    pattern = {
        "id": "hatch",
        "width": "6",
        "height": "6",
        "patternUnits": "userSpaceOnUse",
        "patternTransform": "rotate(45)",
    }
    hatch = h(
        "pattern",
        pattern,
        h("rect", {"class": "hatch-back", "width": "6", "height": "6"}),
        h("rect", {"class": "hatch-line", "width": "2.5", "height": "6"}),
    )
    return h("svg", {"class": "symbols", "width": "0", "height": "0", "aria-hidden": "true"}, hatch)
