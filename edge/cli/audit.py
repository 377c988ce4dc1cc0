"""`depot audit`: who did what and what was refused, from the daemon's store."""

import argparse
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from edge.cli import CallError, asking, recorded

EPILOG = """examples:
  depot audit                        the newest 40 lines, in the site's time
  depot audit --last 500 --json
  depot audit --store /var/lib/depot-edge/depot.db

What the utility, the network and people asked for, what was refused and why, links that came and went.
Read from the daemon's store, whether it runs or not; a new line is there after a second.

exit 0: done.  2: the call or a file is wrong.
"""

LAST = 40


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("--last", type=int, default=LAST, metavar="N", help=f"so many lines ({LAST})")
    recorded.store_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the lines, oldest first.  Returns 0."""
    if args.last < 1:
        raise CallError(f"--last {args.last}: expected 1 or more")
    with recorded.store_of(args) as store:
        zone = ZoneInfo(recorded.timezone(args, store))
        lines = store.audit_lines(args.last)[::-1]
    if args.json:
        asking.print_json({"timezone": zone.key, "lines": msgspec.to_builtins(lines)})
        return 0
    for line in lines:
        time = datetime.fromtimestamp(line.wall_ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
        print(asking.hanging(f"{time}  ", f"{line.who}: {line.what}: {line.outcome}"))
    return 0
