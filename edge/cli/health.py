"""`depot health`: what to look at before it fails, from the store alone."""

import argparse

from edge.cli import asking, recorded
from edge.model.units import DAY_MS
from edge.report.health import RECENT_MS, findings
from edge.report.uptime import months_ending

LOOK_BACK_DAYS = 35

EPILOG = """examples:
  depot health                        the last week against the month before it
  depot health --month 2026-10        as it was at the end of that month
  depot health --json

Looks at: failing requests of each device, temperature and derating, closings of contactors, failed starts,
currents that no longer reach their setpoint, and chargers' energy registers against the meter above them
(where nothing but chargers hangs below it: other_max_a = 0).  docs/health.md has the thresholds.

exit 0: nothing to look at.  1: something is on the list, or nothing is recorded.  2: the call is wrong.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("--month", default="", metavar="YYYY-MM", help="as it was at its end (now)")
    recorded.store_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the list.  Returns 0 where it is empty."""
    with recorded.store_of(args) as store:
        until_wall_ms = int(store.meta("last_wall_ms") or 0)
        if args.month:
            until_wall_ms = min(
                until_wall_ms, months_ending(args.month, 1, recorded.timezone(args, store))[1]
            )
        since = until_wall_ms - LOOK_BACK_DAYS * DAY_MS
        rows = store.health(since, until_wall_ms)
        found = findings(rows, store.sessions(since, until_wall_ms), until_wall_ms)
    if args.json:
        asking.print_json({"until_wall_ms": until_wall_ms, "rows": len(rows), "look_at": found})
    elif not rows:
        print("nothing is recorded of devices")
    elif not found:
        print(f"nothing to look at in {len({row.device for row in rows})} devices")
    else:
        lines = [(one.device, one.kind, f"{one.what}. Look at {one.look_at}.") for one in found]
        print(asking.table(("DEVICE", "KIND", f"LAST {RECENT_MS // DAY_MS} DAYS"), lines))
    return 1 if found or not rows else 0
