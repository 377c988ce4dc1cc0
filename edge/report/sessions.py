"""Sessions as a table, for people and programs: what was charged where, when, how much.

    rows(sessions) -> list[SessionLine]

One line a session, by start.  Times are UTC ms; energy is whole Wh.  Exchange formats (EV-ChART, OCPI) come
beside this one.
"""

from collections.abc import Iterable

import msgspec

from edge.model.records import Session
from edge.model.units import HOUR_MS


class SessionLine(msgspec.Struct, frozen=True):
    """A session in figures.  mean_w: while power flowed, 0 if it never did.  idle_ms: plugged in without."""

    id: str
    charger: str
    start_wall_ms: int
    end_wall_ms: int | None
    duration_ms: int
    charging_ms: int
    idle_ms: int
    energy_wh: int
    energy_source: str
    mean_w: int
    power_w_max: int
    starts: int
    end_reason: str
    error: str
    vehicle: str
    driver: str
    failed_starts: int
    stop: str


class Totals(msgspec.Struct, frozen=True):
    """All sessions together.  unfinished: those that last."""

    sessions: int
    unfinished: int
    energy_wh: int
    charging_ms: int
    duration_ms: int
    power_w_max: int


def rows(sessions: Iterable[Session]) -> list[SessionLine]:
    """Return one line a session, by start and charger."""
    return [_line(row) for row in sorted(sessions, key=lambda row: (row.start_wall_ms, row.charger))]


def totals(sessions: Iterable[Session]) -> Totals:
    """Return the sums.  The highest power is of a single session, not of several at once."""
    all_ = list(sessions)
    return Totals(
        sessions=len(all_),
        unfinished=sum(row.end_wall_ms is None for row in all_),
        energy_wh=sum(row.energy_wh for row in all_),
        charging_ms=sum(row.charging_ms for row in all_),
        duration_ms=sum(row.duration_ms for row in all_),
        power_w_max=max((row.power_w_max for row in all_), default=0),
    )


def _line(row: Session) -> SessionLine:
    return SessionLine(
        id=row.id,
        charger=row.charger,
        start_wall_ms=row.start_wall_ms,
        end_wall_ms=row.end_wall_ms,
        duration_ms=row.duration_ms,
        charging_ms=row.charging_ms,
        idle_ms=max(0, row.duration_ms - row.charging_ms),
        energy_wh=row.energy_wh,
        energy_source=row.energy_source,
        mean_w=row.energy_wh * HOUR_MS // row.charging_ms if row.charging_ms else 0,
        power_w_max=row.power_w_max,
        starts=row.starts,
        end_reason=row.end_reason,
        error=row.error,
        vehicle=row.vehicle,
        driver=row.driver,
        failed_starts=row.failed_starts,
        stop=row.stop,
    )
