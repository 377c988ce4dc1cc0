"""What a month of decisions at 1 Hz takes, and how that grows with the chargers.

The real core, one tick a second with fresh readings of everything before each, over a depot of mixed fleets
as in _fleet_depots.py: a minute of each of six hours of a day and a night, so that every kind is among them
(quiet, arrivals with an event, charging, waiting, leaving).  A month is counted up from their mean; it is not
run as a whole.  CPU seconds of one thread; plans apart, because the daemon makes them beside its loop.
"""

import dataclasses
import time
from typing import Any

from edge.model.units import HOUR_MS, MINUTE_MS, SECOND_MS
from tests.bench import _fleet_depots as depots
from tests.bench._fleet_loop import Loop

CHARGERS = (25, 50, 100, 200)
HOURS = (1, 7, 11, 14, 18, 23)  # after noon of the first day: quiet, arrivals and an event, night, morning
MONTH_TICKS = 30 * 24 * 3600
SECONDS = 60


def figures(quick: bool) -> dict[str, Any]:
    """Measure.  quick: the smallest depot, two hours of the six, a third of a minute of each."""
    rows = [_row(count, (7, 11) if quick else HOURS, 20 if quick else SECONDS)
            for count in CHARGERS[: 1 if quick else None]]  # fmt: skip
    return {"seconds_of_each_hour": 20 if quick else SECONDS, "rows": rows}


class Timed:
    """A controller whose time is counted: decisions apart from what only updates what is known."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self.ticks = self.tick_s = self.other_s = 0.0

    def handle(self, event: Any) -> Any:
        """Pass the event on."""
        start = time.process_time()
        said = self._core.handle(event)
        passed = time.process_time() - start
        if type(event).__name__ == "Tick":
            self.ticks += 1
            self.tick_s += passed
        else:
            self.other_s += passed
        return said


def _row(chargers: int, hours: tuple[int, ...], seconds: int) -> dict[str, Any]:
    fleet = depots.fleet("mixed-200", 0, chargers / 200)
    loop = Loop(dataclasses.replace(fleet, sheds=fleet.sheds[:1]))
    tick_s, known_s, ticks = 0.0, 0.0, 0.0
    at_ms = 0
    for hour in hours:
        loop.live_until(at_ms := max(at_ms, hour * HOUR_MS), MINUTE_MS)
        core = loop.core
        timed = Timed(core)
        loop.core = timed  # type: ignore[assignment]
        loop.live_until(at_ms := at_ms + seconds * SECOND_MS, SECOND_MS)
        loop.core = core
        tick_s, known_s, ticks = tick_s + timed.tick_s, known_s + timed.other_s, ticks + timed.ticks
    return {
        "chargers": len(fleet.site.chargers),
        "ticks": int(ticks),
        "tick_ms": round(tick_s / ticks * 1e3, 3),
        "readings_ms": round(known_s / ticks * 1e3, 3),
        "month_s": round((tick_s + known_s) / ticks * MONTH_TICKS),
    }


def words(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = ["chargers   ticks | ms a tick: decision  readings | a month of ticks at 1 Hz, CPU h"]
    lines += [
        f"{row['chargers']:8} {row['ticks']:7} | {row['tick_ms']:19.2f} {row['readings_ms']:9.2f} | "
        f"{row['month_s'] / 3600:31.1f}"
        for row in found["rows"]
    ]
    return "\n".join(lines)
