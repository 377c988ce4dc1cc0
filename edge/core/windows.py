"""Which charge window holds for a charger now: local time exists in here and in tariff.py only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from edge.core.fleet import windows_of
from edge.model.site import FleetVehicle, Window
from edge.model.units import MINUTE_MS

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Stay:
    """A window on its day: from when, and by when the vehicle must be ready.  UTC ms.

    because: where it comes from, for people; "" where somebody has stated it.
    """

    window: Window
    from_wall_ms: int
    ready_by_wall_ms: int
    because: str = ""


def stay(
    windows: Sequence[Window], charger: str, wall_ms: int, timezone: str, vehicle: str = ""
) -> Stay | None:
    """Return the stay that holds for a charger at wall_ms, None if none does.

    vehicle: the id of the one that is known to be there; its windows go before the charger's.  Of several
    its own goes before its group's, then one of that date before the week's, then the one that is due first.

    A window that passes midnight belongs to the day on which it begins.  On the two days a year when
    clocks change, minutes are of the clock on the wall, as drivers read it.
    """
    today = datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(timezone)).date()
    found: Stay | None = None
    for window in windows:
        if (window.vehicle != vehicle or not vehicle) if window.follows else window.charger != charger:
            continue
        for day in (today - timedelta(days=1), today):
            if not holds_on(window, day):
                continue
            one = _on(window, day, timezone)
            holds = one.from_wall_ms <= wall_ms < one.ready_by_wall_ms
            if holds and (found is None or _rank(one) < _rank(found)):
                found = one
    return found


def rank(window: Window) -> tuple[bool, bool, bool, bool]:
    """Return what goes first of several windows: the lower."""
    return not window.stated, not window.follows, bool(window.group), not window.dates


def _rank(stay_: Stay) -> tuple[tuple[bool, bool, bool, bool], int]:
    return rank(stay_.window), stay_.ready_by_wall_ms


def holds_on(window: Window, day: date) -> bool:
    """Tell whether a window begins on a day."""
    if day.isoformat() in window.not_on:
        return False
    return day.isoformat() in window.dates if window.dates else _DAYS[day.weekday()] in window.days


def each_charger(
    windows: Iterable[Window],
    groups: Mapping[str, Sequence[str]],
    holidays: Iterable[date],
    fleet: Sequence[FleetVehicle] = (),
) -> tuple[Window, ...]:
    """Return the windows one by one: a group's for each of its chargers or vehicles, holidays spelled out.

    groups: of chargers, name -> ids.  A charger's own windows go before those of its groups: see stay().
    """
    closed = tuple(sorted(day.isoformat() for day in holidays))
    found: list[Window] = []
    for window in windows:
        not_on = window.not_on if window.holidays else tuple({*window.not_on, *closed})
        if window.follows:
            found += windows_of(msgspec.structs.replace(window, not_on=not_on), fleet)
            continue
        for charger in groups.get(window.group, ()) if window.group else (window.charger,):
            id_ = f"{window.id}/{charger}" if window.group else window.id
            found.append(msgspec.structs.replace(window, id=id_, charger=charger, not_on=not_on))
    return tuple(found)


def _on(window: Window, day: date, timezone: str) -> Stay:
    """Return a window as it is on the day on which it begins."""
    over_midnight = window.ready_by_min <= window.from_min
    begin = wall_at(day, window.from_min, timezone)
    end = wall_at(day + timedelta(days=1 if over_midnight else 0), window.ready_by_min, timezone)
    return Stay(window, begin, end)


def wall_at(day: date, minute: int, timezone: str) -> int:
    """Return the time at so many minutes after local midnight, as the clock on the wall counts them."""
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)) + timedelta(minutes=minute)
    return int(local.astimezone(UTC).timestamp()) * 1000


def day_and_minute(wall_ms: int, timezone: str) -> tuple[date, int]:
    """Return the local day, and the minutes of its clock."""
    local = datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(timezone))
    return local.date(), local.hour * 60 + local.minute


def quarter_of_week(wall_ms: int, timezone: str) -> int:
    """Return which quarter of an hour of the local week it is: 0 is Monday 00:00, 671 Sunday 23:45."""
    local = datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(timezone))
    return local.weekday() * 96 + local.hour * 4 + local.minute // 15


def stays(window: Window, after_ms: int, before_ms: int, timezone: str) -> list[Stay]:
    """Return the stays of a window that begin after one time and before another, in order of time."""
    day = datetime.fromtimestamp(after_ms / 1000, ZoneInfo(timezone)).date()
    last = datetime.fromtimestamp(before_ms / 1000, ZoneInfo(timezone)).date()
    found = []
    while day <= last:
        if holds_on(window, day):
            found.append(_on(window, day, timezone))
        day += timedelta(days=1)
    return [each for each in found if after_ms < each.from_wall_ms < before_ms]


def missing_wh(window: Window, session_wh: int, soc_pm: int | None) -> int:
    """Return what a vehicle still needs.  soc_pm: its state of charge, None where nobody tells."""
    if window.soc_pm and soc_pm is not None:
        return -(-max(0, window.soc_pm - soc_pm) * window.battery_wh // 1000)
    return max(0, window.need_wh - session_wh)


def clock(wall_ms: int, timezone: str) -> str:
    """Return a time as people on site read it: "21:00"."""
    return f"{datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(timezone)):%H:%M}"


def year_of(wall_ms: int, timezone: str) -> int:
    """Return the local year."""
    return datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(timezone)).year


def minute_of(wall_ms: int) -> int:
    """Return the whole minute of a time: windows and prices change on minutes only."""
    return wall_ms // MINUTE_MS
