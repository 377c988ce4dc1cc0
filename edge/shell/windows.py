"""Charge windows as people enter them: checked, with errors that say what was expected.

The same check serves the command, the control socket and (later) the page.  Times are local to the
site, HH:MM; energy is in kWh; days are `daily`, `mon-fri`, `sat,sun`.
"""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import msgspec

from edge.model.site import EVERY_DAY, Charger, Days, FleetVehicle, Site, Window
from edge.shell.answers import DeskError, UnknownError
from edge.shell.sitefleet import tells
from edge.shell.windowneeds import ARRIVES_WITH, Need, energy, may_give, need, number
from edge.shell.windowroom import room_note
from edge.shell.words import minutes

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
GROUPS: dict[str, Days] = {
    "daily": EVERY_DAY,
    "weekdays": EVERY_DAY[:5],
    "weekend": EVERY_DAY[5:],
    "weekends": EVERY_DAY[5:],
}
PRIORITY_MAX = 1000
DAY_MIN = 24 * 60
ARRIVES_PM = int(ARRIVES_WITH) * 10


class WindowWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A charge window as a person asks for it.  id: made by us where it is empty.

    charger: its id, or the name of a group of them; or the id of a vehicle of the site file, or a group of
    those, which it follows to wherever they are plugged in.  What it needs is said in one of three ways,
    numbers or texts as typed ("37.5"): need_kwh; soc (%) with battery_kwh, and arrives_with (%) for chargers
    that do not tell it; km with kwh_per_km.  dates, not_on: days as "2026-12-24,2026-12-31".
    """

    charger: str
    from_time: str
    ready_by: str
    need_kwh: str | int | float = ""
    days: str = "daily"
    priority: int = 0
    vehicle: str = ""
    id: str = ""
    soc: str | int | float = ""
    battery_kwh: str | int | float = ""
    arrives_with: str | int | float = ARRIVES_WITH
    km: str | int | float = ""
    kwh_per_km: str | int | float = ""
    arrive_kwh: str | int | float = ""
    dates: str = ""
    not_on: str = ""
    holidays: bool = True
    must_leave: bool = False
    discharge: bool = False
    keep_soc: str | int | float = ""
    cycle_per_kwh: str | int | float = ""


def checked(wish: WindowWish, site: Site, existing: Iterable[Window]) -> Window:
    """Return the wish as a window of the operator.

    A window with the id of an existing one replaces it; a window of the site file is not replaced.
    Raises DeskError naming the key and what was expected.
    """
    known = {w.id: w for w in existing}
    whom = _whom(wish.charger, site)
    needs = _need(wish, whom)
    gives, keep_pm, cycle_micro = may_give(wish.discharge, wish.keep_soc, wish.cycle_per_kwh, needs)
    if gives and not any(c.discharge_ma and whom.charger in (c.id, "") for c in site.chargers):
        raise DeskError(f"discharge: {wish.charger}: expected a charger with discharge_a in the site file")
    window = Window(
        id=_id(wish, known),
        charger=whom.charger,
        group=whom.group,
        follows=bool(whom.vehicles),
        from_min=_time("from", wish.from_time),
        ready_by_min=_time("ready-by", wish.ready_by),
        need_wh=needs.need_wh,
        soc_pm=needs.soc_pm,
        battery_wh=0 if whom.vehicles and wish.battery_kwh == "" else needs.battery_wh,
        distance_m=_distance_m(wish, whom),
        arrives_pm=_arrives_pm(wish) if wish.soc != "" else ARRIVES_PM,
        arrive_wh=energy("arrive", wish.arrive_kwh) if wish.arrive_kwh != "" else 0,
        dates=_dates("dates", wish.dates),
        not_on=_dates("not-on", wish.not_on),
        holidays=wish.holidays,
        must_leave=wish.must_leave,
        discharge=gives,
        keep_pm=keep_pm,
        cycle_micro=cycle_micro,
        days=_days(wish.days),
        priority=_priority(wish.priority),
        vehicle=whom.vehicle or _text("vehicle", wish.vehicle),
    )
    if window.from_min == window.ready_by_min:
        raise DeskError(
            f"ready-by: {minutes(window.ready_by_min)} is also the start; expected another time "
            "(an earlier time of day is the next day)"
        )
    for other in known.values():
        same = (other.follows, other.charger, other.group) == (window.follows, window.charger, window.group)
        same = same and (not window.follows or other.vehicle == window.vehicle)
        if other.id != window.id and same and overlap(window, other):
            raise DeskError(
                f"{wish.charger} already has window {other.id} from "
                f"{minutes(other.from_min)} to {minutes(other.ready_by_min)} on some of these days: "
                f"expected times apart from it "
                f"(or --id {other.id} to replace it)"
            )
    return window


class _Whom(NamedTuple):
    """For whom a window is: a charger, a group, or vehicles that it follows."""

    charger: str = ""
    group: str = ""
    vehicle: str = ""
    vehicles: tuple[FleetVehicle, ...] = ()


def _whom(name: str, site: Site) -> _Whom:
    """Return whom a name means.  Raises DeskError where there is nobody of that name."""
    if any(name in c.groups for c in site.chargers):
        return _Whom(group=name)
    vehicles = tuple(v for v in site.fleet if name == v.id)
    if vehicles:
        return _Whom(vehicle=name, vehicles=vehicles)
    vehicles = tuple(v for v in site.fleet if name in v.groups)
    if vehicles:
        return _Whom(group=name, vehicles=vehicles)
    return _Whom(charger_of(site, name).id)


def _need(wish: WindowWish, whom: _Whom) -> Need:
    """Return what a window needs; of several vehicles the most.  Raises DeskError."""

    def of(vehicle: FleetVehicle | None) -> Need:
        battery, per_km = wish.battery_kwh, wish.kwh_per_km
        if vehicle is not None and battery == "" and vehicle.battery_wh:
            battery = str(Decimal(vehicle.battery_wh) / 1000)
        if vehicle is not None and per_km == "" and vehicle.wh_per_km:
            per_km = str(Decimal(vehicle.wh_per_km) / 1000)
        return need(wish.need_kwh, wish.soc, battery, wish.km, per_km, wish.arrives_with)

    return max(of(vehicle) for vehicle in whom.vehicles or (None,))


def _distance_m(wish: WindowWish, whom: _Whom) -> int:
    """Return the way that each vehicle is to have energy for; 0 where the energy is settled."""
    if wish.km == "" or not whom.vehicles or wish.kwh_per_km != "":
        return 0
    return int(number("km", wish.km, Decimal(2_000), "a distance in km") * 1000)


def _arrives_pm(wish: WindowWish) -> int:
    return int(number("arrives-with", wish.arrives_with, Decimal(100), "%", least=Decimal(0)) * 10)


def charger_of(site: Site, charger_id: str) -> Charger:
    """Return the charger with this id.  Raises DeskError with the known ones where there is none."""
    for charger in site.chargers:
        if charger.id == charger_id:
            return charger
    names = [*(c.id for c in site.chargers), *(v.id for v in site.fleet)]
    known = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
    raise UnknownError(
        f"charger: there is no {charger_id!r} on this site; expected one of {known or '(none)'}"
    )


def overlap(a: Window, b: Window) -> bool:
    """Tell whether two windows share a minute of the week; of dates, only by the same dates."""
    if a.dates and b.dates and not set(a.dates) & set(b.dates):
        return False
    if bool(a.dates) != bool(b.dates):
        return (
            False  # a date's own window goes before the week's: it is due first, or an exception is entered
        )
    return any(
        start < other_end and other_start < end
        for start, end in _spans(a, weeks=(0,))
        for other_start, other_end in _spans(b, weeks=(-1, 0, 1))
    )


def note(window: Window, site: Site, windows: Iterable[Window] = ()) -> str:
    """Return a warning where the energy cannot be had in the time even without any other load; else "".

    windows: all others.
    """
    if window.follows and not any(tells(c.driver) for c in site.chargers):
        return "no charger of this site tells who is plugged in: it will hold nowhere; give it a charger"
    length_min = (window.ready_by_min - window.from_min) % DAY_MIN
    for charger in _largest(site, window):
        most_w = charger.max_ma * site.voltage_v * len(charger.phases) // 1000
        most_wh = most_w * length_min // 60
        if window.need_wh > most_wh:
            return (
                f"{window.need_wh / 1000:.1f} kWh cannot be had: {charger.id} gives at most "
                f"{most_wh / 1000:.1f} kWh in this time ({charger.max_ma / 1000:g} A, "
                f"{len(charger.phases)} phase(s))"
            )
    return room_note(window, windows, site)


def _largest(site: Site, window: Window) -> list[Charger]:
    """Return the chargers that a window is for; of one that follows a vehicle, the largest that knows it."""
    if window.follows:
        known = [c for c in site.chargers if tells(c.driver)]
        return [max(known, key=lambda c: c.max_ma * len(c.phases))]
    if window.group:
        return [c for c in site.chargers if window.group in c.groups]
    return [charger_of(site, window.charger)]


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


def _dates(key: str, text: str) -> tuple[str, ...]:
    """Return days as ISO dates, in order.  Raises DeskError."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(date.fromisoformat(part).isoformat())
        except ValueError:
            raise DeskError(f"{key}: {part!r}: expected days such as 2026-12-24,2026-12-31") from None
    return tuple(sorted(set(found)))


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
