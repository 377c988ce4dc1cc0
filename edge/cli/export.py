"""`depot export KIND`: records for other programs, from the daemon's store."""

import argparse
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from edge.cli import CallError, asking, exports, recorded
from edge.report import evchartcheck
from edge.report.portyear import RULES
from edge.shell.storelookups import Lookups

EPILOG = """examples:
  depot export sessions --month 2026-10 > sessions.csv
  depot export evchart-2 --quarter 2026-Q4 --station station.toml > module2.csv
  depot export evchart-3 --quarter 2026-Q4 --station station.toml --figure evidence
  depot export evchart-9 --station station.toml          from what is entered alone
  depot export ocpi-cdrs --month 2026-10 --station station.toml
  depot export charging-use-session --month 2026-10 --station station.toml
  depot export share --month 2026-10                     anonymised, for planners
  depot export check module3.csv --module 3 --operational 2025-09-01

kinds:
  sessions                          a table of our own: times in UTC, whole Wh, seconds
  evchart-2, -3, -4                 EV-ChART: sessions, uptime, outages
  evchart-5, -8, -9                 EV-ChART: maintenance costs, DER, capital costs, as entered
  ocpi-locations, -sessions, -cdrs  OCPI 2.2.1
  charging-use-session, -uptime, -outage, -port, -station
  share                             aggregates of a month; cells of fewer than five sessions are left out
  check FILE                        whether EV-ChART accepts a file, by its own definitions

An EV-ChART file is checked as it is written; what would be refused is told on standard error, and is exit 1.
The station file is described in docs/exports.md.

exit 0: done.  1: nothing is recorded of that time, or the file would be refused.  2: the call or a file is
wrong.
"""

KINDS: dict[str, Callable[[argparse.Namespace, Lookups], int]] = {
    "sessions": exports.sessions,
    **{f"evchart-{module}": exports.evchart for module in (2, 3, 4, 5, 8, 9)},
    **{f"ocpi-{name}": exports.ocpi for name in ("locations", "sessions", "cdrs")},
    **{
        f"charging-use-{name}": exports.charging_use
        for name in ("session", "uptime", "outage", "port", "station")
    },
    "share": exports.share,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("what", choices=(*KINDS, "check"), metavar="KIND", help="what to export; see below")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the file to check")
    parser.add_argument("--month", metavar="YYYY-MM", help="the month to report on")
    parser.add_argument("--quarter", metavar="YYYY-QN", help="three months, as 2026-Q4")
    parser.add_argument("--station", type=Path, metavar="FILE", help="what is entered of the station")
    parser.add_argument(
        "--figure", choices=("conservative", "evidence"), default="conservative",
        help="which of the two figures is reported (conservative: what nobody saw was down)",
    )  # fmt: skip
    parser.add_argument("--rules", choices=sorted(RULES), default="federal", help="what may be excluded")
    parser.add_argument("--module", type=int, metavar="N", help="of the file to check")
    parser.add_argument("--operational", metavar="YYYY-MM-DD", help="since when its station operates")
    recorded.store_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was asked for.  Returns 0, or 1 where it is empty or would be refused."""
    if args.what == "check":
        return _check(args)
    if args.file is not None:
        raise CallError(f"export: {args.file}: only `check` takes a file")
    if args.what in exports.OF_THE_STATION_ALONE:
        return exports.of_the_station(args)
    with recorded.store_of(args) as store:
        return KINDS[args.what](args, store)


def _check(args: argparse.Namespace) -> int:
    if args.file is None or args.module is None:
        raise CallError("export check: expected a FILE and --module N")
    try:
        text = args.file.read_text(encoding="utf-8")
        since = date.fromisoformat(args.operational) if args.operational else None
        wrong = evchartcheck.check(text, args.module, exports.AllStations(since))
    except (OSError, ValueError) as error:
        raise CallError(f"export check: {args.file}: {error}") from None
    if args.json:
        found = {"file": str(args.file), "module": args.module, "accepted": not wrong, "wrong": wrong}
        asking.print_json(found)
    else:
        for each in wrong:
            print(each)
        print(f"{args.file}: {'refused' if wrong else 'accepted'}", file=sys.stderr)
    return 1 if wrong else 0
