"""Which charge window holds for a charger now: local time exists in here and in tariff.py only."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from edge.model.site import Window
from edge.model.units import MINUTE_MS

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Stay:
    """A window on its day: from when, and by when the vehicle must be ready.  UTC ms."""

    window: Window
    from_wall_ms: int
    ready_by_wall_ms: int


def stay(windows: list[Window], charger: str, wall_ms: int, timezone: str) -> Stay | None:
    """Return the stay that holds for a charger at wall_ms: the one that is due first, None if none does.

    A window that passes midnight belongs to the day on which it begins.  On the two days a year when
    clocks change, minutes are of the clock on the wall, as drivers read it.
    """
    today = datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(timezone)).date()
    found: Stay | None = None
    for window in windows:
        if window.charger != charger:
            continue
        for day in (today - timedelta(days=1), today):
            if _DAYS[day.weekday()] not in window.days:
                continue
            over_midnight = window.ready_by_min <= window.from_min
            begin = _wall_ms(day, window.from_min, timezone)
            end = _wall_ms(day + timedelta(days=1 if over_midnight else 0), window.ready_by_min, timezone)
            if begin <= wall_ms < end and (found is None or end < found.ready_by_wall_ms):
                found = Stay(window, begin, end)
    return found


def _wall_ms(day: date, minute: int, timezone: str) -> int:
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)) + timedelta(minutes=minute)
    return int(local.astimezone(UTC).timestamp()) * 1000


def clock(wall_ms: int, timezone: str) -> str:
    """Return a time as people on site read it: "21:00"."""
    return f"{datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(timezone)):%H:%M}"


def minute_of(wall_ms: int) -> int:
    """Return the whole minute of a time: windows and prices change on minutes only."""
    return wall_ms // MINUTE_MS
