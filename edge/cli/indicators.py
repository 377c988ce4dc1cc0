"""`depot indicators --month YYYY-MM`: the depot's indicators, from the store alone."""

import argparse
from typing import Any

import msgspec

from edge.cli import asking, recorded
from edge.report.indicators import DEFINITIONS, SCHEMA, Indicator, indicators
from edge.shell.monthly import facts_of, full_w
from edge.shell.sitefile import load

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
        power_w = {} if args.site is None else full_w(load(args.site))
        facts = facts_of(store, args.month, timezone, until_wall_ms, power_w)
        site = str(store.meta("site") or "")
    found = indicators(facts)
    if args.json:
        asking.print_json(document(found, site, args.month, timezone))
    else:
        print(f"Indicators of {args.month}, {timezone}")
        print(told(found))
    return 0 if facts.ports or facts.sessions else 1


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
