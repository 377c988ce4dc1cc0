"""`depot events report ID`: what was done about an event, as a table, JSON, CSV or a page with the plot."""

import argparse
import csv
import sys
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edge.cli import CallError, asking, recorded
from edge.report.performance import EventReport, IntervalLine
from edge.report.performancepage import INTERVAL_HEAD, interval_cells, page, summary
from edge.shell import eventreport
from edge.shell.sitefile import load

EPILOG = """examples:
  depot events report ev-17
  depot events report ev-17 --csv > ev-17.csv
  depot events report ev-17 --html ev-17.html
  depot events report ev-17 --json --store /var/lib/depot-edge/depot.db --site site.toml

The baseline is by the site file's method and holidays (docs/baselines.md); without --site it is "10 of 10",
without holidays.  Needs no running daemon; what the daemon has not written yet (minutes) is not in it.

exit 0: done.  1: nothing was measured of that event.  2: the call or a file is wrong.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("id", metavar="ID", help="of the event")
    parser.add_argument("--csv", action="store_true", help="one line an interval")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with the plot")
    parser.add_argument("--store", type=Path, metavar="FILE", help="the store (default: in --state)")
    parser.add_argument(
        "--site", type=Path, metavar="FILE", help="a site file: baseline, holidays, time zone"
    )


def run(args: argparse.Namespace) -> int:
    """Print or write the report.  Returns 0, or 1 where nothing was measured."""
    with recorded.store_of(args) as store:
        timezone = recorded.timezone(args, store)
        utility = load(args.site).utility if args.site else None
        found = eventreport.made(store, args.id, timezone, utility, time.time_ns() // 1_000_000)
        steps = store.event_steps(args.id)
    if found is None:
        known = f"its last step is {steps[-1].step!r}" if steps else "no such event is recorded"
        print(f"nothing was measured of event {args.id}: {known}", file=sys.stderr)
        return 1
    _show(found, args, ZoneInfo(timezone))
    return 0


def _show(found: EventReport, args: argparse.Namespace, zone: ZoneInfo) -> None:
    if args.html:
        try:
            args.html.write_text(page(found, zone), encoding="utf-8")
        except OSError as error:
            raise CallError(f"events report: {args.html}: {error.strerror}") from None
    if args.json:
        asking.print_json(msgspec.to_builtins(found))
    elif args.csv:
        _print_csv(found)
    elif args.html:
        print(f"written: {args.html}", file=sys.stderr)
    else:
        for key, value in summary(found, zone):
            print(asking.hanging(f"{key:20}", value))
        print()
        cells = [interval_cells(line, zone) for line in found.intervals]
        print(asking.table(INTERVAL_HEAD, cells, right=range(3, len(INTERVAL_HEAD))))


def _print_csv(found: EventReport) -> None:
    names = IntervalLine.__struct_fields__
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(("event_id", "program_id", "event_name", "drill", *names))
    for line in found.intervals:
        values: list[Any] = [getattr(line, name) for name in names]
        table.writerow((found.event_id, found.program_id, found.event_name, found.drill, *values))
