"""Whether vehicles were ready when they were to leave: one row for each charge window that a vehicle came to.

    departures = Departures()
    departures.step(record, trusted) -> rows of the windows whose time has just come

A vehicle is ready when nothing of its need is left at its time, or when it drove off before with all of it.
One that never came was not kept waiting by anybody: no row.  One that left early with too little has a row
with what it lacked then.  What was before a restart is not known: a vehicle that left before it has no row.
"""

from typing import NamedTuple

from edge.model.records import ChargerNow, TickRecord
from edge.model.trends import Departure

PRESENT = ("B", "C", "D")

# What nobody has said is no appointment that could be missed.
GUESSED = ("learned", "default")


class _Due(NamedTuple):
    """A window that is running: what was last seen of its vehicle."""

    ready_by_wall_ms: int
    vehicle: str
    short_wh: int
    at_wall_ms: int


class Departures:
    """Keeps the windows that are running."""

    def __init__(self) -> None:
        """Begin with none."""
        self._due: dict[str, _Due] = {}

    def step(self, record: TickRecord, trusted: bool) -> list[Departure]:
        """Fold one tick; return the rows of windows whose time has come."""
        if not trusted:
            return []
        rows = []
        for charger in record.chargers:
            due = self._due.get(charger.id)
            if due is not None and record.wall_ms >= due.ready_by_wall_ms:
                rows.append(
                    Departure(charger.id, due.ready_by_wall_ms, due.vehicle, due.short_wh, due.at_wall_ms)
                )
                del self._due[charger.id]
            elif due is not None and charger.ready_by_wall_ms not in (None, due.ready_by_wall_ms):
                del self._due[charger.id]  # the window was changed or taken away
            self._look(charger, record.wall_ms)
        return rows

    def _look(self, now: ChargerNow, wall_ms: int) -> None:
        by = now.ready_by_wall_ms
        if not now.online or now.state not in PRESENT or by is None or now.need_wh is None or by <= wall_ms:
            return
        if now.window_source in GUESSED:
            return
        self._due[now.id] = _Due(by, now.vehicle, now.need_wh, wall_ms)
