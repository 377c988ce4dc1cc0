"""`depot export sessions --month YYYY-MM`: records of a month as CSV or JSON, from the daemon's store."""

import argparse
import csv
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

from edge.cli import asking, recorded
from edge.report import sessions
from edge.report.sessions import SessionLine
from edge.report.uptime import months_ending

EPILOG = """examples:
  depot export sessions --month 2026-10 > sessions.csv
  depot export sessions --month 2026-10 --json
  depot export sessions --month 2026-10 --store /var/lib/depot-edge/depot.db --site site.toml

Sessions that touch the month, by start.  Times are UTC, energy is whole Wh, durations are seconds.

exit 0: done.  1: nothing is recorded of that month.  2: the call or a file is wrong.
"""


COLUMNS = (
    "session", "charger", "start", "end", "duration_s", "charging_s", "idle_s", "energy_wh", "energy_source",
    "mean_w", "power_w_max", "starts", "end_reason", "error", "vehicle",
)  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("what", choices=("sessions",), help="what to export")
    recorded.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table.  Returns 0, or 1 where it is empty."""
    with recorded.store_of(args) as store:
        timezone = recorded.timezone(args, store)
        found = store.sessions(*months_ending(args.month, 1, timezone))
    lines = [_plain(line) for line in sessions.rows(found)]
    if args.json:
        totals = msgspec.to_builtins(sessions.totals(found))
        asking.print_json({"month": args.month, "timezone": timezone, "totals": totals, "sessions": lines})
    else:
        table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(lines)
    return 0 if lines else 1


def _plain(line: SessionLine) -> dict[str, Any]:
    """Return a line with times as ISO 8601 and durations in seconds."""
    values = (
        line.id, line.charger, _utc(line.start_wall_ms), _utc(line.end_wall_ms), line.duration_ms // 1000,
        line.charging_ms // 1000, line.idle_ms // 1000, line.energy_wh, line.energy_source, line.mean_w,
        line.power_w_max, line.starts, line.end_reason, line.error, line.vehicle,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _utc(wall_ms: int | None) -> str:
    if wall_ms is None:
        return ""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
