"""`depot uptime --month YYYY-MM`: uptime per port, per 23 CFR 680.116(b), from the store."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edge.cli import asking, recorded
from edge.model.exclusion import UptimeStatement
from edge.report.portyear import RULES
from edge.report.uptime import METHOD, Figure, PortUptime, minutes
from edge.shell import uptimes

EPILOG = """examples:
  depot uptime --month 2026-10
  depot uptime --month 2026-10 --store /var/lib/depot-edge/depot.db --json
  depot uptime --month 2026-10 --site site.toml      months by the site's time zone
  depot uptime --month 2026-10 --rules california    with the exclusions and caps of the CEC
  depot uptime --month 2026-10 --versions            what was stated, when, and why anew

Two figures stand side by side: in the conservative one, time that nobody saw is down; by evidence, an
outage is what was seen as one.  The year is the twelve months that end with the month; it stays blank
until there are records of so long.  More than 97 % passes, decided on exact time.

A whole month is stated by the daemon; evidence that comes later makes a new version, the older one stays.

exit 0: done.  1: nothing is recorded of that month.  2: the call or a file is wrong.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    recorded.arguments(parser)
    parser.add_argument("--rules", choices=sorted(RULES), default="federal", help="what may be excluded")
    parser.add_argument("--versions", action="store_true", help="what was stated of the month, all versions")


def run(args: argparse.Namespace) -> int:
    """Print the report.  Returns 0, or 1 where nothing is recorded of the month."""
    with recorded.store_of(args) as store:
        timezone = recorded.timezone(args, store)
        until_wall_ms = int(store.meta("last_wall_ms") or 0)  # how far the records go
        stated = store.statements(args.month)
        if args.versions:
            return _versions(stated, timezone, args.json)
        ports = uptimes.report(store, args.month, timezone, until_wall_ms, RULES[args.rules])
    if args.json:
        document = _document(args.month, timezone, ports, until_wall_ms)
        asking.print_json({**document, "rules": RULES[args.rules].name, "stated": _newest(stated)})
    else:
        _tell(args.month, timezone, ports, until_wall_ms)
    return 0 if ports else 1


def _newest(stated: list[UptimeStatement]) -> dict[str, int]:
    """Return the newest version of every port that was stated."""
    return {statement.port: statement.version for statement in stated}  # they come by version


def _versions(stated: list[UptimeStatement], timezone: str, as_json: bool) -> int:
    """Print what was stated of a month.  Returns 1 where nothing was."""
    if as_json:
        asking.print_json(
            [
                {
                    **msgspec.to_builtins(each),
                    "made": _utc(each.made_wall_ms),
                    "figures": json.loads(each.figures),
                }
                for each in stated
            ]
        )
    elif not stated:
        print("nothing was stated of that month")
    else:
        rows = []
        for each in stated:
            row = msgspec.json.decode(each.figures, type=PortUptime)
            made = datetime.fromtimestamp(each.made_wall_ms / 1000, ZoneInfo(timezone))
            figures = (f"{row.evidence.percent} %", f"{row.conservative.percent} %")
            rows.append((each.port, str(each.version), f"{made:%Y-%m-%d %H:%M}", *figures, each.because))
        head = ("PORT", "VERSION", "MADE", "BY EVIDENCE", "CONSERVATIVE", "BECAUSE")
        print(asking.table(head, rows, right=(1, 3, 4)))
    return 0 if stated else 1


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
