"""Baselines from the store: the history of the site's load, and the days that are not like the others.

    usual = Usual(store, site.timezone, site.utility)
    usual.load(from, to, now)           what the whole site would take
    usual.charging(from, to, now)       what would go into vehicles

Reads the disk: call it in a thread.  The history is read once a quarter of an hour.
"""

from edge.model.records import LoadBlock
from edge.model.site import Utility
from edge.model.units import MINUTE_MS, QUARTER_MS
from edge.report.baseline import LOOK_BACK_MS, Baseline, Calendar, History, Method, baseline
from edge.report.holidays import holidays
from edge.shell.storelookups import Lookups

# A quarter-hour is on the disk this long after its end at the latest (store.py, WAIT_MS).
LATE_MS = 6 * MINUTE_MS


class Usual:
    """One site's baselines, by the method of its utility."""

    def __init__(self, store: Lookups, timezone: str, utility: Utility | None) -> None:
        self._store, self._timezone = store, timezone
        self._method: Method = utility.baseline if utility else "10 of 10"
        self._holidays = utility.holidays if utility else ()
        self._read: tuple[tuple[int, int], History, History] | None = None

    def load(self, from_wall_ms: int, to_wall_ms: int, now_wall_ms: int) -> Baseline:
        """Return what the whole site would take without an event."""
        history, _ = self._histories(from_wall_ms, now_wall_ms)
        return self._baseline(history, from_wall_ms, to_wall_ms, now_wall_ms)

    def charging(self, from_wall_ms: int, to_wall_ms: int, now_wall_ms: int) -> Baseline:
        """Return what would go into vehicles without an event."""
        _, history = self._histories(from_wall_ms, now_wall_ms)
        return self._baseline(history, from_wall_ms, to_wall_ms, now_wall_ms)

    def _baseline(self, history: History, from_ms: int, to_ms: int, now_ms: int) -> Baseline:
        rows = self._store.compliance(from_ms - LOOK_BACK_MS, max(to_ms, now_ms))
        events = tuple((row.start_wall_ms, row.end_wall_ms) for row in rows)
        calendar = Calendar(holidays(self._holidays, from_ms), events)
        return baseline(history, calendar, from_ms, to_ms, self._method, now_ms)

    def _histories(self, from_ms: int, now_ms: int) -> tuple[History, History]:
        """Return the history before a time and up to now, of the site and of what charges."""
        until = min(max(from_ms, now_ms), now_ms + QUARTER_MS)
        wanted = (from_ms // QUARTER_MS, (until - LATE_MS) // QUARTER_MS)
        if self._read is None or self._read[0] != wanted:
            blocks = self._store.load(min(from_ms, now_ms) - LOOK_BACK_MS, until)
            site = History.of(blocks, self._timezone)
            charged = History.of(blocks, self._timezone, charging_wh)
            self._read = (wanted, site, charged)
        return self._read[1], self._read[2]


def charging_wh(block: LoadBlock) -> int:
    """Return what went into vehicles in a quarter-hour."""
    return block.charging_wh
