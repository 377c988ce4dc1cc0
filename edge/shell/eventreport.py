"""The report of one event, read from the store: for `depot events report` and the page.

report = made(store, event_id, timezone, utility, now_wall_ms)        None where nothing was measured of it
"""

from edge.model.site import Utility
from edge.report.performance import AROUND_MS, EventReport, performance, span
from edge.shell.storelookups import Lookups
from edge.shell.usual import Usual


def made(
    store: Lookups, event_id: str, timezone: str, utility: Utility | None, now_wall_ms: int
) -> EventReport | None:
    """Return what was done about an event.  utility: for its baseline and holidays.  Reads the disk."""
    rows = store.compliance_of(event_id)
    if not rows:
        return None
    start, end = span(rows)
    around_ms = min(AROUND_MS, max(60_000, end - start))
    usual = Usual(store, timezone, utility)
    now_wall_ms = max(now_wall_ms, end)  # this machine's clock need not be the gateway's
    return performance(
        rows,
        store.event_steps(event_id),
        store.load_slots(start - around_ms, end + around_ms),
        store.charger_slots(start, end),
        lambda begin, until: usual.load(begin, until, now_wall_ms),
        lambda begin, until: usual.charging(begin, until, now_wall_ms),
    )
