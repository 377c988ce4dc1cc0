"""`depot uptime --month YYYY-MM`: uptime per port, per 23 CFR 680.116(b), from the store."""

import argparse
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edge.cli import asking, recorded
from edge.report.uptime import METHOD, Figure, PortUptime, minutes
from edge.shell import uptimes

EPILOG = """examples:
  depot uptime --month 2026-10
  depot uptime --month 2026-10 --store /var/lib/depot-edge/depot.db --json
  depot uptime --month 2026-10 --site site.toml      months by the site's time zone

Two figures stand side by side: in the conservative one, time that nobody saw is down; by evidence, an
outage is what was seen as one.  The year is the twelve months that end with the month; it stays blank
until there are records of so long.  More than 97 % passes, decided on exact time.

exit 0: done.  1: nothing is recorded of that month.  2: the call or a file is wrong.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    recorded.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the report.  Returns 0, or 1 where nothing is recorded of the month."""
    with recorded.store_of(args) as store:
        timezone = recorded.timezone(args, store)
        until_wall_ms = int(store.meta("last_wall_ms") or 0)  # how far the records go
        ports = uptimes.report(store, args.month, timezone, until_wall_ms)
    if args.json:
        asking.print_json(_document(args.month, timezone, ports, until_wall_ms))
    else:
        _tell(args.month, timezone, ports, until_wall_ms)
    return 0 if ports else 1


def _document(month: str, timezone: str, ports: list[PortUptime], until_wall_ms: int) -> dict[str, Any]:
    return {
        "month": month,
        "timezone": timezone,
        "records_until": _utc(until_wall_ms),
        "method": METHOD,
        "ports": [
            {**msgspec.to_builtins(port), "from": _utc(port.from_wall_ms), "to": _utc(port.to_wall_ms)}
            for port in ports
        ],
    }


def _tell(month: str, timezone: str, ports: list[PortUptime], until_wall_ms: int) -> None:
    zone = ZoneInfo(timezone)
    until = datetime.fromtimestamp(until_wall_ms / 1000, zone).strftime("%Y-%m-%d %H:%M")
    print(f"Uptime {month}, {timezone}, records until {until}; minutes")
    if not ports:
        print("nothing is recorded of that month")
        return
    head = (
        "PORT",
        "OUTAGE",
        "EXCLUDED",
        "UNKNOWN",
        "OUTAGES",
        "BY EVIDENCE",
        "CONSERVATIVE",
        "YEAR",
        "YEAR CONS.",
    )
    lines = [
        (
            port.port,
            minutes(port.down_ms),
            minutes(port.excluded_ms),
            minutes(port.unknown_ms),
            str(port.outages),
            f"{port.evidence.percent} %",
            f"{port.conservative.percent} %",
            _year(port.year_evidence),
            _year(port.year_conservative),
        )
        for port in ports
    ]
    print(asking.table(head, lines, right=range(1, 8)))
    print(METHOD)


def _year(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    return f"{figure.percent} % {'pass' if figure.meets else 'FAIL'}"


def _utc(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
