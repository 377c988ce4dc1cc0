"""Charge windows as people enter them: checked, with errors that say what was expected.

The same check serves the command, the control socket and (later) the page.  Times are local to the
site, HH:MM; energy is in kWh; days are `daily`, `mon-fri`, `sat,sun`.
"""

import re
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal, InvalidOperation

import msgspec

from edge.model.site import EVERY_DAY, Charger, Days, Site, Window
from edge.shell.answers import DeskError, UnknownError
from edge.shell.words import minutes

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
GROUPS: dict[str, Days] = {
    "daily": EVERY_DAY,
    "weekdays": EVERY_DAY[:5],
    "weekend": EVERY_DAY[5:],
    "weekends": EVERY_DAY[5:],
}
NEED_WH_MAX = 2_000_000
PRIORITY_MAX = 1000
DAY_MIN = 24 * 60


class WindowWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A charge window as a person asks for it.  id: made by us where it is empty.

    need_kwh: a number, or a text as typed ("37.5").
    """

    charger: str
    from_time: str
    ready_by: str
    need_kwh: str | int | float
    days: str = "daily"
    priority: int = 0
    vehicle: str = ""
    id: str = ""


def checked(wish: WindowWish, site: Site, existing: Iterable[Window]) -> Window:
    """Return the wish as a window of the operator.

    A window with the id of an existing one replaces it; a window of the site file is not replaced.
    Raises DeskError naming the key and what was expected.
    """
    known = {w.id: w for w in existing}
    charger = charger_of(site, wish.charger)
    window = Window(
        id=_id(wish, known),
        charger=charger.id,
        from_min=_time("from", wish.from_time),
        ready_by_min=_time("ready-by", wish.ready_by),
        need_wh=_need(wish.need_kwh),
        days=_days(wish.days),
        priority=_priority(wish.priority),
        vehicle=_text("vehicle", wish.vehicle),
    )
    if window.from_min == window.ready_by_min:
        raise DeskError(
            f"ready-by: {minutes(window.ready_by_min)} is also the start; expected another time "
            "(an earlier time of day is the next day)"
        )
    for other in known.values():
        if other.id != window.id and other.charger == window.charger and overlap(window, other):
            raise DeskError(
                f"{window.charger} already has window {other.id} from {minutes(other.from_min)} to "
                f"{minutes(other.ready_by_min)} on some of these days: expected times apart from it "
                f"(or --id {other.id} to replace it)"
            )
    return window


def charger_of(site: Site, charger_id: str) -> Charger:
    """Return the charger with this id.  Raises DeskError with the known ones where there is none."""
    for charger in site.chargers:
        if charger.id == charger_id:
            return charger
    known = ", ".join(c.id for c in site.chargers[:12]) + (" …" if len(site.chargers) > 12 else "")
    raise UnknownError(
        f"charger: there is no {charger_id!r} on this site; expected one of {known or '(none)'}"
    )


def overlap(a: Window, b: Window) -> bool:
    """Tell whether two windows share a minute of the week."""
    return any(
        start < other_end and other_start < end
        for start, end in _spans(a, weeks=(0,))
        for other_start, other_end in _spans(b, weeks=(-1, 0, 1))
    )


def note(window: Window, site: Site) -> str:
    """Return a warning where the energy cannot flow in the time even without any limit; else ""."""
    charger = charger_of(site, window.charger)
    length_min = (window.ready_by_min - window.from_min) % DAY_MIN
    most_w = charger.max_ma * site.voltage_v * len(charger.phases) // 1000
    most_wh = most_w * length_min // 60
    if window.need_wh <= most_wh:
        return ""
    return (
        f"{window.need_wh / 1000:.1f} kWh cannot be had: {charger.id} gives at most {most_wh / 1000:.1f} kWh "
        f"in this time ({charger.max_ma / 1000:g} A, {len(charger.phases)} phase(s))"
    )


def _spans(window: Window, weeks: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return a window's stretches as minutes of the week, repeated for the weeks given."""
    length = (window.ready_by_min - window.from_min) % DAY_MIN
    starts = [EVERY_DAY.index(day) * DAY_MIN + window.from_min for day in window.days]
    return [(s + w * 7 * DAY_MIN, s + w * 7 * DAY_MIN + length) for s in starts for w in weeks]


def _id(wish: WindowWish, known: dict[str, Window]) -> str:
    if not wish.id:
        numbered = (f"{wish.charger}-{n}" for n in range(1, len(known) + 2))
        return next(i for i in numbered if i not in known)
    if not ID.fullmatch(wish.id):
        raise DeskError(f"id: {wish.id!r}: expected up to 40 letters, digits, dots, dashes")
    if wish.id in known and known[wish.id].source == "site":
        raise DeskError(f"id: window {wish.id} stands in the site file; change it there or choose another id")
    return wish.id


def _time(key: str, text: str) -> int:
    match = TIME.fullmatch(text.strip())
    if not match:
        raise DeskError(f"{key}: {text!r}: expected a time of day as HH:MM, 00:00 to 23:59")
    return int(match[1]) * 60 + int(match[2])


def _need(need_kwh: str | int | float) -> int:
    expected = f"expected an energy in kWh above 0, up to {NEED_WH_MAX // 1000}, such as 40 or 37.5"
    try:
        need_wh = Decimal(str(need_kwh).strip()) * 1000
    except InvalidOperation:
        raise DeskError(f"need: {need_kwh!r}: {expected}") from None
    # Up, not down: a vehicle that needs 37.5001 kWh is not ready with less.
    if not need_wh.is_finite() or not 0 < need_wh <= NEED_WH_MAX:
        raise DeskError(f"need: {need_kwh!r}: {expected}")
    return int(need_wh.to_integral_value(ROUND_CEILING))


def _days(text: str) -> Days:
    picked: set[str] = set()
    for part in text.lower().replace("–", "-").split(","):
        first, dash, last = part.strip().partition("-")
        if first in GROUPS and not dash:
            picked.update(GROUPS[first])
        elif first in EVERY_DAY and (not dash or last in EVERY_DAY):
            start = EVERY_DAY.index(first)
            end = EVERY_DAY.index(last) if dash else start
            picked.update(EVERY_DAY[(start + n) % 7] for n in range((end - start) % 7 + 1))
        else:
            raise DeskError(
                f"days: {text!r}: expected daily, weekdays, weekend, or such as mon-fri or sat,sun"
            )
    return tuple(day for day in EVERY_DAY if day in picked)


def _priority(priority: int) -> int:
    if not 0 <= priority <= PRIORITY_MAX:
        raise DeskError(f"priority: {priority}: expected 0 (first) to {PRIORITY_MAX}")
    return priority


def _text(key: str, text: str, longest: int = 60) -> str:
    if len(text) > longest or not text.isprintable():
        raise DeskError(f"{key}: {text[:20]!r}…: expected up to {longest} printable characters")
    return text.strip()
