"""`depot indicators --month YYYY-MM`: the depot's indicators, from the store alone."""

import argparse
from typing import Any

import msgspec

from edge.cli import asking, recorded
from edge.report.indicators import DEFINITIONS, SCHEMA, Facts, Indicator, indicators
from edge.report.uptime import months_ending
from edge.shell import uptimes
from edge.shell.sitefile import load
from edge.shell.storelookups import Lookups

EPILOG = """examples:
  depot indicators --month 2026-10
  depot indicators --month 2026-10 --site site.toml     with the ports' power, for the capacity factor
  depot indicators --month 2026-10 --store /var/lib/depot-edge/depot.db --json

--json is one document for the joint dashboard: whole numbers with their unit, shares in millionths (ppm),
null where nothing is known, and of how many things each is made.  docs/indicators.md defines each with its
source.

exit 0: done.  1: nothing is recorded of that month.  2: the call or a file is wrong.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    recorded.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the indicators.  Returns 0, or 1 where nothing is recorded of the month."""
    with recorded.store_of(args) as store:
        timezone = recorded.timezone(args, store)
        until_wall_ms = int(store.meta("last_wall_ms") or 0)
        facts = facts_of(store, args.month, timezone, until_wall_ms, _full_w(args))
        site = str(store.meta("site") or "")
    found = indicators(facts)
    if args.json:
        asking.print_json(document(found, site, args.month, timezone))
    else:
        print(f"Indicators of {args.month}, {timezone}")
        print(told(found))
    return 0 if facts.ports or facts.sessions else 1


def _full_w(args: argparse.Namespace) -> dict[str, int]:
    """Return the power of each port by the site file, nothing without one."""
    if args.site is None:
        return {}
    site = load(args.site)
    return {
        charger.port or charger.id: len(charger.phases) * charger.max_ma * site.voltage_v // 1000
        for charger in site.chargers
    }


def facts_of(store: Lookups, month: str, timezone: str, until_wall_ms: int, full_w: dict[str, int]) -> Facts:
    """Return what the store knows of a month.  Raises ValueError if month or time zone is none."""
    begin, end = months_ending(month, 1, timezone)
    return Facts(
        span=(begin, min(end, max(begin, until_wall_ms))),
        ports=uptimes.report(store, month, timezone, until_wall_ms),
        sessions=store.sessions(begin, end),
        load=store.load(begin, end),
        compliance=store.compliance(begin, end),
        departures=store.departures(begin, end),
        health=store.health(begin, end),
        full_w=full_w,
    )


def document(found: list[Indicator], site: str, month: str, timezone: str) -> dict[str, Any]:
    """Return the document for the joint dashboard."""
    return {
        "schema": SCHEMA,
        "site": site,
        "month": month,
        "timezone": timezone,
        "indicators": {
            one.id: {**msgspec.to_builtins(one), "definition": defined.definition, "source": defined.source}
            for one, defined in zip(found, DEFINITIONS, strict=True)
        },
    }


def told(found: list[Indicator]) -> str:
    """Return the indicators as people read them."""
    lines = [
        (one.id, shown(one.value, one.unit), str(one.of), defined.definition)
        for one, defined in zip(found, DEFINITIONS, strict=True)
    ]
    return asking.table(("INDICATOR", "VALUE", "OF", "WHAT"), lines, right=(1, 2))


def shown(value: int | None, unit: str) -> str:
    """Return a figure in the unit that people use."""
    if value is None:
        return "-"
    match unit:
        case "ppm":
            return f"{value // 100 / 100:.2f} %"
        case "ms":
            return f"{value / 1000:.1f} s" if value < 120_000 else f"{value / 3_600_000:.2f} h"
        case "W":
            return f"{value / 1000:.1f} kW"
    return f"{value / 1000:.1f} kWh"
