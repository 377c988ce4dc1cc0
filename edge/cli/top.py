"""`depot top`: what is going on, live, in a terminal: for whoever stands beside the gateway.

    frame(status, look, width, height) -> lines      what is to be seen; knows no terminal

Once a second the daemon is asked; when it does not answer, what was seen last stays, with its age.  Writes
nothing: windows and events are changed by `depot window` and `depot events`.
"""

import argparse
import curses
import os
import select
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from edge.cli import CallError, asking, status
from edge.cli.why import lines as why_lines
from edge.shell import control, words
from edge.shell.answers import ChargerStatus, DeskError, Status, Why
from edge.shell.control import AskStatus, AskWhy

EPILOG = """examples:
  depot top                       the depot of this machine
  depot top --state /run/demo     of the daemon with that state directory
  depot top --once                one picture, without keys; also in a pipe

Keys: up and down choose a charger, Enter says why it gets what it gets, s sorts (site, trouble, current), e
shows the utility's events, q leaves.
exit 0: done.  2: no daemon answers when it begins.
"""

ASK_S = 1.0
AT_ONCE_S = 0.05  # sooner than that nobody waits for a key
STALE_MS = 5_000
KEYS = "q leave  ↑↓ choose  Enter why  s sort  e events"

# What a person is to look at first.
TROUBLE = ("fault", "offline", "waiting", "paused", "charging", "free")
SORTS = ("site", "trouble", "current")

DOWN = ("KEY_DOWN", "j")
UP = ("KEY_UP", "k")
ENTER = ("\n", "\r", "KEY_ENTER", "w")
BACK = ("\x1b", "KEY_LEFT", "KEY_BACKSPACE", "\x7f")


class Line(NamedTuple):
    """A line of the screen.  style: "", "head", "chosen", "bad", "dim" or "keys"."""

    text: str
    style: str = ""


