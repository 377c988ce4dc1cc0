"""The joint report over many depots: what the network's receiver has heard, and what is missing of it.

    joint(depots, month, timezone) -> Joint

Rule 1: completeness comes first.  A depot of which numbers are missing is named, with the numbers; its
        figures are of what has come.
Rule 2: uptime is what each port's own gateway has computed per 23 CFR 680.116(b); nothing is computed anew
        here.  Ports are averaged as ports, as the EV-ChART dashboard does.
Rule 3: sessions count in the month in which they began, once each, by their last word; those of no energy or
        of more than a day are left out of the means, as there.

Source: EV-ChART, technical notes of programme performance (sessions ≤ 0 or > 1 day dropped; average outage
duration per event, ≤ 0 dropped; share of ports with more than 97 % uptime); 23 CFR 680.116(b).
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import msgspec

from edge.model.units import DAY_MS
from edge.report.uptime import months_ending

METHOD = (
    "joint report 1: uptime per port by its own gateway per 23 CFR 680.116(b); means as EV-ChART's dashboard"
)

TARGET_PPM = 970_000

Thing = Mapping[str, Any]


class Heard(msgspec.Struct, frozen=True):
    """What is known of the numbers of one stream of a depot.  missing, gone: both ends included."""

    stream: str
    up_to: int
    highest: int
    missing: list[tuple[int, int]]
    gone: list[tuple[int, int]]


class Depot(msgspec.Struct, frozen=True):
    """All that came from a depot.  state: of its last status, "" if none.  conflicts: numbers used twice."""

    site: str
    state: str
    last_received_wall_ms: int | None
    streams: list[Heard]
    conflicts: int
    sessions: list[Any]
    outages: list[Any]
    uptimes: list[Any]


class Figures(msgspec.Struct, frozen=True):
    """A month of a depot, or of all of them.

    mean_uptime_ppm: of the ports that have a figure, by evidence; conservative: unknown is down.
    """

    ports: int
    ports_above_97_percent: int
    mean_uptime_ppm: int | None
    mean_uptime_conservative_ppm: int | None
    outages: int
    mean_outage_ms: int | None
    sessions: int
    energy_wh: int
    mean_session_ms: int | None
    median_session_ms: int | None
    mean_peak_w: int | None


class DepotReport(msgspec.Struct, frozen=True):
    """One depot.  complete: nothing is missing that could be missed, and no number came twice."""

    site: str
    complete: bool
    state: str
    last_received_wall_ms: int | None
    conflicts: int
    streams: list[Heard]
    figures: Figures


class Joint(msgspec.Struct, frozen=True):
    """The report.  complete: of every depot, and there is one."""

    month: str
    timezone: str
    method: str
    complete: bool
    depots: list[DepotReport]
    all: Figures


def joint(depots: Sequence[Depot], month: str, timezone: str) -> Joint:
    """Return the report of a month; it begins and ends by the clock of one time zone for all.

    Raises ValueError if the month or the time zone is none.
    """
    begin, end = months_ending(month, 1, timezone)
    reports = [_depot(depot, month, begin, end) for depot in sorted(depots, key=lambda depot: depot.site)]
    parts = [_of_month(depot, month, begin, end) for depot in depots]
    everything = _figures(*([thing for part in parts for thing in part[kind]] for kind in range(3)))
    complete = bool(reports) and all(report.complete for report in reports)
    return Joint(month, timezone, METHOD, complete, reports, everything)


def _depot(depot: Depot, month: str, begin: int, end: int) -> DepotReport:
    return DepotReport(
        site=depot.site,
        complete=not depot.conflicts and not any(heard.missing for heard in depot.streams),
        state=depot.state,
        last_received_wall_ms=depot.last_received_wall_ms,
        conflicts=depot.conflicts,
        streams=depot.streams,
        figures=_figures(*_of_month(depot, month, begin, end)),
    )


def _of_month(depot: Depot, month: str, begin: int, end: int) -> tuple[list[Thing], list[Thing], list[Thing]]:
    """Return the uptimes, outages and sessions of a month; things belong to it by their beginning."""

    def begun(things: Iterable[Thing]) -> list[Thing]:
        return [thing for thing in things if begin <= thing["start_wall_ms"] < end]

    uptimes = [thing for thing in depot.uptimes if thing["month"] == month]
    return uptimes, begun(depot.outages), begun(depot.sessions)


def _figures(uptimes: list[Thing], outages: list[Thing], sessions: list[Thing]) -> Figures:
    evidence = [thing["uptime_ppm"] for thing in uptimes if thing["uptime_ppm"] is not None]
    conservative = [
        thing["uptime_conservative_ppm"] for thing in uptimes if thing["uptime_conservative_ppm"] is not None
    ]
    down_ms = [o["duration_ms"] for o in outages if o["state"] == "down" and o["duration_ms"] > 0]
    counted = [s for s in sessions if s["energy_wh"] > 0 and 0 < s["duration_ms"] <= DAY_MS]
    lengths = [s["duration_ms"] for s in counted]
    return Figures(
        ports=len(uptimes),
        ports_above_97_percent=sum(ppm > TARGET_PPM for ppm in evidence),
        mean_uptime_ppm=_mean(evidence),
        mean_uptime_conservative_ppm=_mean(conservative),
        outages=len(down_ms),
        mean_outage_ms=_mean(down_ms),
        sessions=len(sessions),
        energy_wh=sum(s["energy_wh"] for s in sessions),
        mean_session_ms=_mean(lengths),
        median_session_ms=int(median(lengths)) if lengths else None,
        mean_peak_w=_mean([s["power_w_max"] for s in counted]),
    )


def _mean(values: Sequence[int]) -> int | None:
    return sum(values) // len(values) if values else None
