"""A month for planners and researchers: what can be shared of a depot without telling of anybody.

    share(site, month, timezone, sessions, blocks) -> dict

Rule 1: nothing finer than a quarter of an hour, and no day by itself: working days are taken together, and
        weekends are.  No ids: the site is a keyed hash, sessions and vehicles are only counted.
Rule 2: a cell that fewer than FIVE sessions have part in is null, with its count.
Rule 3: what the null cells of a table come to can be worked out from the total: so they are so many that
        five sessions and more have part in them, the smallest of the others first.
Rule 4: method and version stand in the file.  The method of a version does not change.

Energy by quarter-hours is what each session got in it (model.records.ChargeBlock); a vehicle is *there* in
the quarters that its session touches.  Source: the project's policy on sharing; k-anonymity with k = 5.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from edge.model.records import ChargeBlock, Session
from edge.model.units import HOUR_MS, QUARTER_MS, SECOND_MS
from edge.report.uptime import months_ending

VERSION = "depot-edge/share/1"
FIVE = 5
METHOD = (
    "Sessions that started in the month and are over, by the local time of the site. profile: per "
    "quarter-hour of the day, working days (Mon-Fri) and weekends apart, how many sessions were there in it, "
    "and the energy charged in it, in kWh, summed over the month. Cells that fewer than 5 sessions have part "
    "in are null, and then the smallest others until 5 or more have part in what is null; cells without any "
    "stay 0."
)

QUARTERS = 96
DAY_KINDS = ("working days", "weekend")

# Upper ends of classes; the last one is open.
ENERGY_KWH = (5, 10, 20, 40, 80)
PLUGGED_H = (1, 2, 4, 8, 16)
POWER_KW = (4, 8, 12, 24, 50, 150)

Json = dict[str, Any]


def share(
    site: str, month: str, timezone: str, sessions: Iterable[Session], blocks: Iterable[ChargeBlock]
) -> Json:
    """Return the month's shared file.  site: its pseudonym.  blocks: of the month, and of a while after.

    Raises ValueError if the month or the zone is none.
    """
    begin, end = months_ending(month, 1, timezone)
    own = [row for row in sessions if begin <= row.start_wall_ms < end and row.end_wall_ms is not None]
    ids = {row.id for row in own}
    kept = [block for block in blocks if block.session_id in ids]
    return {
        "format": VERSION,
        "method": METHOD,
        "suppressed_below": FIVE,
        "site": site,
        "month": month,
        "timezone": timezone,
        "totals": _totals(own),
        "started_by_hour": _table(own, [f"{hour:02d}:00" for hour in range(24)], _hour(timezone)),
        "energy_kwh": _table(own, *_classes(ENERGY_KWH, lambda row: row.energy_wh / 1000)),
        "plugged_h": _table(own, *_classes(PLUGGED_H, lambda row: row.duration_ms / HOUR_MS)),
        "highest_kw": _table(own, *_classes(POWER_KW, lambda row: row.power_w_max / 1000)),
        "profile": _profile(own, kept, timezone),
    }


def _totals(own: list[Session]) -> Json:
    if len(own) < FIVE:
        return {"sessions": None, "energy_kwh": None, "plugged_h": None, "charging_h": None}
    return {
        "sessions": len(own),
        "energy_kwh": round(sum(row.energy_wh for row in own) / 1000, 1),
        "plugged_h": round(sum(row.duration_ms for row in own) / HOUR_MS, 1),
        "charging_h": round(sum(row.charging_ms for row in own) / HOUR_MS, 1),
    }


def _hour(timezone: str) -> Callable[[Session], int]:
    zone = ZoneInfo(timezone)
    return lambda row: datetime.fromtimestamp(row.start_wall_ms / SECOND_MS, zone).hour


def _classes(
    ends: tuple[int, ...], figure: Callable[[Session], float]
) -> tuple[list[str], Callable[[Session], int]]:
    """Return the names of classes and what says in which one a session is."""
    names = [f"under {ends[0]}", *(f"{a} to {b}" for a, b in pairwise(ends))]
    return [*names, f"{ends[-1]} and more"], lambda row: sum(figure(row) >= end for end in ends)


def _table(own: list[Session], names: list[str], cell_of: Callable[[Session], int]) -> Json:
    counts = [0] * len(names)
    for row in own:
        counts[cell_of(row)] += 1
    return dict(zip(names, suppressed(counts), strict=True))


def suppressed(counts: list[int]) -> list[int | None]:
    """Return the cells of a table whose total may be known, with what must not be told as None.

    An empty cell tells of nobody, and stays.
    """
    shown: list[int | None] = [None if 0 < count < FIVE else count for count in counts]
    hidden = sum(count for count in counts if 0 < count < FIVE)
    for n in sorted(range(len(counts)), key=lambda n: counts[n]):
        if 0 < hidden < FIVE and shown[n]:
            shown[n] = None
            hidden += counts[n]
    return shown


def _profile(own: list[Session], blocks: list[ChargeBlock], timezone: str) -> Json:
    there: dict[str, list[set[str]]] = {kind: [set() for _ in range(QUARTERS)] for kind in DAY_KINDS}
    charged: dict[str, list[set[str]]] = {kind: [set() for _ in range(QUARTERS)] for kind in DAY_KINDS}
    energy_wh: dict[str, list[int]] = {kind: [0] * QUARTERS for kind in DAY_KINDS}
    zone = ZoneInfo(timezone)
    for row in own:
        at = row.start_wall_ms // QUARTER_MS * QUARTER_MS
        while at < (row.end_wall_ms or 0):
            kind, quarter = _quarter(at, zone)
            there[kind][quarter].add(row.id)
            at += QUARTER_MS
    for block in blocks:
        if block.energy_wh > 0:
            kind, quarter = _quarter(block.start_wall_ms, zone)
            charged[kind][quarter].add(block.session_id)
            energy_wh[kind][quarter] += block.energy_wh
    return {
        kind: {
            "from": [f"{quarter // 4:02d}:{quarter % 4 * 15:02d}" for quarter in range(QUARTERS)],
            "sessions_there": suppressed([len(ids) for ids in there[kind]]),
            "energy_kwh": _energies([len(ids) for ids in charged[kind]], energy_wh[kind]),
        }
        for kind in DAY_KINDS
    }


def _energies(counts: list[int], energy_wh: list[int]) -> list[float | None]:
    shown = suppressed(counts)
    return [
        None if count is None else round(wh / 1000, 1) for count, wh in zip(shown, energy_wh, strict=True)
    ]


def _quarter(wall_ms: int, zone: ZoneInfo) -> tuple[str, int]:
    at = datetime.fromtimestamp(wall_ms / SECOND_MS, zone)
    return DAY_KINDS[at.weekday() >= 5], at.hour * 4 + at.minute // 15