@dataclass
class Look:
    """Where the person looks.  chosen: a charger's id; view: "chargers", "why" or "events"."""

    chosen: str = ""
    sort: str = "site"
    view: str = "chargers"
    why: Why | None = None
    first: int = 0
    trouble: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `depot top` takes."""
    parser.epilog = EPILOG
    asking.arguments(parser)
    parser.add_argument("--once", action="store_true", help="one picture, then leave")


def run(args: argparse.Namespace) -> int:
    """Show the depot until the person leaves.  Returns 0."""
    seen = asking.ask(args.state, AskStatus(), Status)
    if args.json:
        asking.print_json(seen)
    elif args.once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        lines = frame(seen, Look(), asking.width(), 0)
        print("\n".join(line.text.rstrip() for line in lines if line.style != "keys"))
    else:
        curses.wrapper(_live, args, seen)
    return 0


def frame(seen: Status, look: Look, width: int, height: int) -> list[Line]:
    """Return the screen.  height 0: as long as it takes."""
    top = list(_top(seen, look, width))
    room = max(1, height - len(top) - 1) if height else 0
    body = list(_body(seen, look, width))
    if room and look.view == "chargers":
        said = list(_chosen(seen, look, width))
        body = [body[0], *_scrolled(body[1:], max(1, room - 1 - len(said)), look), *said]
    shown = top + body[: room or None]
    if height:
        shown = shown[: height - 1]
        shown += [Line("")] * (height - 1 - len(shown))
    return [*shown, Line(KEYS if look.view == "chargers" else "any key: back  q leave", "keys")]


def _scrolled(rows: list[Line], fit: int, look: Look) -> list[Line]:
    """Return the rows that fit, with the chosen one among them; they move no more than they must."""
    at = next((n for n, row in enumerate(rows) if row.style == "chosen"), look.first)
    look.first = max(0, min(look.first, len(rows) - fit, at), at - fit + 1)
    return rows[look.first : look.first + fit]


def _chosen(seen: Status, look: Look, width: int) -> Iterator[Line]:
    """Yield all that there is to say of the chosen charger in its row, where it was cut off."""
    for charger in seen.chargers:
        if charger.id == look.chosen:
            yield Line("")
            parts = (_says(charger), charger.ready, charger.promise_words)
            text = f"{charger.id}: {'; '.join(part for part in parts if part)}"
            yield from (Line(each) for each in textwrap.wrap(text, width, subsequent_indent="  "))


def _top(seen: Status, look: Look, width: int) -> Iterator[Line]:
    """Yield what is always there: time, power, price, events, what is wrong, the nodes."""
    power = words.kw(seen.power_w) if seen.power_w is not None else "power unknown"
    charging = sum(c.kind == "charging" for c in seen.chargers)
    state = look.trouble or (f"{words.ago(seen.age_ms)} old" if seen.age_ms > STALE_MS else "live")
    head = f"{seen.name}  {seen.time}  {power}  {charging} of {len(seen.chargers)} charging  {state}"
    yield Line(_cut(head, width).ljust(width), "head" if state == "live" else "bad")
    said = [f"price: {seen.price_words}"] if seen.price_words else []
    said += [f"demand: {d.words}" for d in seen.demand] + [f"event: {e.words}" for e in seen.events]
    said += [f"plan: {seen.plan.words}"] if seen.plan else []
    yield from (Line(_cut(text, width)) for text in said)
    for alert in (*seen.violations, seen.fallback):
        for text in textwrap.wrap(f"look at this: {alert}", width) if alert else ():
            yield Line(text, "bad")
    yield Line("")
    rows = [status.node_cells(node) for node in seen.nodes]
    for n, cells in enumerate(_columns([("NODE", "POWER", "L1", "L2", "L3", "STATE"), *rows], (1, 2, 3, 4))):
        node = seen.nodes[n - 1] if n else None
        style = (
            "head" if node is None else "bad" if node.over or (node.metered and not node.flowing_ma) else ""
        )
        yield Line(_cut(cells, width), style)
    yield Line("")


def _body(seen: Status, look: Look, width: int) -> Iterator[Line]:
    if look.view == "why" and look.why is not None:
        yield Line(f"why {look.why.charger}", "head")
        for text in why_lines(look.why, width):
            yield from (Line(each) for each in text.splitlines() or [""])
        return
    if look.view == "events":
        yield Line("the utility's events", "head")
        for event in seen.events:
            for text in (event.words, event.effect, event.comply):
                yield from (Line(each) for each in textwrap.wrap(text, width, subsequent_indent="  "))
        if not seen.events:
            yield Line("none", "dim")
        return
    chargers = ordered(seen, look.sort)
    cells = [
        (c.id, c.state_words, words.amps(c.granted_ma), _energy(c), status.ready_cell(c), _says(c))
        for c in chargers
    ]
    head = ("CHARGER", "STATE", "GETS", "SO FAR", "READY BY", f"WHY (by {look.sort})")
    for n, text in enumerate(_columns([head, *cells], (2, 3))):
        charger = chargers[n - 1] if n else None
        style = "head" if charger is None else "chosen" if charger.id == look.chosen else ""
        if charger is not None and not style:
            style = "bad" if charger.kind in ("fault", "offline") or charger.late else ""
            style = style or ("dim" if charger.kind == "free" else "")
        yield Line(_cut(text, width).ljust(width) if style == "chosen" else _cut(text, width), style)


def ordered(seen: Status, sort: str) -> list[ChargerStatus]:
    """Return the chargers in the order that the person chose; equal ones as in the site file."""
    if sort == "trouble":
        return sorted(seen.chargers, key=lambda c: (not c.late, TROUBLE.index(c.kind)))
    if sort == "current":
        return sorted(seen.chargers, key=lambda c: -c.granted_ma)
    return list(seen.chargers)


def _energy(charger: ChargerStatus) -> str:
    return "" if charger.session_wh is None else f"{charger.session_wh / 1000:.1f} kWh"


def _says(charger: ChargerStatus) -> str:
    parts = (f"ready in time: {charger.promise}" if charger.late else "", charger.reason)
    return "; ".join(part for part in parts if part)


def _columns(rows: list[tuple[str, ...]], right: tuple[int, ...]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths))]  # noqa: B905
        yield "  ".join([*cells, row[-1]])


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def pressed(key: str, look: Look, seen: Status) -> str:
    """Change where the person looks.  Returns what is to be done: "", "why" or "leave"."""
    if key == "q":
        return "leave"
    if look.view != "chargers":
        look.view = "chargers"
        return ""
    ids = [c.id for c in ordered(seen, look.sort)]
    at = ids.index(look.chosen) if look.chosen in ids else -1
    if key in DOWN and ids:
        look.chosen = ids[min(at + 1, len(ids) - 1)]
    elif key in UP and ids:
        look.chosen = ids[max(at - 1, 0)]
    elif key == "s":
        look.sort = SORTS[(SORTS.index(look.sort) + 1) % len(SORTS)]
    elif key == "e":
        look.view = "events"
    elif key in BACK:
        look.chosen = ""
    elif key in ENTER and look.chosen:
        return "why"
    return ""


def _live(screen: "curses.window", args: argparse.Namespace, seen: Status) -> None:
    styles = _styles()
    look = Look(chosen=seen.chargers[0].id if seen.chargers else "")
    asked_s = time.monotonic()
    seen_s = asked_s - seen.age_ms / 1000
    while True:
        _draw(screen, frame(seen, look, screen.getmaxyx()[1] - 1, screen.getmaxyx()[0]), styles)
        screen.timeout(max(1, int((asked_s + ASK_S - time.monotonic()) * 1000)))
        waiting_s = time.monotonic()
        try:
            key = screen.getkey()
        except curses.error:  # nobody pressed anything for a second, or nobody can any more
            key = ""
            if waiting_s + AT_ONCE_S > time.monotonic() and _gone():
                return
        do = pressed(key, look, seen) if key else ""
        if do == "leave":
            return
        if do == "why":
            _ask_why(args, look)
        if time.monotonic() >= asked_s + ASK_S:
            asked_s = time.monotonic()
            try:
                seen = msgspec.convert(control.ask(args.state, AskStatus(), timeout_s=2), Status)
                seen_s, look.trouble = asked_s - seen.age_ms / 1000, ""
            except (control.NoDaemonError, DeskError, msgspec.ValidationError) as error:
                ago = words.ago(int((asked_s - seen_s) * 1000))
                look.trouble = f"{ago} old: {error}"


def _gone() -> bool:
    """Say whether the terminal was closed: then its end can be read at once, and no signal may have come."""
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    if not ready:
        return False
    try:
        return os.read(sys.stdin.fileno(), 1) == b""
    except OSError:
        return True


def _ask_why(args: argparse.Namespace, look: Look) -> None:
    try:
        look.why, look.view = asking.ask(args.state, AskWhy(look.chosen, None), Why), "why"
    except CallError as error:
        look.trouble = str(error)


def _styles() -> dict[str, int]:
    """Return how each style looks; never by colour alone."""
    red = 0
    if curses.has_colors():
        curses.use_default_colors()
        curses.init_pair(1, curses.COLOR_RED, -1)
        red = curses.color_pair(1)
    curses.curs_set(0)
    return {"": 0, "head": curses.A_BOLD, "chosen": curses.A_REVERSE, "bad": red | curses.A_BOLD,
            "dim": curses.A_DIM, "keys": curses.A_DIM}  # fmt: skip


def _draw(screen: "curses.window", lines: list[Line], styles: dict[str, int]) -> None:
    height, width = screen.getmaxyx()
    screen.erase()
    for y, line in enumerate(lines[:height]):
        screen.addnstr(y, 0, line.text, width - 1, styles[line.style])
    screen.refresh()
