"""Loads for bills: quarters of an hour of a local month, from a power by local time."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from edge.core.peaks import Quarter
from edge.model.units import QUARTER_MS


def month(zone, year, number, kw):
    """Return the quarters of a local month.  kw: a figure, or a function of the local datetime."""
    tz = ZoneInfo(zone)
    begin = datetime(year, number, 1, tzinfo=tz)
    following = (begin + timedelta(days=32)).replace(day=1)
    end_ms = int(datetime(following.year, following.month, 1, tzinfo=tz).timestamp()) * 1000
    quarters = []
    for at in range(int(begin.timestamp()) * 1000, end_ms, QUARTER_MS):
        local = datetime.fromtimestamp(at / 1000, tz)
        power = kw(local) if callable(kw) else kw
        quarters.append(Quarter(at, max(0, power) * 250, max(0, -power) * 250))
    return quarters
