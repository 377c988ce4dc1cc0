"""`depot outage add/repaired/end/withdraw/list`: what people know of outages that no meter shows."""

import argparse
from typing import Any

from edge.cli import asking
from edge.cli.helptext import Help
from edge.shell.control import AskExclusionAdd, AskExclusionEnd, AskExclusions, AskExclusionWithdraw
from edge.shell.exclusions import ExclusionStatus, ExclusionWish

EPILOG = """examples:
  depot outage add vandalism --port US-NRT-E3 --from "2026-10-03 22:00" --to "2026-10-07 15:30" \\
      --evidence "cable cut; police report 26-10-0417"
  depot outage add disaster --from 2026-10-11T04:10 --evidence "flood, county declaration 7"
  depot outage end disaster-19a2f31c0d8 --to "2026-10-12 09:00"
  depot outage repaired US-NRT-E3 --at "2026-10-14 11:20" --evidence "contactor replaced, order 881"
  depot outage withdraw vandalism-19a2f31c0d8 --because "was bay 4, entered by mistake"
  depot outage list

Kinds: vandalism, disaster, utility, vehicle.  What is entered is taken out of the ports' outages (23 CFR
680.116(b)); it never makes a port up.  Without --port it concerns all ports.  Times are local to the site
unless they have an offset.  Every entry is on the audit log, and statements of uptime that it changes are
made anew within the hour; the older version stays: depot uptime --month YYYY-MM --versions.

A port that failed its starts is down until power flows there again; `repaired` ends that earlier.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    doing = parser.add_subparsers(dest="doing", metavar="add|repaired|end|withdraw|list", required=True)
    add = _sub(doing, "add", "enter an outage that is excluded, with evidence")
    add.add_argument("kind", choices=("vandalism", "disaster", "utility", "vehicle"))
    add.add_argument("--port", action="append", default=[], metavar="PORT", help="again for more; else all")
    add.add_argument("--from", dest="from_time", required=True, metavar="TIME")
    add.add_argument("--to", dest="to_time", default="", metavar="TIME", help="left out while it lasts")
    add.add_argument("--evidence", required=True, metavar="TEXT", help="what shows it")
    mended = _sub(doing, "repaired", "say that a port that failed its starts was repaired")
    mended.add_argument("port", metavar="PORT")
    mended.add_argument("--at", required=True, metavar="TIME")
    mended.add_argument("--evidence", required=True, metavar="TEXT", help="what shows it")
    end = _sub(doing, "end", "add the end that nobody knew")
    end.add_argument("id", metavar="ID")
    end.add_argument("--to", dest="to_time", required=True, metavar="TIME")
    withdrawing(doing)
    _sub(doing, "list", "all entries, withdrawn ones as well")


def withdrawing(doing: Any) -> None:
    """Add the command that withdraws an entry."""
    withdraw = _sub(doing, "withdraw", "let an entry not count any more; it stays on record")
    withdraw.add_argument("id", metavar="ID")
    withdraw.add_argument("--because", required=True, metavar="TEXT")


def _sub(doing: Any, name: str, says: str) -> argparse.ArgumentParser:
    sub: argparse.ArgumentParser = doing.add_parser(name, help=says, epilog=EPILOG, formatter_class=Help)
    asking.arguments(sub)
    return sub


def run(args: argparse.Namespace) -> int:
    """Enter, end, withdraw or list.  Returns 0."""
    match args.doing:
        case "list":
            return listing(args, [])
        case "withdraw":
            request: Any = AskExclusionWithdraw(args.id, args.because)
        case "end":
            request = AskExclusionEnd(args.id, args.to_time)
        case "repaired":
            request = AskExclusionAdd(ExclusionWish("repaired", [args.port], args.at, args.at, args.evidence))
        case _:
            wish = ExclusionWish(args.kind, args.port, args.from_time, args.to_time, args.evidence)
            request = AskExclusionAdd(wish)
    return tell(args, request)


def tell(args: argparse.Namespace, request: Any) -> int:
    """Ask the daemon for a change and print the entry that it makes.  Returns 0."""
    entry = asking.ask(args.state, request, ExclusionStatus)
    if args.json:
        asking.print_json(entry)
    else:
        print(f"{args.doing}: {entry.id}: {_words(entry)}")
    return 0


def listing(args: argparse.Namespace, reasons: list[str]) -> int:
    """Print the entries of some reasons, all if none is given.  Returns 0."""
    entries = asking.ask(args.state, AskExclusions(), list[ExclusionStatus])
    entries = [entry for entry in entries if not reasons or entry.reason in reasons]
    if args.json:
        asking.print_json(entries)
    elif not entries:
        print("no entries")
    else:
        print(asking.table(("ID", "WHAT"), [(entry.id, _words(entry)) for entry in entries]))
    return 0


def _words(entry: ExclusionStatus) -> str:
    until = f"to {entry.to_time}" if entry.to_time else "and lasts"
    when = f"at {entry.from_time}" if entry.reason == "repaired" else f"from {entry.from_time} {until}"
    gone = f"; withdrawn {entry.withdrawn}: {entry.withdrawn_because}" if entry.withdrawn else ""
    ports = ", ".join(entry.ports) or "all ports"
    return f"{entry.reason}, {ports}, {when}: {entry.evidence} (by {entry.who}, {entry.entered}){gone}"
