"""What the store knows of a month, as the indicators take it: for `depot indicators` and the page."""

from edge.model.site import Site
from edge.report.indicators import Facts
from edge.report.uptime import months_ending
from edge.shell import uptimes
from edge.shell.storelookups import Lookups


def full_w(site: Site) -> dict[str, int]:
    """Return the power of each port by the site file."""
    return {
        charger.port or charger.id: len(charger.phases) * charger.max_ma * site.voltage_v // 1000
        for charger in site.chargers
    }


def facts_of(store: Lookups, month: str, timezone: str, until_wall_ms: int, power_w: dict[str, int]) -> Facts:
    """Return what the store knows of a month.  power_w: of each port, {} where nobody knows.

    Raises ValueError if month or time zone is none.
    """
    begin, end = months_ending(month, 1, timezone)
    return Facts(
        span=(begin, min(end, max(begin, until_wall_ms))),
        ports=uptimes.report(store, month, timezone, until_wall_ms),
        sessions=store.sessions(begin, end),
        load=store.load(begin, end),
        compliance=store.compliance(begin, end),
        departures=store.departures(begin, end),
        health=store.health(begin, end),
        full_w=power_w,
    )
